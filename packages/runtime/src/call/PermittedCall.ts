/**
 * Runs a permitted call in as many parts as it takes: again after its process has died, and on after its handler has
 * slept.
 *
 * It asks before a call is repeated: a call whose process died before it ended may have taken effect, and unless its
 * tool is `Tool.Readonly` or `Tool.Idempotent`, only a person can tell whether repeating it does harm. The question is
 * an approval of kind `tool` with `begunBefore`. If allowed, the call runs with the same idempotency key; if refused,
 * the model reads that the call may have taken effect. After another crash the question is asked again. On an engine
 * without storage calls are never repeated.
 *
 * While a call's handler sleeps (`ToolRun.sleep`) nothing of it runs, so that its run can be unloaded from memory. It
 * waits for its time, or is closed by the run's cancel.
 */
import { Approval, Entry } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { GrantUse, Permit } from "../approval/Policy.ts"
import { type Settled, silent, type Work } from "../engine/Engine.ts"
import * as Spending from "../engine/Spending.ts"
import * as Names from "../run/Names.ts"
import { chargeLeft } from "../run/Run.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Call from "./Call.ts"
import { type Review, type CallContext, type CallEnd, type Ruling, reviewOf } from "./Call.ts"
import * as CallHooks from "./CallHooks.ts"
import * as Gate from "./Gate.ts"
import * as LateResults from "./LateResults.ts"
import * as Question from "./Question.ts"
import * as ToolStep from "./ToolStep.ts"
import * as Task from "../kernel/Task.ts"

/** Executes the call that `permit` allows, in one of the step's slots. `before`: see `ToolStep.Before`. */
export const run = (
  context: CallContext,
  permit: Permit,
  telling: Telling = {}
): Effect.Effect<CallEnd | Call.Changed> => attempt(context, permit, telling, undefined, 1, undefined)

/** What accompanies the call's end: events before its result, and for the model how a reviewer changed it. */
export interface Telling {
  readonly before?: ToolStep.Before | undefined
  readonly review?: Review | undefined
}

/**
 * Runs the call; if it may have run before, asks whether to repeat it, for the `time`th time. `part`: where it goes on
 * after a sleep.
 */
const attempt = (
  context: CallContext,
  permit: Permit,
  telling: Telling,
  again: ToolStep.Again | undefined,
  time: number,
  part: Call.Part | undefined
): Effect.Effect<CallEnd | Call.Changed> => {
  const { agent, tool } = context
  // Also where it goes on after a sleep.
  const own = time === 1 ? context : { ...context, repeat: time - 1 }
  const ran = agent.limited(tool, () => ToolStep.runTool(own, permit, telling.before, again, part))
  return Task.flatMap(ran, (end): Effect.Effect<CallEnd | Call.Changed> => {
    if (end._tag === "Unsettled") return askAgain(context, permit, telling, end, time, part)
    if (end._tag === "Asleep") {
      const next: Call.Part = { ...end.sleep, count: 1 + (part?.count ?? 0) }
      return Task.flatMap(untilAwake(context, next), (woken) =>
        woken === "cancelled"
          ? cancelAsleep(context, permit, telling.before, next)
          : attempt(context, permit, telling, undefined, time, next)
      )
    }
    return Effect.succeed(end._tag === "Changed" ? end : Call.reviewed(end, telling.review))
  })
}

const askAgain = (
  context: CallContext,
  permit: Permit,
  telling: Telling,
  { begunBefore, shown }: Call.Unsettled,
  time: number,
  part: Call.Part | undefined
): Effect.Effect<CallEnd | Call.Changed> => {
  const { agent, call, run, tool } = context
  const { args, grant, subject } = permit
  const allowed = { ...context, call: { ...call, args } }
  const ruled = Question.ask<Ruling>(run, agent, {
    subject: Names.ofRepeat(call.id, time),
    approvers: tool.approvers,
    request: {
      kind: "tool",
      target: call.name,
      payload: args,
      toolInvocationId: call.id,
      begunBefore,
      ...Question.shownIn(shown)
    },
    close: (answer) => {
      const { outcome } = answer.resolution
      if (Approval.isAskedAgain(outcome)) return { value: { _tag: "Superseded" }, events: [] }
      const end = refusal(outcome, Question.feedbackOf(answer))
      return end === undefined
        ? { value: { _tag: "Allowed", args: answer.args ?? args, review: reviewOf(answer) }, events: [] }
        : {
            value: { _tag: "Closed", end },
            events: [...(telling.before?.(end) ?? []), ...CallHooks.closing(allowed, end)]
          }
    }
  })
  return Effect.flatMap(ruled, (ruling): Effect.Effect<CallEnd | Call.Changed> => {
    switch (ruling._tag) {
      case "Closed":
        return Effect.tap(CallHooks.closeSeen(allowed, ruling.end), () =>
          book(context, grant, ruling.end.outcome.status)
        )
      case "Superseded":
        return Effect.flatMap(show(context, time + 1), (shown) =>
          askAgain(context, permit, telling, { _tag: "Unsettled", begunBefore, shown }, time + 1, part)
        )
      case "Allowed": {
        const again = Gate.permit(call, ruling.args, { grant, toolHash: shown.toolHash, subject })
        return attempt(
          context,
          again,
          { ...telling, ...reviewed(telling, ruling) },
          { time, begunBefore },
          time + 1,
          part
        )
      }
    }
  })
}

