import { assert, describe, it } from "@effect/vitest"
import type { Event, Json } from "@reins/protocol"
import { createRuntime, Decision, type Parameters } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import { Effect, Schema } from "effect"
import { type } from "arktype"
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
  let asked = 0
  for await (const event of runtime.query("go")) {
    events.push(event)
    if (event.type !== "approval-required") continue
    asked++
    const revision = Decision.revise(options.revise ?? null)
    await runtime.respondToApproval(event.data.id, revision).catch((error: unknown) => {
      refused.push(error)
      return runtime.respondToApproval(event.data.id, Decision.reject())
    })
  }
  const result = events.find((event) => event.type === "tool-invocation" && event.state === "result")
  return { seen, result, refused, asked, offered: model.requests[0]?.tools[0]?.parameters }
}

describe.each(ways)("parameters by %s", (_, parameters) => {
  it("are sent to the model, with defaults optional", async () => {
    const { offered } = await called(parameters, { order: "A-1" })
    assert.isTrue(Schema.is(Schema.JsonObject)(offered))
    const { $schema, properties, required, type } = Schema.decodeUnknownSync(Schema.JsonObject)(offered)
    assert.deepStrictEqual([$schema, type, required], [undefined, "object", ["order"]])
    assert.hasAllKeys(properties, ["order", "page"])
  })

  it("reach the tool as the schema has transformed them", async () => {
    const { seen } = await called(parameters, { order: "A-1" })
    assert.deepStrictEqual(seen, [{ order: "A-1", page: 1 }])
  })

  it("that are invalid are reported to the model, and the tool does not run", async () => {
    const { result, seen } = await called(parameters, { order: 7 })
    assert.deepStrictEqual(seen, [])
    assert.include(result, { status: "failed" })
    assert.match(JSON.stringify(result), /InvalidArguments.*order/)
  })

  it("validate a revision too", async () => {
    const { refused, seen } = await called(parameters, { order: "A-1" }, { revise: { page: "two" } })
    assert.strictEqual(refused.length, 1)
    assert.deepStrictEqual(seen, [])
  })
})

describe("raw JSON Schema", () => {
  const document = { type: "object", properties: { order: { type: "string", pattern: "^A" } } } as const

  it("is sent to the model unchanged", async () => {
    const { offered, seen } = await called(document, { order: "A-1" })
    assert.deepStrictEqual(offered, document)
    assert.deepStrictEqual(seen, [{ order: "A-1" }])
  })

  it.each<Json>([{ order: 7 }, { order: "B" }, '{"order": "A', ["A"], 7])("lets no tool run with %j", async (args) => {
    const { result, seen } = await called(document, args)
    assert.deepStrictEqual(seen, [])
    assert.match(JSON.stringify(result), /InvalidArguments/)
  })

  it("validates a revision too", async () => {
    const { refused, seen } = await called(document, { order: "A-1" }, { revise: { order: 2 } })
    assert.deepStrictEqual([refused.length, seen], [1, []])
  })

  it("rejects a call before anybody is asked", async () => {
    const { asked, seen } = await called(document, { order: 7 }, { revise: { order: "A" } })
    assert.deepStrictEqual([asked, seen], [0, []])
  })
})

