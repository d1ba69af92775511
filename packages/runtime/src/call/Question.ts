/**
 * A question to a person, from its announcement to its decision. Approvals of tools, plans, limits and repeated calls
 * all use it; the caller decides in `close` what the answer means.
 *
 * The question can be found before it is announced, and its answer is stored under a name that is the same on every
 * replay. The agent waits meanwhile.
 */
import { Approval, type Event, Grant } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { AgentState } from "../run/AgentState.ts"
import * as Task from "../kernel/Task.ts"
import * as Names from "../run/Names.ts"
import type { Run } from "../run/Run.ts"

const AnswerStruct = Schema.Struct({
  resolution: Approval.Resolution,
  args: Schema.optionalKey(Schema.Json),
  raise: Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite)),
  grant: Schema.optionalKey(Grant.Grant)
})

/**
 * The answer as it is stored: what the event will say, the arguments a revision leaves, the limits a raise sets, the
 * grant a wider scope leaves behind.
 */
export interface Answer extends Schema.Schema.Type<typeof AnswerStruct> {}
export const Answer: Schema.Codec<Answer> = AnswerStruct

/** A question of an agent, and what follows from its answer. */
export interface Question<A> {
  /** What it is about: the subject in its stored names. */
  readonly subject: Names.Subject
  /** The request, without the fields that are the same for all questions of an agent. */
  readonly request: Pick<
    Approval.Request,
    "kind" | "target" | "payload" | "toolInvocationId" | "begunBefore" | "toolHash" | "expiresAt"
  >
  /** Events that leave with the question, ahead of it. */
  readonly opening?: ReadonlyArray<Event> | undefined
  /**
   * What the answer means for the asker, and the events that leave with the decision, behind it. Called on every
   * replay.
   */
  readonly close: (answer: Answer) => Closed<A>
}

/** A question that was answered. */
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
  const announced = engine.emit(Names.ask(prefix, subject), agent.path, () => {
    const required: Event = { type: "approval-required", data: requestOf(run, agent, question, id) }
    return question.opening === undefined ? [required] : [...question.opening, required]
  })
  return Task.flatMap(announced, () =>
    Task.flatMap(answered(run, agent, question, id), (answer) => {
      const { events, value } = question.close(answer)
      const decided = engine.emit(Names.decided(prefix, subject), agent.path, () => [
        { type: "approval-decision", data: answer.resolution },
        ...events
      ])
      const told = Task.map(decided, () => value)
      return answer.grant === undefined ? told : Effect.andThen(keep(run, agent, subject, answer.grant), told)
    })
  )
}

const requestOf = <A>(
  { engine }: Run,
  { path }: AgentState,
  { request }: Question<A>,
  id: string
): Approval.Request => ({
  id,
  resourceId: engine.resourceId,
  threadId: engine.threadId,
  ...request,
  ...(path.length === 0 ? {} : { agentPath: path })
})

/** The answer of a person, the clock or a cancel, or a constant where nobody can be asked. */
const answered = <A>(
  run: Run,
  agent: AgentState,
  { request: { expiresAt }, subject }: Question<A>,
  id: string
): Effect.Effect<Answer> => {
  const constant = unattended(agent.member.definition.unattended ?? run.settings.unattended, id)
  if (constant !== undefined) return Effect.succeed(constant)
  agent.trim()
  const cancelled: Answer = { resolution: { id, outcome: { outcome: "cancelled" } } }
  const row = { path: agent.path, reason: "approval", id } as const
  if (expiresAt === undefined) {
    return Task.map(run.engine.wait(Names.approval(id), Answer, { cancelled }, row), valueOf)
  }
  const { approvalWarnMs } = run.settings
  const end = {
    cancelled,
    expires: { at: expiresAt, value: { resolution: { id, outcome: { outcome: "expired" } } } },
    reminder:
      approvalWarnMs === 0
        ? undefined
        : { at: expiresAt - approvalWarnMs, emit: reminder(run, agent, subject, { id, expiresAt }) }
  } as const
  return Effect.map(run.engine.wait(Names.approval(id), Answer, end, row), valueOf)
}

const valueOf = ({ value }: { readonly value: Answer }): Answer => value

/**
 * Keeps the grant that the answer leaves behind. The run does it, and not who answered: so an answer that came second
 * leaves none, and the next call finds it.
 */
const keep = (run: Run, { path, prefix }: AgentState, subject: Names.Subject, grant: Grant.Grant) =>
  run.engine.activity(Names.grant(prefix, subject), Schema.Null, () =>
    Effect.as(run.grants.add(grant), { value: null, path, events: [], spent: [] })
  )

/** The `event_type` of the event that tells of a question whose time is nearly over. */
export const expiringType = "approval_expiring"

/** Emits that the question will expire soon. */
const reminder = (
  { engine }: Run,
  { path, prefix }: AgentState,
  subject: Names.Subject,
  data: { readonly id: string; readonly expiresAt: number }
): Effect.Effect<void> =>
  engine.emit(Names.warn(prefix, subject), path, () => [{ type: "custom", event_type: expiringType, data }])

/** Who answers where nobody can be asked. */
export const unattendedName = "unattended"

/** The answer where nobody can be asked. */
const unattended = (way: "wait" | "deny" | "approve", id: string): Answer | undefined => {
  switch (way) {
    case "wait":
      return undefined
    case "approve":
      return { resolution: { id, outcome: { outcome: "approve" }, by: unattendedName } }
    case "deny":
      return {
        resolution: { id, outcome: { outcome: "reject" }, by: unattendedName, feedback: "nobody is here to ask" }
      }
  }
}

/** What a question about a tool's call says of the definition, and of its time. */
export const shownIn = ({
  expiresAt,
  toolHash
}: {
  readonly toolHash?: string | undefined
  readonly expiresAt?: number | undefined
}): Pick<Approval.Request, "toolHash" | "expiresAt"> => ({
  ...(toolHash === undefined ? {} : { toolHash }),
  ...(expiresAt === undefined ? {} : { expiresAt })
})

/** What a person said with a decision, as the end of a sentence. */
export const feedbackOf = ({ resolution: { feedback } }: Answer): string =>
  feedback === undefined || feedback === "" ? "" : `: ${feedback}`
