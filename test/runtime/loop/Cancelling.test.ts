/**
 * A cancel reports what it leaves: on the stream before `finish`, and on the error of who waits for the answer.
 */
import { assert, describe, it } from "@effect/vitest"
import { type CancellationReport, Ordering } from "@reins/protocol"
import { Agent, Deployment, Model, Runtime, ToolRun } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, References, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const shape = { parameters: Schema.Struct({}), success: Schema.String, dependencies: [ToolRun] }
const tools = [
  Tool.make("pay", shape),
  Tool.make("look", shape).annotate(Tool.Readonly, true),
  Tool.make("refuse", shape),
  Tool.make("wait", shape),
  Tool.make("ignore", shape),
  Tool.make("ask", { ...shape, needsApproval: true })
] as const
class Kit extends Toolkit.make(...tools) {}

const handlers = Kit.toLayer({
  pay: () => Effect.succeed("paid"),
  look: () => Effect.succeed("seen"),
  refuse: () => Effect.die("no"),
  wait: () => Effect.never,
  ignore: () => Effect.uninterruptible(Effect.andThen(Effect.sleep("1 hour"), Effect.succeed("late"))),
  ask: () => Effect.succeed("never")
})

const model = ScriptedModel.make({
  respond: () => ScriptedModel.calls(tools.map(({ name }) => ({ id: `c-${name}`, name, args: {} })))
})

const call = (name: string) => ({
  agentPath: [],
  toolInvocationId: `c-${name}`,
  toolName: name,
  idempotencyKey: `run:c-${name}`
})

const expected: CancellationReport.CancellationReport = {
  stopped: [{ kind: "tool", ...call("wait") }],
  abandoned: [{ kind: "tool", ...call("ignore") }],
  tookEffect: [call("pay")],
  failed: [call("refuse")]
}

const cancelled = (deployment: Layer.Layer<never>) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    const handle = yield* runtime.start("Go.", { runId: "run" })
    const probe = yield* Probe.watch("run")
    yield* probe.next("approval-required")
    yield* TestClock.adjust("1 second")
    yield* handle.cancel
    // The grace time of the one that does not stop.
    yield* TestClock.adjust("6 seconds")
    yield* probe.end
    assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    const told = probe.of("custom").filter(({ event_type }) => event_type === "cancellation_report")
    assert.deepStrictEqual(probe.types.slice(-4), ["custom", "finish", "data-cost-summary", "data-latency-summary"])
    const { reason } = yield* Effect.flip(handle.result)
    return { told: told.map(({ data }) => data), report: reason._tag === "RunCancelled" ? reason.report : undefined }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Runtime.layer({ agents: [Agent.make("desk", { toolkit: Kit })], cancelGrace: "5 seconds" }).pipe(
        Layer.provide([handlers, Layer.succeed(Model, model), deployment])
      )
    ),
    quiet
  )

describe("a run that is cancelled", () => {
  it.effect("reports what was stopped, what was abandoned and what was completed", () =>
    Effect.gen(function* () {
      const { report, told } = yield* cancelled(Deployment.layerMemory())
      assert.deepStrictEqual(report, expected)
      assert.deepStrictEqual<unknown>(told, [expected])
    })
  )

  it.effect("reports the same on a journal", () =>
    Effect.gen(function* () {
      const host = journalHost(MemoryJournal.make(), { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
      const { report } = yield* cancelled(Layer.succeed(Deployment.Deployment, host))
      assert.deepStrictEqual(report, expected)
    })
  )

  it.effect("reports which step of which model was running", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const handle = yield* runtime.start("Go.", { runId: "run" })
      const probe = yield* Probe.watch("run")
      yield* probe.next("text")
      yield* handle.cancel
      yield* probe.end
      const { reason } = yield* Effect.flip(handle.result)
      assert.deepStrictEqual(reason._tag === "RunCancelled" ? reason.report?.stopped : undefined, [
        { kind: "model", agentPath: [], step: 1 }
      ])
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Runtime.layer({ agents: [Agent.make("solo", {})] }).pipe(
          Layer.provide(
            ScriptedModel.layer({ replies: [{ parts: [[{ type: "text", text: "and then " }]], hangs: true }] })
          )
        )
      )
    )
  )

  it.effect("reports nothing of the kind when nobody cancelled it", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* runtime.start("Go.", { runId: "run" })
      const probe = yield* Probe.watch("run")
      yield* probe.end
      assert.deepStrictEqual(probe.of("custom"), [])
    }).pipe(
      Effect.scoped,
      Effect.provide(
        Runtime.layer({ agents: [Agent.make("solo", {})] }).pipe(
          Layer.provide(ScriptedModel.layer({ replies: [ScriptedModel.text("Done.")] }))
        )
      )
    )
  )
})