describe("a schema without an object", () => {
  it.each<readonly [string, unknown, RegExp]>([
    ["a string", z.string(), /tool "look" are of type string; .*wrap the value/],
    ["raw JSON Schema of an array", { type: "array" }, /tool "look" are of type array/],
    ["a date in a field", z.object({ n: z.number(), when: z.date() }), /tool "look", field "when": .*Use a JSON type/],
    [
      "a schema of a library without JSON Schema",
      { "~standard": {} },
      /tool "look": it has no JSON Schema..*toStandardJsonSchema/
    ],
    [
      "a schema of Effect's as it is",
      Schema.Struct({}),
      /option tools\.look\.parameters: a function\. Give a schema of/
    ],
    [
      "names of arguments",
      { order: { type: "string" } },
      /option tools\.look\.parameters: an object\. Give .* such as \{ type: "object", properties: /
    ]
  ])("is rejected when the runtime is made: %s", async (_, parameters, words) => {
    const failure = await called(untyped(parameters), {}).then(() => "made", String)
    assert.match(failure, words)
  })
})

const untyped = Schema.decodeUnknownSync(Schema.Any)

describe("a union schema", () => {
  const Shapes = z.discriminatedUnion("by", [
    z.object({ by: z.literal("user"), quote: z.string() }),
    z.object({ by: z.literal("guess"), reason: z.string() })
  ])
  const Tree = z.object({
    v: z.string(),
    get kids() {
      return z.array(Tree)
    }
  })

  it.each<readonly [string, Parameters, Json]>([
    ["a union by zod", Shapes, { by: "user", quote: "hi" }],
    ["a recursive one by zod", Tree, { v: "a", kids: [{ v: "b", kids: [] }] }],
    ["a union by arktype", type({ by: "'user'", quote: "string" }).or({ by: "'guess'" }), { by: "user", quote: "hi" }],
    ["an optional field by arktype", type({ order: "string", "page?": "number" }), { order: "A" }],
    [
      "a union by valibot",
      toStandardJsonSchema(
        v.variant("by", [v.object({ by: v.literal("user") }), v.object({ by: v.literal("guess") })])
      ),
      { by: "guess" }
    ],
    ["anything", z.any(), { free: true }],
    ["a record", z.record(z.string(), z.number()), { a: 1 }]
  ])("has an object at its root and accepts valid arguments: %s", async (_, parameters, args) => {
    const { offered, seen } = await called(parameters, args)
    const { anyOf, oneOf, properties, type: root } = Schema.decodeUnknownSync(Schema.JsonObject)(offered)
    assert.deepStrictEqual([root, typeof properties, anyOf, oneOf], ["object", "object", undefined, undefined])
    assert.deepStrictEqual(seen, [args])
  })
})

describe("a schema", () => {
  it("may validate asynchronously", async () => {
    const slow = z.object({ order: z.string().refine(async (order) => order === "A-1", "no such order") })
    assert.deepStrictEqual((await called(slow, { order: "A-1" })).seen, [{ order: "A-1" }])
    assert.match(JSON.stringify((await called(slow, { order: "B" })).result), /no such order.*order/)
  })
})

describe("raw JSON Schema", () => {
  const model = ScriptedModel.make({ replies: [] })
  const refusal = (parameters: unknown, output: unknown = {}) => {
    try {
      const tools = { look: { parameters, execute: () => "seen" } }
      void createRuntime({ model, tools, agents: [{ name: "desk", tools: ["look"], output }] } as never)[
        Symbol.asyncDispose
      ]()
    } catch (error) {
      return String(error)
    }
    return undefined
  }

  it.each<[string, object]>([
    ["nothing", {}],
    ["a description", { description: "Anything" }],
    ["patterns of names", { patternProperties: { "^x-": { type: "string" } } }],
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema
    ["conditions", { if: { required: ["a"] }, then: { required: ["b"] }, else: false }],
    ["a dynamic reference", { $dynamicRef: "#node", $defs: { node: { $dynamicAnchor: "node", type: "object" } } }],
    ["required names", { required: ["city"] }],
    ["closed names", { additionalProperties: false }],
    ["a count", { minProperties: 1 }],
    ["dependent names", { dependentRequired: { a: ["b"] } }],
    [
      "draft 4",
      {
        $schema: "http://json-schema.org/draft-04/schema#",
        id: "x",
        definitions: {},
        minimum: 0,
        exclusiveMinimum: true
      }
    ],
    ["extensions beside keywords", { type: "object", "x-order": 1, nullable: true }],
    ["annotations of OpenAPI beside keywords", { type: "object", deprecated: "use other", examples: { one: {} } }],
    ["a property that is left out", { type: "object", properties: { a: { type: "string" }, b: undefined } }]
  ])("is taken of every keyword: %s", (_name, schema) => {
    assert.isUndefined(refusal(schema, schema))
  })

  it.each<[string, unknown]>([
    ["names of arguments", { city: "string" }],
    ["names of arguments, one of which is a keyword", { city: "string", title: "string" }],
    ["names of arguments, all of which describe", { title: "string", description: "string" }],
    ["a name of an argument like a check of texts", { pattern: "string" }],
    ["names of arguments, one of which checks texts", { format: "string", query: "string" }],
    ["an unknown type", { type: "text" }],
    ["properties that are none", { properties: { city: "string" } }],
    ["one required name", { required: "city" }],
    ["a list of one schema", { allOf: { type: "object" } }],
    ["a schema of Effect", Schema.Struct({ city: Schema.String })],
    ["a date", new Date(0)],
    ["a map", new Map([["type", "object"]])]
  ])("is not what says nothing about a value, or something else: %s", (_name, schema) => {
    assert.match(refusal(schema) ?? "", /^Error: Invalid option tools\.look\.parameters: .+\. Give a schema of zod/)
    assert.match(refusal({}, schema) ?? "", /^Error: Invalid option agents\[0\]\.output: .+\. Give a schema of zod/)
  })
})