/**
 * Adds the ledger row of a call that reported a cost, died with its process, and ended without being repeated; releases
 * what its grant holds, and closes its ticket. Without effect if the call was repeated.
 */
export const book = (
  context: CallContext,
  grant?: GrantUse,
  status?: ToolOutcome.ToolOutcome["status"]
): Effect.Effect<void> => {
  const { agent, call, run } = context
  if (run.engine.direct !== undefined) return Effect.void
  const booked = leave(context, grant, (work) => {
    const spent = Spending.lostRows(work.spending, agent.path, call.id, status)
    for (const row of spent) chargeLeft(work, row)
    return { events: [], spent }
  })
  return Effect.asVoid(booked)
}

/** Settles the grant and closes the ticket of a call that does not run any more. `last`: its last events and rows. */
const leave = (
  context: CallContext,
  grant: GrantUse | undefined,
  last: (work: Work, cost: Spending.Cost | undefined) => Pick<Settled<null>, "events" | "spent">
): Effect.Effect<null> => {
  const { agent, call, run } = context
  const { path } = agent
  return run.engine.activity(Names.lost(agent.prefix, call.id), Schema.Null, (work) => {
    const cost = work.spending.costOf(path, call.id)
    const grantId = grant?.id ?? cost?.grantId
    const { events, spent } = last(work, cost)
    const settled =
      grantId === undefined ? Effect.void : ToolStep.settleGrant(context, work, grantId, cost?.nanoUsd ?? 0)
    return Effect.map(Effect.andThen(settled, LateResults.close(work, agent, call)), (late) => ({
      value: null,
      path,
      events,
      spent: [...spent, ...late]
    }))
  })
}

/** The last reviewer's change counts, or an earlier one if they changed nothing. */
const reviewed = (
  { review: before }: Telling,
  { review }: { readonly review: Review | undefined }
): Pick<Telling, "review"> => (review === undefined ? {} : { review: { ...review, args: review.args ?? before?.args } })

const Shown = Schema.Struct({ toolHash: Schema.String, ...Question.Terms.fields })

/** The content of the next question, after the previous one was superseded. */
const show = (context: CallContext, time: number): Effect.Effect<Call.Shown> => {
  const { agent, call, run } = context
  return run.engine.activity(Names.shown(agent.prefix, Names.ofRepeat(call.id, time)), Shown, (work) =>
    Effect.succeed(silent(Gate.shown(context, work), agent.path))
  )
}

/** How the call ends if it is not repeated; `undefined` if it may be. `said`: the person's reason. */
const refusal = ({ outcome }: Approval.Outcome, said: string): CallEnd | undefined => {
  const fault = (why: string, status: "failed" | "cancelled" = "failed") =>
    ToolOutcome.fault("MayHaveRun", `${lost}; ${why}`, status)
  switch (outcome) {
    case "approve":
    case "revise":
      return undefined
    case "reject":
      return Call.done(fault(`a person rejected repeating it${said}`))
    // The automaton and `Answers` accept an answer to a question only.
    case "answer":
    case "expired":
      return Call.done(fault("the approval to repeat it expired without an answer"))
    case "superseded":
      return Call.done(fault("the user sent a message instead of answering whether it may be repeated"))
    case "cancelled":
      return Call.cancelled(fault("the run was cancelled", "cancelled"))
  }
}

const lost = "The process that ran this call died before it ended, so the call may or may not have taken effect"

const Woken = Schema.Literals(["over", "cancelled"])

/** Waits until the call's time has come, or its run is cancelled. */
const untilAwake = (
  { agent, call, run }: CallContext,
  { count, until }: Call.Part
): Effect.Effect<typeof Woken.Type> => {
  agent.trim()
  const subject = Names.ofSlept(call.id, count)
  const told = run.engine.emit(Names.sleeps(agent.prefix, subject), agent.path, () => [
    {
      type: "custom",
      event_type: "call_sleeps",
      data: { toolInvocationId: call.id, toolName: call.name, until }
    }
  ])
  const waited = run.engine.wait<typeof Woken.Type>(
    Names.sleep(agent.prefix, subject),
    Woken,
    { cancelled: "cancelled", expires: { at: until, value: "over" } },
    { path: agent.path, reason: "timer", id: call.id }
  )
  return Task.flatMap(told, () => Task.map(waited, ({ value }) => value))
}

/** Closes a call that was cancelled while it slept. It ran, so it has a row, and may have taken effect. */
const cancelAsleep = (
  context: CallContext,
  { args, grant }: Permit,
  before: ToolStep.Before | undefined,
  { begun, startedAt }: Call.Part
): Effect.Effect<CallEnd> => {
  const { agent, call, tool } = context
  const words = "the run was cancelled while the call slept, so it may have taken effect in part"
  const end = Call.cancelled(ToolOutcome.fault("Cancelled", words, "cancelled"))
  const closed = leave(context, grant, (work, cost) => {
    const row = Entry.tool({
      path: agent.path,
      callId: call.id,
      toolName: tool.name,
      costNanoUsd: cost?.nanoUsd === 0 ? undefined : cost?.nanoUsd,
      status: "cancelled",
      abandoned: undefined,
      overrun: cost?.overrun === true ? true : undefined,
      startedAt,
      endedAt: work.now(),
      attempts: begun
    })
    return {
      events: [...(before?.(end) ?? []), Call.resultEvent(call, args, end.outcome, tool.execution)],
      spent: [row]
    }
  })
  return Effect.as(closed, end)
}
