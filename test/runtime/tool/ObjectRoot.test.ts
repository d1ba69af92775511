import { assert, describe, it } from "@effect/vitest"
import type { Json } from "@reins/protocol"
import { Schema } from "effect"
import { JsonSchema, ObjectRoot } from "@reins/runtime"

const told = (document: Json): Json => {
  const made = ObjectRoot.make(document)
  assert.strictEqual(made._tag, "Told", JSON.stringify(made))
  return made._tag === "Told" ? made.schema : null
}

const problem = (document: Json): string => {
  const made = ObjectRoot.make(document)
  return made._tag === "Refused" ? made.problem : "told"
}

const text = { type: "string" }
const tree = { type: "object", properties: { kids: { type: "array", items: { $ref: "#/$defs/Tree" } } } }

describe("the root schema that a model is sent", () => {
  it.each<readonly [string, Json, Json]>([
    ["of anything", {}, { type: "object", properties: {} }],
    ["of true", true, { type: "object", properties: {} }],
    ["of an empty struct of Effect's", { not: { type: "null" } }, { type: "object", properties: {} }],
    [
      "of an object, without its dialect",
      {
        $schema: "https://json-schema.org/draft/2020-12/schema",
        type: "object",
        properties: { a: text },
        minProperties: 1
      },
      { type: "object", properties: { a: text }, minProperties: 1 }
    ],
    [
      "of names of properties that are no strings, which providers refuse",
      { type: "object", propertyNames: true, properties: { a: { type: "object", propertyNames: { type: "object" } } } },
      { type: "object", properties: { a: { type: "object" } } }
    ],
    [
      "of names of properties that are strings",
      { type: "object", propertyNames: { pattern: "^a" }, properties: { propertyNames: text } },
      { type: "object", propertyNames: { pattern: "^a" }, properties: { propertyNames: text } }
    ],
    [
      "of a named object",
      { $ref: "#/$defs/Named", $defs: { Named: { type: "object", properties: { a: text }, required: ["a"] } } },
      { type: "object", properties: { a: text }, required: ["a"] }
    ],
    ["of a recursive object", { $ref: "#/$defs/Tree", $defs: { Tree: tree } }, { ...tree, $defs: { Tree: tree } }],
    [
      "of older definitions",
      { type: "object", properties: { a: { $ref: "#/definitions/A" } }, definitions: { A: text, B: text } },
      { type: "object", properties: { a: { $ref: "#/$defs/A" } }, $defs: { A: text } }
    ],
    [
      "of both of two objects",
      {
        allOf: [
          { properties: { a: text }, required: ["a"] },
          { properties: { b: text }, required: ["b"] }
        ]
      },
      { type: "object", properties: { a: text, b: text }, required: ["a", "b"] }
    ],
    [
      "of an object or null",
      { anyOf: [{ type: "object", properties: { a: text }, required: ["a"] }, { type: "null" }] },
      { type: "object", properties: { a: text }, required: ["a"] }
    ],
    [
      "of one of two objects, with their shapes in words",
      {
        description: "Why",
        oneOf: [
          { type: "object", properties: { by: { const: "user" }, quote: text }, required: ["by", "quote"] },
          { type: "object", properties: { by: { const: "guess" }, quote: { type: "number" } }, required: ["by"] }
        ]
      },
      {
        type: "object",
        description: `Why\nOne of these shapes: { by: "user", quote } or { by: "guess", quote? }`,
        properties: { by: { enum: ["user", "guess"] }, quote: { anyOf: [text, { type: "number" }] } },
        required: ["by"]
      }
    ]
  ])("%s", (_, document, root) => {
    assert.deepStrictEqual(told(document), root)
  })

  it("keeps references to the old root", () => {
    const node = { type: "object", properties: { next: { $ref: "#" } }, required: ["next"] }
    assert.deepStrictEqual(told(node), node)
    assert.deepStrictEqual(told({ anyOf: [node, { type: "null" }] }), {
      type: "object",
      properties: { next: { $ref: "#/$defs/__root" } },
      required: ["next"],
      $defs: {
        __root: {
          anyOf: [
            { type: "object", properties: { next: { $ref: "#/$defs/__root" } }, required: ["next"] },
            { type: "null" }
          ]
        }
      }
    })
  })

  it.each<readonly [Json, RegExp]>([
    [false, /accept nothing/],
    [7, /not a JSON Schema/],
    [text, /of type string/],
    [{ type: ["array", "null"] }, /of type array or null/],
    [{ anyOf: [text, { type: "number" }] }, /of type string/],
    [{ enum: ["a", 1] }, /fixed values/],
    [{ $ref: "#/$defs/Gone" }, /refer to "#\/\$defs\/Gone"/],
    [{ type: "object", properties: { a: { $ref: "https://example.org/a.json" } } }, /refer to "https/],
    [{ $ref: "#/$defs/A", $defs: { A: { $ref: "#/$defs/A" } } }, /refer to themselves/]
  ])("is rejected for %j", (document, words) => {
    assert.match(problem(document), words)
  })
})

/** A schema and a value of its kind, by drawn numbers: unions, references, empty, closed and recursive ones. */
const drawn = (numbers: ReadonlyArray<number>): { readonly document: Json; readonly value: Json } => {
  let at = 0
  const next = (below: number): number => (numbers[at++] ?? 0) % below
  const leaves: ReadonlyArray<Json> = [
    text,
    { type: "integer" },
    { type: "null" },
    { const: "x" },
    {},
    { type: "array" }
  ]
  const names = ["a", "b", "__proto__", "$ref", "default"]
  const several = (depth: number): ReadonlyArray<Json> => Array.from({ length: 1 + next(3) }, () => schema(depth))
  const properties = (depth: number): Json =>
    Object.fromEntries(Array.from({ length: next(3) }, () => [names[next(names.length)] ?? "a", schema(depth)]))
  const schema = (depth: number): Json => {
    switch (depth > 3 ? 0 : next(9)) {
      case 0:
        return leaves[next(leaves.length)] ?? true
      case 1:
        return { anyOf: several(depth + 1) }
      case 2:
        return { oneOf: several(depth + 1) }
      case 3:
        return { allOf: several(depth + 1) }
      case 4:
        return { $ref: "#/$defs/A" }
      case 5:
        return { $ref: "#" }
      case 6:
        return { type: "object", properties: properties(depth + 1), additionalProperties: false }
      default:
        return { type: "object", properties: properties(depth + 1), required: next(2) === 0 ? [] : ["a"] }
    }
  }
  const value = (depth: number): Json => {
    const leaf: ReadonlyArray<Json> = ["x", "y", 1, null, []]
    return depth > 0 && next(3) > 0
      ? (leaf[next(leaf.length)] ?? null)
      : Object.fromEntries(Array.from({ length: next(3) }, () => [names[next(names.length)] ?? "a", value(depth + 1)]))
  }
  const root = schema(0)
  const document =
    typeof root === "object" && root !== null && !Array.isArray(root) ? { ...root, $defs: { A: schema(1) } } : root
  return { document, value: value(0) }
}

describe("for every schema", () => {
  const Numbers = Schema.Array(Schema.Natural.check(Schema.isLessThan(1000))).check(
    Schema.isMinLength(10),
    Schema.isMaxLength(60)
  )

  it.prop(
    "an object is at the root, without keywords that providers reject there, and every reference has its target",
    { numbers: Numbers },
    ({ numbers }) => {
      const made = ObjectRoot.make(drawn(numbers).document)
      if (made._tag === "Refused") return assert.notStrictEqual(made.problem, "")
      const { properties, type } = made.schema
      const compound = ["$ref", "allOf", "anyOf", "oneOf", "not", "enum", "const"].filter((one) => one in made.schema)
      assert.deepStrictEqual([type, typeof properties, compound], ["object", "object", []])
      // Told once more, nothing changes.
      assert.deepStrictEqual(ObjectRoot.make(made.schema), made)
    },
    { arbitrary: { runs: 300 } }
  )

  it.prop(
    "a value that matches the original matches the sent schema",
    { numbers: Numbers },
    ({ numbers }) => {
      const { document, value } = drawn(numbers)
      const made = ObjectRoot.make(document)
      if (JsonSchema.checker(document)(value) !== undefined || made._tag === "Refused") return
      assert.isUndefined(JsonSchema.checker(made.schema)(value), JSON.stringify([document, made, value]))
    },
    { arbitrary: { runs: 1000 } }
  )
})
