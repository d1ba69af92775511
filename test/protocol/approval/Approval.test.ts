import { assert, describe, it } from "@effect/vitest"
import { Decision } from "@reins/protocol"
import { Option, Schema } from "effect"

const viaJson = (decision: Decision): Decision =>
  Schema.decodeUnknownSync(Decision)(JSON.parse(JSON.stringify(Schema.encodeSync(Decision)(decision))))

describe("Decision", () => {
  it("contains only the given fields", () => {
    assert.deepStrictEqual(Decision.approve(), { type: "approve" })
    assert.deepStrictEqual(Decision.approve({ by: undefined, feedback: undefined, uses: undefined }), {
      type: "approve"
    })
    assert.deepStrictEqual(Decision.reject({ feedback: "not this order", by: "mia" }), {
      type: "reject",
      feedback: "not this order",
      by: "mia"
    })
    assert.deepStrictEqual(Decision.revise({ amountUsd: 20 }), { type: "revise", partial: { amountUsd: 20 } })
  })

  it("converts a grant's lifetime to milliseconds", () => {
    assert.deepStrictEqual(Decision.approve({ scope: "thread", uses: 3, expiresIn: "1 hour" }), {
      type: "approve",
      scope: "thread",
      uses: 3,
      expiresInMillis: 3_600_000
    })
  })

  it("raises limits by name as an approval", () => {
    assert.deepStrictEqual(Decision.raise({ maxSteps: 20 }, { by: "mia" }), {
      type: "approve",
      raise: { maxSteps: 20 },
      by: "mia"
    })
  })

  it("keeps its kind and fields whatever options code without types gives, and is refused for them", () => {
    const strict = Schema.decodeUnknownOption(Decision, { onExcessProperty: "error" })
    const foreign = { type: "approve", value: 2, partial: 2, raise: { maxSteps: 9 }, expiresInMillis: 9, by: "x" }
    const made = [
      [Decision.approve(foreign as never), { type: "approve", by: "x" }],
      [Decision.reject(foreign as never), { type: "reject", by: "x" }],
      [Decision.revise(1, foreign as never), { type: "revise", partial: 1, by: "x" }],
      [Decision.answer(1, foreign as never), { type: "answer", value: 1, by: "x" }],
      [Decision.raise({ maxSteps: 1 }, foreign as never), { type: "approve", raise: { maxSteps: 1 }, by: "x" }]
    ] as const
    for (const [decision, own] of made) {
      assert.deepStrictEqual(Schema.decodeUnknownSync(Decision)(decision), own)
      assert.isTrue(Option.isNone(strict(decision)))
    }
    for (const [name, value] of Object.entries({ type: "approve", scope: "thread", uses: 1, use: 1 })) {
      const options = { [name]: value } as never
      for (const decision of [Decision.reject(options), Decision.answer(1, options), Decision.raise({ a: 1 }, options)])
        assert.isTrue(Option.isNone(strict(decision)), `${decision.type} with ${name}`)
    }
    const inherited = JSON.parse('{ "__proto__": { "type": "approve" } }')
    assert.isTrue(Option.isNone(strict(Decision.reject(inherited))))
  })

  it("survives being sent", () => {
    const decisions = [
      Decision.approve({ scope: "run", matcher: { order: "7" }, maxCostUsd: 0.5, expiresIn: 5000, by: "mia" }),
      Decision.reject({ feedback: "no" }),
      Decision.revise({ amountUsd: 20, note: null }, { feedback: "only the second charge" }),
      Decision.raise({ maxCostUsd: 2, "maxCallsPerTool.search": 5 })
    ]
    for (const decision of decisions) assert.deepStrictEqual(viaJson(decision), decision)
  })

  it("rejects an invalid decision", () => {
    const decode = Schema.decodeUnknownOption(Decision)
    for (const value of [
      null,
      "approve",
      {},
      { type: "maybe" },
      { type: "revise" },
      { type: "approve", scope: "everything" },
      { type: "approve", uses: -1 },
      { type: "approve", uses: 1.5 },
      { type: "approve", raise: { maxSteps: "20" } }
    ])
      assert.isTrue(Option.isNone(decode(value)), JSON.stringify(value))
  })
})
