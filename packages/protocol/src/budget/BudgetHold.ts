/**
 * Reserves an amount on a chain before a call, and settles it after; and sums what runs have spent. The sums are stored with
 * a thread, so that a limit can cover all its runs and survives a restart.
 *
 * A hold is on every node of a chain or on none, and is settled on the same chain; the owner of the tree puts the new
 * nodes back into it. These are pure functions: two reservations cannot conflict because the owner makes one after the
 * other.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  type Chain,
  type Hold,
  type Node,
  type ToolCounts,
  type Amount,
  type Counters,
  minus,
  plus,
  whole,
  maxCalls,
  noCalls,
  refusals,
  weightiest,
  node,
  zero
} from "./BudgetNode.ts"
import { type Refusal, threadPrefix } from "./BudgetRefusal.ts"
import * as Count from "../money/Count.ts"
import type { Budget } from "./BudgetData.ts"

/** The index of the node that stores the chain's holds; -1 if nothing is counted. */
const holder = (chain: Chain): number => {
  for (let index = 0; index < chain.length; index++) if (chain[index]?.counted === true) return index
  return -1
}

const refusalOf = (chain: Chain, amount: Amount, elapsedMs: number): Refusal | undefined => {
  let found: ReadonlyArray<Refusal> | undefined
  for (let index = chain.length - 1; index >= 0; index--) {
    const node = chain[index]
    if (node === undefined || !node.counted) continue
    const more = refusals(node, amount, elapsedMs)
    if (more.length > 0) found = found === undefined ? more : [...found, ...more]
  }
  return found === undefined ? undefined : weightiest(found)
}

const isPerTool = (node: Node): boolean => node.budget.maxCallsPerTool !== undefined

const countCalls = (
  byTool: ReadonlyMap<string, ToolCounts>,
  tool: string | undefined,
  change: (calls: ToolCounts) => ToolCounts
): ReadonlyMap<string, ToolCounts> =>
  tool === undefined ? byTool : new Map(byTool).set(tool, change(byTool.get(tool) ?? noCalls))

const holdCalls = (node: Node, amount: Amount): ReadonlyMap<string, ToolCounts> =>
  isPerTool(node)
    ? countCalls(node.byTool, amount.tool, (calls) => ({ ...calls, held: calls.held + whole(amount.toolCalls) }))
    : node.byTool

/**
 * Reserves `amount` on every node of the chain, or on none. If several nodes refuse, the result is the refusal nearest
 * to the root; a temporary one (`heldByOthers`) is returned only if all are temporary.
 *
 * **Gotchas**: a hold is identified by its `amount` object: use a new object for each reservation, and pass the same
 * one to `settle`.
 *
 * @since 0.1.0
 * @category operations
 */
export const reserve = (chain: Chain, amount: Amount, elapsedMs: number): Result.Result<Chain, Refusal> => {
  const at = holder(chain)
  if (at === -1) return Result.succeed(chain)
  const refusal = refusalOf(chain, amount, elapsedMs)
  if (refusal !== undefined) return Result.fail(refusal)
  return Result.succeed(
    chain.map((node, index) =>
      !node.counted
        ? node
        : {
            ...node,
            held: plus(node.held, amount),
            byTool: holdCalls(node, amount),
            holds: index === at ? { amount, rest: node.holds } : node.holds
          }
    )
  )
}

const isOpen = (holds: Hold | undefined, amount: Amount): boolean => {
  for (let hold = holds; hold !== undefined; hold = hold.rest) if (hold.amount === amount) return true
  return false
}

const without = (holds: Hold | undefined, amount: Amount): Hold | undefined =>
  holds === undefined || holds.amount === amount
    ? holds?.rest
    : { amount: holds.amount, rest: without(holds.rest, amount) }

const settleCalls = (node: Node, held: Amount, spent: Amount): ReadonlyMap<string, ToolCounts> => {
  if (!isPerTool(node)) return node.byTool
  const given = whole(held.toolCalls)
  const calls = whole(spent.toolCalls)
  const tool = spent.tool ?? held.tool
  const byTool = countCalls(node.byTool, held.tool, (counts) => ({ ...counts, held: counts.held - given }))
  return countCalls(byTool, tool, (counts) => ({
    ...counts,
    used: counts.used + calls,
    overrun: counts.overrun + Math.max(0, calls - (tool === held.tool ? given : 0))
  }))
}

/**
 * Releases `held` and adds what was spent. What exceeds the hold also counts, and is recorded as `overrun`. An absent
 * `spent.tool` is the tool of the hold.
 *
 * **Gotchas**: a hold is released once. Settled again, or never reserved, it releases nothing, so that other holds stay
 * intact, and what was spent is charged (`charge`): a mistake makes a budget tighter, never wider. A finalizer that
 * settles again with nothing spent changes nothing.
 *
 * @since 0.1.0
 * @category operations
 */
export const settle = (chain: Chain, held: Amount, spent: Amount): Chain => {
  const at = holder(chain)
  if (!isOpen(chain[at]?.holds, held)) return charge(chain, spent)
  return chain.map((node, index) =>
    !node.counted
      ? node
      : {
          ...node,
          used: plus(node.used, spent),
          held: minus(node.held, held),
          overrun: plus(node.overrun, minus(spent, held)),
          byTool: settleCalls(node, held, spent),
          holds: index === at ? without(node.holds, held) : node.holds
        }
  )
}

