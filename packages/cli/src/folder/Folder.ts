/**
 * The folder that the assistant works on. Every path from a model is resolved here. What leads out of the folder is refused: by `..`,
 * as an absolute path, through a link, also one that is put there between the check and the use (`Beneath`). So are secrets
 * (`SecretName`), hard links, other file systems, and everything but regular text files of a reasonable size.
 *
 * A name is taken as it is: `%2e%2e` is a file of that name. The tools decide what is worth reading.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { constants, type Dirent, type Stats } from "node:fs"
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, unlink } from "node:fs/promises"
import { isAbsolute, relative, resolve, sep } from "node:path"
import * as Text from "../text/Text.ts"
import * as Beneath from "./Beneath.ts"
import { isSecret } from "./SecretName.ts"

/** Names that are skipped everywhere: generated and installed files, and version control data. */
const passedOver = new Set([".git", ".reins", "node_modules", "dist"])

/** Limits of a folder. */
export interface Options {
  /** The most files in a listing. Default 20,000. */
  readonly files?: number
  /** The deepest level of folders. Default 32. */
  readonly depth?: number
  /** The largest file that is read or written, in bytes. Default 1 MiB. */
  readonly fileBytes?: number
}

const usual: Required<Options> = { files: 20_000, depth: 32, fileBytes: 1024 * 1024 }

/** The folder cannot be worked on at all. */
export class FolderUnavailable extends Schema.TaggedError<FolderUnavailable>()("FolderUnavailable", {
  path: Schema.String,
  reason: Schema.Literals(["missing", "not-a-folder", "unreadable"])
}) {
  override get message() {
    const path = JSON.stringify(this.path)
    switch (this.reason) {
      case "missing":
        return `There is no folder ${path}.`
      case "not-a-folder":
        return `${path} is not a folder.`
      case "unreadable":
        return `The folder ${path} cannot be read.`
    }
  }
}

/** A path that is neither read nor written, with a reason that a model can act on. `path` is what it asked for. */
export class PathRefused extends Schema.TaggedError<PathRefused>()("PathRefused", {
  path: Schema.String,
  reason: Schema.Literals([
    "outside the folder",
    "a link",
    "a hard link",
    "a secret",
    "passed over",
    "on another file system",
    "not there",
    "not a file",
    "not a folder",
    "exists already",
    "moved meanwhile",
    "unreadable",
    "not writable",
    "too large",
    "not text"
  ])
}) {
  override get message() {
    return `${JSON.stringify(this.path)} cannot be used: ${this.reason}`
  }
}

type Reason = PathRefused["reason"]

/** A file; its path from the folder's root, with forward slashes. */
export interface Entry {
  readonly file: string
  readonly bytes: number
}

/** The contents of a folder, at any depth, sorted by name. */
export interface Listing {
  readonly files: ReadonlyArray<Entry>
  readonly folders: number
  readonly skipped: {
    /** Symbolic links: none is followed. */
    readonly links: number
    readonly unreadable: number
    /** Folders with skipped names, and those on another file system or too deep. */
    readonly passedOver: number
    /** Sockets, pipes, devices. */
    readonly special: number
    /** Files and folders that hold secrets by their names. */
    readonly secrets: number
  }
  /** True when a limit was reached. */
  readonly truncated: boolean
}

/** Which of a folder's own entries was visited. */
export interface Visit {
  readonly name: string
  readonly done: number
  readonly total: number
}

export class Folder extends Context.Service<
  Folder,
  {
    /** The real path of the folder. */
    readonly root: string
    /** Lists `folder`, a path from the root; calls `visited` for each of its direct entries. */
    readonly list: (
      folder: string,
      visited?: (visit: Visit) => Effect.Effect<void>
    ) => Effect.Effect<Listing, PathRefused>
    /** The text of a file, a path from the root. */
    readonly read: (file: string) => Effect.Effect<string, PathRefused>
    /**
     * Writes a file, whole or not at all. Makes the folders it lies in. `replace: false` fails where something of that name is there;
     * true replaces a regular file and keeps its mode.
     */
    readonly write: (
      file: string,
      content: string,
      options: { readonly replace: boolean }
    ) => Effect.Effect<{ readonly bytes: number; readonly replaced: boolean }, PathRefused>
  }
>()("@reins/cli/Folder") {
  static readonly layer = (path: string, options: Options = {}) =>
    Layer.effect(Folder, make(path, { ...usual, ...options }))
}

