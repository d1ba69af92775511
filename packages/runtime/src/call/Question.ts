/**
 * A question to a person, from its announcement to its decision. Approvals of tools, plans, limits and repeated calls,
 * and the questions of calls themselves all use it; the caller's `close` interprets the answer. The answer is stored
 * under a name that is the same on every replay. The agent waits meanwhile.
 */
import { Approval, type Event, type Grant } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Answer } from "../approval/Quorum.ts"
import * as Approvers from "../approval/Approvers.ts"
import * as AuditStore from "../approval/AuditStore.ts"
import { type Reminder, silent, type Voting } from "../engine/Engine.ts"
import type { AgentState } from "../run/AgentState.ts"
import * as Task from "../kernel/Task.ts"
import * as Names from "../run/Names.ts"
import type { QuestionFacts } from "../run/Observer.ts"
import type { Run } from "../run/Run.ts"

/** A question of an agent, and the effect of its answer. */
export interface Question<A> {
  /** The subject in its stored names. */
  readonly subject: Names.Subject
  /** Who may answer, by the agent's current definition; absent: anybody of the tenant. */
  readonly approvers: ReadonlyArray<Approvers.Level> | undefined
  /** The request, without the asking agent. */
  readonly request: Pick<
    Approval.Request,
    "kind" | "target" | "payload" | "toolInvocationId" | "begunBefore" | "toolHash" | "expiresAt" | "approvals"
  >
  /** Events emitted with the question, before it. */
  readonly opening?: ReadonlyArray<Event> | undefined
  /** Whether it is open: a call may ask it again, or have had its answer before. Absent: it is asked once. */
  readonly state?: (() => "new" | "open" | "over") | undefined
  /** The answer's effect on the asker, and the events emitted with the decision, after it. Called on every replay. */
  readonly close: (answer: Answer) => Closed<A>
}

/** An answered question. */
export interface Closed<A> {
  readonly value: A
  readonly events: ReadonlyArray<Event>
}

/** Asks `question` on behalf of `agent`, waits for its answer, and emits the decision. */
export const ask = <A>(run: Run, agent: AgentState, question: Question<A>): Effect.Effect<A> => {
  const { engine } = run
  const { prefix } = agent
  const { subject } = question
  const id = Names.approvalId(engine.runId, prefix, subject)
  let made: AuditStore.Asked | undefined
  const asked = (): AuditStore.Asked =>
    (made ??= { runId: engine.runId, agentPath: agent.path, request: requestOf(run, agent, question, id) })
  const { observer } = run.settings
  let isAsked = false
  const announced = where(
    question.state,
    "new",
    engine.emit(
      Names.ask(prefix, subject),
      agent.path,
      () => {
        isAsked = true
        const required: Event = { type: "approval-required", data: asked().request }
        return question.opening === undefined ? [required] : [...question.opening, required]
      },
      (readings) => [AuditStore.asked(asked(), readings.now())]
    )
  )
  const facts = () => factsOf(run, agent, { ...question.request, id })
  const opened =
    observer === undefined
      ? announced
      : Effect.andThen(
          announced,
          Effect.suspend(() => (isAsked ? observer.asked(facts()) : Effect.void))
        )
  return Task.flatMap(opened, () =>
    Task.flatMap(answered(run, agent, question, id), (answer) => {
      const { events, value } = question.close(answer)
      let isDecided = false
      const decided = where(
        question.state,
        "open",
        engine.emit(
          Names.decided(prefix, subject),
          agent.path,
          () => {
            isDecided = true
            return [{ type: "approval-decision", data: answer.resolution }, ...events]
          },
          (readings) => [AuditStore.decided(asked(), answer.resolution, readings.now())]
        )
      )
      const { outcome } = answer.resolution.outcome
      const told =
        observer === undefined
          ? Task.map(decided, () => value)
          : Effect.andThen(
              decided,
              Effect.suspend(() =>
                isDecided ? Effect.as(observer.decided({ ...facts(), outcome }), value) : Effect.succeed(value)
              )
            )
      return answer.grant === undefined ? told : Effect.andThen(keep(run, agent, subject, answer.grant), told)
    })
  )
}

/** An emit of a question that may be asked again: only in that state. */
const where = <A>(
  state: Question<A>["state"],
  wanted: "new" | "open",
  emit: Effect.Effect<void>
): Effect.Effect<void> => (state === undefined ? emit : Effect.suspend(() => (state() === wanted ? emit : Effect.void)))

