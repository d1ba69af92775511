/**
 * Runs one permitted call: reserves it on the budget, runs the handler under the run's signal and the tool's own
 * deadline, retries if the tool allows it, and closes the call with its result.
 *
 * Whatever the handler does, the call has exactly one end, also after a crash, a timeout or a cancel. A handler that
 * succeeds at once takes the usual way: plain code without an effect, if nothing has to be stored.
 */
import { Entry, type Event } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { isGenuine, type Permit } from "../approval/Policy.ts"
import { type Settled, SettledWork, silent, type Work } from "../engine/Engine.ts"
import * as Spending from "../engine/Spending.ts"
import * as Names from "../run/Names.ts"
import { chargeLeft, settle } from "../run/Run.ts"
import { attempt, Execution, type Left, notPermitted, rest } from "./Attempt.ts"
import * as Call from "./Call.ts"
import type { CallContext, CallEnd } from "./Call.ts"
import * as CallHooks from "./CallHooks.ts"
import * as CallQuestion from "./CallQuestion.ts"
import * as Gate from "./Gate.ts"
import * as LateResults from "./LateResults.ts"
import * as Receipt from "./Receipt.ts"
import * as ToolAdmission from "./ToolAdmission.ts"
import * as Task from "../kernel/Task.ts"

/** Events emitted with a call's result, before it. */
export type Before = (end: CallEnd) => ReadonlyArray<Event>

/** A repetition that a person allowed: for which time, and how often the call was started before. */
export interface Again {
  readonly time: number
  readonly begunBefore: number
}

/**
 * Runs the call that `permit` allows; `again` if a person has allowed its repetition, `part` if it goes on after a
 * sleep.
 */
export const runTool = (
  context: CallContext,
  permit: Permit,
  before?: Before,
  again?: Again,
  part?: Call.Part
): Effect.Effect<Call.Ran> => {
  const { agent, run } = context
  const { id } = permit.call
  const begunBefore = again?.begunBefore ?? part?.begun ?? 0
  const nameOf = () => Names.tool(agent.prefix, subjectOf(permit.subject, id, again, part))
  const carried = (work: Work, now?: number) => {
    const settled = runAdmitted(context, work, permit, nameOf, begunBefore, part, now)
    return before === undefined ? settled : Task.map(settled, (settled) => preceded(before, settled))
  }
  return run.engine.direct === undefined
    ? run.engine.activity(nameOf(), Call.StoredRan, carried, true)
    : run.engine.direct(carried)
}

const subjectOf = (first: Names.Subject, id: string, again?: Again, part?: Call.Part): Names.Subject =>
  again !== undefined ? Names.ofRepeat(id, again.time) : part === undefined ? first : Names.ofSlept(id, part.count)

const preceded = (before: Before, settled: Settled<Call.Ran>): Settled<Call.Ran> =>
  Call.isEnd(settled.value) ? { ...settled, events: [...before(settled.value), ...settled.events] } : settled

const mayRun = ({ tool }: CallContext, permit: Permit): boolean => isGenuine(permit) && tool.invoke !== undefined

/**
 * Reserves the call on the budget and runs it, unless it is refused or may have run before. `now`: if it was just read.
 */
const runAdmitted = (
  context: CallContext,
  work: Work,
  permit: Permit,
  nameOf: () => string,
  begunBefore: number,
  part: Call.Part | undefined,
  now: number | undefined
): Effect.Effect<Settled<Call.Ran>> => {
  if (!mayRun(context, permit)) return Effect.die(notPermitted(context))
  const { tree } = work
  const begun = (now?: number) =>
    Task.flatMap(ToolAdmission.admit(context, work, permit.args, now), (admission) => {
      return admission._tag === "Closed"
        ? neverRan(context, work, permit, admission.end)
        : // The usual way: nothing is stored, its definition is the allowed one, and no grant allowed it.
          work.begin === undefined && permit.grant === undefined && Gate.holds(context, permit.toolHash)
          ? execute(new Execution(context, work, permit, admission.held, begunBefore, part, admission.at))
          : start(context, work, permit, nameOf, begunBefore, part, admission)
    })
  // With a money limit, calls start in order: costs of earlier ones may have spent the limit.
  return tree.isPriced(context.agent.path) ? Effect.suspend(() => begun()) : begun(now)
}

