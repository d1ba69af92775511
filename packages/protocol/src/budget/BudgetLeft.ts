/**
 * What a budget tree has left, and which warnings are due.
 */
import type { AgentPath } from "../AgentPath.ts"
import { type Chain, type Node, type Counters, names, zero, limitNames, maxCalls, noCalls } from "./BudgetNode.ts"
import { toolLimit } from "./BudgetRefusal.ts"
import type { Price } from "../money/Entry.ts"
import * as Money from "../money/Money.ts"

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