const factsOf = (
  { engine }: Run,
  agent: AgentState,
  { id, kind, target }: Pick<Approval.Request, "id" | "kind" | "target">
): QuestionFacts => ({
  runId: engine.runId,
  threadId: engine.threadId,
  resourceId: engine.resourceId,
  agent: agent.member.name,
  id,
  kind,
  target
})

/**
 * Ends an open question that nobody waits for any more: with the answer that a person has given meanwhile, or else as
 * cancelled, which is stored as its answer. So no later answer is taken, and a call that asks it again gets this one.
 * `isOpen`: a handler that was abandoned may still wait for it, and then emits its end.
 */
export const withdraw = (
  run: Run,
  agent: AgentState,
  request: Approval.Request,
  isOpen: () => boolean
): Effect.Effect<void> => {
  const { engine, settings } = run
  const { path, prefix } = agent
  const { id } = request
  const cancelled: Answer = { resolution: { id, outcome: { outcome: "cancelled" } } }
  const end = { cancelled, expires: { at: 0, value: cancelled } }
  const ended = engine.wait(Names.approval(id), Answer, end, { path, reason: "approval", id })
  return Effect.flatMap(ended, ({ value: { resolution } }) => {
    if (!isOpen()) return Effect.void
    const told = engine.emit(
      Names.withdrawn(prefix, id),
      path,
      () => [{ type: "approval-decision", data: resolution }],
      (readings) => [AuditStore.decided({ runId: engine.runId, agentPath: path, request }, resolution, readings.now())]
    )
    const { observer } = settings
    const { outcome } = resolution.outcome
    return observer === undefined
      ? told
      : Effect.andThen(told, observer.decided({ ...factsOf(run, agent, request), outcome }))
  })
}

const requestOf = <A>(
  { engine, requestedBy }: Run,
  { path }: AgentState,
  { request }: Question<A>,
  id: string
): Approval.Request => ({
  id,
  resourceId: engine.resourceId,
  threadId: engine.threadId,
  ...request,
  ...(request.approvals === undefined || requestedBy === undefined ? {} : { requestedBy }),
  ...(path.length === 0 ? {} : { agentPath: path })
})

/** The answer: a person's, that of expiry or cancel, or a constant if nobody can be asked. */
const answered = <A>(run: Run, agent: AgentState, question: Question<A>, id: string): Effect.Effect<Answer> => {
  const { approvals, expiresAt } = question.request
  const way = agent.member.definition.unattended ?? run.settings.unattended
  const isNeeded = approvals !== undefined || question.request.kind === "question"
  const constant = unattended(way, isNeeded, id)
  if (constant !== undefined) return Effect.succeed(constant)
  agent.trim()
  const cancelled: Answer = { resolution: { id, outcome: { outcome: "cancelled" } } }
  const row = { path: agent.path, reason: "approval", id } as const
  const name = Names.approval(id)
  if (expiresAt === undefined && approvals === undefined) {
    return Task.map(run.engine.wait(name, Answer, { cancelled }, row), valueOf)
  }
  const expires =
    expiresAt === undefined
      ? undefined
      : ({ at: expiresAt, value: { resolution: { id, outcome: { outcome: "expired" } } } } as const)
  const reminders = remindersOf(run, agent, question, id)
  const voting = approvals === undefined ? undefined : votingOf(run, agent, question, id)
  return Effect.map(run.engine.wait(name, Answer, { cancelled, expires, reminders, voting }, row), valueOf)
}

/** The events while a question waits: its expiry warning and its escalations, the earliest first. */
const remindersOf = <A>(
  run: Run,
  agent: AgentState,
  question: Question<A>,
  id: string
): ReadonlyArray<Reminder> | undefined => {
  const { approvals, expiresAt } = question.request
  const { approvalWarnMs } = run.settings
  const warning =
    expiresAt === undefined || approvalWarnMs === 0
      ? []
      : [{ at: expiresAt - approvalWarnMs, emit: warn(run, agent, question.subject, { id, expiresAt }) }]
  const escalations = (approvals?.escalations ?? []).map(({ at }, index) => ({
    at,
    emit: escalate(run, agent, question, id, index + 1)
  }))
  const all = [...warning, ...escalations].toSorted((a, b) => a.at - b.at)
  return all.length === 0 ? undefined : all
}

/** The `event_type` of an escalation. */
export const escalatedType = "approval_escalated"

/** The `event_type` of one of several approvals. */
export const givenType = "approval_given"