/**
 * Starts an admitted call, unless its definition has changed or, while it waited for its turn, the grant that allows it
 * expired or was revoked; a durable engine stores that first.
 */
const start = (
  context: CallContext,
  work: Work,
  permit: Permit,
  nameOf: () => string,
  begunBefore: number,
  part: Call.Part | undefined,
  { held }: ToolAdmission.Admitted
): Effect.Effect<Settled<Call.Ran>> => {
  const { agent, run, tool } = context
  const undone = (value: Call.Unsettled | Call.Changed): Effect.Effect<Settled<Call.Ran>> => {
    settle(work, agent.path, held, {})
    const settled = silent<Call.Ran>(value, agent.path)
    // A call that never started releases its grant's hold; one that may be repeated keeps it.
    return value._tag === "Changed" ? granted(context, work, permit, 0, settled) : Effect.succeed(settled)
  }
  // It may have taken effect where it was begun. `PermittedCall` asks about it, outside of this activity.
  const unheld = (begun: number): Call.Unsettled | Call.Changed =>
    begun === 0 ? { _tag: "Changed" } : { _tag: "Unsettled", begunBefore: begun, shown: Gate.shown(context, work) }
  // A call that a person has allowed to be repeated, and one that has slept, need no grant to go on.
  const { grant } = begunBefore > 0 ? { grant: undefined } : permit
  const whereHeld = <A>(ran: () => Effect.Effect<A>, or: () => Effect.Effect<A>): Effect.Effect<A> => {
    if (!Gate.holds(context, permit.toolHash)) return or()
    if (grant === undefined) return ran()
    return Task.flatMap(run.grants.stands(grant.id, work.now()), (stands) => (stands ? ran() : or()))
  }
  const execution = (begun: number) => execute(new Execution(context, work, permit, held, begun, part, work.now()))
  if (work.begin === undefined) {
    return whereHeld<Settled<Call.Ran>>(
      () => execution(begunBefore),
      () => undone(unheld(begunBefore))
    )
  }
  const begin = (lost: number): Effect.Effect<Settled<Call.Ran>> => {
    const begun = begunBefore + lost
    // Before a person is asked about it: it no longer waits for what it has asked itself.
    const ask = () => Effect.flatMap(CallQuestion.withdraw(context, work), () => undone(unheld(begun)))
    if (lost > 0 && !tool.idempotent) return ask()
    return whereHeld<Settled<Call.Ran>>(
      () =>
        Task.flatMap(ToolAdmission.refuseAgain(context, work, held), (refusal) => {
          if (refusal === undefined) return execution(begun)
          settle(work, agent.path, held, {})
          return neverRan(context, work, permit, Call.refused(refusal))
        }),
      ask
    )
  }
  return Effect.flatMap(work.begin(nameOf(), agent.path), (lost): Effect.Effect<Settled<Call.Ran>> => {
    if (begunBefore + lost === 0) return begin(lost)
    return Effect.flatMap(Receipt.find(context, work), (whole) => {
      if (whole === undefined) return begin(lost)
      settle(work, agent.path, held, {})
      return neverRan(context, work, permit, whole.end, [whole.row, ...whole.asked])
    })
  })
}

/** Ends a call that does not run now. `rows`: of a call that an earlier owner has run to its end. */
const neverRan = (
  context: CallContext,
  work: Work,
  permit: Permit,
  end: CallEnd,
  rows?: ReadonlyArray<Entry.Entry>
): Effect.Effect<Settled<CallEnd>> => {
  const { agent, call, tool } = context
  if (work.order.questionOf(agent.path, call.id) !== undefined) {
    return Effect.flatMap(CallQuestion.withdraw(context, work), () => neverRan(context, work, permit, end, rows))
  }
  // An earlier owner may have started it, and an earlier part of it may have opened a ticket.
  const spent = rows ?? Spending.lostRows(work.spending, agent.path, call.id, end.outcome.status)
  for (const row of spent) chargeLeft(work, row)
  const [own] = spent
  const costNanoUsd = own?.kind === "tool" ? (own.costNanoUsd ?? 0) : 0
  const ended = (late: ReadonlyArray<Entry.Entry>) =>
    granted(context, work, permit, costNanoUsd, {
      value: end,
      path: agent.path,
      events: [Call.resultEvent(permit.call, permit.args, end.outcome, tool.execution, end.later)],
      spent: [...spent, ...late]
    })
  const closed = () => (rows === undefined ? Task.flatMap(LateResults.close(work, agent, call), ended) : ended([]))
  // Its grant and its ticket are stored outside of the run's log, and its verdict may not be stored yet.
  const isOutside = isCharged(permit, costNanoUsd) || LateResults.hasTicket(work, agent, call)
  return work.stored === undefined || !isOutside ? closed() : Effect.flatMap(work.stored, closed)
}

