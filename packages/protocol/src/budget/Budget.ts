/**
 * Budgets: limits for an agent and everything below it, and the tree that enforces them in a run.
 *
 * A user writes `Budget.make({ maxSteps: 12, maxCostUsd: 0.25, maxDuration: "2 minutes" })`. The runtime makes a `Node`
 * of each agent's budget and, before each model and tool call, reserves an amount on the agent's `Chain`: its node and
 * all its ancestors, nearest first. After the call it settles what was spent. Parallel agents cannot overspend, because
 * an amount that one has reserved is not available to the others. Between calls the tree tells what is left and which
 * warnings are due, and a person may raise the limits of a node.
 */
import * as Result from "effect/Result"
import type { AgentPath } from "../AgentPath.ts"
import {
  type Chain,
  type Node,
  type Counters,
  names,
  zero,
  limitNames,
  maxCalls,
  noCalls,
  limitsOf
} from "./BudgetNode.ts"
import { toolLimit, toolOf } from "./BudgetRefusal.ts"
import type { Price } from "../money/Entry.ts"
import * as Money from "../money/Money.ts"
import { type Budget, counts, validate } from "./BudgetData.ts"
import { InvalidBudget } from "../error/QueryRejected.ts"

export type { Amount, Counters } from "./BudgetNode.ts"
export { Budget, make, misfit, narrow, unknownTool, validate } from "./BudgetData.ts"
export { milliseconds } from "../Milliseconds.ts"
export type { Misfit, OnExhausted, Options } from "./BudgetData.ts"
export { addSpent, charge, nothingSpent, reserve, settle, Spent, threadNode } from "./BudgetHold.ts"
export { check, depthRefusal, isMetered, isUnlimited, moneyRefusal, node } from "./BudgetNode.ts"
export type { Chain, Hold, Limits, Node, ToolCounts } from "./BudgetNode.ts"
export { bare, isAboveRun, isOfQuota, Refusal, toEvent } from "./BudgetRefusal.ts"

const left = ({ max, used }: Node, name: keyof Counters, held: Counters): number => max[name] - used[name] - held[name]

const tokensLeft = ({ max, used }: Node, held: Counters): number =>
  max.totalTokens - used.inputTokens - used.outputTokens - held.inputTokens - held.outputTokens

const least = (so: number, left: number): number => Math.min(so, Math.max(0, left))

/**
 * What can still be reserved on the chain, counter by counter: the minimum over its nodes, without what is held;
 * `Infinity` where there is no limit. The rest of `maxTotalTokens` bounds both input and output.
 *
 * @since 0.1.0
 * @category operations
 */
export const remaining = (chain: Chain): Counters => {
  const out = {
    steps: Infinity,
    toolCalls: Infinity,
    inputTokens: Infinity,
    outputTokens: Infinity,
    nanoUsd: Infinity,
    agents: Infinity
  }
  for (const node of chain) {
    if (!node.counted) continue
    const { held } = node
    const tokens = tokensLeft(node, held)
    out.steps = least(out.steps, left(node, "steps", held))
    out.toolCalls = least(out.toolCalls, left(node, "toolCalls", held))
    out.inputTokens = least(out.inputTokens, Math.min(tokens, left(node, "inputTokens", held)))
    out.outputTokens = least(out.outputTokens, Math.min(tokens, left(node, "outputTokens", held)))
    out.nanoUsd = least(out.nanoUsd, left(node, "nanoUsd", held))
    out.agents = least(out.agents, left(node, "agents", held))
  }
  return out
}

/**
 * What a step needs.
 *
 * @since 0.1.0
 * @category models
 */
export interface HeadroomOptions {
  /** Input tokens that are reserved beside the output. */
  readonly inputTokens: number
  /** The price of the model. Absent: unknown. */
  readonly price?: Price | undefined
  /** The result if nothing limits the output: the model's own limit, or `Infinity`. */
  readonly wanted: number
  /** True: as if all current holds were released: an upper bound. */
  readonly isGivenBack?: boolean | undefined
}

