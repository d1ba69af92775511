/**
 * Reserves the budget of one request: estimates its use, reserves that on the agent's node and all above, and returns
 * the maximum output to request from the provider.
 *
 * If tokens or money are short only because siblings hold them, or the rest is too small to be useful, it waits until a
 * sibling settles. A waiting request holds no reservation, so this cannot deadlock. If no sibling holds any, the
 * request takes what is left. Step and call limits are never released, so it does not wait for them.
 */
import { Budget, type Entry, Money } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Interruptible from "../kernel/Interruptible.ts"
import { priceOf } from "../run/Run.ts"
import { timeLeft, type Ask } from "./Attempt.ts"

/**
 * The reserved and maximum output under a limit on tokens or money if an agent sets no `maxOutputTokens`: enough for a
 * long answer, and small enough that siblings need not wait for each other.
 */
const usualOutput = 8192

/** The minimum output that a step waits for while siblings may release more. */
const usefulOutput = 1024

export interface Admitted {
  readonly _tag: "Admitted"
  /** Pass it to `settle`. */
  readonly held: Budget.Amount
  readonly maxOutputTokens: number | undefined
  /** The budget leaves less output than the step would otherwise get. */
  readonly isClamped: boolean
  readonly price: Entry.Price | undefined
  /** When it was estimated, in epoch milliseconds. */
  readonly at: number
}

export type Admission =
  | Admitted
  | { readonly _tag: "Refused"; readonly refusal: Budget.Refusal }
  | { readonly _tag: "Cancelled" }

/**
 * Admits one request; call it when the request is due, since it reserves at once. `steps`: 0 for another attempt at a
 * counted step. `until`: until when it waits for other runs to release a quota, epoch milliseconds. `now`: the time, if it
 * was just read.
 */
export const admit = (
  ask: Ask,
  steps: 0 | 1 = ask.steps,
  until?: number,
  now = ask.work.now()
): Effect.Effect<Admission> => {
  const { lease } = ask.work.tree
  if (lease === undefined) return reserve(ask, steps, undefined, now)
  const most = mostOf(ask, now)
  const due = until ?? now + ask.run.settings.quotaWaitMs
  return lease.lacks(most, now)
    ? Effect.andThen(
        lease.extend(most, now),
        Effect.suspend(() => reserve(ask, steps, due, ask.work.now()))
      )
    : reserve(ask, steps, due, now)
}

/** The quota that a request needs with unlimited output. */
const mostOf = (ask: Ask, now: number): Budget.Amount => {
  const { agent, run } = ask
  const price = priceOf(run, now, agent)
  const inputTokens = ask.inputTokens(run.settings.estimator)
  const outputTokens = ask.maxOutputTokens ?? usualOutput
  return {
    inputTokens,
    outputTokens,
    nanoUsd: price === undefined ? 0 : Money.mostFor(price, inputTokens, outputTokens)
  }
}

const reserve = (ask: Ask, steps: 0 | 1, until: number | undefined, now: number): Effect.Effect<Admission> => {
  const { agent, work } = ask
  if (work.cancel.requested) return cancelled
  const wanted = want(ask, steps, now)
  const { at } = wanted
  if (until !== undefined && isLeftTooLittle(ask, wanted) && at < until) {
    const late = work.tree.overtime(agent.path, work.elapsed(at))
    if (late !== undefined) return Exit.succeed({ _tag: "Refused", refusal: late })
    return Effect.flatMap(turn(ask, until), () => admit(ask, steps, until))
  }
  const seen = work.tree.version
  const isWorthwhile = !isTooLittle(ask, wanted)
  const refusal = isWorthwhile
    ? work.tree.reserve(agent.path, wanted.held, work.elapsed(at))
    : work.tree.refusal(agent.path, wanted.held, work.elapsed(at))
  if (refusal === undefined && isWorthwhile) return Exit.succeed(wanted)
  // A sibling has reserved the extension: extend again.
  if (refusal !== undefined && work.tree.lease?.mayExtend(refusal) === true) return admit(ask, steps, until)
  return refusal === undefined || (refusal.heldByOthers && isGivenBack(refusal.limit))
    ? Effect.flatMap(release(ask, seen), () => admit(ask, steps, until))
    : Exit.succeed({ _tag: "Refused", refusal })
}