/**
 * Charges the call's grant with what the call has cost in all, and releases the rest of its hold. The process may die
 * before the call's result is committed: then the grant is settled again, which charges the same cost once and takes no
 * other use. A call that was refused and is admitted by the next owner runs without a hold: its cost is charged, but a
 * call beside it may have claimed the same money.
 */
const granted = <A>(
  context: CallContext,
  work: Work,
  permit: Permit,
  costNanoUsd: number,
  settled: Settled<A>
): Effect.Effect<Settled<A>> =>
  permit.grant === undefined || !isCharged(permit, costNanoUsd)
    ? Exit.succeed(settled)
    : Effect.as(
        settleGrant(context, work, permit.grant.id, costNanoUsd),
        // The store took its time.
        { ...settled, at: undefined }
      )

/** Charges a grant with what the call has cost, and releases the rest of the call's hold. */
export const settleGrant = (
  { agent, call, run }: CallContext,
  work: Work,
  grantId: string,
  costNanoUsd: number
): Effect.Effect<void> =>
  run.grants.settle(Names.grantUse(work.runId, agent.path, call.id), grantId, costNanoUsd, work.now())

/** Attempts the call until it succeeds or may not be retried. */
const execute = (execution: Execution): Effect.Effect<Settled<CallEnd | Call.Asleep>> =>
  Task.flatMap(attempt(execution), ({ end, late, left }): Effect.Effect<Settled<CallEnd | Call.Asleep>> => {
    if (end._tag === "Asleep") return fallAsleep(execution, end)
    const pause = execution.pauseAfter(end)
    if (pause === undefined) return over(execution, end, left)
    // It was too late, but it has a result: it is not made again.
    if (late !== undefined) return over(execution, Call.done(late), undefined)
    execution.live.restart()
    if (pause === 0) return again(execution)
    return Task.flatMap(rest(execution, pause), (cut) =>
      cut === undefined ? again(execution) : over(execution, cut === "late" ? end : cut, left)
    )
  })

/** Makes the next attempt. */
const again = (execution: Execution): Effect.Effect<Settled<CallEnd | Call.Asleep>> => {
  execution.again()
  return execute(execution)
}

/** Closes a call whose handler has ended. */
const over = (execution: Execution, end: CallEnd, left: Left): Effect.Effect<Settled<CallEnd>> =>
  execution.live.questions !== undefined || execution.begunBefore > 0
    ? Effect.flatMap(CallQuestion.withdraw(execution.context, execution.work), () => seen(execution, end, left))
    : seen(execution, end, left)

/** Closes it by the hooks that see its result. */
const seen = (execution: Execution, end: CallEnd, left: Left): Effect.Effect<Settled<CallEnd>> => {
  const { hooks } = execution.context
  return hooks !== undefined && CallHooks.isSeen(end, hooks)
    ? afterHooks(execution, end, left)
    : finish(execution, end, left)
}

/**
 * Ends an activity whose call goes on later: what it has cost so far stays charged, the rest of its hold is released.
 */
const fallAsleep = (execution: Execution, value: Call.Asleep): Effect.Effect<Settled<Call.Asleep>> => {
  const { context, held, live, work } = execution
  const { path } = context.agent
  const nanoUsd = live.costNanoUsd - live.charged
  live.end()
  settle(work, path, held, nanoUsd > 0 ? { nanoUsd } : {})
  const settled = silent(value, path)
  const { lease } = work.tree
  return lease === undefined || live.costNanoUsd === 0
    ? Exit.succeed(settled)
    : Effect.as(lease.cover(work.now()), settled)
}

