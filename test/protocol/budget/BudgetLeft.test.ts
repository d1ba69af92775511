import { assert, describe, it } from "@effect/vitest"
import type { Entry } from "@reins/protocol"
import { Budget, Money } from "@reins/protocol"
import { Result, Schema } from "effect"

const limits = (options: Budget.Options, path: ReadonlyArray<string> = [], sinceMs?: number) =>
  Budget.node(path, Budget.make(options), sinceMs)

const price: Entry.Price = {
  model: "m",
  match: "exact",
  source: "test",
  inputPerMillionUsd: 3,
  outputPerMillionUsd: 15,
  cacheWritePerMillionUsd: 3.75
}

const whole = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

describe("Budget.remaining", () => {
  it("is unlimited without a limit", () => {
    const counters = Budget.remaining([Budget.node([])])
    for (const value of Object.values(counters)) assert.strictEqual(value, Infinity)
  })

  it("is the minimum of the chain, without what others hold", () => {
    const root = Budget.charge([limits({ maxSteps: 10, maxCostUsd: 1 })], { steps: 3, nanoUsd: 400_000_000 })
    const chain = [limits({ maxSteps: 8, maxAgents: 2 }, ["a#1"]), ...root]
    const held = Result.getOrThrow(Budget.reserve(chain, { steps: 2, nanoUsd: 100_000_000 }, 0))
    assert.deepStrictEqual(Budget.remaining(held), {
      steps: 5,
      toolCalls: Infinity,
      inputTokens: Infinity,
      outputTokens: Infinity,
      nanoUsd: 500_000_000,
      agents: 2
    })
  })

  it("bounds input and output by the rest of the total", () => {
    const chain = Budget.charge([limits({ maxTotalTokens: 100, maxOutputTokens: 20 })], {
      inputTokens: 50,
      outputTokens: 5
    })
    assert.strictEqual(Budget.remaining(chain).inputTokens, 45)
    assert.strictEqual(Budget.remaining(chain).outputTokens, 15)
  })

  it("is 0, never less, after an overrun", () => {
    const chain = Budget.charge([limits({ maxSteps: 1, maxTotalTokens: 1 })], { steps: 5, outputTokens: 5 })
    assert.strictEqual(Budget.remaining(chain).steps, 0)
    assert.strictEqual(Budget.remaining(chain).outputTokens, 0)
  })
})

describe("Budget.headroom", () => {
  it("is the wanted amount when nothing limits it", () => {
    assert.strictEqual(Budget.headroom([Budget.node([])], { inputTokens: 10, wanted: 4096 }), 4096)
    assert.strictEqual(Budget.headroom([limits({ maxSteps: 1 })], { inputTokens: 10, wanted: Infinity }), Infinity)
  })

  it("is 0 when money is limited and the price is unknown", () => {
    assert.strictEqual(Budget.headroom([limits({ maxCostUsd: 5 })], { inputTokens: 10, wanted: 4096 }), 0)
  })

  it("leaves room for the input in the total and in the money", () => {
    const wanted = 1_000_000
    assert.strictEqual(Budget.headroom([limits({ maxTotalTokens: 100 })], { inputTokens: 60, wanted }), 40)
    assert.strictEqual(Budget.headroom([limits({ maxTotalTokens: 100 })], { inputTokens: 101, wanted }), 0)
    // 1000 tokens of input at the dearest 3.75 leave 0.01125 USD: 750 tokens at 15
    assert.strictEqual(Budget.headroom([limits({ maxCostUsd: 0.015 })], { inputTokens: 1000, price, wanted }), 750)
  })

  it.prop(
    "is the largest amount that can be reserved with its money",
    {
      cost: Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 0.05 })),
      output: whole(3000),
      total: whole(5000),
      childOutput: whole(3000),
      inputTokens: whole(4000),
      wanted: whole(3000),
      spent: whole(500)
    },
    ({ childOutput, cost, inputTokens, output, spent, total, wanted }) => {
      const root = limits({ maxOutputTokens: output, maxTotalTokens: total, maxCostUsd: cost })
      const empty = [limits({ maxOutputTokens: childOutput }, ["a#1"]), root]
      const chain = Budget.charge(empty, { outputTokens: spent, nanoUsd: Money.mostFor(price, 0, spent) })
      const amount = (outputTokens: number) => ({
        inputTokens,
        outputTokens,
        nanoUsd: Money.mostFor(price, inputTokens, outputTokens)
      })
      const most = Budget.headroom(chain, { inputTokens, price, wanted })
      assert.isAtMost(most, wanted)
      if (most > 0) assert.isTrue(Result.isSuccess(Budget.reserve(chain, amount(most), 0)))
      if (most < wanted) assert.isTrue(Result.isFailure(Budget.reserve(chain, amount(most + 1), 0)))
    },
    { arbitrary: { runs: 1000 } }
  )
})

