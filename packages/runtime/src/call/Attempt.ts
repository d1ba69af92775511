/**
 * One attempt of a permitted call: runs the handler under the run's signal and the tool's own deadline, and decides
 * what its end means.
 */
import type { Budget } from "@reins/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as RunLog from "../run/RunLog.ts"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type { Permit } from "../approval/Policy.ts"
import type { Work } from "../engine/Engine.ts"
import type { Alarm } from "../kernel/Alarm.ts"
import * as Interruptible from "../kernel/Interruptible.ts"
import type { Signal } from "../kernel/Signal.ts"
import * as Task from "../kernel/Task.ts"
import * as Retrying from "../tool/Retrying.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Call from "./Call.ts"
import type { CallContext, CallEnd } from "./Call.ts"
import { LiveCall } from "./LiveCall.ts"

/** A call that is reserved on the budget and runs in its handler, under the limits of one attempt. */
export class Execution implements Interruptible.Limits {
  readonly context: CallContext
  readonly work: Work
  readonly permit: Permit
  readonly held: Budget.Amount
  readonly startedAt: number
  readonly live: LiveCall
  /** How often earlier owners of the run started it. */
  readonly begunBefore: number
  attempts = 1
  /** When the present attempt began, in epoch milliseconds. */
  private attemptedAt: number

  /** `part`: where it goes on after a sleep. `now`: when its first attempt begins. */
  constructor(
    context: CallContext,
    work: Work,
    permit: Permit,
    held: Budget.Amount,
    begunBefore: number,
    part: Call.Part | undefined,
    now: number
  ) {
    this.context = context
    this.work = work
    this.permit = permit
    this.held = held
    this.begunBefore = begunBefore
    this.startedAt = part?.startedAt ?? now
    this.attemptedAt = now
    this.live = new LiveCall(context, work, held, begunBefore, permit.grant, this.startedAt, part, permit.subject)
  }

  get signal(): Signal {
    return this.work.cancel
  }

  get alarm(): Alarm {
    return this.context.run.alarm
  }

  get graceMs(): number {
    return this.context.run.settings.cancelGraceMs
  }

  get remainingMs(): (() => number) | undefined {
    const { context, work } = this
    const { retry, timeoutMs } = context.tool
    const isOwn = timeoutMs !== undefined || (retry !== undefined && retry.withinMs < Number.POSITIVE_INFINITY)
    return isOwn || work.tree.isTimed(context.agent.path) ? this.timeLeft : undefined
  }

  /** The delay before another attempt after one that ended so, in milliseconds; `undefined`: there is none. */
  pauseAfter(end: CallEnd): number | undefined {
    const { retry } = this.context.tool
    if (retry === undefined || end._tag !== "Done" || this.work.cancel.requested) return undefined
    if (!ToolOutcome.mayRetry(end.outcome)) return undefined
    const { attempts, startedAt, work } = this
    return Retrying.mayFollow(retry, end.outcome.result, attempts, work.now() - startedAt)
      ? Retrying.delayOf(retry, attempts)
      : undefined
  }

  private timeLeft(): number {
    const { attemptedAt, context, work } = this
    const { agent, tool } = context
    const now = work.now()
    const one = (tool.timeoutMs ?? Number.POSITIVE_INFINITY) - (now - attemptedAt)
    const own = Math.min(one, (tool.retry?.withinMs ?? Number.POSITIVE_INFINITY) - (now - this.startedAt))
    return work.tree.isTimed(agent.path) ? Math.min(own, work.tree.remainingMs(agent.path, work.elapsed(now))) : own
  }

  /** The tool's own time that the present attempt has, in milliseconds: its deadline, or what all its attempts have. */
  get ownMs(): number {
    const { retry, timeoutMs = Number.POSITIVE_INFINITY } = this.context.tool
    const withinMs = retry?.withinMs ?? Number.POSITIVE_INFINITY
    return timeoutMs <= withinMs - (this.attemptedAt - this.startedAt) ? timeoutMs : withinMs
  }

  onCut(): void {
    this.live.cut()
  }

  begun(halt: () => void): void {
    this.live.begun(halt)
  }

  /** Begins another attempt. */
  again(): void {
    this.attempts++
    this.attemptedAt = this.work.now()
  }
}

/**
 * Waits before another attempt. Returns how the call ends if the run's cancel or a limit ends the wait; `late` if the
 * call's own time is over.
 */
export const rest = (execution: Execution, ms: number): Effect.Effect<CallEnd | "late" | undefined> => {
  const { context, work } = execution
  const { agent, run } = context
  const remainingMs = work.tree.isTimed(agent.path)
    ? () => work.tree.remainingMs(agent.path, work.elapsed())
    : undefined
  const limits = { signal: work.cancel, alarm: run.alarm, graceMs: 0, remainingMs }
  return Task.map(Interruptible.hold(Effect.sleep(ms), limits), (held) => {
    if (held._tag === "Done") return undefined
    const refusal = work.tree.isTimed(agent.path) ? work.tree.overtime(agent.path, work.elapsed()) : undefined
    if (held.by === "signal") return Call.cancelled()
    return refusal === undefined ? "late" : Call.refused(refusal)
  })
}

