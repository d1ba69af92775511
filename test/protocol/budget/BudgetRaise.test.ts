import { assert, describe, it } from "@effect/vitest"
import { Budget } from "@reins/protocol"
import { Result } from "effect"

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
