import { assert, describe, it } from "@effect/vitest"
import { ModelTelemetry, RunTelemetry } from "@reins/models"
import { Agent, Model, Runtime, Specialist } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Option, Schema, Stream, Tracer } from "effect"
import { Tool, Toolkit } from "effect/ai"

const secret = "the plan of the house"

const Look = Tool.make("look", { parameters: Schema.Struct({ at: Schema.String }), success: Schema.String })
class Eyes extends Toolkit.make(Look) {
  static readonly layer = this.toLayer({ look: ({ at }) => Effect.succeed(`seen ${at}`) })
}
const Helper = Specialist.make("helper", { description: "Helps", toolkit: Eyes })
const Lead = Agent.make("lead", { specialists: [Helper] })

const model = () =>
  ScriptedModel.make({
    replies: [
      ScriptedModel.calls([{ id: "s", name: "helper", args: { prompt: secret } }]),
      ScriptedModel.calls([
        { id: "a", name: "look", args: { at: secret } },
        { id: "b", name: "look", args: { wrong: secret } }
      ]),
      ScriptedModel.text(secret),
      ScriptedModel.text("done")
    ]
  })

const traced = Effect.gen(function* () {
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const layer = Runtime.layer({ agents: [Lead] }).pipe(
    Layer.provide([Eyes.layer, ModelTelemetry.layer(Layer.succeed(Model, model())), RunTelemetry.layer])
  )
  yield* Effect.gen(function* () {
    const runtime = yield* Runtime
    yield* Stream.runDrain(runtime.query(secret, { threadId: "t" }))
  }).pipe(Effect.provide(layer), Effect.provideService(Tracer.Tracer, tracer))
  return spans
})

const attributes = (span: Tracer.NativeSpan | undefined) => Object.fromEntries(span?.attributes ?? [])

describe("the telemetry of a run", () => {
  it.effect("nests requests and tools in their agents, and specialists in their coordinators", () =>
    Effect.gen(function* () {
      const spans = yield* traced
      const parentOf = (span: Tracer.NativeSpan) =>
        Option.getOrUndefined(Option.map(span.parent, (parent) => (parent._tag === "Span" ? parent.name : "")))
      assert.deepStrictEqual(
        spans.map((span) => [span.name, parentOf(span), span.status._tag]),
        [
          ["invoke_agent lead", undefined, "Ended"],
          ["chat scripted-1", "invoke_agent lead", "Ended"],
          ["invoke_agent helper", "invoke_agent lead", "Ended"],
          ["chat scripted-1", "invoke_agent helper", "Ended"],
          ["execute_tool look", "invoke_agent helper", "Ended"],
          ["execute_tool look", "invoke_agent helper", "Ended"],
          ["chat scripted-1", "invoke_agent helper", "Ended"],
          ["chat scripted-1", "invoke_agent lead", "Ended"]
        ]
      )
    })
  )

  it.effect("records how agents and tools ended, and no content", () =>
    Effect.gen(function* () {
      const spans = yield* traced
      const [lead] = spans
      assert.deepInclude(attributes(lead), {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "lead",
        "gen_ai.conversation.id": "t",
        "agent.end": "stop"
      })
      const tools = spans.filter(({ name }) => name.startsWith("execute_tool")).map(attributes)
      assert.deepStrictEqual(
        tools.map((tool) => [tool["gen_ai.tool.call.id"], tool["error.type"]]),
        [
          ["a", undefined],
          ["b", "failed"]
        ]
      )
      assert.notInclude(JSON.stringify(spans.map(attributes)), secret)
    })
  )
})
