/**
 * A handler that sleeps (`ToolRun.sleep`) is stopped, and its call runs again from the handler's start when the time has
 * come: on both engines, over restarts of the process, and without counting as machine time.
 */
import { assert, describe, it } from "@effect/vitest"
import { Decision, ToolRun, type ToolRunShape, ToolSettings } from "@reins/runtime"
import { type Call, createRuntime, tool } from "@reins/runtime/promise"
import { GeneralWay } from "@reins/runtime/testing"
import { Clock, type Duration, Effect, Layer, References, Schema } from "effect"
import { Tool } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Lives from "../../support/Lives.ts"
import * as OneTool from "../../support/OneTool.ts"
import * as Story from "../../support/Story.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")
const ways = [
  ["in plain code", Layer.empty],
  ["as activities", GeneralWay.layer]
] as const

const Wait = Tool.make("wait", { success: Schema.Unknown, dependencies: [ToolRun] })
const day = 24 * 60 * 60 * 1000

/** Sleeps for two days, in two parts, and notes each start and each part of its way. */
const twoDays = (notes: Array<string>) =>
  Effect.fnUntraced(function* () {
    const run = yield* ToolRun
    notes.push(`start ${run.attempt}`)
    yield* run.emit("first", null)
    yield* run.reportCost(0.5)
    yield* run.once(
      "a",
      Effect.sync(() => void notes.push("a"))
    )
    yield* run.sleep("1 day")
    yield* run.emit("second", null)
    yield* run.reportCost(0.25)
    yield* run.once(
      "b",
      Effect.sync(() => void notes.push("b"))
    )
    yield* run.sleep("1 day")
    return yield* Clock.currentTimeMillis
  })

const wholeWay = ["start 0", "a", "start 1", "b", "start 2"]

