/**
 * D4: runs that wait for a person. A durable deployment unloads them from memory; the others keep them.
 */
import { Decision, Runtime } from "@reins/runtime"
import { Effect, Layer } from "effect"
import { getHeapSpaceStatistics } from "node:v8"
import type { Figures } from "../Family.ts"
import * as Script from "../Script.ts"
import * as Service from "./Service.ts"
import type { Store } from "./Store.ts"

/** What is kept, in bytes, without compiled code, which grows for as long as a process warms up. */
const heap = (): number => {
  for (let times = 0; times < 4; times++) globalThis.gc?.()
  const spaces = getHeapSpaceStatistics().filter(({ space_name }) => !/code|trusted/.test(space_name))
  return spaces.reduce((sum, { space_used_size }) => sum + space_used_size, 0)
}

const hibernateMs = 300

/** One step with a call, then a word; `ended` is called after each last answer. */
const asking = (ended: () => void): Script.Script =>
  async function* (step, voice) {
    yield* Script.steps(1)(step, voice)
    if (step === 2) ended()
  }

const pending = Effect.gen(function* () {
  const { pendingApprovals } = yield* Runtime
  return (yield* pendingApprovals()).map(({ request }) => request.id)
})

/** In a different order than that of creation. */
const mixed = (ids: ReadonlyArray<string>) => ids.map((_, index) => ids[(index * 7919) % ids.length] ?? "")

export const measure = (store: Store, quick: boolean): Promise<Figures> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const count = quick ? 500 : 2000
      const { deployment } = yield* store.place
      let left = 0
      let all = () => {}
      const script = asking(() => {
        if (--left === 0) setImmediate(all)
      })
      return yield* Effect.gen(function* () {
        const { respondToApproval, start } = yield* Runtime
        const parked = (wanted: number): Effect.Effect<ReadonlyArray<string>, never, Runtime> =>
          Effect.flatMap(pending, (ids) =>
            ids.length === wanted ? Effect.succeed(ids) : Effect.delay(parked(wanted), "100 millis")
          )
        const answered = (ids: ReadonlyArray<string>) =>
          Effect.gen(function* () {
            left = ids.length
            const ended = new Promise<void>((resolve) => {
              all = resolve
            })
            for (const id of mixed(ids)) yield* respondToApproval(id, Decision.approve())
            yield* Effect.promise(() => ended)
          })
        for (let index = 0; index < 200; index++) yield* start("go")
        yield* answered(yield* parked(200))
        yield* Effect.sleep(hibernateMs)
        // The first half includes constant costs: the second half is measured.
        const parking = (from: number, upTo: number) =>
          Effect.gen(function* () {
            const startedAt = performance.now()
            for (let index = from; index < upTo; index++) yield* start("go")
            yield* parked(upTo)
            const taken = performance.now() - startedAt
            yield* Effect.sleep(hibernateMs * 4)
            return { taken, held: heap() }
          })
        const first = yield* parking(0, count / 2)
        const second = yield* parking(count / 2, count)
        const ids = yield* pending
        const resumedAt = performance.now()
        yield* answered(ids)
        const endedAt = performance.now()
        return {
          memory: (second.held - first.held) / (count / 2),
          park: (second.taken * 1000) / (count / 2),
          resume: ((endedAt - resumedAt) * 1000) / count
        }
      }).pipe(Effect.provide(Service.layer({ script, gated: true }).pipe(Layer.provide(deployment({ hibernateMs })))))
    }).pipe(Effect.scoped)
  )
