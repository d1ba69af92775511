import { assert, describe, it } from "@effect/vitest"
import { ModelTelemetry } from "@reins/models"
import { ModelFailure } from "@reins/protocol"
import { Agent, Model, Runtime, type ModelPart, type ModelPort } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Fiber, Layer, Metric, Tracer } from "effect"
import { TestClock } from "effect/testing"
import { request } from "../Ask.ts"

/** Keeps the spans and metrics of an effect. */
const watching = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    const registry = new Map()
    const exit = yield* Effect.exit(effect).pipe(
      Effect.provideService(Tracer.Tracer, tracer),
      Effect.provideService(Metric.MetricRegistry, registry)
    )
    const metrics = yield* Effect.provideService(Metric.snapshot, Metric.MetricRegistry, registry)
    return { exit, spans, metrics }
  })

const secret = "the plan of the house"
const said = request({
  instructions: secret,
  messages: [{ role: "user", content: [{ type: "text", text: secret }] }]
})

const parts: ReadonlyArray<ModelPart> = [
  { type: "response", id: "r1", model: "scripted-1-dated" },
  { type: "text", text: `no word of ${secret}` },
  {
    type: "finish",
    reason: "stop",
    usage: { inputUncached: 5, inputCacheRead: 90, inputCacheWriteLong: 5, outputText: 7, outputReasoning: 3 }
  }
]

const ask = (model: ScriptedModel.ScriptedModel, options?: ModelTelemetry.Options) =>
  ModelTelemetry.traced(model, options).attempt(said, () => {})

describe("the telemetry of a request", () => {
  it("is added to a model of a class", () => {
    class Own implements ModelPort {
      get provider() {
        return "acme"
      }
      get model() {
        return "acme-1"
      }
      get takesKeys() {
        return true
      }
      attempt() {
        return Effect.void
      }
    }
    const { model, provider, takesKeys } = ModelTelemetry.traced(new Own())
    assert.deepStrictEqual({ model, provider, takesKeys }, { model: "acme-1", provider: "acme", takesKeys: true })
  })

  it.effect("is a client span by the conventions, with all input and its cached parts", () =>
    Effect.gen(function* () {
      const { spans } = yield* watching(ask(ScriptedModel.make({ replies: [{ parts: [parts] }] })))
      assert.deepStrictEqual(
        spans.map((span) => [span.name, span.kind, span.status._tag]),
        [["chat scripted-1", "client", "Ended"]]
      )
      const attributes = Object.fromEntries(spans[0]?.attributes ?? [])
      assert.deepInclude(attributes, {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "scripted-1",
        "gen_ai.response.id": "r1",
        "gen_ai.response.model": "scripted-1-dated",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.usage.cache_read.input_tokens": 90,
        "gen_ai.usage.cache_creation.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.conversation.id": "thread",
        "agent.run.id": "run"
      })
    })
  )

  it.effect("contains no content unless content capture is on", () =>
    Effect.gen(function* () {
      const reply = { replies: [{ parts: [parts] }] }
      const quiet = yield* watching(ask(ScriptedModel.make(reply)))
      assert.notInclude(JSON.stringify([...(quiet.spans[0]?.attributes ?? [])]), secret)
      const open = yield* watching(ask(ScriptedModel.make(reply), { captureContent: true }))
      const attributes = Object.fromEntries(open.spans[0]?.attributes ?? [])
      assert.strictEqual(attributes["gen_ai.system_instructions"], secret)
      assert.strictEqual(attributes["gen_ai.output.messages"], `no word of ${secret}`)
    })
  )

  it.effect("contains the reason of a failure", () =>
    Effect.gen(function* () {
      const failure = new ModelFailure.RateLimited({ provider: "scripted", model: "scripted-1" })
      const { exit, spans } = yield* watching(ask(ScriptedModel.make({ replies: [ScriptedModel.failure(failure)] })))
      assert.strictEqual(exit._tag, "Failure")
      assert.strictEqual(spans[0]?.attributes.get("error.type"), "RateLimited")
    })
  )

  it.effect("measures tokens and times", () =>
    Effect.gen(function* () {
      const hold = yield* ScriptedModel.hold
      const model = ScriptedModel.make({
        replies: [{ parts: [parts.slice(0, 2), parts.slice(2)], hold, heldAfter: 1 }]
      })
      const fiber = yield* Effect.forkChild(watching(ask(model)))
      yield* hold.reached
      yield* TestClock.adjust("2 seconds")
      yield* hold.release
      const { metrics } = yield* Fiber.join(fiber)
      const sums = metrics.map((one) => [
        one.id,
        one.attributes?.["gen_ai.token.type"],
        one.type === "Histogram" ? one.state.sum : undefined
      ])
      assert.sameDeepMembers(sums, [
        ["gen_ai.client.operation.duration", undefined, 2],
        ["gen_ai.client.operation.time_to_first_chunk", undefined, 0],
        ["gen_ai.client.token.usage", "input", 100],
        ["gen_ai.client.token.usage", "output", 10]
      ])
    })
  )

  it.effect("surrounds each step of a run, under the span of its caller", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ replies: [ScriptedModel.text("hi")] })
      const { spans } = yield* watching(
        Effect.gen(function* () {
          const runtime = yield* Runtime
          yield* runtime.complete("hello")
        }).pipe(
          Effect.provide(
            Layer.provide(
              Runtime.layer({ agents: [Agent.make("greeter", {})] }),
              ModelTelemetry.layer(Layer.succeed(Model, model))
            )
          ),
          Effect.withSpan("request")
        )
      )
      const chat = spans.find((span) => span.name === "chat scripted-1")
      assert.strictEqual(chat?.attributes.get("gen_ai.agent.name"), "greeter")
      assert.isTrue(
        chat?.parent._tag === "Some" && chat.parent.value._tag === "Span" && chat.parent.value.name === "request"
      )
    })
  )
})
