/**
 * Runs one permitted call: reserves it on the budget, runs the handler under the run's signal and the tool's own
 * deadline, retries if the tool allows it, and closes the call with its result.
 *
 * Whatever the handler does, the call has exactly one end, also after a crash, a timeout or a cancel. A handler that
 * succeeds at once takes the usual way: plain code without an effect, if nothing has to be stored.
 */
import { type Budget, Entry, type Event } from "@reins/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Permit from "../approval/Permit.ts"
import { SettledWork, type Settled, type Work } from "../engine/Engine.ts"
import * as Spending from "../engine/Spending.ts"
import type { Alarm } from "../kernel/Alarm.ts"
import * as Interruptible from "../kernel/Interruptible.ts"
import type { Signal } from "../kernel/Signal.ts"
import * as Names from "../run/Names.ts"
import { settle } from "../run/Run.ts"
import * as ToolOutcome from "../tool/ToolOutcome.ts"
import * as Call from "./Call.ts"
import type { CallContext, CallEnd } from "./Call.ts"
import * as Gate from "./Gate.ts"
import { LiveCall } from "./LiveCall.ts"
import * as ToolAdmission from "./ToolAdmission.ts"
import * as Task from "../kernel/Task.ts"

/** Events emitted with a call's result, before it. */
export type Before = (end: CallEnd) => ReadonlyArray<Event>

/** A repetition that a person allowed: for which time, and how often the call was started before. */
export interface Again {
  readonly time: number
  readonly begunBefore: number
}

/** Runs the call that `permit` allows; `again` if a person has allowed its repetition. */
export const runTool = (
  context: CallContext,
  permit: Permit.Permit,
  before?: Before,
  again?: Again
): Effect.Effect<Call.Ran> => {
  const { agent, run } = context
  const { id } = permit.call
  const begunBefore = again?.begunBefore ?? 0
  const nameOf = () => Names.tool(agent.prefix, again === undefined ? permit.subject : Names.ofRepeat(id, again.time))
  const carried = (work: Work) => {
    const settled = runAdmitted(context, work, permit, nameOf, begunBefore)
    return before === undefined ? settled : Task.map(settled, (settled) => preceded(before, settled))
  }
  return run.engine.direct === undefined
    ? run.engine.activity(nameOf(), Call.StoredRan, carried)
    : run.engine.direct(carried)
}

const preceded = (before: Before, settled: Settled<Call.Ran>): Settled<Call.Ran> =>
  settled.value._tag === "Unsettled" || settled.value._tag === "Changed"
    ? settled
    : { ...settled, events: [...before(settled.value), ...settled.events] }

/** A call that is reserved on the budget and runs in its handler, under the limits of one attempt. */
class Execution implements Interruptible.Limits {
  readonly context: CallContext
  readonly work: Work
  readonly permit: Permit.Permit
  readonly held: Budget.Amount
  readonly startedAt: number
  readonly live: LiveCall
  /** How often earlier owners of the run started it. */
  readonly begunBefore: number
  attempts = 1
  /** When the present attempt began, in epoch milliseconds. */
  private attemptedAt = 0

  constructor(context: CallContext, work: Work, permit: Permit.Permit, held: Budget.Amount, begunBefore: number) {
    this.context = context
    this.work = work
    this.permit = permit
    this.held = held
    this.begunBefore = begunBefore
    this.startedAt = work.now()
    this.live = new LiveCall(context, work, held, begunBefore, permit.grant, this.startedAt)
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
    return context.tool.timeoutMs === undefined && !work.tree.isTimed(context.agent.path) ? undefined : this.timeLeft
  }

  private timeLeft(): number {
    const { attemptedAt, context, work } = this
    const { agent, tool } = context
    const own = (tool.timeoutMs ?? Number.POSITIVE_INFINITY) - (work.now() - attemptedAt)
    return work.tree.isTimed(agent.path) ? Math.min(own, work.tree.remainingMs(agent.path, work.elapsed())) : own
  }

  onCut(): void {
    this.live.cut()
  }

  /** Begins an attempt. */
  begin(): void {
    this.attemptedAt = this.work.now()
  }
}

