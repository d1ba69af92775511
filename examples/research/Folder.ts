/**
 * The folder to research: every path from a model is resolved here, and refused when it leads out of it, by `..`, as an
 * absolute path, or through a symbolic link.
 *
 * It reads regular files only, within limits. The tools decide what is worth reading.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import type { PlatformError } from "effect/PlatformError"
import * as Schema from "effect/Schema"
import * as ByteSize from "effect/ByteSize"
import * as Text from "./Text.ts"

/** Names that are skipped everywhere: generated and installed files, and version control data. */
const passedOver = new Set([".git", "node_modules", "dist"])

/** Limits of a folder. */
export interface Options {
  /** Paths of files to leave out, such as the report itself. */
  readonly without?: ReadonlyArray<string>
  /** The most files in a listing. */
  readonly files?: number
  /** The deepest level of folders. */
  readonly depth?: number
  /** The largest file that is read, in bytes. */
  readonly fileBytes?: number
}

const usual = { without: [], files: 20_000, depth: 32, fileBytes: 1024 * 1024 } satisfies Options

/** The folder cannot be researched at all. */
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

/** A path that is not read, with a reason that a model can act on. `path` is what it asked for. */
export class PathRefused extends Schema.TaggedError<PathRefused>()("PathRefused", {
  path: Schema.String,
  reason: Schema.Literals([
    "outside the folder",
    "passed over",
    "not there",
    "not a file",
    "not a folder",
    "unreadable",
    "too large",
    "not text"
  ])
}) {
  override get message() {
    return `${JSON.stringify(this.path)} is not read: ${this.reason}`
  }
}

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
  }
>()("example-research/Folder") {
  static readonly layer = (path: string, options: Options = {}) =>
    Layer.effect(Folder, make(path, { ...usual, ...options }))
}

const make = Effect.fnUntraced(function* (folder: string, bounds: Required<Options>) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path

  const unavailable = (reason: FolderUnavailable["reason"]) => new FolderUnavailable({ path: folder, reason })
  // An empty path would mean the current folder, which nobody asked for.
  if (folder.trim() === "") return yield* unavailable("missing")
  const root = yield* Effect.mapError(fs.realPath(path.resolve(folder)), (error) =>
    unavailable(isMissing(error) ? "missing" : isNoFolder(error) ? "not-a-folder" : "unreadable")
  )
  const about = yield* Effect.mapError(fs.stat(root), () => unavailable("unreadable"))
  if (about.type !== "Directory") return yield* unavailable("not-a-folder")
  yield* Effect.mapError(fs.readDirectoryEntries(root), () => unavailable("unreadable"))

  /** The real path of something that may not exist yet. */
  const placed = (file: string) => {
    const absolute = path.resolve(file)
    return Effect.match(fs.realPath(path.dirname(absolute)), {
      onFailure: () => absolute,
      onSuccess: (parent) => path.join(parent, path.basename(absolute))
    })
  }
  const without = new Set(yield* Effect.forEach(bounds.without, placed))

  /** The path from the root, or `undefined` when it leads out. */
  const within = (absolute: string): string | undefined => {
    const relative = path.relative(root, absolute)
    return relative === ".." || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative)
      ? undefined
      : relative.split(path.sep).join("/")
  }

  const resolve = Effect.fnUntraced(function* (asked: string) {
    const refuse = (reason: PathRefused["reason"]) => new PathRefused({ path: asked, reason })
    const direct = path.resolve(root, asked)
    if (within(direct) === undefined) return yield* refuse("outside the folder")
    const real = yield* Effect.mapError(fs.realPath(direct), (error) =>
      refuse(isMissing(error) ? "not there" : "unreadable")
    )
    const relative = within(real)
    if (relative === undefined) return yield* refuse("outside the folder")
    if (relative.split("/").some((name) => passedOver.has(name))) return yield* refuse("passed over")
    const info = yield* Effect.mapError(fs.stat(real), () => refuse("unreadable"))
    return { real, relative, info, refuse }
  })

  const read = Effect.fnUntraced(function* (file: string) {
    const { info, real, refuse } = yield* resolve(file)
    if (info.type !== "File") return yield* refuse("not a file")
    const bytes = ByteSize.toNumberUnsafe(info.size)
    if (bytes > bounds.fileBytes) return yield* refuse("too large")
    // Files of size 0 are not opened: in special file systems reading one may never end.
    const content =
      bytes === 0 ? new Uint8Array() : yield* Effect.mapError(fs.readFile(real), () => refuse("unreadable"))
    return Text.decode(content) ?? (yield* refuse("not text"))
  })

  const list = Effect.fnUntraced(function* (folder: string, visited?: (visit: Visit) => Effect.Effect<void>) {
    const start = yield* resolve(folder)
    if (start.info.type !== "Directory") return yield* start.refuse("not a folder")
    const found = { files: Array<Entry>(), folders: 0, truncated: false }
    const skipped = { links: 0, unreadable: 0, passedOver: 0, special: 0 }

    const entriesOf = (real: string) =>
      Effect.match(fs.readDirectoryEntries(real), {
        onFailure: () => {
          skipped.unreadable++
          return []
        },
        onSuccess: (entries) => entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))
      })

    const visit = (parent: string, name: string, depth: number): Effect.Effect<void> =>
      Effect.gen(function* () {
        if (found.files.length >= bounds.files) {
          found.truncated = true
          return
        }
        const absolute = path.join(parent, name)
        const info = yield* Effect.orElseSucceed(fs.lstat(absolute), () => undefined)
        switch (info?.type) {
          case undefined:
            skipped.unreadable++
            return
          case "File":
            if (without.has(absolute)) return
            found.files.push({ file: within(absolute) ?? name, bytes: ByteSize.toNumberUnsafe(info.size) })
            return
          case "SymbolicLink":
            skipped.links++
            return
          case "Directory":
            if (passedOver.has(name) || depth >= bounds.depth || info.dev !== start.info.dev) {
              skipped.passedOver++
              return
            }
            found.folders++
            for (const entry of yield* entriesOf(absolute)) yield* visit(absolute, entry.name, depth + 1)
            return
          default:
            skipped.special++
        }
      })

    const own = yield* entriesOf(start.real)
    for (const [index, { name }] of own.entries()) {
      yield* visit(start.real, name, 1)
      if (visited !== undefined) yield* visited({ name, done: index + 1, total: own.length })
    }
    return { ...found, skipped }
  })

  return Folder.of({ root, list, read })
})

const isMissing = ({ reason }: PlatformError) => reason._tag === "NotFound"

/** A file where the path needs a folder. */
const isNoFolder = ({ reason }: PlatformError) => reason._tag === "BadResource"
