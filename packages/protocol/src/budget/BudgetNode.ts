/**
 * A node of a run's budget tree: an agent's limits, the counters of what is spent and held, and whether more would fit.
 *
 * Invariant, for each limit of each node: `used + held - overrun <= max`.
 */
import type { AgentPath } from "../AgentPath.ts"
import type { Budget } from "./BudgetData.ts"
import { type quotaPrefix, type Refusal, type threadPrefix, toolLimit } from "./BudgetRefusal.ts"
import * as Money from "../money/Money.ts"
import * as Count from "../money/Count.ts"

/**
 * The calls of one tool. Kept only on nodes with `maxCallsPerTool`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCounts {
  readonly used: number
  readonly held: number
  readonly overrun: number
}

/**
 * Limits in the units of the counters; `Infinity` where there is none.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limits extends Counters {
  readonly totalTokens: number
  readonly durationMs: number
  readonly depth: number
}

/**
 * The open holds of a node, newest first.
 *
 * @since 0.1.0
 * @category models
 */
export interface Hold {
  readonly amount: Amount
  readonly rest: Hold | undefined
}

/**
 * A node of the tree.
 *
 * **Details**
 * - `sinceMs`: the run's machine time when the agent started; its `maxDuration` counts from there.
 * - `used`: settled. `held`: reserved and not settled. `overrun`: the part of `used` that exceeded its hold.
 * - `counted`: false for a node made without limits; it refuses nothing and nothing is counted on it.
 * - `holds`: stored on the nearest counted node of the chain on which they were reserved.
 * - `prefix`: the prefix of its limits' names in refusals and warnings: empty; `thread.` or `quota.` for the nodes
 *   above a run's root.
 *
 * @since 0.1.0
 * @category models
 */
export interface Node {
  readonly path: AgentPath
  readonly budget: Budget
  readonly sinceMs: number
  readonly counted: boolean
  readonly max: Limits
  readonly used: Counters
  readonly held: Counters
  readonly overrun: Counters
  readonly byTool: ReadonlyMap<string, ToolCounts>
  readonly holds: Hold | undefined
  readonly prefix: "" | typeof quotaPrefix | typeof threadPrefix
}

/**
 * A node and all its ancestors, nearest first.
 *
 * @since 0.1.0
 * @category models
 */
export type Chain = ReadonlyArray<Node>

const noTools: ReadonlyMap<string, ToolCounts> = new Map()

/** No calls of a tool yet. */
export const noCalls: ToolCounts = { used: 0, held: 0, overrun: 0 }

/** A limit that is not a number allows nothing. `validate` refuses such budgets before. */
const limit = (value: number | undefined): number => (value === undefined ? Infinity : value >= 0 ? value : 0)

const money = (usd: number | undefined): number =>
  usd === undefined || usd === Infinity ? Infinity : (Money.fromUsd(usd) ?? 0)

/** A budget's limits in the units of the counters. */
export const limitsOf = (budget: Budget): Limits => ({
  steps: limit(budget.maxSteps),
  toolCalls: limit(budget.maxToolCalls),
  inputTokens: limit(budget.maxInputTokens),
  outputTokens: limit(budget.maxOutputTokens),
  totalTokens: limit(budget.maxTotalTokens),
  nanoUsd: money(budget.maxCostUsd),
  agents: limit(budget.maxAgents),
  durationMs: limit(budget.maxDurationMs),
  depth: limit(budget.maxDepth)
})

/**
 * A node on which nothing is spent yet. Without a budget it has no limits. `sinceMs` is the run's machine time, for an
 * agent that starts later than its run.
 *
 * @since 0.1.0
 * @category operations
 */
export const node = (path: AgentPath, budget: Budget = {}, sinceMs = 0, prefix: Node["prefix"] = ""): Node => {
  const max = limitsOf(budget)
  return {
    path,
    budget,
    sinceMs,
    counted: budget.maxCallsPerTool !== undefined || Object.values(max).some((value) => value !== Infinity),
    max,
    used: zero,
    held: zero,
    overrun: zero,
    byTool: noTools,
    holds: undefined,
    prefix
  }
}