/** Whether a step should wait for other runs: they hold the missing quota, and the rest is too small to be useful. */
const isLeftTooLittle = ({ maxOutputTokens, work }: Ask, { held, price }: Admitted): boolean => {
  const { lease } = work.tree
  if (lease?.isHeld !== true) return false
  const useful = Math.min(maxOutputTokens ?? usualOutput, usefulOutput)
  const { inputTokens = 0 } = held
  return Budget.headroom([lease.node], { inputTokens, price, wanted: useful }) < useful
}

/** How often a run checks whether others have released quota, in milliseconds. */
const turnMs = 250

/** Waits for other runs for a short time; first releases its own lease, so that two runs do not wait for each other. */
export const turn = (
  { agent, run, work }: Pick<Ask, "agent" | "run" | "work">,
  until: number
): Effect.Effect<unknown> => {
  const now = work.now()
  const wait = Interruptible.hold(Effect.sleep(Math.min(turnMs, until - now)), {
    signal: work.cancel,
    alarm: run.alarm,
    graceMs: 0,
    remainingMs: timeLeft(work, agent)
  })
  return Effect.andThen(work.tree.lease?.giveBack(now) ?? Effect.void, wait)
}

const cancelled = Exit.succeed({ _tag: "Cancelled" } as const)

/** Whether a step should wait: too little is left to be useful, and more will be once others have settled. */
const isTooLittle = ({ agent, maxOutputTokens, work }: Ask, { held, isClamped, price }: Admitted): boolean => {
  if (!isClamped || held.outputTokens === undefined || held.outputTokens >= usefulOutput) return false
  const { inputTokens = 0, outputTokens } = held
  const wanted = Math.min(maxOutputTokens ?? usualOutput, usefulOutput)
  return work.tree.headroom(agent.path, { inputTokens, price, wanted, isGivenBack: true }) > outputTokens
}

/** Waits until a reservation is settled, or the agent's time limit. */
export const release = (
  { agent, run, work }: Pick<Ask, "agent" | "run" | "work">,
  seen: number
): Effect.Effect<unknown> => {
  const { cancel, tree } = work
  const given = tree.release(cancel, seen)
  const remainingMs = timeLeft(work, agent)
  return remainingMs === undefined
    ? given
    : Interruptible.hold(given, { signal: cancel, alarm: run.alarm, graceMs: 0, remainingMs })
}

/** Whether holds on this limit usually exceed what is spent, so that some is released. */
const isGivenBack = (limit: string): boolean =>
  ["maxInputTokens", "maxOutputTokens", "maxTotalTokens", "maxCostUsd"].includes(Budget.bare(limit))

const want = (ask: Ask, steps: 0 | 1, now: number): Admitted => {
  const { agent, maxOutputTokens: own, run, work } = ask
  const price = priceOf(run, now, agent)
  if (!work.tree.isMetered(agent.path)) return admitted({ steps }, own, false, price, now)
  const inputTokens = ask.inputTokens(run.settings.estimator)
  // An estimator takes its time.
  const at = work.now()
  const room = work.tree.headroom(agent.path, { inputTokens, price, wanted: Number.POSITIVE_INFINITY })
  if (room === Number.POSITIVE_INFINITY) return admitted({ steps, inputTokens }, own, false, price, at)
  // An answer that is not shown is useless when it is cut.
  const outputTokens = ask.isShown ? Math.max(1, Math.min(own ?? usualOutput, room)) : (own ?? usualOutput)
  const nanoUsd = price === undefined ? 0 : Money.mostFor(price, inputTokens, outputTokens)
  return admitted(
    { steps, inputTokens, outputTokens, nanoUsd },
    outputTokens,
    outputTokens < (own ?? usualOutput),
    price,
    at
  )
}

const admitted = (
  held: Budget.Amount,
  maxOutputTokens: number | undefined,
  isClamped: boolean,
  price: Entry.Price | undefined,
  at: number
): Admitted => ({ _tag: "Admitted", held, maxOutputTokens, isClamped, price, at })

/** The limit that cut an answer short at its clamp; `undefined` where there is room again. */
export const shortfall = (ask: Ask, { price }: Admitted): Budget.Refusal | undefined => {
  const { agent, work } = ask
  const outputTokens = ask.maxOutputTokens ?? usualOutput
  const more: Budget.Amount = {
    outputTokens,
    nanoUsd: price === undefined ? 0 : Money.mostFor(price, 0, outputTokens)
  }
  return work.tree.refusal(agent.path, more, work.elapsed())
}
