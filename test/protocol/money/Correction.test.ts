/** Corrections of estimated rows: whatever their order, sums are those of the rows as they really were. */
import { assert, describe, it } from "@effect/vitest"
import { Correction, type CostLine, CostReport, Entry, type Usage } from "@reins/protocol"
import { Schema } from "effect"

const price = {
  model: "m",
  match: "exact",
  source: "test",
  inputPerMillionUsd: 1.25,
  outputPerMillionUsd: 10.000001
} as const

const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))
const Used = Schema.Struct({ inputUncached: Count, inputCacheRead: Count, outputText: Count })
const Row = Schema.Struct({
  said: Used,
  real: Used,
  isPriced: Schema.Boolean,
  isCorrected: Schema.Boolean,
  order: Count
})

const entryOf = (used: Usage.Usage, priced: boolean): Entry.ModelEntry => {
  const costNanoUsd = priced ? Correction.of({ usage: {}, price }, used).costNanoUsd : undefined
  return Entry.model({
    path: [],
    step: 1,
    purpose: undefined,
    provider: "p",
    model: "m",
    usage: used,
    estimated: true,
    overrun: undefined,
    costNanoUsd,
    price: priced ? price : undefined,
    fees: undefined,
    startedAt: 0,
    endedAt: 1,
    attempts: []
  })
}

const lineOf = (entry: Entry.ModelEntry): CostLine.CostLine => {
  // A row that used nothing, changed into this one.
  const { costNanoUsd, ...tokens } = Correction.of({ usage: {} }, entry.usage, entry.costNanoUsd)
  const isPriced = entry.costNanoUsd !== undefined
  return {
    runId: "r",
    at: 0,
    resourceId: "t",
    principal: undefined,
    root: "a",
    agent: "a",
    kind: "model",
    name: "m",
    provider: "p",
    calls: 1,
    ...tokens,
    costNanoUsd,
    unpriced: isPriced ? 0 : 1,
    estimated: true
  }
}

describe("corrections", () => {
  it.prop(
    "in any order, of any of the rows, leave the sums of the rows as they really were, to the nano-dollar",
    { first: Row, more: Schema.Array(Row) },
    ({ first, more }) => {
      const rows = [first, ...more].map((row) => ({ ...row, entry: entryOf(row.said, row.isPriced) }))
      const changes = rows
        .filter(({ isCorrected }) => isCorrected)
        .toSorted((one, other) => one.order - other.order)
        .map(({ entry, real }) => Correction.of(entry, real))
      const corrections = changes.map((change): CostLine.CostLine => ({
        ...lineOf(entryOf({}, true)),
        ...change,
        calls: 0,
        estimated: false,
        isCorrection: true
      }))
      const { sum } = CostReport.fold([...rows.map(({ entry }) => lineOf(entry)), ...corrections], ["model"], 10)
      const truly = rows.map(({ isCorrected, isPriced, real, said }) =>
        lineOf(entryOf(isCorrected ? real : said, isPriced))
      )
      const { sum: expected } = CostReport.fold(truly, ["model"], 10)
      const { corrections: count = 0, correctedNanoUsd = 0, ...rest } = sum
      assert.deepStrictEqual(rest, expected)
      assert.strictEqual(count, changes.length)
      assert.strictEqual(
        correctedNanoUsd,
        changes.reduce((all, { costNanoUsd }) => all + costNanoUsd, 0)
      )
    }
  )

  it("with what a provider charged gives a row without a price its cost", () => {
    const { costNanoUsd, unpriced } = Correction.of(entryOf({ inputUncached: 7 }, false), { inputUncached: 9 }, 42)
    assert.deepStrictEqual([costNanoUsd, unpriced], [42, -1])
    assert.deepStrictEqual(Correction.of(entryOf({ inputUncached: 7 }, false), { inputUncached: 9 }), {
      costNanoUsd: 0,
      unpriced: 0,
      promptTokens: 2,
      completionTokens: 0
    })
  })
})
