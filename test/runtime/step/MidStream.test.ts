import { assert, describe, it } from "@effect/vitest"
import { ModelFailure, Ordering } from "@reins/protocol"
import { Agent, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Desk from "../../support/Desk.ts"

const dropped = new ModelFailure.NetworkFailed({ provider: "scripted", model: "scripted-1" })
const replies = [ScriptedModel.failure(dropped, "Half an ans"), ScriptedModel.text("The whole answer")]

const run = (midStreamFailure: "error" | "retract" | undefined, more: ReadonlyArray<ScriptedModel.Reply> = replies) => {
  const model = ScriptedModel.make({ replies: more })
  const layer = Desk.plain(model, { agents: [Agent.make("solo", {})], midStreamFailure })
  return Effect.gen(function* () {
    const runtime = yield* Runtime
    const { result, runId } = yield* runtime.start("Go.", { threadId: "t" })
    const probe = yield* Probe.watch(runId)
    yield* TestClock.adjust("1 minute")
    yield* probe.end
    assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    return { probe, model, result: yield* Effect.result(result), thread: yield* runtime.threads.get("t") }
  }).pipe(Effect.provide(layer), Effect.scoped)
}

describe("a stream that breaks after something was shown", () => {
  it.effect("ends the run with an error by default", () =>
    Effect.gen(function* () {
      const { model, probe } = yield* run(undefined)
      assert.strictEqual(model.requests.length, 1)
      assert.strictEqual(probe.of("error")[0]?.error.code, "E_NETWORK_FAILED")
      assert.isTrue(probe.of("data-cost-summary")[0]?.data.estimated)
    })
  )

  it.effect("is retracted before another attempt streams, and both attempts are charged", () =>
    Effect.gen(function* () {
      const { probe, result, thread } = yield* run("retract")
      assert.deepStrictEqual(probe.types.slice(0, 6), [
        "step-start",
        "text",
        "step-retracted",
        "step-start",
        "text",
        "finish"
      ])
      assert.strictEqual(result._tag === "Success" ? result.success.output : undefined, "The whole answer")
      assert.notInclude(JSON.stringify(thread), "Half")
      const [step] = probe.of("data-latency-summary")[0]?.data.steps ?? []
      assert.deepStrictEqual(
        step?.attempts.map(({ outcome }) => outcome),
        ["failed", "completed"]
      )
      const [row] = probe.of("data-cost-summary")[0]?.data.root.rows ?? []
      assert.isAbove(row?.usage?.completionTokens ?? 0, ScriptedModel.usage("The whole answer").outputText ?? 0)
    })
  )

  it.effect("is retracted as often as retries allow, and then ends the run", () =>
    Effect.gen(function* () {
      const broken = Array.from({ length: 3 }, () => ScriptedModel.failure(dropped, "Half"))
      const { model, probe } = yield* run("retract", broken)
      assert.strictEqual(model.requests.length, 3)
      assert.strictEqual(probe.of("step-retracted").length, 2)
      assert.strictEqual(probe.of("error").length, 1)
    })
  )

  it.effect("is not retried when a retry cannot help", () =>
    Effect.gen(function* () {
      const refused = new ModelFailure.ContentRefused({ provider: "scripted", model: "scripted-1" })
      const { model } = yield* run("retract", [ScriptedModel.failure(refused, "Half")])
      assert.strictEqual(model.requests.length, 1)
    })
  )
})
