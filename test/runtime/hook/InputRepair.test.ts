/** What of a model's arguments is repaired by a tool's schema, and what is left to the model. */
import { assert, describe, it } from "@effect/vitest"
import type { Json } from "@reins/protocol"
import { InputRepair } from "@reins/runtime"
import { Effect, Schema } from "effect"
import * as OneTool from "../../support/OneTool.ts"

const schema: Json = {
  type: "object",
  properties: {
    n: { type: "integer" },
    price: { type: "number" },
    on: { type: "boolean" },
    name: { type: "string" },
    tags: { type: "array", items: { type: "string" } },
    at: { $ref: "#/$defs/Place" },
    maybe: { anyOf: [{ type: "number" }, { type: "null" }] },
    size: { enum: ["s", "m"], type: "string" }
  },
  additionalProperties: false,
  $defs: { Place: { type: "object", properties: { x: { type: "number" } } } }
}

describe("a repair of arguments", () => {
  it("parses JSON in strings, coerces by the schema, and strips what the schema does not have", () => {
    const repairs: ReadonlyArray<readonly [Json, Json]> = [
      ['{"n":1}', { n: 1 }],
      [
        { n: "7", price: " 1.50 ", on: "True" },
        { n: 7, price: 1.5, on: true }
      ],
      [
        { name: 12, tags: '["a","b"]' },
        { name: "12", tags: ["a", "b"] }
      ],
      [{ tags: [1, "b"] }, { tags: ["1", "b"] }],
      [{ at: '{"x":"2"}' }, { at: { x: 2 } }],
      [{ maybe: "3" }, { maybe: 3 }],
      [{ maybe: "null" }, { maybe: null }],
      [{ n: 1, extra: true }, { n: 1 }]
    ]
    for (const [given, expected] of repairs) assert.deepStrictEqual(InputRepair.repair(schema, given), expected)
  })

  it("leaves what is right and what is not plain as it is, and the very same value", () => {
    for (const given of [
      { n: 1, price: 2, on: false, name: "12", tags: ["a"], at: { x: 1 }, maybe: null },
      { n: "seven" },
      { n: "1.5" },
      { on: "yes" },
      { tags: "a, b" },
      { at: "[1]" },
      { size: "xl" },
      "no JSON",
      [1]
    ] as ReadonlyArray<Json>) {
      assert.strictEqual(InputRepair.repair(schema, given), given)
    }
  })

  it.prop(
    "is done once: a second one changes nothing, and no value and no schema stops it",
    {
      schema: Schema.Json,
      args: Schema.Json
    },
    ({ args, schema: drawn }) => {
      for (const one of [schema, drawn, { type: "object", properties: { a: { $ref: "#" } } } as Json]) {
        const made = InputRepair.repair(one, args)
        assert.deepStrictEqual(InputRepair.repair(one, made), made)
      }
    }
  )

  const run = Effect.fnUntraced(function* (args: Json) {
    const called: Array<unknown> = []
    const { probe } = yield* OneTool.start({
      handler: (given) => Effect.sync(() => (called.push(given), "ok")),
      model: OneTool.caller([args]),
      agent: { hooks: [InputRepair.make()] }
    })
    yield* probe.end
    const result = probe.of("tool-invocation").find(({ state }) => state === "result")
    return { called, result }
  })

  it.effect("runs the tool with what the tool accepts, and leaves the model's own where it does not", () =>
    Effect.gen(function* () {
      const repaired = yield* run({ n: "7" })
      assert.deepStrictEqual(repaired.called, [{ n: 7 }])
      assert.deepInclude(repaired.result, { args: { n: 7 } })
      // A number, and not one that the tool takes.
      const refused = yield* run({ n: "-7" })
      assert.deepStrictEqual(refused.called, [])
      assert.deepInclude(refused.result, { args: { n: "-7" }, status: "failed" })
    }).pipe(Effect.scoped)
  )
})
