/**
 * Raises the limits of a node, after a person has allowed more budget for a run that paused at a limit.
 */
import * as Result from "effect/Result"
import { type Budget, counts, validate } from "./BudgetData.ts"
import { type Node, names, limitNames, limitsOf, noCalls } from "./BudgetNode.ts"
import { toolOf } from "./BudgetRefusal.ts"
import * as Money from "../money/Money.ts"
import { InvalidBudget } from "../error/QueryRejected.ts"

const withLimit = (budget: Budget, limit: string, value: number): Budget | undefined => {
  const tool = toolOf(limit)
  if (tool !== undefined) {
    const { maxCallsPerTool } = budget
    return maxCallsPerTool === undefined
      ? undefined
      : {
          ...budget,
          maxCallsPerTool: Object.fromEntries([...Object.entries(maxCallsPerTool), [tool, value]])
        }
  }
  if (limit === "maxDuration") return { ...budget, maxDurationMs: value }
  if (limit === "maxCostUsd") return { ...budget, maxCostUsd: value }
  const name = counts.find((count) => count === limit)
  return name === undefined ? undefined : { ...budget, [name]: value }
}

/** What counts against a limit, in its own unit: what is spent, and what is spent or held. */
const standing = (node: Node, limit: string, elapsedMs: number): readonly [used: number, taken: number] => {
  const { held, overrun, used } = node
  const tool = toolOf(limit)
  if (tool !== undefined) {
    const calls = node.byTool.get(tool) ?? noCalls
    return [calls.used, calls.used + calls.held - calls.overrun]
  }
  if (limit === "maxDuration") return [Math.max(0, elapsedMs - node.sinceMs), 0]
  if (limit === "maxTotalTokens") {
    const spent = used.inputTokens + used.outputTokens
    return [spent, spent + held.inputTokens + held.outputTokens - overrun.inputTokens - overrun.outputTokens]
  }
  const name = names.find((counter) => limitNames[counter] === limit)
  return name === undefined ? [-1, 0] : [used[name], used[name] + held[name] - overrun[name]]
}

/**
 * Why limits cannot raise any budget, regardless of use: an unknown name or an invalid value. Pure.
 *
 * @since 0.1.0
 * @category operations
 */
export const validateRaise = (limits: { readonly [limit: string]: number }): InvalidBudget | undefined => {
  let budget: Budget = { maxCallsPerTool: {} }
  for (const [limit, value] of Object.entries(limits)) {
    const next = withLimit(budget, limit, value)
    if (next === undefined) return new InvalidBudget({ limit, issue: "is not a limit of a budget" })
    budget = next
  }
  return validate(budget)
}

/**
 * The node with new limits by name (`maxDuration` in milliseconds, `maxCallsPerTool.<tool>` for one tool). Each must be
 * more than what is used and at least what is used and held. Limits that were not set may be set. An unknown name is
 * refused, and any limit on a node without limits, where nothing was counted.
 *
 * @since 0.1.0
 * @category operations
 */
export const raise = (
  node: Node,
  limits: { readonly [limit: string]: number },
  elapsedMs = 0
): Result.Result<Node, InvalidBudget> => {
  let budget = node.budget
  for (const [limit, value] of Object.entries(limits)) {
    const next = withLimit(budget, limit, value)
    if (next === undefined) return Result.fail(new InvalidBudget({ limit, issue: "is not a limit of this budget" }))
    if (!node.counted) {
      return Result.fail(new InvalidBudget({ limit, issue: "cannot be raised: the agent has no budget" }))
    }
    budget = next
  }
  const invalid = validate(budget)
  if (invalid !== undefined) return Result.fail(invalid)
  for (const [limit, value] of Object.entries(limits)) {
    const [used, taken] = standing(node, limit, elapsedMs)
    const money = limit === "maxCostUsd"
    const amount = money ? (Money.fromUsd(value) ?? Infinity) : value
    if (amount > used && amount >= taken) continue
    const least = Math.max(used, taken)
    const issue = `must be more than the ${money ? Money.toUsd(least) : least} that is used and held`
    return Result.fail(new InvalidBudget({ limit, issue }))
  }
  return Result.succeed({ ...node, budget, max: limitsOf(budget) })
}
