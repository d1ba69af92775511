import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { CallInput } from "@reins/wire"

describe("JSON that ends anywhere", () => {
  it.prop("is whole with what closes it, wherever it ends", { value: Schema.Json }, ({ value }) => {
    const text = JSON.stringify(value)
    for (let end = 0; end <= text.length; end++) {
      const begun = text.slice(0, end)
      assert.doesNotThrow(() => JSON.parse(begun + CallInput.closing(begun)), undefined, begun)
    }
    assert.strictEqual(CallInput.closing(text), "")
  })

  it("keeps what is there", () => {
    const examples = ["", "{", '{"a', '{"a"', '{"a":', '{"a":1', '{"a":1,', "[", "[1,", '["\\u00', "tr", "-", "1."]
    assert.deepStrictEqual(
      examples.map((text) => text + CallInput.closing(text)),
      [
        "{}",
        "{}",
        '{"a":null}',
        '{"a":null}',
        '{"a":null}',
        '{"a":1}',
        '{"a":1,"":null}',
        "[]",
        "[1,null]",
        '["\\u0000"]',
        "true",
        "-0",
        "1.0"
      ]
    )
  })
})
