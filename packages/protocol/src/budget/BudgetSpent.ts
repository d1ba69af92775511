/**
 * What runs have spent. Stored with a thread, so that a limit can cover all its runs and survives a restart.
 */
import * as Schema from "effect/Schema"
import * as Count from "../money/Count.ts"
import type { Budget } from "./BudgetData.ts"
import { charge } from "./BudgetHold.ts"
import { node, whole, zero, type Amount, type Node } from "./BudgetNode.ts"
import { threadPrefix } from "./BudgetRefusal.ts"

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
  // In place, since every step and every call of a run is an amount. A sum above `Count.max` stays above it until it is
  // bounded at the end.
  let { agents, inputTokens, nanoUsd, outputTokens, steps, toolCalls } = before
  const calls = new Map(Object.entries(before.callsPerTool))
  for (const amount of amounts) {
    // Most parts of most amounts are absent.
    if (amount.steps !== undefined) steps += whole(amount.steps)
    if (amount.inputTokens !== undefined) inputTokens += whole(amount.inputTokens)
    if (amount.outputTokens !== undefined) outputTokens += whole(amount.outputTokens)
    if (amount.nanoUsd !== undefined) nanoUsd += whole(amount.nanoUsd)
    if (amount.agents !== undefined) agents += whole(amount.agents)
    if (amount.toolCalls === undefined && amount.tool === undefined) continue
    const called = whole(amount.toolCalls)
    toolCalls += called
    if (amount.tool !== undefined) calls.set(amount.tool, Count.add(calls.get(amount.tool) ?? 0, called))
  }
  return {
    steps: whole(steps),
    toolCalls: whole(toolCalls),
    inputTokens: whole(inputTokens),
    outputTokens: whole(outputTokens),
    nanoUsd: whole(nanoUsd),
    agents: whole(agents),
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