/** The names of a path beneath `root`, or why it names nothing there. Pure. */
export const namesOf = (root: string, asked: string): ReadonlyArray<string> | Reason => {
  if (asked.includes("\0")) return "not there"
  const within = relative(root, resolve(root, asked))
  if (within === "") return []
  if (isAbsolute(within)) return "outside the folder"
  const names = within.split(sep)
  if (names[0] === "..") return "outside the folder"
  if (isSecret(names)) return "a secret"
  return names.some((name) => passedOver.has(name.toLowerCase())) ? "passed over" : names
}

const make = Effect.fnUntraced(function* (folder: string, bounds: Required<Options>) {
  const unavailable = (reason: Beneath.Reason) =>
    new FolderUnavailable({
      path: folder,
      reason: reason === "not there" ? "missing" : reason === "not a folder" ? "not-a-folder" : "unreadable"
    })
  // An empty path would mean the current folder, which was not asked for.
  if (folder.trim() === "") return yield* unavailable("not there")
  const top = yield* Effect.mapError(Beneath.root(folder), unavailable)
  const device = (yield* Effect.mapError(
    fileSystem("unreadable", () => top.handle.stat()),
    unavailable
  )).dev
  yield* Effect.mapError(
    fileSystem("unreadable", () => readdir(top.path)),
    unavailable
  )

  /** Runs in a scope of its own: what it opened is closed. Its reasons become refusals of the path. */
  const asking = <A>(asked: string, body: (names: ReadonlyArray<string>) => Effect.Effect<A, Reason, Scope.Scope>) =>
    Effect.suspend(() => {
      const names = namesOf(top.path, asked)
      return typeof names === "string" ? Effect.fail(names) : Effect.scoped(body(names))
    }).pipe(Effect.mapError((reason) => new PathRefused({ path: asked, reason })))

  const read = (asked: string) =>
    asking(asked, (names) =>
      Effect.gen(function* () {
        const name = names.at(-1)
        if (name === undefined) return yield* Effect.fail<Reason>("not a file")
        const place = yield* Beneath.folder(top, names.slice(0, -1))
        const handle = yield* Beneath.file(place, name)
        const info = yield* fileSystem<Stats, Reason>("unreadable", () => handle.stat())
        if (info.dev !== device) return yield* Effect.fail<Reason>("on another file system")
        if (info.nlink > 1) return yield* Effect.fail<Reason>("a hard link")
        if (info.size > bounds.fileBytes) return yield* Effect.fail<Reason>("too large")
        // Files of size 0 are not read: in special file systems reading one may never end.
        const content = info.size === 0 ? new Uint8Array() : yield* readAll(handle, info.size, bounds.fileBytes)
        return Text.decode(content) ?? (yield* Effect.fail<Reason>("not text"))
      })
    )

  const list = (asked: string, visited?: (visit: Visit) => Effect.Effect<void>) =>
    asking(asked, (names) =>
      Effect.gen(function* () {
        const place = yield* Beneath.folder(top, names)
        const found = { files: Array<Entry>(), folders: 0, truncated: false }
        const skipped = { links: 0, unreadable: 0, passedOver: 0, special: 0, secrets: 0 }

        const visit = (parent: Beneath.Place, path: ReadonlyArray<string>, entry: Dirent): Effect.Effect<void> =>
          Effect.suspend(() => {
            const { name } = entry
            const here = [...path, name]
            if (found.files.length >= bounds.files) {
              found.truncated = true
              return Effect.void
            }
            if (passedOver.has(name.toLowerCase())) return Effect.sync(() => void skipped.passedOver++)
            if (isSecret(here)) return Effect.sync(() => void skipped.secrets++)
            return Effect.matchEffect(
              fileSystem("unreadable", () => lstat(Beneath.pathIn(parent, name))),
              {
                onFailure: () => Effect.sync(() => void skipped.unreadable++),
                onSuccess: (info) => sort(parent, here, info)
              }
            )
          })

        const sort = (parent: Beneath.Place, here: ReadonlyArray<string>, info: Stats): Effect.Effect<void> => {
          if (info.isFile()) {
            found.files.push({ file: here.join("/"), bytes: info.size })
          } else if (info.isSymbolicLink()) {
            skipped.links++
          } else if (!info.isDirectory()) {
            skipped.special++
          } else if (here.length - names.length >= bounds.depth || info.dev !== device) {
            skipped.passedOver++
          } else {
            found.folders++
            return Effect.scoped(
              Effect.flatMap(Beneath.folder(parent, here.slice(-1)), (inner) => all(inner, here))
            ).pipe(Effect.catch(() => Effect.sync(() => void skipped.unreadable++)))
          }
          return Effect.void
        }

        const all = (inner: Beneath.Place, path: ReadonlyArray<string>) =>
          Effect.flatMap(entriesOf(inner), (entries) =>
            Effect.forEach(entries, (entry) => visit(inner, path, entry), { discard: true })
          )

        const own = yield* entriesOf(place)
        for (const [index, entry] of own.entries()) {
          yield* visit(place, names, entry)
          if (visited !== undefined) yield* visited({ name: entry.name, done: index + 1, total: own.length })
        }
        return { ...found, skipped }
      })
    )

  const write = (asked: string, text: string, options: { readonly replace: boolean }) =>
    asking(asked, (names) =>
      Effect.gen(function* () {
        const name = names.at(-1)
        const content = new TextEncoder().encode(text)
        if (name === undefined) return yield* Effect.fail<Reason>("not a file")
        if (content.length > bounds.fileBytes) return yield* Effect.fail<Reason>("too large")
        const place = yield* made(top, names.slice(0, -1), device)
        const replaced = yield* put(place, name, content, options.replace)
        return { bytes: content.length, replaced }
      })
    )

  return Folder.of({ root: top.path, list, read, write })
})