const notPermitted = ({ tool }: CallContext): Error =>
  new Error(`Tool ${tool.name} cannot run without a permit from the gate`)

const mayRun = ({ tool }: CallContext, permit: Permit.Permit): boolean =>
  Permit.isGenuine(permit) && tool.invoke !== undefined

/** Reserves the call on the budget and runs it, unless it is refused or may have run before. */
const runAdmitted = (
  context: CallContext,
  work: Work,
  permit: Permit.Permit,
  nameOf: () => string,
  begunBefore: number
): Effect.Effect<Settled<Call.Ran>> => {
  if (!mayRun(context, permit)) return Effect.die(notPermitted(context))
  const { tree } = work
  const begun = () =>
    Task.flatMap(ToolAdmission.admit(context, work, permit.args), (admission) => {
      return admission._tag === "Closed"
        ? neverRan(context, work, permit, admission.end)
        : start(context, work, permit, nameOf, begunBefore, admission.held)
    })
  // With a money limit, calls start in order: costs of earlier ones may have spent the limit.
  return tree.isPriced(context.agent.path) ? Effect.suspend(begun) : begun()
}

/** Starts an admitted call; a durable engine stores that first. */
const start = (
  context: CallContext,
  work: Work,
  permit: Permit.Permit,
  nameOf: () => string,
  begunBefore: number,
  held: Budget.Amount
): Effect.Effect<Settled<Call.Ran>> => {
  const { agent, tool } = context
  const undone = (value: Call.Unsettled | Call.Changed): Effect.Effect<Settled<Call.Ran>> => {
    settle(work, agent.path, held, {})
    const settled: Settled<Call.Ran> = { value, path: agent.path, events: [], spent: [] }
    // A call that never started releases its grant's hold; one that may be repeated keeps it.
    return value._tag === "Changed" ? granted(context, work, permit, 0, settled) : Effect.succeed(settled)
  }
  const isHeld = Gate.holds(context, permit.toolHash)
  if (work.begin === undefined) {
    return isHeld ? execute(new Execution(context, work, permit, held, begunBefore)) : undone({ _tag: "Changed" })
  }
  return Effect.flatMap(work.begin(nameOf(), agent.path), (lost): Effect.Effect<Settled<Call.Ran>> => {
    const begun = begunBefore + lost
    if (isHeld && (lost === 0 || tool.idempotent)) {
      return Task.flatMap(ToolAdmission.refuseAgain(context, work, held), (refusal) => {
        if (refusal === undefined) return execute(new Execution(context, work, permit, held, begun))
        settle(work, agent.path, held, {})
        return neverRan(context, work, permit, Call.refused(refusal))
      })
    }
    // It may have taken effect. `RepeatedCall` asks about it, outside of this activity.
    return undone(
      begun === 0 ? { _tag: "Changed" } : { _tag: "Unsettled", begunBefore: begun, shown: Gate.shown(context, work) }
    )
  })
}

/** Ends a call before it runs. */
const neverRan = (
  context: CallContext,
  work: Work,
  permit: Permit.Permit,
  end: CallEnd
): Effect.Effect<Settled<CallEnd>> => {
  const { agent, call, tool } = context
  // An earlier owner may have started it.
  const spent = Spending.lostRows(work.spending, agent.path, call.id, end.outcome.status)
  return granted(context, work, permit, spent[0]?.costNanoUsd ?? 0, {
    value: end,
    path: agent.path,
    events: [Call.resultEvent(permit.call, permit.args, end.outcome, tool.execution)],
    spent
  })
}

/** Charges the call's grant with what the call has cost in all, and releases the rest of its hold. */
const granted = <A>(
  { agent, call, run }: CallContext,
  work: Work,
  { grant }: Permit.Permit,
  costNanoUsd: number,
  settled: Settled<A>
): Effect.Effect<Settled<A>> =>
  grant === undefined || (!grant.isMetered && costNanoUsd === 0)
    ? Exit.succeed(settled)
    : Effect.as(
        run.grants.settle(Names.grantUse(work.runId, agent.path, call.id), grant.id, costNanoUsd, work.now()),
        settled
      )

