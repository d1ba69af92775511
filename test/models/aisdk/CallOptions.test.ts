import { assert, describe, it } from "@effect/vitest"
import { AiSdkModel } from "@reins/models"
import type { Json } from "@reins/protocol"
import { Model, Runtime, Specialist } from "@reins/runtime"
import { Effect, Layer, Logger, Schema } from "effect"
import { ask, request } from "../Ask.ts"
import { fake, finish, type Part, text } from "../FakeModel.ts"

const schema: Json = { type: "object", properties: { sum: { type: "number" } }, required: ["sum"] }
const unsupported: Part = {
  type: "stream-start",
  warnings: [{ type: "unsupported", feature: "responseFormat", details: "no schema" }]
}

/** The format and the instructions that a model was asked with, request by request. */
const told = (model: ReturnType<typeof fake>) =>
  model.asked.map(({ prompt, responseFormat }) => [
    responseFormat,
    prompt[0]?.role === "system" ? prompt[0].content : undefined
  ])

const words = (of: Json) =>
  `Your final answer must be JSON that matches this JSON Schema, without any other text:\n${JSON.stringify(of)}`

describe("the output schema", () => {
  it.effect("is sent as a schema when the package supports it", () =>
    Effect.gen(function* () {
      const model = fake([finish()])
      yield* ask(model, undefined, request({ output: { name: "sum", schema } }))
      assert.deepStrictEqual(told(model), [[{ type: "json", name: "sum", schema }, undefined]])
    })
  )

  it.effect("is put into the instructions when the package declares no support", () =>
    Effect.gen(function* () {
      const model = { ...fake([finish()]), supportsStructuredOutputs: false }
      yield* ask(model, undefined, request({ instructions: "Add.", output: { name: "sum", schema } }))
      assert.deepStrictEqual(told(model), [[{ type: "json", name: "sum" }, `Add.\n\n${words(schema)}`]])
    })
  )

  it.effect("is put into the instructions once the package has warned, and the warning is logged once", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const logger = Logger.make(({ message }) => void lines.push(message))
      const model = fake([unsupported, finish()], [unsupported, finish()])
      const port = AiSdkModel.make(model)
      const sent = request({ output: { name: "sum", schema } })
      yield* Effect.repeat(
        port.attempt(sent, () => {}),
        { times: 1 }
      ).pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(told(model), [
        [{ type: "json", name: "sum", schema }, undefined],
        [{ type: "json", name: "sum" }, words(schema)]
      ])
      assert.deepStrictEqual(lines, [["fake/fake-1: responseFormat is not supported: no schema"]])
    })
  )

  it.effect("is put into the instructions when it is not an object, since JSON mode requires one", () =>
    Effect.gen(function* () {
      const model = fake([finish()])
      const list: Json = { type: "array", items: { type: "string" } }
      yield* ask(model, undefined, request({ output: { name: "list", schema: list } }))
      assert.deepStrictEqual(told(model), [[undefined, words(list)]])
    })
  )

  it.effect("of a union of objects has an object at its root", () =>
    Effect.gen(function* () {
      const model = fake([finish()])
      const union: Json = { anyOf: [schema, { type: "object", properties: { why: { type: "string" } } }] }
      yield* ask(model, undefined, request({ output: { name: "either", schema: union } }))
      assert.nestedInclude(model.asked[0]?.responseFormat, { "schema.type": "object" })
    })
  )

  it.effect("is validated against the answer, which is returned to the model when it does not match", () =>
    Effect.gen(function* () {
      const model = {
        ...fake([...text("The sum is 3."), finish()], [...text('{"sum":3}'), finish()]),
        supportsStructuredOutputs: false
      }
      const adder = Specialist.make("adder", { description: "Adds", output: Schema.Struct({ sum: Schema.Number }) })
      const live = Runtime.layer({ agents: [adder] }).pipe(Layer.provide(Layer.succeed(Model, AiSdkModel.make(model))))
      const { output } = yield* Effect.flatMap(Runtime, (runtime) => runtime.completeSpecialist(adder, "1 + 2")).pipe(
        Effect.provide(live)
      )
      assert.deepStrictEqual([output, model.asked.length], [{ sum: 3 }, 2])
    })
  )
})

describe("the settings of a request", () => {
  const tools = [{ name: "files/read", description: undefined, parameters: { type: "object" }, strict: undefined }]

  it.effect("override the model's, and name a tool as the provider gets it", () =>
    Effect.gen(function* () {
      const model = fake([finish()], [finish()])
      const port = AiSdkModel.make(model, { temperature: 1, topK: 2 })
      const settings = {
        temperature: 0.5,
        topP: 0.1,
        seed: 3,
        presencePenalty: 0.2,
        frequencyPenalty: 0.3,
        stopSequences: ["END"],
        reasoning: "low",
        toolChoice: { tool: "files/read" }
      } as const
      yield* port.attempt(request({ tools, settings }), () => {})
      const sent = { ...settings, stopSequences: ["END"] }
      const toolChoice = { type: "tool", toolName: "files_read" } as const
      assert.deepInclude(model.asked[0], { ...sent, topK: 2, toolChoice })
      yield* port.attempt(request({ settings }), () => {})
      assert.notProperty(model.asked[1], "toolChoice")
    })
  )

  it.effect("ask providers that have a setting for it for one call at a time", () =>
    Effect.gen(function* () {
      for (const [provider, providerOptions] of [
        ["openai.responses", { openai: { parallelToolCalls: false } }],
        ["anthropic.messages", { anthropic: { disableParallelToolUse: true } }],
        ["fake", undefined]
      ] as const) {
        const model = { ...fake([finish()]), provider }
        yield* ask(model, undefined, request({ tools, settings: { parallelToolCalls: false } }))
        assert.deepStrictEqual(model.asked[0]?.providerOptions, providerOptions)
      }
    })
  )

  it.effect("can require a tool call", () =>
    Effect.gen(function* () {
      const model = fake([finish()], [finish()])
      yield* ask(model, undefined, request({ tools, settings: { toolChoice: "required" } }))
      assert.deepStrictEqual(model.asked[0]?.toolChoice, { type: "required" })
    })
  )
})
