/**
 * A service embeds a runtime and runs for an hour of simulated time: ten thousand runs with tools, progress, a
 * specialist and answered approvals, one starting every 360 ms. What it keeps is bounded, so its memory must not grow.
 */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Decision, Deployment, Runtime } from "@reins/runtime"
import { Effect, Exit, Layer, Option, References, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Desk from "../support/Desk.ts"
import { Loans } from "../support/Library.ts"
import * as Story from "../support/Story.ts"

setFlagsFromString("--expose-gc")
const collect: unknown = runInNewContext("gc")

/**
 * Compiled code is not the service's memory: it is created and dropped as the engine decides, and is larger than
 * everything that ten thousand runs could leave behind.
 */
const holdsCode = /^(code|trusted|shared_trusted|read_only)/

/** Bytes of live data after garbage collection. */
const inUse = Effect.promise(async () => {
  if (typeof collect !== "function") throw new Error("there is no garbage collector to call")
  for (let round = 0; round < 3; round++) {
    // What ended in this turn of the event loop can be collected in the next.
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  return getHeapSpaceStatistics()
    .filter((space) => !holdsCode.test(space.space_name))
    .reduce((sum, space) => sum + space.space_used_size, 0)
})

const runs = 10_000
const warmUp = 2000
const everyMs = 3_600_000 / runs

/** A customer's query: read to its end, its approvals answered after a while. */
const served = (index: number) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    const answered = (id: string) =>
      Effect.andThen(
        Effect.sleep(2 * everyMs),
        runtime.respondToApproval(
          id,
          index % 3 === 0 ? Decision.reject() : Decision.approve({ scope: index % 2 === 0 ? "run" : "thread", uses: 1 })
        )
      )
    const last = yield* runtime.query("What about tides?", { threadId: `customer-${index}` }).pipe(
      Stream.tap((event) =>
        event.type === "approval-required" ? Effect.asVoid(Effect.forkChild(answered(event.data.id))) : Effect.void
      ),
      Stream.runLast
    )
    return Option.map(last, ({ type }) => type)
  })

describe("a service that lives for an hour", () => {
  it.live(
    "executes ten thousand runs without using more memory at the end than after warm-up",
    () => {
      const model = Story.model()
      return Effect.gen(function* () {
        const { lent } = yield* Loans
        let ended = 0
        let warm = 0
        for (let index = 0; index < runs; index++) {
          const fiber = yield* Effect.forkChild(served(index))
          yield* TestClock.adjust(everyMs)
          fiber.addObserver((exit) => {
            if (Exit.isSuccess(exit) && Option.contains(exit.value, "data-latency-summary")) ended++
          })
          // The test's own data must not grow.
          lent.length = 0
          Reflect.set(model.requests, "length", 0)
          if (index === warmUp) warm = yield* inUse
        }
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(ended, runs)
        const grown = ((yield* inUse) - warm) / (runs - warmUp)
        // A single number or string left behind per run would exceed this.
        assert.isBelow(grown, 24, "bytes a run")
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Desk.layer(model).pipe(
            Layer.provide(Deployment.layerMemory({ keptRuns: 256, keptThreads: 256, keptActs: 64, keptCosts: 64 })),
            Layer.provideMerge(TestClock.layer())
          )
        ),
        Effect.provideService(References.MinimumLogLevel, "None")
      )
    },
    120_000
  )
})
