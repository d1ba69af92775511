/**
 * Budgets: limits for an agent and everything below it, and the tree that enforces them in a run.
 *
 * A user writes `Budget.make({ maxSteps: 12, maxCostUsd: 0.25, maxDuration: "2 minutes" })`. The runtime makes a `Node`
 * of each agent's budget and, before each model and tool call, reserves an amount on the agent's `Chain`: its node and
 * all its ancestors, nearest first. After the call it settles what was spent. Parallel agents cannot overspend, because
 * an amount that one has reserved is not available to the others.
 */
export type { Amount, Counters } from "./BudgetNode.ts"
export { Budget, make, milliseconds, narrow, unknownTool, validate } from "./BudgetData.ts"
export type { OnExhausted, Options } from "./BudgetData.ts"
export { charge, reserve, settle } from "./BudgetHold.ts"
export { headroom, remaining, warnings } from "./BudgetLeft.ts"
export type { Elapsed, HeadroomOptions, Warning } from "./BudgetLeft.ts"
export { check, depthRefusal, isMetered, isUnlimited, moneyRefusal, node } from "./BudgetNode.ts"
export type { Chain, Hold, Limits, Node, ToolCounts } from "./BudgetNode.ts"
export { raise, validateRaise } from "./BudgetRaise.ts"
export { bare, isAboveRun, isOfQuota, Refusal, toEvent } from "./BudgetRefusal.ts"
export { addSpent, nothingSpent, Spent, threadNode } from "./BudgetSpent.ts"
