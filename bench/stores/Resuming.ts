/**
 * D3: runs that are resumed by another owner. A run makes a number of steps, then calls a tool that does not return;
 * its owner ends, and the measurement is the time from the next owner's first read of the store until it calls that
 * tool again.
 *
 * The first owner of a process compiles the code that takes a run over, and owners after it allocate memory that the
 * process has never touched, which some machines map slowly and only until the first collections. So the first owner
 * has a figure of its own, and the others are measured when half a second of owners has passed.
 */
import { Deployment, Runtime } from "@reins/runtime"
import { type JournalStore, journalHost } from "@reins/runtime/journal"
import { Deferred, Effect, Layer } from "effect"
import { type Figures, median } from "../Family.ts"
import type { Script } from "../Script.ts"
import * as Service from "./Service.ts"
import type { Store } from "./Store.ts"

/** Steps with `deltas` of text and a call each; the call of the last one is never answered. */
const long = (deltas: number): Script =>
  async function* (step, voice) {
    for (let index = 0; index < deltas; index++) yield voice.text("word ")
    yield voice.call(`call-${step}`, `{"n":${step}}`)
    yield voice.finish(true)
  }

/** Executes the journal's run until step `last` has called its tool; returns milliseconds. */
const life = (journal: JournalStore, deltas: number, last: number, starts: boolean) =>
  Effect.gen(function* () {
    const begun = yield* Deferred.make<void>()
    const service = Service.layer({
      script: long(deltas),
      work: (n) => (n === last ? Effect.andThen(Deferred.succeed(begun, undefined), Effect.never) : undefined)
    })
    const deployment = Layer.succeed(Deployment.Deployment, journalHost(journal, { hibernateMs: Infinity }))
    const startedAt = performance.now()
    return yield* Effect.gen(function* () {
      const { start } = yield* Runtime
      if (starts) yield* start("go")
      yield* Deferred.await(begun)
      return performance.now() - startedAt
    }).pipe(Effect.provide(Layer.fresh(Layer.provide(service, deployment))))
  })

const resumed = (store: Store, events: number, deltas: number, quick: boolean) =>
  Effect.gen(function* () {
    const journal = yield* (yield* store.place).journal
    const last = Math.floor(events / (3 + deltas))
    yield* life(journal, deltas, last, true)
    const startedAt = performance.now()
    const first = yield* life(journal, deltas, last, false)
    while (performance.now() - startedAt < (quick ? 100 : 500)) yield* life(journal, deltas, last, false)
    const taken: Array<number> = []
    for (let index = 0; index < (quick ? 3 : 15); index++) taken.push(yield* life(journal, deltas, last, false))
    return { first, later: median(taken) }
  }).pipe(Effect.scoped)

export const measure = (store: Store, quick: boolean): Promise<Figures> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const short = yield* resumed(store, 100, 0, quick)
      return {
        first: short.first,
        at100: short.later,
        at1000: (yield* resumed(store, 1000, 0, quick)).later,
        at10000: (yield* resumed(store, 10_000, 0, quick)).later,
        text: (yield* resumed(store, 10_000, 300, quick)).later
      }
    })
  )