/** How much of `used` exceeds the limit beyond the `overrun` that is already recorded. */
const excess = (max: number, used: number, held: number, overrun: number): number =>
  Math.max(0, used + held - overrun - max)

const over = (max: number, used: number, held: number, overrun: number): number =>
  overrun + excess(max, used, held, overrun)

const overrunOf = (node: Node, used: Counters): Counters => {
  const { held, max, overrun } = node
  const out = {
    steps: over(max.steps, used.steps, held.steps, overrun.steps),
    toolCalls: over(max.toolCalls, used.toolCalls, held.toolCalls, overrun.toolCalls),
    inputTokens: over(max.inputTokens, used.inputTokens, held.inputTokens, overrun.inputTokens),
    outputTokens: over(max.outputTokens, used.outputTokens, held.outputTokens, overrun.outputTokens),
    nanoUsd: over(max.nanoUsd, used.nanoUsd, held.nanoUsd, overrun.nanoUsd),
    agents: over(max.agents, used.agents, held.agents, overrun.agents)
  }
  const rest = excess(
    max.totalTokens,
    used.inputTokens + used.outputTokens,
    held.inputTokens + held.outputTokens,
    out.inputTokens + out.outputTokens
  )
  const input = Math.min(rest, used.inputTokens - out.inputTokens)
  return { ...out, inputTokens: out.inputTokens + input, outputTokens: out.outputTokens + rest - input }
}

const chargeCalls = (node: Node, spent: Amount): ReadonlyMap<string, ToolCounts> => {
  const { tool } = spent
  if (tool === undefined || !isPerTool(node)) return node.byTool
  return countCalls(node.byTool, tool, (counts) => {
    const used = counts.used + whole(spent.toolCalls)
    const over = excess(maxCalls(node, tool), used, counts.held, counts.overrun)
    return { ...counts, used, overrun: counts.overrun + over }
  })
}

/**
 * Adds what was spent under a hold that no longer exists: the stored ledger when a run is resumed, an attempt that was
 * lost with its process. Never refused; what exceeds a limit is recorded as `overrun`.
 *
 * @since 0.1.0
 * @category operations
 */
export const charge = (chain: Chain, spent: Amount): Chain => {
  if (holder(chain) === -1) return chain
  return chain.map((node) => {
    if (!node.counted) return node
    const used = plus(node.used, spent)
    return { ...node, used, overrun: overrunOf(node, used), byTool: chargeCalls(node, spent) }
  })
}

const SpentStruct = Schema.Struct({
  steps: Schema.Natural,
  toolCalls: Schema.Natural,
  inputTokens: Schema.Natural,
  outputTokens: Schema.Natural,
  nanoUsd: Schema.Natural,
  agents: Schema.Natural,
  durationMs: Schema.Natural,
  callsPerTool: Schema.Record(Schema.String, Schema.Natural)
}).annotate({ identifier: "BudgetSpent" })

/**
 * Totals in the units of the counters; `durationMs` is machine time; `callsPerTool` is part of `toolCalls`.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Spent extends Schema.Schema.Type<typeof SpentStruct> {}
export const Spent: Schema.Codec<Spent> = SpentStruct

/**
 * Nothing yet.
 *
 * @since 0.1.0
 * @category constants
 */
export const nothingSpent: Spent = { ...zero, durationMs: 0, callsPerTool: {} }

/**
 * The totals after a run has used these amounts and this machine time. Every count stops at 2⁵³ − 1.
 *
 * @since 0.1.0
 * @category operations
 */
export const addSpent = (before: Spent, amounts: Iterable<Amount>, durationMs: number): Spent => {
  let counters: Counters = before
  const calls = new Map(Object.entries(before.callsPerTool))
  for (const amount of amounts) {
    counters = plus(counters, amount)
    const { tool } = amount
    if (tool !== undefined) calls.set(tool, Count.add(calls.get(tool) ?? 0, whole(amount.toolCalls)))
  }
  return {
    ...counters,
    durationMs: Count.add(before.durationMs, Math.max(0, Math.round(durationMs))),
    callsPerTool: Object.fromEntries(calls)
  }
}

/**
 * The node of a thread's limits, above the root of a run, with what the thread's earlier runs have used. In refusals
 * and warnings its limits are called `thread.maxSteps`, ….
 *
 * @since 0.1.0
 * @category operations
 */
export const threadNode = (limits: Budget, { callsPerTool, durationMs, toolCalls, ...counters }: Spent): Node => {
  const fresh = node([], limits, -durationMs, threadPrefix)
  const named = Object.entries(callsPerTool)
  const rest = toolCalls - named.reduce((sum, [, calls]) => sum + calls, 0)
  const amounts: ReadonlyArray<Amount> = [
    { ...counters, toolCalls: rest },
    ...named.map(([tool, calls]): Amount => ({ tool, toolCalls: calls }))
  ]
  return amounts.reduce((sum, amount) => charge([sum], amount)[0] ?? sum, fresh)
}