const fileSystem = <A, E extends Reason>(reason: E, body: () => Promise<A>): Effect.Effect<A, E> =>
  Effect.tryPromise({ try: body, catch: () => reason })

/** At most `most` bytes of a file that has `size` now, also of one that grows meanwhile. */
const readAll = (handle: FileHandle, size: number, most: number): Effect.Effect<Uint8Array, Reason> =>
  Effect.gen(function* () {
    let buffer = new Uint8Array(Math.min(size, most) + 1)
    let length = 0
    for (;;) {
      const { bytesRead } = yield* fileSystem("unreadable", () => handle.read(buffer, length, buffer.length - length))
      length += bytesRead
      if (length > most) return yield* Effect.fail<Reason>("too large")
      if (bytesRead === 0) return buffer.subarray(0, length)
      if (length === buffer.length) {
        const larger = new Uint8Array(Math.min(2 * length, most) + 1)
        larger.set(buffer)
        buffer = larger
      }
    }
  })

const entriesOf = (place: Beneath.Place): Effect.Effect<ReadonlyArray<Dirent>, Reason> =>
  Effect.map(
    fileSystem("unreadable", () => readdir(Beneath.pathIn(place, "."), { withFileTypes: true })),
    (entries) => entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))
  )

/** The folder at `names`, made where it is missing. */
const made = (top: Beneath.Place, names: ReadonlyArray<string>, device: number) =>
  Effect.gen(function* () {
    let place = top
    for (const name of names) {
      const at = place
      // One that is there already is opened, whatever it is.
      yield* Effect.ignore(fileSystem("not writable", () => mkdir(Beneath.pathIn(at, name))))
      place = yield* Beneath.folder(at, [name])
      const info = yield* fileSystem<Stats, Reason>("unreadable", () => place.handle.stat())
      if (info.dev !== device) return yield* Effect.fail<Reason>("on another file system")
    }
    return place
  })

/**
 * Puts the file there in one step: a draft beside it, then a rename, or a link that fails where the name is taken. A reader sees the
 * old file or the new one. Answers whether one was replaced.
 */
const put = (place: Beneath.Place, name: string, content: Uint8Array, replace: boolean) =>
  Effect.gen(function* () {
    const standing = yield* Effect.orElseSucceed(
      fileSystem("not there", () => lstat(Beneath.pathIn(place, name))),
      () => undefined
    )
    if (standing !== undefined) {
      if (standing.isSymbolicLink()) return yield* Effect.fail<Reason>("a link")
      if (!standing.isFile()) return yield* Effect.fail<Reason>("not a file")
      if (!replace) return yield* Effect.fail<Reason>("exists already")
    }
    const draft = Beneath.pathIn(place, `.reins-draft-${yield* Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER)}`)
    const target = Beneath.pathIn(place, name)
    yield* Effect.acquireRelease(
      fileSystem<void, Reason>("not writable", () => create(draft, content, (standing?.mode ?? 0o644) & 0o777)),
      () => Effect.promise(() => unlink(draft).catch(() => undefined))
    )
    yield* replace
      ? fileSystem<void, Reason>("not writable", () => rename(draft, target))
      : Effect.tryPromise({
          try: () => link(draft, target),
          catch: (): Reason => "exists already"
        })
    return standing !== undefined
  })

const create = (path: string, content: Uint8Array, mode: number): Promise<void> =>
  open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, mode).then((handle) =>
    handle
      .writeFile(content)
      .then(() => handle.chmod(mode))
      .then(() => handle.sync())
      .finally(() => handle.close())
  )
