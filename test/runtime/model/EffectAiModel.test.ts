import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema, Stream } from "effect"
import { AiError, LanguageModel, Tool, Toolkit } from "effect/ai"
import type { Response } from "effect/ai"
import { Agent, EffectAiModel, Runtime } from "@reins/runtime"

type Encoded = Response.StreamPartEncoded

const finish = (reason: "stop" | "tool-calls"): Encoded => ({
  type: "finish",
  reason,
  usage: {
    inputTokens: { uncached: 7, total: 10, cacheRead: 3, cacheWrite: undefined },
    outputTokens: { total: 5, text: 4, reasoning: 1 }
  }
})

const Weather = Tool.make("weather", {
  description: "Tells the weather",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String
})
const Kit = Toolkit.make(Weather)
const asked: Array<string> = []
const Handlers = Kit.toLayer({
  weather: ({ city }) =>
    Effect.sync(() => {
      asked.push(city)
      return `rain in ${city}`
    })
})

/** A language model of `effect/ai` that says `script` in turn and keeps what it was asked. */
const scripted = (script: ReadonlyArray<ReadonlyArray<Encoded> | AiError.AiError>) => {
  const prompts: Array<unknown> = []
  const tools: Array<ReadonlyArray<string>> = []
  const layer = Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({
      generateText: () => Effect.die("not asked for"),
      streamText: (options) => {
        prompts.push(options.prompt)
        tools.push(options.tools.map((tool) => tool.name))
        const next = script[prompts.length - 1]
        if (next === undefined) return Stream.die("the script is over")
        return next instanceof AiError.AiError ? Stream.fail(next) : Stream.fromIterable(next)
      }
    })
  )
  return { layer, prompts, tools }
}

const Helper = Agent.make("helper", { instructions: "Help.", toolkit: Kit })

const run = (model: ReturnType<typeof scripted>) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    return yield* Stream.runCollect(runtime.query("How is it in Oslo?"))
  }).pipe(
    Effect.provide(
      Runtime.layer({ agents: [Helper], modelRetries: 0 }).pipe(
        Layer.provide([
          Handlers,
          EffectAiModel.layer({ provider: "acme", model: "acme-1" }).pipe(Layer.provide(model.layer))
        ])
      )
    )
  )

describe("a language model of effect/ai behind our port", () => {
  it.effect("executes a run with a tool: our loop runs the handler once, theirs never", () =>
    Effect.gen(function* () {
      asked.length = 0
      const model = scripted([
        [
          { type: "reasoning-start", id: "r" },
          { type: "reasoning-delta", id: "r", delta: "look it up" },
          { type: "reasoning-end", id: "r", metadata: { acme: { signature: "s1" } } },
          { type: "tool-call", id: "w1", name: "weather", params: { city: "Oslo" } },
          finish("tool-calls")
        ],
        [
          { type: "text-start", id: "t" },
          { type: "text-delta", id: "t", delta: "Rain." },
          { type: "text-end", id: "t" },
          finish("stop")
        ]
      ])
      const events = [...(yield* run(model))]
      assert.deepStrictEqual(asked, ["Oslo"])
      assert.deepStrictEqual(model.tools, [["weather"], ["weather"]])
      assert.strictEqual(events.find((event) => event.type === "text")?.text, "Rain.")
      const end = events.find((event) => event.type === "finish")
      assert.deepStrictEqual(end?.usage, {
        promptTokens: 20,
        completionTokens: 10,
        cacheReadInputTokens: 6,
        cacheCreationInputTokens: 0,
        totalTokens: 30
      })
      // The second request holds the call, its result, and what the provider wants back with its reasoning.
      const sent = JSON.stringify(model.prompts[1])
      assert.include(sent, "rain in Oslo")
      assert.include(sent, "s1")
    })
  )

  it.effect("passes on what is written of a call's arguments, the sources and the files, in their order", () =>
    Effect.gen(function* () {
      const model = scripted([
        [
          { type: "tool-params-start", id: "w1", name: "weather" },
          { type: "tool-params-delta", id: "w1", delta: '{"city":' },
          { type: "tool-params-delta", id: "w1", delta: '"Oslo"}' },
          { type: "tool-params-end", id: "w1" },
          { type: "tool-call", id: "w1", name: "weather", params: { city: "Oslo" } },
          finish("tool-calls")
        ],
        [
          { type: "text-delta", id: "t", delta: "Rain." },
          { type: "source", sourceType: "url", id: "s1", url: "https://acme.test/rain", title: "Rain" },
          {
            type: "source",
            sourceType: "document",
            id: "s2",
            mediaType: "application/pdf",
            title: "Wet",
            fileName: "wet.pdf",
            metadata: { acme: { page: 3 } }
          },
          { type: "file", mediaType: "image/png", data: "aGk=" },
          finish("stop")
        ]
      ])
      const events = [...(yield* run(model))]
      assert.deepStrictEqual(
        events.flatMap((event) => (event.type === "tool-input-delta" ? [[event.toolInvocationId, event.text]] : [])),
        [
          ["w1", ""],
          ["w1", '{"city":'],
          ["w1", '"Oslo"}']
        ]
      )
      assert.deepStrictEqual(
        events.flatMap((event) => (event.type === "source" ? [event.data] : [])),
        [
          { id: "s1", sourceType: "url", url: "https://acme.test/rain", title: "Rain" },
          {
            id: "s2",
            sourceType: "document",
            mediaType: "application/pdf",
            title: "Wet",
            filename: "wet.pdf",
            providerMetadata: { acme: { page: 3 } }
          }
        ]
      )
      const [file] = events.flatMap((event) => (event.type === "data-file-registered" ? [event.data] : []))
      assert.deepStrictEqual([file?.mediaType, file?.sizeBytes], ["image/png", 2])
    })
  )

  it.effect("passes a call of an unknown tool and invalid arguments to our loop, for the model to read", () =>
    Effect.gen(function* () {
      const model = scripted([
        [
          { type: "tool-call", id: "a", name: "nope", params: {} },
          { type: "tool-call", id: "b", name: "weather", params: { town: 1 } },
          finish("tool-calls")
        ],
        [
          { type: "text-start", id: "t" },
          { type: "text-delta", id: "t", delta: "Sorry." },
          { type: "text-end", id: "t" },
          finish("stop")
        ]
      ])
      const events = [...(yield* run(model))]
      const results = events.filter((event) => event.type === "tool-invocation" && event.state === "result")
      assert.deepStrictEqual(
        results.map((event) => ("status" in event ? event.status : undefined)),
        ["failed", "failed"]
      )
    })
  )

  it.effect("maps their failures to our reasons, without their messages", () =>
    Effect.gen(function* () {
      const secret = "sk-secret"
      const model = scripted([
        AiError.make({
          module: "Acme",
          method: "streamText",
          reason: new AiError.InvalidRequestError({ description: `the key ${secret} may not` })
        })
      ])
      const events = [...(yield* run(model))]
      const error = events.find((event) => event.type === "error")
      assert.strictEqual(error?.error.code, "E_INVALID_REQUEST")
      assert.notInclude(JSON.stringify(events), secret)
    })
  )
})