/** Closes the call with what the hooks after it let through. Its handler has ended. */
const afterHooks = (execution: Execution, end: CallEnd, left: Left): Effect.Effect<Settled<CallEnd>> => {
  const { context, live, permit, work } = execution
  const hooked = CallHooks.ofTool({ ...context, call: { ...context.call, args: permit.args } })
  live.end()
  const name = Names.tool(context.agent.prefix, permit.subject)
  const passed = hooked === undefined ? Effect.succeed(undefined) : CallHooks.after(hooked, work, name, end)
  return Task.flatMap(passed, (after) => finish(execution, end, left, after))
}

/**
 * Charges what the call has cost, and closes it. What asks other stores first leaves a receipt. `after`: what hooks
 * have made of its end. `dropped`: the rows of a late result that is not read, since the call has its own.
 */
const finish = (
  execution: Execution,
  end: CallEnd,
  left: Left,
  after?: CallHooks.After,
  dropped: ReadonlyArray<Entry.Entry> = none
): Effect.Effect<Settled<CallEnd>> => {
  const { ticket } = execution.live
  const last = after?.end ?? end
  // The call has its result, so that nothing is delivered any more.
  if (ticket !== undefined && !(last.later !== undefined && last.outcome.status === undefined)) {
    const { later: _, ...without } = last
    const given = after === undefined ? undefined : { ...after, end: without }
    execution.live.dropTicket()
    const { context, work } = execution
    return Effect.flatMap(LateResults.close(work, context.agent, context.call), (rows) =>
      finish(execution, after === undefined ? without : end, left, given, rows)
    )
  }
  const { context, live, permit, work } = execution
  const { lease } = work.tree
  const done = () => granted(context, work, permit, live.costNanoUsd, close(execution, end, left, after, dropped))
  const isLeased = lease !== undefined && live.charged > 0
  if (!isLeased && !isCharged(permit, live.costNanoUsd)) return done()
  const receipt = {
    end: after?.end ?? end,
    row: rowOf(execution, end, left, work.now()),
    asked: [...(after?.all.end() ?? none), ...dropped]
  }
  return Effect.flatMap(Receipt.keep(context, work, receipt), () =>
    isLeased
      ? Effect.flatMap(lease.cover(work.now()), (isPassed) => {
          live.overrun ||= isPassed
          return done()
        })
      : done()
  )
}

/** Whether a grant is charged for a call that has cost this much. */
const isCharged = ({ grant }: Permit, costNanoUsd: number): boolean =>
  grant !== undefined && (grant.isMetered || costNanoUsd > 0)

/** Settles the hold, and emits the call's end, or what hooks have made of it (`after`). Its row is that of the tool. */
const close = (
  execution: Execution,
  end: CallEnd,
  left: Left,
  after: CallHooks.After | undefined,
  dropped: ReadonlyArray<Entry.Entry>
): Settled<CallEnd> => {
  const { context, held, live, permit, work } = execution
  const { agent, tool } = context
  live.end()
  const { costNanoUsd } = live
  // Costs above the hold are charged already.
  const nanoUsd = costNanoUsd - live.charged
  settle(work, agent.path, held, nanoUsd === (held.nanoUsd ?? 0) ? held : { ...held, nanoUsd })
  const last = after?.end ?? end
  const events = [Call.resultEvent(permit.call, permit.args, last.outcome, tool.execution, last.later)]
  const now = work.now()
  const row = rowOf(execution, end, left, now)
  return after === undefined
    ? new SettledWork(last, agent.path, events, dropped.length === 0 ? [row] : [row, ...dropped], undefined, now)
    : new SettledWork(last, agent.path, events, [row, ...after.all.end(), ...dropped], after.all, now)
}

const none: ReadonlyArray<Entry.Entry> = []

/** The ledger's row of the call. */
const rowOf = (execution: Execution, { outcome }: CallEnd, left: Left, endedAt: number): Entry.ToolEntry => {
  const status = left === "completed" ? undefined : outcome.status
  const { context, live, permit, startedAt } = execution
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
    endedAt,
    attempts: execution.attempts + execution.begunBefore
  })
}