/**
 * The most output tokens, up to `wanted`, that can be reserved beside `inputTokens`, given the limits on output, on all
 * tokens and on US dollars. Money is counted as in `Money.mostFor`, so that reserving the result together with its
 * `Money.mostFor` fits. 0 if none fits, or if there is a limit in US dollars but no price.
 *
 * @since 0.1.0
 * @category operations
 */
export const headroom = (chain: Chain, options: HeadroomOptions): number => {
  const { inputTokens, price } = options
  let out = options.wanted
  let amount = Infinity
  for (const node of chain) {
    if (!node.counted) continue
    const held = options.isGivenBack === true ? zero : node.held
    out = Math.min(out, left(node, "outputTokens", held), tokensLeft(node, held) - inputTokens)
    amount = Math.min(amount, left(node, "nanoUsd", held))
  }
  if (amount !== Infinity) {
    out = price === undefined ? 0 : Math.min(out, Money.outputTokensFor(price, inputTokens, amount))
  }
  return out > 0 ? Math.floor(out) : 0
}

/**
 * A limit that has reached its `warnAt`, in the limit's own unit.
 *
 * @since 0.1.0
 * @category models
 */
export interface Warning {
  readonly limit: string
  readonly max: number
  readonly used: number
  readonly path: AgentPath
}

interface Reading {
  readonly limit: string
  readonly max: number
  readonly before: number
  readonly after: number
}

const readings = (before: Node, after: Node, elapsed: Elapsed | undefined): ReadonlyArray<Reading> => {
  const { max } = after
  const out: Array<Reading> = []
  for (const name of names) {
    out.push({ limit: limitNames[name], max: max[name], before: before.used[name], after: after.used[name] })
  }
  for (const [tool, calls] of after.byTool) {
    const old = before.byTool.get(tool) ?? noCalls
    out.push({ limit: toolLimit(tool), max: maxCalls(after, tool), before: old.used, after: calls.used })
  }
  out.push({
    limit: "maxTotalTokens",
    max: max.totalTokens,
    before: before.used.inputTokens + before.used.outputTokens,
    after: after.used.inputTokens + after.used.outputTokens
  })
  if (elapsed !== undefined) {
    const { sinceMs } = after
    out.push({
      limit: "maxDuration",
      max: max.durationMs,
      before: Math.max(0, elapsed.before - sinceMs),
      after: Math.max(0, elapsed.after - sinceMs)
    })
  }
  return out
}

/**
 * The run's machine time before and after a change, in milliseconds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Elapsed {
  readonly before: number
  readonly after: number
}

// Divided, not multiplied: 7 / 100 is exactly the 0.07 that a user writes, while 0.07 * 100 is slightly more than 7.
const reaches = (used: number, max: number, warnAt: number): boolean => used > 0 && (max === 0 || used / max >= warnAt)

/**
 * The limits that reached their `warnAt` between two states of one chain. Holds do not count, since they may be
 * released. Time is checked if `elapsed` is given.
 *
 * @since 0.1.0
 * @category operations
 */
export const warnings = (before: Chain, after: Chain, elapsed?: Elapsed): ReadonlyArray<Warning> => {
  const out: Array<Warning> = []
  for (const [index, node] of after.entries()) {
    const old = before[index]
    const { warnAt } = node.budget
    if (warnAt === undefined || old === undefined || (old === node && elapsed === undefined)) continue
    for (const { after, before, limit, max } of readings(old, node, elapsed)) {
      if (max === Infinity || !reaches(after, max, warnAt) || reaches(before, max, warnAt)) continue
      const shown = limit === "maxCostUsd" ? Money.toUsd : Number
      out.push({ limit: node.prefix + limit, max: shown(max), used: shown(after), path: node.path })
    }
  }
  return out
}

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
