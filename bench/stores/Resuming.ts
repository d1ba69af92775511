/**
 * D3: runs that are resumed by another owner. A run makes a number of steps, then calls a tool that does not return;
 * its owner ends, and the measurement is the time from the next owner's first read of the store until it calls that
 * tool again.
 *
 * The first owner of a process compiles the code that takes a run over: it has a figure of its own. Of the others, the
 * fastest tenth is given: for as long as V8 enlarges its heap, an owner allocates memory that the process has never
 * touched, and where the machine maps it slowly, that takes up to four times as long as all the rest.
 */
import { Deployment, Runtime } from "@reins/runtime"
import { type JournalStore, journalHost } from "@reins/runtime/journal"
import { Deferred, Effect, Layer } from "effect"
import type { Figures } from "../Family.ts"
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
    const later: Array<number> = []
    while (later.length < (quick ? 3 : 9) || performance.now() - startedAt < (quick ? 300 : 1500)) {
      later.push(yield* life(journal, deltas, last, false))
    }
    return { first, later: later.toSorted((a, b) => a - b)[Math.floor(later.length / 10)] ?? NaN }
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
