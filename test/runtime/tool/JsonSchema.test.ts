import { assert, describe, it } from "@effect/vitest"
import type { Json } from "@reins/protocol"
import { Schema } from "effect"
import { JsonSchema } from "@reins/runtime"

const person: Json = {
  type: "object",
  properties: {
    name: { type: "string", minLength: 1 },
    tags: { type: "array", items: { enum: ["a", "b"] } },
    address: { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
  },
  required: ["name"],
  additionalProperties: false
}

describe("a check by JSON Schema", () => {
  it.each<readonly [Json, string]>([
    [{}, `Instance does not have required property "name".`],
    [{ name: "" }, "name: String is too short (0 < 1)."],
    [{ name: "A", tags: ["a", "c"] }, `tags.1: Instance does not match any of ["a","b"].`],
    [{ name: "A", address: {} }, `address: Instance does not have required property "city".`],
    [{ name: "A", nick: "B" }, "nick: The schema allows nothing here. Leave it out."]
  ])("names the invalid field of %j, and nothing more", (value, words) => {
    assert.strictEqual(JsonSchema.checker(person)(value), words)
  })

  it("finds nothing in valid values", () => {
    assert.isUndefined(JsonSchema.checker(person)({ name: "A", tags: ["a"], address: { city: "Oslo" } }))
  })

  it("uses the dialect that the schema names", () => {
    const draft = (dialect: string): Json => ({ $schema: dialect, type: "array", items: [{ type: "string" }] })
    assert.isDefined(JsonSchema.checker(draft("http://json-schema.org/draft-07/schema#"))([1]))
    assert.isUndefined(JsonSchema.checker(draft("http://json-schema.org/draft-07/schema#"))(["a"]))
  })

  it("ignores an invalid pattern, and checks the others", () => {
    const check = JsonSchema.checker({ properties: { a: { pattern: "[\\w-.]+" }, b: { pattern: "^x" } } })
    assert.isUndefined(check({ a: "?" }))
    assert.match(check({ b: "y" }) ?? "", /^b: String does not match pattern/)
  })

  it("rejects everything when the schema is circular", () => {
    assert.match(JsonSchema.checker({ $ref: "#" })({}) ?? "", /schema of the arguments is invalid/)
  })

  it("changes no schema that it is given", () => {
    const frozen = Object.freeze({
      type: "object",
      properties: Object.freeze({ a: Object.freeze({ type: "string" }) })
    })
    assert.isUndefined(JsonSchema.checker(frozen)({ a: "x" }))
    assert.deepStrictEqual(Reflect.ownKeys(frozen), ["type", "properties"])
  })

  it.prop(
    "never throws, whatever the schema is",
    { schema: Schema.Json, value: Schema.Json },
    ({ schema, value }) => {
      const said = JsonSchema.checker(schema)(value)
      assert.isTrue(said === undefined || said !== "")
    },
    { arbitrary: { runs: 500 } }
  )
})
