/**
 * Opens files beneath a folder, one path component at a time, and never through a link: each component is opened by its name in
 * the folder that is open already (`/proc/self/fd/N/name`, which is what `openat` does), with `O_NOFOLLOW`. So nothing that
 * happens to the path meanwhile leads out of the folder.
 *
 * Where there is no `/proc` (macOS, Windows), components are opened by their paths, and what was opened is compared with what stands
 * at the path afterwards: its real path and its inode.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { constants, existsSync } from "node:fs"
import { type FileHandle, lstat, open, realpath } from "node:fs/promises"
import { join } from "node:path"

/** A folder that is open, and where it is. */
export interface Place {
  readonly handle: FileHandle
  /** Its real path. */
  readonly path: string
}

/** Why something is not opened. */
export type Reason = "a link" | "not there" | "not a folder" | "not a file" | "moved meanwhile" | "unreadable"

const hasProc = existsSync("/proc/self/fd")

const code = (cause: unknown): string =>
  Predicate.hasProperty(cause, "code") && Predicate.isString(cause.code) ? cause.code : ""

const reasonOf = (cause: unknown): Reason => {
  switch (code(cause)) {
    case "ELOOP":
    case "EMLINK":
      return "a link"
    case "ENOENT":
      return "not there"
    case "ENOTDIR":
      return "not a folder"
    default:
      return "unreadable"
  }
}

/** A path by which `name` in the open folder is reached, whatever has become of the folder's own path. */
export const pathIn = ({ handle, path }: Place, name: string): string =>
  hasProc ? `/proc/self/fd/${handle.fd}/${name}` : join(path, name)

const attempt = <A>(body: () => Promise<A>): Effect.Effect<A, Reason> =>
  Effect.tryPromise({ try: body, catch: reasonOf })

const opened = (path: string, flags: number): Effect.Effect<FileHandle, Reason, Scope.Scope> =>
  Effect.acquireRelease(
    attempt(() => open(path, flags)),
    // Closing twice is not a failure.
    (handle) => Effect.promise(() => handle.close().catch(() => undefined))
  )

/** `O_NONBLOCK`, or opening a pipe would wait for its other end. */
const reading = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** Opens the folder itself, whose path may contain links: it is the person's own choice. */
export const root = (path: string): Effect.Effect<Place, Reason, Scope.Scope> =>
  Effect.gen(function* () {
    const real = yield* attempt(() => realpath(path))
    const handle = yield* opened(real, constants.O_RDONLY | constants.O_DIRECTORY)
    return { handle, path: real }
  })

/** What was opened must be what stands at its path, where components are opened by paths. */
const verified = Effect.fnUntraced(function* (handle: FileHandle, path: string) {
  const [mine, theirs, real] = yield* Effect.all([
    attempt(() => handle.stat()),
    attempt(() => lstat(path)),
    attempt(() => realpath(path))
  ])
  if (theirs.isSymbolicLink() || real !== path) return yield* Effect.fail<Reason>("a link")
  if (mine.ino !== theirs.ino || mine.dev !== theirs.dev) return yield* Effect.fail<Reason>("moved meanwhile")
})

const step = (place: Place, name: string, flags: number): Effect.Effect<FileHandle, Reason, Scope.Scope> =>
  Effect.gen(function* () {
    const handle = yield* opened(pathIn(place, name), flags)
    if (!hasProc) yield* verified(handle, join(place.path, name))
    return handle
  })

/**
 * Opens the folder at `names` beneath `place`. Each name must be one that is neither empty, `.`, `..` nor a path. A link is refused as
 * one: with `O_DIRECTORY` the system says only that it is not a folder.
 */
export const folder = (place: Place, names: ReadonlyArray<string>): Effect.Effect<Place, Reason, Scope.Scope> =>
  Effect.gen(function* () {
    let at = place
    for (const name of names) {
      const handle = yield* Effect.catch(step(at, name, reading | constants.O_DIRECTORY), (reason) =>
        reason === "not a folder"
          ? Effect.flatMap(isLink(at, name), (link) => Effect.fail<Reason>(link ? "a link" : "not a folder"))
          : Effect.fail(reason)
      )
      at = { handle, path: join(at.path, name) }
    }
    return at
  })

const isLink = (place: Place, name: string): Effect.Effect<boolean> =>
  Effect.orElseSucceed(
    Effect.map(
      attempt(() => lstat(pathIn(place, name))),
      (info) => info.isSymbolicLink()
    ),
    () => false
  )

/** Opens the regular file `name` in the folder, for reading. A pipe, a socket or a device is refused before anything is read. */
export const file = (place: Place, name: string): Effect.Effect<FileHandle, Reason, Scope.Scope> =>
  Effect.gen(function* () {
    // Opening some devices has an effect of its own.
    const before = yield* attempt(() => lstat(pathIn(place, name)))
    if (before.isSymbolicLink()) return yield* Effect.fail<Reason>("a link")
    if (!before.isFile()) return yield* Effect.fail<Reason>("not a file")
    const handle = yield* step(place, name, reading)
    const info = yield* attempt(() => handle.stat())
    return info.isFile() ? handle : yield* Effect.fail<Reason>("not a file")
  })
