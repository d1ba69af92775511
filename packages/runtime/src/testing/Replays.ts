/**
 * Replays every run that a host has executed when the host closes, for tests: each log must replay without a
 * difference. It needs a journal in memory, since a replay reads what a store exports.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import type { RunHostFactory } from "../engine/RunHost.ts"
import { journalHost } from "../host/journal/JournalHost.ts"
import * as MemoryJournal from "../host/journal/MemoryJournal.ts"
import { type NotReplayed, type Replayed, Replayer } from "../replay/Replay.ts"

/**
 * The result of a replay: equal, different, why the run could not be replayed, or that nothing is left of it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Finding {
  readonly runId: string
  readonly replayed: Replayed | NotReplayed | { readonly _tag: "Erased" }
}

/** A journal that can be asked for a run. */
type Source = Pick<MemoryJournal.MemoryJournal, "exportRun">

/**
 * Hosts over new journals in memory; `found` is called once for each run that a host has executed, when it has closed.
 *
 * @since 0.1.0
 * @category operations
 */
export const factory = (found: (finding: Finding) => void): RunHostFactory => ({
  make: (drive) =>
    Effect.suspend(() => {
      const journal = MemoryJournal.make()
      return over(journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY }), journal, found).make(drive)
    })
})

/**
 * The hosts of `hosts`, which execute their runs over `journal`.
 *
 * @since 0.1.0
 * @category operations
 */
export const over = ({ make }: RunHostFactory, journal: Source, found: (finding: Finding) => void): RunHostFactory => ({
  make: (drive) =>
    Effect.gen(function* () {
      const replay = yield* Replayer
      const executed = new Set<string>()
      // Before the host is made, so that it is closed by then.
      yield* Effect.addFinalizer(() =>
        Effect.forEach(executed, (runId) => {
          if (replay === undefined) return Effect.void
          const exported = journal.exportRun(runId)
          const result = exported.length === 0 ? Effect.succeed(erased) : settled(replay(exported))
          return Effect.map(result, (replayed) => found({ runId, replayed }))
        })
      )
      return yield* make((record, history, engine, stores) => {
        executed.add(record.runId)
        return drive(record, history, engine, stores)
      })
    })
})

const erased: Finding["replayed"] = { _tag: "Erased" }

/** On a clock of its own: the policies of a run may never answer. */
const settled = (replay: Effect.Effect<Replayed, NotReplayed>): Effect.Effect<Finding["replayed"]> =>
  Effect.gen(function* () {
    const ended = Effect.match(replay, {
      onFailure: (issue): Finding["replayed"] => issue,
      onSuccess: (replayed) => replayed
    })
    const replaying = yield* Effect.forkScoped(ended)
    while (replaying.pollUnsafe() === undefined) yield* TestClock.adjust(tickMs)
    return yield* Fiber.join(replaying)
  }).pipe(Effect.scoped, Effect.provide(TestClock.layer()))

const tickMs = 250
