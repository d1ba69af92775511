/**
 * Gets a model step past the budget: estimates what it may use, reserves it on the agent's node and all above, and says how
 * much output the provider may be asked for.
 *
 * Where tokens or money are short only because siblings hold them, it waits until one of them gives back, since no holder
 * waits while it holds: also where something is left, and too little to be of use. Where nobody holds any, it takes what is left.
 * A count that is short is short for good.
 */
import { Budget, type Entry, Money } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { Work } from "../engine/Engine.ts"
import type { AgentState } from "../run/AgentState.ts"
import { priceOf, type Run } from "../run/Run.ts"
import * as Interruptible from "../kernel/Interruptible.ts"
import { timeLeft } from "./Attempt.ts"

/**
 * Output that is reserved, and so asked for at the most, under a limit on tokens or money when an agent sets no
 * `maxOutputTokens`: room for a long answer, and not so much that siblings would have to wait for each other.
 */
const usualOutput = 8192

/** Output that a step does not begin with less of while siblings may give more back. */
const usefulOutput = 1024

export interface Admitted {
  readonly _tag: "Admitted"
  /** Give it to `settle`. */
  readonly held: Budget.Amount
  readonly maxOutputTokens: number | undefined
  /** The budget leaves less output than the step would otherwise get. */
  readonly isClamped: boolean
  readonly price: Entry.Price | undefined
}

export type Admission =
  | Admitted
  | { readonly _tag: "Refused"; readonly refusal: Budget.Refusal }
  | { readonly _tag: "Cancelled" }

/** Admits one request of `agent`. `steps`: 0 where it tries a step again that was counted before. */
export const admit = (run: Run, work: Work, agent: AgentState, steps: 0 | 1 = 1): Effect.Effect<Admission> =>
  Effect.suspend(() => {
    if (work.cancel.requested) return Effect.succeed({ _tag: "Cancelled" } as const)
    const wanted = want(run, work, agent, steps)
    const seen = work.tree.version
    const isWorthwhile = !isTooLittle(work, agent, wanted)
    const refusal = isWorthwhile
      ? work.tree.reserve(agent.path, wanted.held, work.elapsed())
      : work.tree.refusal(agent.path, wanted.held, work.elapsed())
    if (refusal === undefined && isWorthwhile) return Effect.succeed({ _tag: "Admitted", ...wanted } as const)
    return refusal === undefined || (refusal.heldByOthers && isGivenBack(refusal.limit))
      ? Effect.flatMap(release(run, work, agent, seen), () => admit(run, work, agent, steps))
      : Effect.succeed({ _tag: "Refused", refusal } as const)
  })

/** Whether a step had better wait: what is left is too little to be of use, and there is more once others have settled. */
const isTooLittle = (work: Work, agent: AgentState, { held, isClamped, price }: Omit<Admitted, "_tag">): boolean => {
  if (!isClamped || held.outputTokens === undefined || held.outputTokens >= usefulOutput) return false
  const { inputTokens = 0, outputTokens } = held
  const wanted = Math.min(agent.member.definition.maxOutputTokens ?? usualOutput, usefulOutput)
  return work.tree.headroom(agent.path, { inputTokens, price, wanted, isGivenBack: true }) > outputTokens
}

/** Waits until somebody gives back, or the time of the agent is over. */
const release = (run: Run, work: Work, agent: AgentState, seen: number): Effect.Effect<unknown> => {
  const { cancel, tree } = work
  const given = tree.release(cancel, seen)
  const remainingMs = timeLeft(work, agent)
  return remainingMs === undefined
    ? given
    : Interruptible.hold(given, { signal: cancel, alarm: run.alarm, graceMs: 0, remainingMs })
}

/** Whether holds on this limit are larger than what is spent of them, so that some comes back. */
const isGivenBack = (limit: string): boolean =>
  ["maxInputTokens", "maxOutputTokens", "maxTotalTokens", "maxCostUsd"].includes(Budget.bare(limit))

const want = (run: Run, work: Work, agent: AgentState, steps: 0 | 1): Omit<Admitted, "_tag"> => {
  const { settings } = run
  const own = agent.member.definition.maxOutputTokens
  const price = priceOf(run, work, agent)
  if (!work.tree.isMetered(agent.path)) {
    return { held: { steps }, maxOutputTokens: own, isClamped: false, price }
  }
  const inputTokens = agent.inputTokens(settings.estimator)
  const room = work.tree.headroom(agent.path, { inputTokens, price, wanted: Number.POSITIVE_INFINITY })
  if (room === Number.POSITIVE_INFINITY) {
    return { held: { steps, inputTokens }, maxOutputTokens: own, isClamped: false, price }
  }
  const outputTokens = Math.max(1, Math.min(own ?? usualOutput, room))
  return {
    held: {
      steps,
      inputTokens,
      outputTokens,
      nanoUsd: price === undefined ? 0 : Money.mostFor(price, inputTokens, outputTokens)
    },
    maxOutputTokens: outputTokens,
    isClamped: room < (own ?? usualOutput),
    price
  }
}

/** The limit that cut an answer short at its clamp; `undefined` where there is room again. */
export const shortfall = (work: Work, agent: AgentState, { price }: Admitted): Budget.Refusal | undefined => {
  const { tree } = work
  const outputTokens = agent.member.definition.maxOutputTokens ?? usualOutput
  const more: Budget.Amount = {
    outputTokens,
    nanoUsd: price === undefined ? 0 : Money.mostFor(price, 0, outputTokens)
  }
  return tree.refusal(agent.path, more, work.elapsed())
}
