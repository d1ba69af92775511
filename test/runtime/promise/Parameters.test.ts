import { assert, describe, it } from "@effect/vitest"
import type { Event, Json } from "@reins/protocol"
import { createRuntime, Decision, type Parameters } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import { Effect, Schema } from "effect"
import * as v from "valibot"
import { z } from "zod"

/** The same parameters in each library. `page` has a default, so that a model may leave it out. */
const ways: ReadonlyArray<readonly [string, Parameters]> = [
  ["zod", z.object({ order: z.string(), page: z.number().default(1) })],
  ["valibot", toStandardJsonSchema(v.object({ order: v.string(), page: v.optional(v.number(), 1) }))],
  [
    "Effect",
    Schema.toStandardJSONSchemaV1(
      Schema.toStandardSchemaV1(
        Schema.Struct({
          order: Schema.String,
          page: Schema.Number.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1)))
        })
      )
    )
  ]
]

/** A run in which the model calls `look` once with `args`. */
const called = async (parameters: Parameters, args: Json, options: { readonly revise?: Json } = {}) => {
  const model = ScriptedModel.make({
    replies: [ScriptedModel.calls([{ id: "c", name: "look", args }]), ScriptedModel.text("done")]
  })
  const seen: Array<unknown> = []
  await using runtime = createRuntime({
    model,
    tools: {
      look: { parameters, needsApproval: options.revise !== undefined, execute: (given: unknown) => seen.push(given) }
    },
    agents: [{ name: "desk", tools: ["look"] }]
  })
  const refused: Array<unknown> = []
  const events: Array<Event> = []
  for await (const event of runtime.query("go")) {
    events.push(event)
    if (event.type !== "approval-required") continue
    const revision = Decision.revise(options.revise ?? null)
    await runtime.respondToApproval(event.data.id, revision).catch((error: unknown) => {
      refused.push(error)
      return runtime.respondToApproval(event.data.id, Decision.reject())
    })
  }
  const result = events.find((event) => event.type === "tool-invocation" && event.state === "result")
  return { seen, result, refused, offered: model.requests[0]?.tools[0]?.parameters }
}

describe.each(ways)("parameters by %s", (_, parameters) => {
  it("are told to the model, defaults optional", async () => {
    const { offered } = await called(parameters, { order: "A-1" })
    assert.isTrue(Schema.is(Schema.JsonObject)(offered))
    const { $schema, properties, required, type } = Schema.decodeUnknownSync(Schema.JsonObject)(offered)
    assert.deepStrictEqual([$schema, type, required], [undefined, "object", ["order"]])
    assert.hasAllKeys(properties, ["order", "page"])
  })

  it("reach the tool as the schema has made them", async () => {
    const { seen } = await called(parameters, { order: "A-1" })
    assert.deepStrictEqual(seen, [{ order: "A-1", page: 1 }])
  })

  it("that do not fit are told to the model, and the tool does not run", async () => {
    const { result, seen } = await called(parameters, { order: 7 })
    assert.deepStrictEqual(seen, [])
    assert.include(result, { status: "failed" })
    assert.match(JSON.stringify(result), /InvalidArguments.*order/)
  })

  it("hold a revision too", async () => {
    const { refused, seen } = await called(parameters, { order: "A-1" }, { revise: { page: "two" } })
    assert.strictEqual(refused.length, 1)
    assert.deepStrictEqual(seen, [])
  })
})

describe("raw JSON Schema", () => {
  it("is told to the model as it is, and arguments are taken as they come", async () => {
    const document = { type: "object", properties: { order: { type: "string", pattern: "^A" } }, not: {} } as const
    const { offered, seen } = await called(document, { order: 7 })
    assert.deepStrictEqual(offered, document)
    assert.deepStrictEqual(seen, [{ order: 7 }])
  })
})

describe("a schema", () => {
  it("may check asynchronously", async () => {
    const slow = z.object({ order: z.string().refine(async (order) => order === "A-1", "no such order") })
    assert.deepStrictEqual((await called(slow, { order: "A-1" })).seen, [{ order: "A-1" }])
    assert.match(JSON.stringify((await called(slow, { order: "B" })).result), /order: no such order/)
  })
})
