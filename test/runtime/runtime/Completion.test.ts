import { assert, describe, it } from "@effect/vitest"
import { ModelFailure } from "@reins/protocol"
import type { ModelPart, StopReason } from "@reins/runtime"
import { Runtime, Specialist } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Fiber, Schema } from "effect"
import * as Desk from "../../support/Desk.ts"
import * as OneTool from "../../support/OneTool.ts"
import * as Solo from "../../support/Solo.ts"

const { text } = ScriptedModel

describe("the answer of a query", () => {
  it.effect("is the model's text in its last step, with its usage and cost", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({
        replies: [
          ScriptedModel.calls([{ id: "1", name: "work", args: {} }], { text: "let me see " }),
          ScriptedModel.words("all is well")
        ]
      })
      const { handle, probe } = yield* OneTool.start({ model, handler: () => Effect.void })
      const done = yield* handle.result
      assert.deepStrictEqual<unknown>(done, {
        runId: "run",
        threadId: "thread",
        output: "all is well",
        usage: probe.of("finish")[0]?.usage,
        summary: {
          cost: probe.of("data-cost-summary")[0]?.data,
          latency: probe.of("data-latency-summary")[0]?.data
        }
      })
    }).pipe(Effect.scoped)
  )

  it.effect.each<readonly [StopReason, string]>([
    ["length", "length"],
    ["content-filter", "content-filter"],
    ["error", "other"],
    ["other", "other"]
  ])("is missing when the model stopped for %s", ([stop, finishReason]) =>
    Effect.gen(function* () {
      const { handle } = yield* Solo.start([text("half", { stop })])
      const { reason } = yield* Effect.flip(handle.result)
      assert.deepInclude(reason, { _tag: "AnswerIncomplete", finishReason })
    }).pipe(Effect.scoped)
  )

  it.effect("fails with the model's own reason, and says whether a retry may help", () =>
    Effect.gen(function* () {
      const lost = new ModelFailure.NetworkFailed({ provider: "p", model: "m", description: "no route" })
      const { handle } = yield* Solo.start([ScriptedModel.failure(lost, "half")])
      const error = yield* Effect.flip(handle.result)
      assert.deepInclude(error.reason, { _tag: "NetworkFailed", description: "no route" })
      assert.isTrue(error.isRetryable)
      assert.strictEqual(error.runId, "run")
      assert.strictEqual(error.message, "scripted/scripted-1 could not be reached: no route")
    }).pipe(Effect.scoped)
  )

  it.effect("that was cancelled is missing", () =>
    Effect.gen(function* () {
      const { handle } = yield* Solo.start([{ parts: [[{ type: "text", text: "half" }]], hangs: true }])
      yield* handle.cancel
      assert.strictEqual((yield* Effect.flip(handle.result)).reason._tag, "RunCancelled")
    }).pipe(Effect.scoped)
  )

  it.effect("is not requested any more when its caller is interrupted", () =>
    Effect.gen(function* () {
      const hanging: ReadonlyArray<ModelPart> = [{ type: "text", text: "half" }]
      const runtime = yield* Solo.runtime(ScriptedModel.make({ respond: () => ({ parts: [hanging], hangs: true }) }))
      const asking = yield* Effect.forkScoped(runtime.complete("hi", { runId: "run" }), { startImmediately: true })
      yield* Fiber.interrupt(asking)
      assert.strictEqual((yield* runtime.status("run"))?.state, "ended")
    }).pipe(Effect.scoped)
  )
})

describe("the answer of a specialist called from code", () => {
  const counter = Specialist.make("counter", {
    description: "Counts",
    input: Schema.Struct({ since: Schema.DateFromString }),
    output: Schema.Struct({ pages: Schema.NumberFromString })
  })
  const counting = (...answers: ReadonlyArray<string>) => {
    const model = ScriptedModel.make({ replies: answers.map((answer) => text(answer)) })
    const count = Effect.flatMap(Runtime, (runtime) =>
      runtime.completeSpecialist(counter, { since: new Date(0) })
    ).pipe(Effect.provide(Desk.plain(model, { agents: [counter] })))
    return { model, count }
  }

  it.effect("is decoded by its schema, and its input is sent as JSON", () =>
    Effect.gen(function* () {
      const { count, model } = counting('{ "pages": "12" }')
      assert.deepStrictEqual((yield* count).output, { pages: 12 })
      assert.strictEqual(
        ScriptedModel.lastPrompt(model.requests[0] ?? assert.fail()),
        '{\n  "since": "1970-01-01T00:00:00.000Z"\n}'
      )
    })
  )

  it.effect("gets one chance to be corrected", () =>
    Effect.gen(function* () {
      const { count, model } = counting("twelve", '{ "pages": "12" }')
      assert.deepStrictEqual((yield* count).output, { pages: 12 })
      assert.strictEqual(model.requests.length, 2)
    })
  )

  it.effect("that is invalid fails with the invalid field", () =>
    Effect.gen(function* () {
      const { count } = counting("twelve", '{ "pages": 12 }')
      const error = yield* Effect.flip(count)
      assert.strictEqual(error.reason._tag, "OutputInvalid")
      assert.match(error.message, /^The answer of counter does not fit its output schema: .*pages/s)
    })
  )

  it.effect("is not retried when it was cut short", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ replies: [text('{ "pa', { stop: "length" })] })
      const error = yield* Effect.flatMap(Runtime, (runtime) =>
        Effect.flip(runtime.completeSpecialist(counter, { since: new Date(0) }))
      ).pipe(Effect.provide(Desk.plain(model, { agents: [counter] })))
      assert.strictEqual(error.reason._tag, "AnswerIncomplete")
    })
  )
})
