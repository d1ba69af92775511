import { assert, describe, it } from "@effect/vitest"
import { Usage } from "@reins/protocol"
import { Option, Schema } from "effect"

const Part = Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1e9 })))
const Any: Schema.Codec<Usage.Usage> = Schema.Struct({
  inputUncached: Part,
  inputCacheRead: Part,
  inputCacheWrite: Part,
  inputCacheWriteLong: Part,
  outputText: Part,
  outputReasoning: Part
})

/** Counts of which two pass 2⁵³ − 1, and a few that do not. */
const Huge = Schema.optionalKey(
  Schema.Literals([0, 1, 7, 2 ** 52, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER])
)
const Largest: Schema.Codec<Usage.Usage> = Schema.Struct({
  inputUncached: Huge,
  inputCacheRead: Huge,
  inputCacheWrite: Huge,
  inputCacheWriteLong: Huge,
  outputText: Huge,
  outputReasoning: Huge
})

describe("Usage", () => {
  it.prop(
    "has totals of a sum that equal the sum of the totals beyond 2^53, in any order and grouping",
    { a: Largest, b: Largest, c: Largest },
    ({ a, b, c }) => {
      const [x, y, z] = [Usage.toTotals(a), Usage.toTotals(b), Usage.toTotals(c)]
      const whole = Usage.toTotals(Usage.add(Usage.add(a, b), c))
      assert.deepStrictEqual(whole, Usage.addTotals(Usage.addTotals(x, y), z))
      assert.deepStrictEqual(whole, Usage.addTotals(x, Usage.addTotals(y, z)))
      assert.deepStrictEqual(Usage.add(Usage.add(a, b), c), Usage.add(a, Usage.add(b, c)))
      const running = new Usage.RunningTotals()
      for (const one of [c, a, b]) running.add(one)
      assert.deepStrictEqual(running.totals, whole)
      assert.isTrue(Schema.is(Usage.UsageTotals)(whole))
    }
  )

  it.prop("counts every token in the totals exactly once", { usage: Any }, ({ usage }) => {
    const totals = Usage.toTotals(usage)
    const sum = Object.values<number>({ ...usage }).reduce((a, b) => a + b, 0)
    assert.strictEqual(totals.totalTokens, sum)
    assert.strictEqual(totals.promptTokens + totals.completionTokens, sum)
    assert.isAtMost(totals.cacheReadInputTokens + totals.cacheCreationInputTokens, totals.promptTokens)
  })

  it.prop("has totals of a sum that equal the sum of the totals", { a: Any, b: Any }, ({ a, b }) => {
    const x = Usage.toTotals(a)
    const y = Usage.toTotals(b)
    assert.deepStrictEqual(Usage.toTotals(Usage.add(a, b)), {
      promptTokens: x.promptTokens + y.promptTokens,
      completionTokens: x.completionTokens + y.completionTokens,
      cacheReadInputTokens: x.cacheReadInputTokens + y.cacheReadInputTokens,
      cacheCreationInputTokens: x.cacheCreationInputTokens + y.cacheCreationInputTokens,
      totalTokens: x.totalTokens + y.totalTokens
    })
  })

  it.prop("adds up to the same in any order and grouping", { a: Any, b: Any, c: Any }, ({ a, b, c }) => {
    assert.deepStrictEqual(Usage.add(a, b), Usage.add(b, a))
    assert.deepStrictEqual(Usage.add(Usage.add(a, b), c), Usage.add(a, Usage.add(b, c)))
    assert.deepStrictEqual(Usage.add(a, Usage.empty), a)
  })

  it("separates unknown from 0", () => {
    assert.isTrue(Usage.isUnknown(Usage.empty))
    assert.isFalse(Usage.isUnknown({ outputText: 0 }))
    assert.deepStrictEqual(Usage.add({ outputText: 1 }, { inputUncached: 0 }), { inputUncached: 0, outputText: 1 })
  })

  it("counts cached input once, as a part of the prompt", () => {
    const usage = { inputUncached: 100, inputCacheRead: 5, inputCacheWrite: 10, inputCacheWriteLong: 3, outputText: 7 }
    assert.strictEqual(Usage.inputTokens(usage), 118)
    assert.deepStrictEqual(Usage.toTotals(usage), {
      promptTokens: 118,
      completionTokens: 7,
      cacheReadInputTokens: 5,
      cacheCreationInputTokens: 13,
      totalTokens: 125
    })
  })

  it("counts reasoning as output", () => {
    assert.strictEqual(Usage.outputTokens({ outputText: 7, outputReasoning: 30 }), 37)
  })

  it("rejects negative, fractional and null parts in input", () => {
    const decode = Schema.decodeUnknownOption(Usage.Usage)
    for (const part of [-1, 1.5, NaN, null, "7"])
      assert.isTrue(Option.isNone(decode({ outputText: part })), String(part))
    assert.deepStrictEqual(decode({}), Option.some({}))
  })
})