describe("a handler that sleeps", () => {
  for (const [name, services] of ways) {
    it.effect(`goes on at its time, and reports and pays nothing twice, ${name}`, () =>
      Effect.gen(function* () {
        const notes: Array<string> = []
        const { probe } = yield* OneTool.start({ services, handler: twoDays(notes) })
        yield* TestClock.adjust("23 hours")
        assert.deepStrictEqual(notes, ["start 0", "a"])
        yield* TestClock.adjust("25 hours")
        yield* probe.end
        assert.deepStrictEqual(notes, wholeWay)
        assert.deepStrictEqual(
          probe.of("custom").map(({ event_type }) => event_type),
          ["first", "call_sleeps", "second", "call_sleeps"]
        )
        assert.strictEqual(probe.of("data-cost-summary")[0]?.data.pricedUsd, 0.75)
        const latency = probe.of("data-latency-summary")[0]?.data
        assert.deepInclude(latency, { totalMs: 2 * day, idleMs: 2 * day, machineMs: 0, toolMs: 0, humanWaitMs: 0 })
        assert.strictEqual(latency?.tools[0]?.attempts, 3)
        Story.isWhole(probe.envelopes)
      }).pipe(Effect.scoped)
    )

    it.effect(`is woken by the run's cancel, and the call has its row, ${name}`, () =>
      Effect.gen(function* () {
        const { handle, probe } = yield* OneTool.start({ services, handler: twoDays([]) })
        yield* TestClock.adjust("1 hour")
        yield* handle.cancel
        yield* probe.end
        assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
        const result = probe.of("tool-invocation").find((event) => event.state === "result")
        assert.strictEqual(result?.state === "result" ? result.status : undefined, "cancelled")
        assert.strictEqual(probe.of("data-cost-summary")[0]?.data.pricedUsd, 0.5)
        assert.strictEqual(probe.of("data-latency-summary")[0]?.data.tools.length, 1)
        Story.isWhole(probe.envelopes)
      }).pipe(Effect.scoped)
    )
  }

  it.effect("interrupts what runs beside it, and runs its finalizers", () =>
    Effect.gen(function* () {
      const ended: Array<string> = []
      const { probe } = yield* OneTool.start({
        handler: () =>
          ToolRun.use((run) =>
            Effect.all(
              [
                Effect.ensuring(
                  run.sleep("1 minute"),
                  Effect.sync(() => ended.push("sleep"))
                ),
                Effect.onInterrupt(run.attempt === 0 ? Effect.never : Effect.void, () =>
                  Effect.sync(() => ended.push("beside"))
                )
              ],
              { concurrency: 2, discard: true }
            )
          )
      })
      yield* TestClock.adjust("30 seconds")
      assert.sameMembers(ended, ["sleep", "beside"])
      yield* TestClock.adjust("30 seconds")
      yield* probe.end
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
    }).pipe(Effect.scoped)
  )

  it.effect("spends no limit of duration and no timeout, and a retry does not sleep again", () =>
    Effect.gen(function* () {
      const { probe } = yield* OneTool.start({
        tool: OneTool.work.annotate(ToolSettings.Timeout, "1 minute").annotate(ToolSettings.Retries, 1),
        query: { budget: { maxDurationMs: 300_000 } },
        handler: Effect.fnUntraced(function* () {
          const run = yield* ToolRun
          yield* run.sleep("1 hour")
          return run.attempt === 1 ? yield* Effect.fail("busy") : "done"
        })
      })
      yield* TestClock.adjust("1 hour")
      yield* probe.end
      const result = probe.of("tool-invocation").find((event) => event.state === "result")
      assert.strictEqual(result?.state === "result" ? result.result : undefined, "done")
    }).pipe(Effect.scoped)
  )

  it.effect("does not end with a sleep that has no end", () =>
    Effect.gen(function* () {
      const probe = yield* OneTool.finished({ handler: () => ToolRun.use((run) => run.sleep("Infinity")) })
      const result = probe.of("tool-invocation").find((event) => event.state === "result")
      assert.strictEqual(result?.state === "result" ? result.status : undefined, "failed")
    }).pipe(Effect.scoped, quiet)
  )

  it.effect.each([Number.NaN, {}, { day: 3 }, { days: "3" }, "3d"])(
    "fails where a time of it states none: %j",
    (wrong) =>
      Effect.gen(function* () {
        const time = wrong as Duration.Input
        const handlers: ReadonlyArray<(run: ToolRunShape) => Effect.Effect<unknown, unknown>> = [
          (run) => run.sleep(time),
          (run) => Effect.flatMap(run.later({ receipt: "open", expiresIn: time }), ({ end }) => end),
          (run) => run.memory.remember("Likes tea", { scope: "tenant", expiresIn: time })
        ]
        for (const handler of handlers) {
          const probe = yield* OneTool.finished({ handler: () => Effect.orDie(ToolRun.use(handler)) })
          const result = probe.of("tool-invocation").find((event) => event.state === "result")
          assert.strictEqual(result?.state === "result" ? result.status : undefined, "failed")
        }
      }).pipe(Effect.scoped, quiet)
  )

  it.effect("is unloaded while it sleeps, and goes on in another process at the right time", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      const opened: Array<number> = []
      const { isWhole, process, results } = Lives.make({
        tool: Wait,
        handler: twoDays(notes),
        host: { hibernateMs: 3_600_000 },
        seen: (journal) => ({
          ...journal,
          open: (runId, at) =>
            Effect.suspend(() => {
              opened.push(at)
              return journal.open(runId, at)
            })
        })
      })
      const begun = yield* Clock.currentTimeMillis
      const first = yield* process()
      yield* first.runtime.start("Wait.", { runId: "run" })
      yield* TestClock.adjust("12 hours")
      yield* first.end
      assert.deepStrictEqual(notes, ["start 0", "a"])
      // It is down when the first sleep ends.
      yield* TestClock.adjust("18 hours")
      const second = yield* process()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(notes, ["start 0", "a", "start 1", "b"])
      yield* TestClock.adjust("2 days")
      assert.deepStrictEqual(notes, wholeWay)
      assert.deepStrictEqual(results(), [{ result: begun + 30 * 60 * 60 * 1000 + day, status: undefined }])
      assert.deepStrictEqual(yield* second.runtime.pendingApprovals(), [], "nobody is asked whether it may go on")
      assert.deepStrictEqual(
        opened.map((at) => (at - begun) / 3_600_000),
        [30, 54],
        "by the second process, and when the second sleep ended"
      )
      isWhole()
      yield* second.end
    }).pipe(quiet)
  )

  it.effect("is asked about where its process died in a later part, and goes on from there", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      let hangs = true
      const { isWhole, process, results } = Lives.make({
        tool: Wait,
        handler: Effect.fnUntraced(function* () {
          const run = yield* ToolRun
          yield* run.sleep("1 day")
          notes.push(`part 1, ${run.attempt}`)
          if (hangs) return yield* Effect.never
          yield* run.sleep("1 day")
          return "done"
        })
      })
      const first = yield* process()
      yield* first.runtime.start("Wait.", { runId: "run" })
      yield* TestClock.adjust("25 hours")
      yield* first.end
      hangs = false
      const second = yield* process()
      yield* TestClock.adjust("1 second")
      const [asked] = yield* second.runtime.pendingApprovals()
      assert.strictEqual(asked?.request.begunBefore, 2)
      yield* second.runtime.respondToApproval(asked?.request.id ?? "", Decision.approve())
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(notes, ["part 1, 1", "part 1, 2", "part 1, 3"])
      assert.deepStrictEqual(results(), [{ result: "done", status: undefined }])
      isWhole()
      yield* second.end
    }).pipe(quiet)
  )

  it("is called again from its start in the Promise front", async () => {
    const starts: Array<number> = []
    const work = tool({
      parameters: { type: "object" },
      execute: async (_args, { attempt, sleep }) => {
        starts.push(attempt)
        await sleep(1)
        await sleep("1 millis")
        return "slept"
      }
    })
    await using runtime = createRuntime({
      model: OneTool.caller(),
      tools: { work },
      // Nobody waits for a function that has stopped.
      cancelGrace: "1 hour",
      agents: [{ name: "desk", tools: ["work"] }]
    })
    const { output } = await runtime.complete("work")
    assert.strictEqual(output, "done")
    assert.deepStrictEqual(starts, [0, 1, 2])
  })

  it("is not waited for in the Promise front, whether it sleeps at once or does something beside its sleep", async () => {
    const outcomes: Array<string> = []
    const execute = async (args: { readonly beside?: boolean }, { attempt, sleep }: Call) => {
      const asleep = sleep(1)
      await (args.beside === true && attempt === 0 ? Promise.all([asleep, new Promise(() => {})]) : asleep)
      outcomes.push(`beside: ${args.beside === true}`)
      return "slept"
    }
    await using runtime = createRuntime({
      model: OneTool.caller([{}, { beside: true }]),
      tools: { work: tool({ parameters: { type: "object" }, execute }) },
      cancelGrace: "1 hour",
      agents: [{ name: "desk", tools: ["work"] }]
    })
    await runtime.complete("work")
    assert.sameMembers(outcomes, ["beside: false", "beside: true"])
  })
})