describe("Budget.warnings", () => {
  it("reports once that a limit's share is used", () => {
    const zero = [limits({ maxSteps: 10, warnAt: 0.8 })]
    const seven = Budget.charge(zero, { steps: 7 })
    const eight = Budget.charge(seven, { steps: 1 })
    const nine = Budget.charge(eight, { steps: 1 })
    assert.deepStrictEqual(Budget.warnings(zero, seven), [])
    assert.deepStrictEqual(Budget.warnings(seven, eight), [{ limit: "maxSteps", max: 10, used: 8, path: [] }])
    assert.deepStrictEqual(Budget.warnings(eight, nine), [])
  })

  it("computes the share in exact decimals", () => {
    const zero = [limits({ maxSteps: 100, warnAt: 0.07 })]
    assert.strictEqual(Budget.warnings(zero, Budget.charge(zero, { steps: 7 })).length, 1)
  })

  it("does not warn because of holds, which may be released", () => {
    const chain = [limits({ maxSteps: 1, warnAt: 0.5 })]
    assert.deepStrictEqual(Budget.warnings(chain, Result.getOrThrow(Budget.reserve(chain, { steps: 1 }, 0))), [])
  })

  it("warns of every limit and node in its own unit", () => {
    const chain = [
      limits({ maxCallsPerTool: { search: 2 }, warnAt: 1 }, ["a#1"]),
      limits({ maxCostUsd: 2, maxTotalTokens: 10, warnAt: 0.5 })
    ]
    const after = Budget.charge(chain, {
      toolCalls: 2,
      tool: "search",
      nanoUsd: 1_500_000_000,
      inputTokens: 3,
      outputTokens: 3
    })
    assert.deepStrictEqual(Budget.warnings(chain, after), [
      { limit: "maxCallsPerTool.search", max: 2, used: 2, path: ["a#1"] },
      { limit: "maxCostUsd", max: 2, used: 1.5, path: [] },
      { limit: "maxTotalTokens", max: 10, used: 6, path: [] }
    ])
  })

  it("includes the time when it is given", () => {
    const chain = [limits({ maxDuration: 1000, warnAt: 0.5 }, [], 100)]
    assert.deepStrictEqual(Budget.warnings(chain, chain), [])
    assert.deepStrictEqual(Budget.warnings(chain, chain, { before: 599, after: 600 }), [
      { limit: "maxDuration", max: 1000, used: 500, path: [] }
    ])
    assert.deepStrictEqual(Budget.warnings(chain, chain, { before: 600, after: 700 }), [])
  })

  it("warns at the first use with a share of 0, and never without a share", () => {
    const now = [limits({ maxSteps: 10, warnAt: 0 })]
    const never = [limits({ maxSteps: 10 })]
    assert.strictEqual(Budget.warnings(now, Budget.charge(now, { steps: 1 })).length, 1)
    assert.strictEqual(Budget.warnings(never, Budget.charge(never, { steps: 10 })).length, 0)
  })
})
