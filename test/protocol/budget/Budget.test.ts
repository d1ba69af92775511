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

const spent = (options: Budget.Options, amount: Budget.Amount): Budget.Node => {
  const [node] = Budget.charge([Budget.node([], Budget.make(options), 1000)], amount)
  assert.isDefined(node)
  return node
}

const refused = (node: Budget.Node, limits: { readonly [limit: string]: number }, elapsedMs?: number) =>
  Result.getOrThrow(Result.flip(Budget.raise(node, limits, elapsedMs)))

describe("Budget.raise", () => {
  it("lets the same node continue, with its spending", () => {
    const node = spent({ maxSteps: 3, maxCostUsd: 1 }, { steps: 3, nanoUsd: 1_000_000_000 })
    const raised = Result.getOrThrow(Budget.raise(node, { maxSteps: 5, maxCostUsd: 1.5 }))
    assert.deepStrictEqual(raised.budget, { maxSteps: 5, maxCostUsd: 1.5 })
    assert.strictEqual(raised.used.steps, 3)
    assert.strictEqual(Budget.remaining([raised]).steps, 2)
    assert.strictEqual(Budget.remaining([raised]).nanoUsd, 500_000_000)
  })

  it("rejects a limit that is not above what is used", () => {
    const options = { maxSteps: 3, maxTotalTokens: 10, maxCostUsd: 1, maxDuration: 500, maxCallsPerTool: { t: 2 } }
    const node = spent(options, { steps: 3, inputTokens: 6, outputTokens: 4, nanoUsd: 5e8, toolCalls: 2, tool: "t" })
    assert.strictEqual(
      refused(node, { maxSteps: 3 }).message,
      "Invalid budget: maxSteps must be more than the 3 that is used and held"
    )
    assert.strictEqual(refused(node, { maxTotalTokens: 10 }).limit, "maxTotalTokens")
    assert.strictEqual(refused(node, { maxCostUsd: 0.5 }).limit, "maxCostUsd")
    assert.strictEqual(refused(node, { maxDuration: 400 }, 1500).limit, "maxDuration")
    assert.strictEqual(refused(node, { "maxCallsPerTool.t": 2 }).limit, "maxCallsPerTool.t")
    const all = { maxSteps: 4, maxTotalTokens: 11, maxCostUsd: 0.6, maxDuration: 501, "maxCallsPerTool.t": 3 }
    assert.isTrue(Result.isSuccess(Budget.raise(node, all, 1500)))
  })

  it("leaves room for what is held", () => {
    const chain = [Budget.node([], Budget.make({ maxSteps: 5 }))]
    const [held] = Result.getOrThrow(Budget.reserve(chain, { steps: 4 }, 0))
    assert.isDefined(held)
    assert.strictEqual(refused(held, { maxSteps: 3 }).limit, "maxSteps")
    assert.isTrue(Result.isSuccess(Budget.raise(held, { maxSteps: 4 })))
  })

  it("raises all limits or none", () => {
    const node = spent({ maxSteps: 3 }, { steps: 3 })
    assert.strictEqual(refused(node, { maxSteps: 9, maxAgents: -1 }).limit, "maxAgents")
    assert.strictEqual(node.max.steps, 3)
  })

  it("sets limits that did not exist, also for another tool", () => {
    const node = spent({ maxCallsPerTool: { search: 1 } }, { toolCalls: 2, tool: "fetch", outputTokens: 10 })
    assert.strictEqual(refused(node, { "maxCallsPerTool.fetch": 2 }).limit, "maxCallsPerTool.fetch")
    assert.strictEqual(refused(node, { maxOutputTokens: 10 }).limit, "maxOutputTokens")
    const raised = Result.getOrThrow(
      Budget.raise(node, { "maxCallsPerTool.fetch": 3, maxOutputTokens: 11, maxDepth: 1 })
    )
    assert.deepStrictEqual(raised.budget, {
      maxCallsPerTool: { search: 1, fetch: 3 },
      maxOutputTokens: 11,
      maxDepth: 1
    })
  })

  it("rejects names that are not limits", () => {
    const node = spent({ maxSteps: 3 }, {})
    for (const limit of [
      "steps",
      "max_steps",
      "warnAt",
      "onExhausted",
      "maxDurationMs",
      "constructor",
      "maxCallsPerTool.t"
    ]) {
      assert.strictEqual(
        refused(node, { [limit]: 10 }).message,
        `Invalid budget: ${limit} is not a limit of this budget`
      )
    }
  })

  it("rejects invalid limits", () => {
    const node = spent({ maxSteps: 3, maxCostUsd: 1 }, {})
    for (const value of [NaN, -1, 3.5, 2 ** 53])
      assert.strictEqual(refused(node, { maxSteps: value }).limit, "maxSteps")
    assert.strictEqual(refused(node, { maxCostUsd: NaN }).limit, "maxCostUsd")
  })

  it("rejects a node without limits, on which nothing was counted", () => {
    assert.strictEqual(refused(Budget.node([]), { maxSteps: 10 }).limit, "maxSteps")
  })

  it("keeps counting when the last limit is removed", () => {
    const node = Result.getOrThrow(Budget.raise(spent({ maxSteps: 3 }, { steps: 3 }), { maxSteps: Infinity }))
    assert.isFalse(Budget.isUnlimited(node))
    const amount = { steps: 1 }
    const chain = Budget.settle(Result.getOrThrow(Budget.reserve([node], amount, 0)), amount, amount)
    assert.strictEqual(chain[0]?.used.steps, 4)
  })
})

describe("Budget.validateRaise", () => {
  it("names an unknown limit, or an invalid value", () => {
    const issue = (limits: { readonly [limit: string]: number }) => Budget.validateRaise(limits)?.message
    assert.isUndefined(issue({ maxSteps: 3, maxCostUsd: 0.5, "maxCallsPerTool.pay": 2, maxDuration: 1000 }))
    assert.include(issue({ maxStep: 3 }), "maxStep is not a limit of a budget")
    assert.include(issue({ maxSteps: 3, maxCostUsd: Number.NaN }), "maxCostUsd")
    assert.include(issue({ maxCostUsd: 1e300 }), "maxCostUsd")
    assert.include(issue({ maxSteps: -1 }), "maxSteps")
  })
})
