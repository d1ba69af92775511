/** A connection of lines, both ways: what a process reads from its parent and writes to it. */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Semaphore from "effect/Semaphore"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"

/**
 * `send` writes one line, without its break, and completes when the other side has room. The end of `incoming` is the
 * end of the other side.
 */
export interface Lines {
  readonly incoming: Stream.Stream<string>
  readonly send: (line: string) => Effect.Effect<void>
}

/** The process's standard input and output. Nothing else may write to the output. */
export const fromStdio: Effect.Effect<Lines, never, Stdio.Stdio> = Effect.map(Stdio.Stdio, (stdio) => {
  const turn = Semaphore.makeUnsafe(1)
  return {
    incoming: stdio.stdin.pipe(
      Stream.decodeText(),
      Stream.splitLines,
      Stream.filter((line) => line.trim() !== ""),
      Stream.catchCause(() => Stream.empty)
    ),
    send: (line) =>
      turn.withPermits(1)(Effect.ignore(Stream.run(Stream.make(`${line}\n`), stdio.stdout({ endOnDone: false }))))
  }
})

/**
 * Waits for what the other side has asked before it closed its end, but not for long: a run may wait for somebody who
 * has gone.
 */
export const drained = (...sets: ReadonlyArray<FiberSet.FiberSet<unknown, unknown>>): Effect.Effect<void> =>
  Effect.ignore(Effect.timeout(Effect.forEach(sets, FiberSet.awaitEmpty, { discard: true }), "5 seconds"))

/** The process's standard error, for what is not of the protocol. */
export const warn = (line: string): Effect.Effect<void, never, Stdio.Stdio> =>
  Effect.flatMap(Stdio.Stdio, (stdio) =>
    Effect.ignore(Stream.run(Stream.make(`${line}\n`), stdio.stderr({ endOnDone: false })))
  )
