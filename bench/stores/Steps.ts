/**
 * D1: steps. A step is two activities, the model's and the tool's, each with a commit at its start and its end.
 */
import { Runtime } from "@reins/runtime"
import { Effect, Layer, Stream } from "effect"
import type { Figures } from "../Family.ts"
import { median } from "../Family.ts"
import * as Script from "../Script.ts"
import * as Service from "./Service.ts"
import type { Store } from "./Store.ts"

const service = (steps: number) => Service.layer({ script: Script.steps(steps) })

/** Milliseconds until `count` concurrent runs have ended, repeated `times` times. */
const timed = (store: Store, steps: number, count: number, times: number) =>
  Effect.gen(function* () {
    const { deployment } = yield* store.place
    return yield* Effect.gen(function* () {
      const { query } = yield* Runtime
      const all = Effect.forEach(Array.from({ length: count }), () => Stream.runDrain(query("go")), {
        concurrency: "unbounded",
        discard: true
      })
      yield* all
      const taken: Array<number> = []
      for (let index = 0; index < times; index++) {
        const startedAt = performance.now()
        yield* all
        taken.push(performance.now() - startedAt)
      }
      return median(taken)
    }).pipe(Effect.provide(service(steps - 1).pipe(Layer.provide(deployment()))))
  }).pipe(Effect.scoped)

export const measure = (store: Store, quick: boolean): Promise<Figures> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const steps = 200
      const one = yield* timed(store, steps, 1, quick ? 2 : 5)
      const [runs, each] = [32, 25]
      const many = yield* timed(store, each, runs, quick ? 1 : 3)
      return { step: one / steps, single: (steps / one) * 1000, many: ((runs * each) / many) * 1000 }
    })
  )
