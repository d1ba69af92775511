/** A file that a command makes: never over one that is there. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { link, open, rename, rm } from "node:fs/promises"
import { type CommandFailed, failed } from "../setting/CommandFailed.ts"

/** A new file that is there as a whole or not at all. What is in it is for its owner alone. */
export const write = <A>(
  file: string,
  body: (write: (text: string) => Effect.Effect<void, CommandFailed>) => Effect.Effect<A, CommandFailed>
): Effect.Effect<A, CommandFailed> => {
  const part = `${file}.part`
  const isCode = (cause: unknown, code: string) => Predicate.hasProperty(cause, "code") && cause.code === code
  const unwritten = (cause: unknown) =>
    isCode(cause, "EEXIST")
      ? failed(`${file} exists already. Name a new file.`, cause)
      : failed(`${file} cannot be written. Its folder must exist and be writable, and the disk have room.`, cause)
  const act = <B>(body: () => Promise<B>) => Effect.tryPromise({ try: body, catch: unwritten })
  const remove = Effect.promise(() => rm(part, { force: true }).catch(() => undefined))
  return Effect.gen(function* () {
    // Taken at once, so that nothing is exported for a file that cannot be.
    yield* act(() => open(file, "wx", 0o600).then((handle) => handle.close().then(() => rm(file))))
    const value = yield* Effect.acquireUseRelease(
      Effect.andThen(
        remove,
        act(() => open(part, "wx", 0o600))
      ),
      (handle) =>
        Effect.tap(
          body((text) => Effect.asVoid(act(() => handle.writeFile(text)))),
          act(() => handle.sync())
        ),
      (handle) => Effect.promise(() => handle.close())
    )
    yield* act(() =>
      link(part, file).catch((cause: unknown) => (isCode(cause, "EEXIST") ? Promise.reject(cause) : rename(part, file)))
    )
    return value
  }).pipe(Effect.ensuring(remove))
}
