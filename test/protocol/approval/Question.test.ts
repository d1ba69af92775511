import { assert, describe, it } from "@effect/vitest"
import { type Json, Question } from "@reins/protocol"

const asked = (schema: Json, options?: ReadonlyArray<string>): Question.Question => ({
  question: "?",
  ...(options === undefined ? {} : { options }),
  schema
})

const choice = asked({ type: "string", enum: ["red", "2", "Blue"] }, ["red", "2", "Blue"])

describe("a typed answer", () => {
  it("is an option by its text, by its text in other letters, or by its number", () => {
    assert.deepStrictEqual(
      ["red", " RED ", "blue", "3", "2", "1"].map((text) => Question.fromText(choice, text)),
      ["red", "red", "Blue", "Blue", "2", "red"]
    )
    assert.strictEqual(Question.fromText(choice, "green"), "green")
    assert.strictEqual(Question.fromText(choice, "9"), "9")
  })

  it("is a list with commas, or as JSON", () => {
    const list = asked({ type: "array", items: { type: "string", enum: ["a", "b", "c"] } }, ["a", "b", "c"])
    assert.deepStrictEqual(Question.fromText(list, "1, c"), ["a", "c"])
    assert.deepStrictEqual(Question.fromText(list, '["b"]'), ["b"])
  })

  it("is a number or a yes or no where the schema wants one, and text where it cannot be read so", () => {
    assert.strictEqual(Question.fromText(asked({ type: "number" }), "2.5"), 2.5)
    assert.strictEqual(Question.fromText(asked({ type: "integer" }), "many"), "many")
    assert.strictEqual(Question.fromText(asked({ type: "boolean" }), "Yes"), true)
    assert.strictEqual(Question.fromText(asked({ type: "boolean" }), "n"), false)
    assert.strictEqual(Question.fromText(asked({ type: "string" }), " 7 "), "7")
    assert.deepStrictEqual(Question.fromText(asked({}), "7"), 7)
  })

  it("is a form as JSON, as lines, or as the bare value of its only field", () => {
    const form = asked({
      type: "object",
      properties: { name: { type: "string" }, age: { type: "integer" } },
      required: ["name"]
    })
    assert.deepStrictEqual(Question.fromText(form, '{"name":"Mia","age":4}'), { name: "Mia", age: 4 })
    assert.deepStrictEqual(Question.fromText(form, "name = Mia=2\nage=4"), { name: "Mia=2", age: 4 })
    assert.deepStrictEqual(Question.fromText(form, "name=a; b;age = 4"), { name: "a; b", age: 4 })
    assert.strictEqual(Question.fromText(form, "Mia"), "Mia")
    const one = asked({ type: "object", properties: { sure: { type: "boolean" } } })
    assert.deepStrictEqual(Question.fromText(one, "yes"), { sure: true })
    const named = asked({ type: "object", properties: JSON.parse('{"__proto__":{"type":"string"}}') })
    assert.isTrue(Object.hasOwn(Question.fromText(named, "__proto__=x") as object, "__proto__"))
  })
})

describe("what a question expects", () => {
  it("is said in words", () => {
    const says = (schema: Json) => Question.expected(schema)
    assert.strictEqual(says(choice.schema), 'one of "red", "2", "Blue"')
    assert.strictEqual(says({ type: "array", items: { enum: ["a"] } }), 'a list, each one of "a"')
    assert.strictEqual(
      says({ type: "object", properties: { a: { type: "integer" }, b: { type: "boolean" } }, required: ["a"] }),
      "an object with a (a whole number), b (true or false, optional)"
    )
    assert.strictEqual(says(true), "a value that fits the schema of the question")
  })

  it("is read from the payload of a question alone", () => {
    const payload: Json = { question: "?", schema: { type: "string" } }
    assert.deepStrictEqual(Question.of({ kind: "question", payload }), { question: "?", schema: { type: "string" } })
    assert.isUndefined(Question.of({ kind: "tool", payload }))
    assert.isUndefined(Question.of({ kind: "question", payload: { question: 1 } }))
  })
})