/**
 * True for a node made without any limit: it refuses nothing, and nothing is counted on it.
 *
 * @since 0.1.0
 * @category guards
 */
export const isUnlimited = (node: Node): boolean => !node.counted

/**
 * True if a node limits tokens or money.
 *
 * @since 0.1.0
 * @category guards
 */
export const isMetered = ({ max }: Node): boolean =>
  max.inputTokens !== Infinity ||
  max.outputTokens !== Infinity ||
  max.totalTokens !== Infinity ||
  max.nanoUsd !== Infinity

/** The limit of each counter, as its user wrote it. */
export const limitNames = {
  steps: "maxSteps",
  toolCalls: "maxToolCalls",
  inputTokens: "maxInputTokens",
  outputTokens: "maxOutputTokens",
  nanoUsd: "maxCostUsd",
  agents: "maxAgents"
} as const satisfies { readonly [_ in keyof Counters]: string }

/** The maximum of calls of one tool. */
export const maxCalls = (node: Node, tool: string): number => {
  const limits = node.budget.maxCallsPerTool
  return limits !== undefined && Object.hasOwn(limits, tool) ? limit(limits[tool]) : Infinity
}

const nothing: ReadonlyArray<Refusal> = []

/**
 * `found`, plus a refusal if `wanted` does not fit under the limit. `shown` converts the counter's unit to the limit's.
 */
const need = (
  found: ReadonlyArray<Refusal>,
  { path, prefix }: Node,
  limit: string,
  max: number,
  used: number,
  held: number,
  wanted: number,
  shown: (count: number) => number = Number
): ReadonlyArray<Refusal> => {
  if (wanted === 0 || used + held + wanted <= max) return found
  const heldByOthers = used + wanted <= max
  return [...found, { limit: prefix + limit, max: shown(max), used: shown(used + held), path, heldByOthers }]
}

/** All limits of one node that `amount` does not fit under; usually none, and then nothing is allocated. */
export const refusals = (node: Node, amount: Amount, elapsedMs: number): ReadonlyArray<Refusal> => {
  const { held, max, used } = node
  const input = whole(amount.inputTokens)
  const output = whole(amount.outputTokens)
  let out = nothing
  out = need(out, node, "maxSteps", max.steps, used.steps, held.steps, whole(amount.steps))
  out = need(out, node, "maxToolCalls", max.toolCalls, used.toolCalls, held.toolCalls, whole(amount.toolCalls))
  out = need(out, node, "maxInputTokens", max.inputTokens, used.inputTokens, held.inputTokens, input)
  out = need(out, node, "maxOutputTokens", max.outputTokens, used.outputTokens, held.outputTokens, output)
  out = need(out, node, "maxCostUsd", max.nanoUsd, used.nanoUsd, held.nanoUsd, whole(amount.nanoUsd), Money.toUsd)
  out = need(out, node, "maxAgents", max.agents, used.agents, held.agents, whole(amount.agents))
  if (amount.tool !== undefined && node.budget.maxCallsPerTool !== undefined) {
    const calls = node.byTool.get(amount.tool) ?? noCalls
    const limit = toolLimit(amount.tool)
    out = need(out, node, limit, maxCalls(node, amount.tool), calls.used, calls.held, whole(amount.toolCalls))
  }
  if (max.totalTokens !== Infinity) {
    const usedTokens = used.inputTokens + used.outputTokens
    const heldTokens = held.inputTokens + held.outputTokens
    out = need(out, node, "maxTotalTokens", max.totalTokens, usedTokens, heldTokens, input + output)
  }
  if (max.durationMs !== Infinity) {
    const elapsed = Math.max(0, elapsedMs - node.sinceMs)
    if (!(elapsed < max.durationMs)) {
      const limit = `${node.prefix}maxDuration`
      out = [...out, { limit, max: max.durationMs, used: elapsed, path: node.path, heldByOthers: false }]
    }
  }
  return out
}

/** The first refusal that does not depend on what others hold, so that waiting would not help; otherwise the first. */
export const weightiest = (found: ReadonlyArray<Refusal>): Refusal | undefined =>
  found.find((refusal) => !refusal.heldByOthers) ?? found[0]

