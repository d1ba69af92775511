import { assert, describe, it } from "@effect/vitest"
import { Budget, Event } from "@reins/protocol"
import { Schema } from "effect"

const refusal = (limit: string, max: number, used = max): Budget.Refusal => ({
  limit,
  max,
  used,
  path: [],
  heldByOthers: false
})

const shown = (limit: string, max: number): ReadonlyArray<string> => {
  const { code, message } = Budget.toEvent(refusal(limit, max))
  return [message, code]
}

describe("Budget.toEvent", () => {
  it("contains the limit, its value and a code", () => {
    assert.deepStrictEqual(Budget.toEvent(refusal("maxToolCalls", 10)), {
      type: "budget_exhausted",
      message: "max_tool_calls=10 reached",
      code: "E_BUDGET_TOOL_CALLS",
      data: { limit: "maxToolCalls", max: 10, used: 10 }
    })
  })

  it("has a message and a code for every limit", () => {
    assert.deepStrictEqual(shown("maxSteps", 12), ["max_steps=12 reached", "E_BUDGET_STEPS"])
    assert.deepStrictEqual(shown("maxInputTokens", 9), ["max_input_tokens=9 reached", "E_BUDGET_INPUT_TOKENS"])
    assert.deepStrictEqual(shown("maxOutputTokens", 9), ["max_output_tokens=9 reached", "E_BUDGET_OUTPUT_TOKENS"])
    assert.deepStrictEqual(shown("maxTotalTokens", 9), ["max_total_tokens=9 reached", "E_BUDGET_TOTAL_TOKENS"])
    assert.deepStrictEqual(shown("maxDepth", 1), ["max_depth=1 reached", "E_BUDGET_DEPTH"])
    assert.deepStrictEqual(shown("maxAgents", 4), ["max_agents=4 reached", "E_BUDGET_AGENTS"])
  })

  it("shows money in dollars without an exponent, and time in milliseconds", () => {
    assert.deepStrictEqual(shown("maxCostUsd", 0.25), ["max_cost_usd=0.25 reached", "E_BUDGET_COST_USD"])
    assert.strictEqual(shown("maxCostUsd", 1e-7)[0], "max_cost_usd=0.0000001 reached")
    assert.deepStrictEqual(shown("maxDuration", 120_000), ["max_duration_ms=120000 reached", "E_BUDGET_DURATION"])
  })

  it("keeps a tool's name unchanged, outside the code", () => {
    assert.deepStrictEqual(shown("maxCallsPerTool.refundOrder", 3), [
      "max_calls_per_tool.refundOrder=3 reached",
      "E_BUDGET_CALLS_PER_TOOL"
    ])
  })

  it("names the agent below the root, and only there", () => {
    assert.notProperty(Budget.toEvent(refusal("maxSteps", 1)).data, "agentPath")
    const below = Budget.toEvent({ ...refusal("maxSteps", 1), path: ["planner#2"] })
    assert.deepStrictEqual(below.data.agentPath, ["planner#2"])
  })

  it("is a valid event, and a refusal survives being stored", () => {
    const refused = Budget.check(Budget.node(["a#1"], Budget.make({ maxCostUsd: 0 })), { nanoUsd: 5 }, 0)
    assert.isDefined(refused)
    const json = Schema.fromJsonString(Budget.Refusal)
    assert.deepStrictEqual(Schema.decodeSync(json)(Schema.encodeSync(json)(refused)), refused)
    assert.isTrue(Schema.is(Event)(Budget.toEvent(refused)))
  })
})