/** Attempts the call until it succeeds or may not be retried. */
const execute = (execution: Execution): Effect.Effect<Settled<CallEnd>> =>
  Task.flatMap(attempt(execution), ({ end, left }) => {
    const { context, live, permit, work } = execution
    const isFailed = end._tag === "Done" && ToolOutcome.mayRetry(end.outcome)
    if (isFailed && execution.attempts <= context.tool.retries && !work.cancel.requested) {
      execution.attempts++
      live.restart()
      return execute(execution)
    }
    const { lease } = work.tree
    const done = () => granted(context, work, permit, live.costNanoUsd, close(execution, end, left))
    if (lease === undefined || live.charged === 0) return done()
    return Effect.flatMap(lease.cover(work.now()), (isPassed) => {
      live.overrun ||= isPassed
      return done()
    })
  })

/** The result of a handler that did not stop when interrupted: abandoned, or successful within its grace time. */
type Left = "abandoned" | "completed" | undefined

/** How one attempt ended. */
interface Attempted {
  readonly end: CallEnd
  readonly left: Left
}

const attempted = (end: CallEnd, left?: Left): Attempted => ({ end, left })

const attempt = (execution: Execution): Effect.Effect<Attempted> => {
  const { context } = execution
  execution.begin()
  const answer = invoke(execution)
  // The usual way: success at once.
  if (Task.isDone(answer)) return Exit.succeed(attempted(Call.done(answer.value)))
  return Task.flatMap(
    Interruptible.begin(() => answer, execution),
    (held) => {
      if (held._tag === "Done") {
        return Exit.isSuccess(held.exit)
          ? Exit.succeed(attempted(Call.done(held.exit.value)))
          : crash(context, held.exit.cause)
      }
      return Exit.succeed(
        attempted(cutShort(execution, held), held.abandoned ? "abandoned" : held.completed ? "completed" : undefined)
      )
    }
  )
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
const cutShort = ({ context, work }: Execution, { abandoned, by, completed }: Cut): CallEnd => {
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
    ? Call.done(ToolOutcome.fault("ToolTimedOut", `${tool.name} took longer than ${tool.timeoutMs} ms${left}`))
    : Call.refused(refusal)
}

/** A defect of the tool: the model reads that there was one, the operator's log has its cause. */
const crash = ({ run, tool }: CallContext, cause: Cause.Cause<never>): Effect.Effect<Attempted> => {
  const words = Cause.hasInterruptsOnly(cause) ? `${tool.name} was interrupted` : `${tool.name} failed unexpectedly`
  return Effect.as(
    run.settings.captureContent
      ? Effect.logError(`Tool ${tool.name} crashed`, cause)
      : Effect.logError(`Tool ${tool.name} crashed`),
    attempted(Call.done(ToolOutcome.fault("ToolCrashed", words)))
  )
}

/** Settles the hold, and emits the call's end. */
const close = (execution: Execution, end: CallEnd, left: Left): Settled<CallEnd> => {
  const { context, held, live, permit, work } = execution
  const { agent, tool } = context
  live.end()
  const { costNanoUsd } = live
  // Costs above the hold are charged already.
  const nanoUsd = costNanoUsd - live.charged
  settle(work, agent.path, held, nanoUsd === (held.nanoUsd ?? 0) ? held : { ...held, nanoUsd })
  const events = [Call.resultEvent(permit.call, permit.args, end.outcome, tool.execution)]
  return new SettledWork(end, agent.path, events, [rowOf(execution, end, left)])
}

/** The ledger's row of the call. */
const rowOf = (execution: Execution, { outcome }: CallEnd, left: Left): Entry.ToolEntry => {
  const status = left === "completed" ? undefined : outcome.status
  const { context, live, permit, startedAt, work } = execution
  const { costNanoUsd } = live
  return Entry.tool({
    path: context.agent.path,
    callId: permit.call.id,
    toolName: context.tool.name,
    costNanoUsd: costNanoUsd === 0 ? undefined : costNanoUsd,
    status,
    abandoned: left === "abandoned" ? true : undefined,
    overrun: live.overrun ? true : undefined,
    startedAt,
    endedAt: work.now(),
    attempts: execution.attempts + execution.begunBefore
  })
}
