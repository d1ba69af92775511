/**
 * Reserves the budget of one tool call before it starts: the call itself, and its maximum cost if its tool declares one
 * (`ToolSettings.MaxCostUsd`). Without a declared cost a call holds no money, but does not start once a money limit is
 * spent. If a declared cost does not fit only because of other holds, it waits until one of them is settled. A waiting
 * call holds no reservation, so this cannot deadlock.
 */
import { Budget, type Json } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as RunLog from "../run/RunLog.ts"
import * as Exit from "effect/Exit"
import type { Callable } from "../agent/AgentRegistry.ts"
import type { Work } from "../engine/Engine.ts"
import { release, turn } from "../step/Admission.ts"
import type { Most } from "../tool/ToolSettings.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Call from "./Call.ts"
import type { CallContext, CallEnd } from "./Call.ts"
import * as Task from "../kernel/Task.ts"

/** A call that may start. `held`: pass it to `settle`. `at`: when it was admitted, in epoch milliseconds. */
export interface Admitted {
  readonly _tag: "Admitted"
  readonly held: Budget.Amount
  readonly at: number
}

/** Whether the call may start. `Closed`: how it ends instead. */
export type ToolAdmission = Admitted | { readonly _tag: "Closed"; readonly end: CallEnd }

/** Admits one call of `tool` with `args`. `now`: the time, if it was just read. */
export const admit = (context: CallContext, work: Work, args: Json, now?: number): Effect.Effect<ToolAdmission> =>
  Task.flatMap(mostOf(context.tool, args), (most) =>
    most._tag === "NoAmount"
      ? Effect.map(noAmount(context, most.cause), closed)
      : leased(work, most.amount, () =>
          reserve(
            context,
            work,
            { toolCalls: 1, tool: context.tool.name, ...most.amount },
            undefined,
            // A declared cost is computed by the tool's code, and a lease is extended in a store.
            context.tool.maxCost === undefined && work.tree.lease === undefined ? now : undefined
          )
        )
  )

/** Runs `act` once the amount fits into the run's lease: the call's maximum cost, or without one, any amount. */
const leased = <A>(
  work: Work,
  { nanoUsd = 1 }: Pick<Budget.Amount, "nanoUsd">,
  act: () => Effect.Effect<A>
): Effect.Effect<A> => {
  const { lease } = work.tree
  const now = lease === undefined ? 0 : work.now()
  return lease?.lacks({ nanoUsd }, now) === true
    ? Effect.andThen(lease.extend({ nanoUsd }, now), Effect.suspend(act))
    : act()
}

const reserve = (
  context: CallContext,
  work: Work,
  held: Budget.Amount,
  waitsUntil?: number,
  at = work.now()
): Effect.Effect<ToolAdmission> => {
  if (work.cancel.requested) return Exit.succeed(closed(Call.cancelled()))
  const seen = work.tree.version
  const refusal = refuse(context, work, held) ?? work.tree.reserve(context.agent.path, held, work.elapsed(at))
  if (refusal === undefined) return Exit.succeed({ _tag: "Admitted", held, at })
  const until = waitsUntil ?? at + context.run.settings.quotaWaitMs
  if (work.tree.lease?.mayExtend(refusal) === true) return leased(work, held, () => reserve(context, work, held, until))
  if (work.tree.lease?.isHeld === true && Budget.isOfQuota(refusal.limit) && at < until) {
    // The refusal of a quota hides that of the time, since it is nearer to the root.
    const late = work.tree.overtime(context.agent.path, work.elapsed(at))
    if (late !== undefined) return Exit.succeed(closed(Call.refused(late)))
    return Effect.flatMap(turn({ ...context, work }, until), () =>
      leased(work, held, () => reserve(context, work, held, until))
    )
  }
  return held.nanoUsd !== undefined && refusal.heldByOthers && Budget.bare(refusal.limit) === "maxCostUsd"
    ? Effect.flatMap(release({ ...context, work }, seen), () =>
        leased(work, held, () => reserve(context, work, held, until))
      )
    : Exit.succeed(closed(Call.refused(refusal)))
}

const closed = (end: CallEnd): ToolAdmission => ({ _tag: "Closed", end })

/** How a call ends if its `MaxCostUsd` failed. */
const noAmount = ({ run, tool }: CallContext, cause: unknown): Effect.Effect<CallEnd> => {
  const words = `${tool.name} did not run: its MaxCostUsd threw or returned an invalid amount`
  return Effect.as(RunLog.error(run.settings, words, cause), Call.done(ToolOutcome.fault("ToolCrashed", words)))
}

/** As `refuse`, checked again because others may have spent the limit meanwhile. */
export const refuseAgain = (
  context: CallContext,
  work: Work,
  held: Budget.Amount
): Effect.Effect<Budget.Refusal | undefined> =>
  leased(work, { nanoUsd: held.nanoUsd === undefined ? 1 : 0 }, () => Exit.succeed(refuse(context, work, held)))

/** The spent money limit, for a call without a declared cost. */
const refuse = ({ agent }: CallContext, work: Work, { nanoUsd }: Budget.Amount): Budget.Refusal | undefined =>
  nanoUsd === undefined ? work.tree.spentRefusal(agent.path) : undefined

/** The maximum cost of a call of `tool` with `args`, as part of an amount. */
export const mostOf = ({ decode, maxCost }: Callable, args: Json): Effect.Effect<Most> =>
  maxCost === undefined
    ? undeclared
    : Effect.match(decode(args), {
        // The handler is not called with invalid arguments.
        onFailure: (): Most => ({ _tag: "Most", amount: { nanoUsd: 0 } }),
        onSuccess: maxCost
      })

const undeclared: Effect.Effect<Most> = Exit.succeed({ _tag: "Most", amount: {} })
