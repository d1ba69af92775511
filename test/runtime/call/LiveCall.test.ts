import { assert, describe, it } from "@effect/vitest"
import { Money } from "@reins/protocol"
import { ToolRun, ToolSettings } from "@reins/runtime"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { runInNewContext } from "node:vm"
import * as OneTool from "../../support/OneTool.ts"
import * as Story from "../../support/Story.ts"

const patient = OneTool.work.annotate(ToolSettings.Timeout, "1 second").annotate(ToolSettings.Retries, 1)

describe("a call while its handler runs", () => {
  it.effect("gives a second attempt a signal that is not aborted, and accepts its updates", () =>
    Effect.gen(function* () {
      const aborted: Array<boolean> = []
      const { probe } = yield* OneTool.start({
        tool: patient,
        handler: Effect.fnUntraced(function* () {
          const call = yield* ToolRun
          aborted.push(call.signal.aborted)
          yield* call.progress({ label: "try", phaseIndex: call.attempt + 1, totalPhases: 2 })
          return call.attempt === 0 ? yield* Effect.never : call.attempt
        })
      })
      yield* TestClock.adjust("1 second")
      yield* probe.end
      assert.deepStrictEqual(aborted, [false, false])
      assert.deepStrictEqual(
        probe.of("tool-progress").map(({ phaseIndex }) => phaseIndex),
        [1, 2]
      )
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("ignores an abandoned attempt once the next one reports", () =>
    Effect.gen(function* () {
      const stray = yield* Deferred.make<Effect.Effect<void>>()
      const { probe } = yield* OneTool.start({
        tool: patient,
        handler: Effect.fnUntraced(function* () {
          const call = yield* ToolRun
          if (call.attempt === 0) {
            yield* Deferred.succeed(stray, call.progress({ label: "stray", phaseIndex: 1, totalPhases: 1 }))
            return yield* Effect.never
          }
          yield* yield* Deferred.await(stray)
          return 1
        })
      })
      yield* TestClock.adjust("1 second")
      yield* probe.end
      assert.deepStrictEqual(probe.of("tool-progress"), [])
    }).pipe(Effect.scoped)
  )

  it.effect("counts the cost that a cancelled tool reports while it ends", () =>
    Effect.gen(function* () {
      const { handle, probe } = yield* OneTool.start({
        handler: () => ToolRun.use((call) => Effect.onInterrupt(Effect.never, () => call.reportCost(0.25)))
      })
      yield* handle.cancel
      yield* probe.end
      assert.strictEqual(probe.of("data-cost-summary")[0]?.data.pricedUsd, 0.25)
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
    }).pipe(Effect.scoped)
  )

  it.effect("emits nothing after its end, and counts nothing", () =>
    Effect.gen(function* () {
      const late: Array<Effect.Effect<unknown>> = []
      const probe = yield* OneTool.finished({
        handler: () =>
          ToolRun.use((call) =>
            Effect.sync(() =>
              late.push(
                call.progress({ label: "late", phaseIndex: 1, totalPhases: 1 }),
                call.registerFile({ filename: "a", mediaType: "text/plain", sizeBytes: 1 }),
                call.emit("late", null),
                call.flowUi({ late: true }),
                call.hint("late"),
                call.reportCost(1)
              )
            )
          )
      })
      yield* Effect.all(late)
      Story.isWhole(probe.envelopes)
      assert.strictEqual(probe.of("data-cost-summary")[0]?.data.pricedUsd, 0)
      assert.notIncludeMembers([...probe.types], ["tool-progress", "custom", "data-file-registered", "data-flow-ui"])
    }).pipe(Effect.scoped)
  )

  it.effect("sends the product's own display text", () =>
    Effect.gen(function* () {
      const dsl = { card: { title: "Tides", rows: [1, 2] } }
      const probe = yield* OneTool.finished({
        handler: () => ToolRun.use((call) => call.flowUi(dsl))
      })
      Story.isWhole(probe.envelopes)
      assert.deepStrictEqual(
        probe.of("data-flow-ui").map(({ data }) => data.dsl),
        [dsl]
      )
    }).pipe(Effect.scoped)
  )

  it.effect("refuses what an event of its log could not be read with, and names it", () =>
    Effect.gen(function* () {
      const wrong: never = 5 as never
      const file = { filename: "a.txt", mediaType: "text/plain", sizeBytes: 1, content: "a" }
      const said: Array<string> = []
      const { probe } = yield* OneTool.start({
        handler: Effect.fnUntraced(function* () {
          const call = yield* ToolRun
          const all = [
            call.emit(wrong, null),
            call.hint(wrong),
            call.registerFile({ ...file, fileId: wrong }),
            call.registerFile({ ...file, filename: wrong }),
            call.registerFile({ ...file, mediaType: wrong }),
            call.registerFile({ ...file, url: wrong }),
            call.storeFile({ ...file, filename: wrong }),
            call.storeFile({ ...file, mediaType: wrong }),
            call.storeFile({ ...file, content: wrong })
          ]
          for (const one of all) {
            const exit = yield* Effect.exit(one)
            said.push(Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "accepted")
          }
          return said.length
        })
      })
      yield* probe.end
      assert.deepStrictEqual(said, [
        "Error: Invalid option emit.eventType: 5. Give a string",
        "Error: Invalid option hint: 5. Give a string",
        "Error: Invalid option registerFile.fileId: 5. Give a string",
        "Error: Invalid option registerFile.filename: 5. Give a string",
        "Error: Invalid option registerFile.mediaType: 5. Give a string",
        "Error: Invalid option registerFile.url: 5. Give a string",
        "Error: Invalid option storeFile.filename: 5. Give a string",
        "Error: Invalid option storeFile.mediaType: 5. Give a string",
        "Error: Invalid option storeFile.content: 5. Give a Uint8Array, or a string"
      ])
      assert.deepStrictEqual([probe.of("custom"), probe.of("data-file-registered")], [[], []])
    }).pipe(Effect.scoped)
  )

  it.effect("stores the bytes of another realm, as of a test's environment", () =>
    Effect.gen(function* () {
      const content: Uint8Array = runInNewContext("new Uint8Array([1, 2, 3])")
      const probe = yield* OneTool.finished({
        handler: () => ToolRun.use((call) => call.storeFile({ filename: "a.bin", mediaType: "image/png", content }))
      })
      assert.strictEqual(probe.of("data-file-registered")[0]?.data.sizeBytes, 3)
    }).pipe(Effect.scoped)
  )

  it.effect("counts no higher than an event can say", () =>
    Effect.gen(function* () {
      const { probe } = yield* OneTool.start({
        handler: Effect.fnUntraced(function* () {
          const call = yield* ToolRun
          yield* call.progress({ label: "far", phaseIndex: 1e300, totalPhases: 2 ** 60 })
          return yield* call.registerFile({ filename: "a", mediaType: "text/plain", sizeBytes: 2 ** 60 })
        })
      })
      yield* probe.end
      const most = Number.MAX_SAFE_INTEGER
      const [progress] = probe.of("tool-progress")
      assert.deepInclude(progress, { phaseIndex: most, totalPhases: most })
      assert.strictEqual(probe.of("data-file-registered")[0]?.data.sizeBytes, most)
    }).pipe(Effect.scoped)
  )

  it.effect("raises a falling phase, and bounds it by its total", () =>
    Effect.gen(function* () {
      const probe = yield* OneTool.finished({
        handler: Effect.fnUntraced(function* () {
          const call = yield* ToolRun
          for (const phaseIndex of [3, 1, Number.NaN, -4, 2.9, Infinity, 9]) {
            yield* call.progress({ label: "p", phaseIndex, totalPhases: 4 })
          }
        })
      })
      assert.deepStrictEqual(
        probe.of("tool-progress").map(({ phaseIndex, totalPhases }) => [phaseIndex, totalPhases]),
        [
          [3, 4],
          [3, 4],
          [3, 4],
          [3, 4],
          [3, 4],
          [3, 4],
          [9, 9]
        ]
      )
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("ignores progress from a child fiber that outlives the handler", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const children: Array<Fiber.Fiber<void>> = []
      const probe = yield* OneTool.finished({
        handler: Effect.fnUntraced(function* () {
          const call = yield* ToolRun
          const late = Effect.andThen(
            Deferred.await(gate),
            call.progress({ label: "late", phaseIndex: 1, totalPhases: 1 })
          )
          children.push(yield* Effect.forkDetach(late))
        })
      })
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.forEach(children, (child) => Fiber.join(child))
      assert.deepStrictEqual(probe.of("tool-progress"), [])
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("sums the costs that it reports", () =>
    Effect.gen(function* () {
      const probe = yield* OneTool.finished({
        calls: [{}, {}],
        handler: Effect.fnUntraced(function* () {
          const call = yield* ToolRun
          for (const usd of [0.1, 0.2]) yield* call.reportCost(usd)
        })
      })
      assert.strictEqual(probe.of("data-cost-summary")[0]?.data.costNanoUsd, 600_000_000)
    }).pipe(Effect.scoped)
  )

  it.effect("rejects an amount that cannot be represented, names it, and keeps the earlier reports", () =>
    Effect.gen(function* () {
      const refused: Array<unknown> = []
      const broken = [-5, Number.NaN, Infinity, 1e7]
      const probe = yield* OneTool.finished({
        calls: broken.map(() => ({})),
        handler: Effect.fnUntraced(function* () {
          const call = yield* ToolRun
          yield* call.reportCost(0.1)
          yield* Effect.tapCause(call.reportCost(broken[refused.length] ?? 0), (cause) =>
            Effect.sync(() => refused.push(Cause.squash(cause)))
          )
        })
      })
      assert.deepStrictEqual(
        refused.map((error) => error instanceof Money.InvalidAmount && [error.field, error.amount]),
        broken.map((amount) => ["reportCost", amount])
      )
      assert.deepStrictEqual(
        probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event.status] : [])),
        broken.map(() => "failed" as const)
      )
      assert.strictEqual(probe.of("data-cost-summary")[0]?.data.costNanoUsd, 400_000_000)
    }).pipe(Effect.scoped)
  )

  it.effect("has a different key for two calls with equal arguments", () =>
    Effect.gen(function* () {
      const keys: Array<string> = []
      yield* OneTool.finished({
        calls: [{ n: 1 }, { n: 1 }],
        handler: () => ToolRun.use((call) => Effect.sync(() => void keys.push(call.idempotencyKey)))
      })
      assert.strictEqual(new Set(keys).size, 2)
    }).pipe(Effect.scoped)
  )
})
