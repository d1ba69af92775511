/**
 * What a budget counts, and the amounts that are added to the counters.
 */
import * as Count from "../money/Count.ts"

/** The counters of a node, for the agent and everything below it. */
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
  steps: Count.add(a.steps, whole(b.steps)),
  toolCalls: Count.add(a.toolCalls, whole(b.toolCalls)),
  inputTokens: Count.add(a.inputTokens, whole(b.inputTokens)),
  outputTokens: Count.add(a.outputTokens, whole(b.outputTokens)),
  nanoUsd: Count.add(a.nanoUsd, whole(b.nanoUsd)),
  agents: Count.add(a.agents, whole(b.agents))
})

const less = (a: number | undefined, b: number | undefined): number => Math.max(0, whole(a) - whole(b))

/** The part of `a` that is above `b`. */
export const minus = (a: Amount, b: Amount): Counters => ({
  steps: less(a.steps, b.steps),
  toolCalls: less(a.toolCalls, b.toolCalls),
  inputTokens: less(a.inputTokens, b.inputTokens),
  outputTokens: less(a.outputTokens, b.outputTokens),
  nanoUsd: less(a.nanoUsd, b.nanoUsd),
  agents: less(a.agents, b.agents)
})