/** Reports an escalation. */
const escalate = <A>(
  run: Run,
  agent: AgentState,
  question: Question<A>,
  id: string,
  level: number
): Effect.Effect<void> => {
  const { approvals } = question.request
  const { quorum = 1, roles } = approvals === undefined ? {} : Approval.needAt(approvals, level)
  const data = { id, level, quorum, ...(roles === undefined ? {} : { roles }) }
  return run.engine.emit(
    Names.escalated(agent.prefix, question.subject, level),
    agent.path,
    () => [{ type: "custom", event_type: escalatedType, data }],
    (readings) => {
      const asked = { runId: run.engine.runId, agentPath: agent.path, request: requestOf(run, agent, question, id) }
      return [AuditStore.escalated(asked, level, readings.now())]
    }
  )
}

/** The question's part in voting: its agent's predicate judges votes, and counted ones are reported. */
const votingOf = <A>(run: Run, agent: AgentState, question: Question<A>, id: string): Voting => ({
  judge: ({ level, principal }) =>
    Approvers.judge(
      question.approvers?.[level],
      principal,
      () => requestOf(run, agent, question, id),
      run.settings.predicateMs
    ),
  counted: ({ level, principal, quorum }, given) =>
    run.engine.emit(Names.given(agent.prefix, question.subject, level, given), agent.path, () => [
      { type: "custom", event_type: givenType, data: { id, by: principal.id, given, quorum, level } }
    ])
})

const valueOf = ({ value }: { readonly value: Answer }): Answer => value

/**
 * Stores the grant of the answer. The run does this, not the process that received the answer: so a second answer
 * creates none, and the next call finds the grant.
 */
const keep = (run: Run, { path, prefix }: AgentState, subject: Names.Subject, grant: Grant.Grant) =>
  run.engine.activity(Names.grant(prefix, subject), Schema.Null, () =>
    Effect.as(run.grants.add(grant), silent(null, path))
  )

/** The `event_type` of the warning before a question expires. */
export const expiringType = "approval_expiring"

/** Warns that the question will expire soon. */
const warn = (
  { engine }: Run,
  { path, prefix }: AgentState,
  subject: Names.Subject,
  data: { readonly id: string; readonly expiresAt: number }
): Effect.Effect<void> =>
  engine.emit(Names.warn(prefix, subject), path, () => [{ type: "custom", event_type: expiringType, data }])

/** The name of the answerer if nobody can be asked. */
export const unattendedName = "unattended"

/** The answer if nobody can be asked. */
const unattended = (way: "wait" | "deny" | "approve", isNeeded: boolean, id: string): Answer | undefined => {
  // Named approvers cannot be replaced, nor can an answer be made up.
  switch (way === "approve" && isNeeded ? "deny" : way) {
    case "wait":
      return undefined
    case "approve":
      return { resolution: { id, outcome: { outcome: "approve" }, by: unattendedName } }
    case "deny":
      return {
        resolution: {
          id,
          outcome: { outcome: "reject" },
          by: unattendedName,
          feedback: "no person is available to ask"
        }
      }
  }
}

/** When a question expires, in epoch milliseconds, and who may answer it. Both may be absent. */
export const Terms = Schema.Struct({
  expiresAt: Schema.optionalKey(Schema.Natural),
  approvals: Schema.optionalKey(Approval.Approvals)
})

/** The terms of a question asked at `now`. An escalation extends the expiry. */
export const termsOf = (
  { settings: { approvalExpiryMs } }: Run,
  approvers: ReadonlyArray<Approvers.Level> | undefined,
  now: number
): typeof Terms.Type => {
  const approvals = approvers === undefined ? undefined : Approvers.shownAt(approvers, now)
  const from = approvals?.escalations?.at(-1)?.at ?? now
  return {
    ...(approvalExpiryMs === undefined ? {} : { expiresAt: from + approvalExpiryMs }),
    ...(approvals === undefined ? {} : { approvals })
  }
}

/** The definition, expiry and approvers in a question about a tool's call. */
export const shownIn = ({
  approvals,
  expiresAt,
  toolHash
}: {
  readonly toolHash?: string | undefined
  readonly expiresAt?: number | undefined
  readonly approvals?: Approval.Approvals | undefined
}): Pick<Approval.Request, "toolHash" | "expiresAt" | "approvals"> => ({
  ...(toolHash === undefined ? {} : { toolHash }),
  ...(expiresAt === undefined ? {} : { expiresAt }),
  ...(approvals === undefined ? {} : { approvals })
})

/** A person's remark with a decision, as the end of a sentence. */
export const feedbackOf = ({ resolution: { feedback } }: Answer): string =>
  feedback === undefined || feedback === "" ? "" : `: ${feedback}`