/**
 * Whether `amount` fits on this node alone, at `elapsedMs` of the run's machine time. Only the counters in the amount
 * are checked; time always is.
 *
 * @since 0.1.0
 * @category operations
 */
export const check = (node: Node, amount: Amount, elapsedMs: number): Refusal | undefined =>
  node.counted ? weightiest(refusals(node, amount, elapsedMs)) : undefined

/**
 * The refusal of a spent money limit, for any amount; of several, that of the node nearest to the root.
 *
 * @since 0.1.0
 * @category operations
 */
export const moneyRefusal = (chain: Chain): Refusal | undefined => {
  const spent = chain.findLast(({ max, used }) => used.nanoUsd >= max.nanoUsd)
  if (spent === undefined) return undefined
  const { max, path, prefix, used } = spent
  const limit = `${prefix}maxCostUsd`
  return { limit, max: Money.toUsd(max.nanoUsd), used: Money.toUsd(used.nanoUsd), path, heldByOthers: false }
}

/**
 * Whether a specialist may be at `depth` (the length of its path), below the chain's nearest agent. Each node's
 * `maxDepth` counts from the node. Where several nodes refuse, the result is the refusal nearest to the root.
 *
 * @since 0.1.0
 * @category operations
 */
export const depthRefusal = (chain: Chain, depth: number): Refusal | undefined => {
  for (let index = chain.length - 1; index >= 0; index--) {
    const node = chain[index]
    if (node === undefined) continue
    const levels = depth - node.path.length
    if (levels > node.max.depth) {
      return {
        limit: `${node.prefix}maxDepth`,
        max: node.max.depth,
        used: Math.max(0, levels - 1),
        path: node.path,
        heldByOthers: false
      }
    }
  }
  return undefined
}

/**
 * The counters of a node, for the agent and everything below it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Counters {
  readonly steps: number
  readonly toolCalls: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly nanoUsd: number
  readonly agents: number
}

/**
 * What a call reserves, or has spent. Absent is 0; fractions are rounded up; NaN and `Infinity` count as the largest
 * number, so that an invalid number is refused and never free. `tool` names the tool of the `toolCalls`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Amount {
  readonly steps?: number | undefined
  readonly toolCalls?: number | undefined
  readonly tool?: string | undefined
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  readonly nanoUsd?: number | undefined
  readonly agents?: number | undefined
}

/**
 * For code that treats all counters alike and runs seldom. Code that runs for each call names them, as `plus` does: it
 * is faster.
 */
export const names = ["steps", "toolCalls", "inputTokens", "outputTokens", "nanoUsd", "agents"] as const

export const zero: Counters = { steps: 0, toolCalls: 0, inputTokens: 0, outputTokens: 0, nanoUsd: 0, agents: 0 }

/** The count of a part of an `Amount`. */
export const whole = Count.whole

/** The counters with an amount added; each stops at 2⁵³ − 1. */
export const plus = (a: Counters, b: Amount): Counters => ({
  steps: more(a.steps, b.steps),
  toolCalls: more(a.toolCalls, b.toolCalls),
  inputTokens: more(a.inputTokens, b.inputTokens),
  outputTokens: more(a.outputTokens, b.outputTokens),
  nanoUsd: more(a.nanoUsd, b.nanoUsd),
  agents: more(a.agents, b.agents)
})

// Most parts of most amounts are absent.
const more = (a: number, b: number | undefined): number => (b === undefined ? a : Count.add(a, whole(b)))

const less = (a: number | undefined, b: number | undefined): number =>
  a === undefined || a === 0 ? 0 : Math.max(0, whole(a) - whole(b))

/** The part of `a` that is above `b`. */
export const minus = (a: Amount, b: Amount): Counters => ({
  steps: less(a.steps, b.steps),
  toolCalls: less(a.toolCalls, b.toolCalls),
  inputTokens: less(a.inputTokens, b.inputTokens),
  outputTokens: less(a.outputTokens, b.outputTokens),
  nanoUsd: less(a.nanoUsd, b.nanoUsd),
  agents: less(a.agents, b.agents)
})