/** The result of a handler that did not stop when interrupted: abandoned, or successful within its grace time. */
export type Left = "abandoned" | "completed" | undefined

/** How one attempt ended. */
export interface Attempted {
  readonly end: CallEnd | Call.Asleep
  readonly left: Left
  /** The success that came within its grace time. */
  readonly late: ToolOutcome.ToolOutcome | undefined
}

const attempted = (end: Attempted["end"], left?: Left, late?: ToolOutcome.ToolOutcome): Attempted => ({
  end,
  left,
  late
})

/** Runs the handler once. */
export const attempt = (execution: Execution): Effect.Effect<Attempted> => {
  const { context } = execution
  const answer = invoke(execution)
  // The usual way: success at once.
  if (Task.isDone(answer)) return Exit.succeed(attempted(Call.done(answer.value)))
  return Task.flatMap(Interruptible.holdStarted(answer, execution), (held) => {
    if (held._tag === "Done") {
      return Exit.isSuccess(held.exit)
        ? Exit.succeed(attempted(Call.done(held.exit.value)))
        : crash(context, held.exit.cause)
    }
    const late = held.completed?.value
    if (held.by === "halt") {
      const { receipt, sleep } = execution.live
      // A handler that has ended all the same has its result.
      if (late !== undefined) return Exit.succeed(attempted(Call.done(late)))
      if (receipt !== undefined) return Exit.succeed(attempted(receipt))
      if (sleep !== undefined) return Exit.succeed(attempted({ _tag: "Asleep", sleep }))
    }
    return Exit.succeed(
      attempted(
        cutShort(execution, held),
        held.abandoned ? "abandoned" : late === undefined ? undefined : "completed",
        late?.status === undefined ? late : undefined
      )
    )
  })
}

/** Calls the handler, within the runtime's tracing if there is one. A throw is a defect of the handler. */
const invoke = ({ context, live, permit }: Execution): Effect.Effect<ToolOutcome.ToolOutcome> => {
  const { agent, call, run, tool } = context
  const { invoke } = tool
  if (invoke === undefined) return Effect.die(notPermitted(context))
  const { tracing } = run.settings
  if (tracing !== undefined) {
    const { runId, threadId } = run.engine
    const facts = { runId, threadId, agent: agent.member.name, agentPath: agent.path }
    const handled = Effect.suspend(() => invoke(permit.args, live))
    return tracing.tool({ ...facts, toolName: call.name, callId: call.id }, handled)
  }
  const answer = Result.try(() => invoke(permit.args, live))
  return Result.isSuccess(answer) ? answer.success : Exit.die(answer.failure)
}

type Cut = Extract<Interruptible.Held<unknown, never>, { readonly _tag: "Cut" }>

/** How a call ends after the run's cancel or its deadline. */
const cutShort = (execution: Execution, { abandoned, by, completed }: Cut): CallEnd => {
  const { context, ownMs, work } = execution
  const { agent, tool } = context
  const left = abandoned
    ? "; it did not stop when interrupted and was abandoned, so it may still take effect"
    : completed
      ? "; it did not stop when interrupted and then succeeded, so it may have taken effect"
      : ""
  if (by === "signal") {
    return Call.cancelled(ToolOutcome.fault("Cancelled", `the run was cancelled${left}`, "cancelled"))
  }
  const refusal = work.tree.isTimed(agent.path) ? work.tree.overtime(agent.path, work.elapsed()) : undefined
  return refusal === undefined
    ? Call.done(
        ToolOutcome.fault(
          "ToolTimedOut",
          `${tool.name} took longer than ${Number.isFinite(ownMs) ? `${ownMs} ms` : "its limits allowed"}${left}`
        )
      )
    : Call.refused(refusal)
}

/** A defect of the tool: the model reads that there was one, the operator's log has its cause. */
const crash = ({ run, tool }: CallContext, cause: Cause.Cause<never>): Effect.Effect<Attempted> => {
  const words = Cause.hasInterruptsOnly(cause) ? `${tool.name} was interrupted` : `${tool.name} failed unexpectedly`
  return Effect.as(
    RunLog.error(run.settings, `Tool ${tool.name} crashed`, cause),
    attempted(Call.done(ToolOutcome.fault("ToolCrashed", words)))
  )
}

export const notPermitted = ({ tool }: CallContext): Error =>
  new Error(`Tool ${tool.name} cannot run without a permit from the gate`)
