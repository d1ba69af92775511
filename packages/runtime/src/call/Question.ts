/**
 * A question to a person: announced, waited for, answered once. What is asked about, and what an answer means, is the
 * asker's business: `Asking` for calls, `BudgetPause` for limits.
 *
 * The question can be found before it is announced, and its answer is stored under a name that the run knows again when it is
 * carried anew.
 */
import { Approval, type Event, Grant } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Names from "../run/Names.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"

const AnswerStruct = Schema.Struct({
  resolution: Approval.Resolution,
  args: Schema.optionalKey(Schema.Json),
  raise: Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite)),
  grant: Schema.optionalKey(Grant.Grant)
})

/**
 * The answer as it is stored: what the event will say, the arguments a revision leaves, the limits a raise sets, the grant a
 * wider scope leaves behind.
 */
export interface Answer extends Schema.Schema.Type<typeof AnswerStruct> {}
export const Answer: Schema.Codec<Answer> = AnswerStruct

/** What is asked, apart from who asks. */
export type Subject = Pick<
  Approval.Request,
  "kind" | "target" | "payload" | "toolInvocationId" | "begunBefore" | "expiresAt"
>

/** Announces the question under `name`, together with what goes `before` it, and waits for its answer. The decision's event is left to the asker. */
export const put = (
  run: Run,
  agent: AgentState,
  name: Names.Subject,
  subject: Subject,
  before: ReadonlyArray<Event> = []
): Effect.Effect<Answer> => {
  const { engine } = run
  const { expiresAt } = subject
  const id = Names.approvalId(engine.runId, agent.prefix, name)
  const request: Approval.Request = {
    id,
    resourceId: engine.resourceId,
    threadId: engine.threadId,
    ...subject,
    ...(agent.path.length === 0 ? {} : { agentPath: agent.path })
  }
  const announced = engine.emit(Names.ask(agent.prefix, name), agent.path, () => [
    ...before,
    { type: "approval-required", data: request }
  ])
  const constant = unattended(agent.member.definition.unattended ?? run.settings.unattended, id)
  if (constant !== undefined) return Effect.as(announced, constant)
  const reminder =
    expiresAt === undefined || run.settings.approvalWarnMs === 0
      ? undefined
      : { at: expiresAt - run.settings.approvalWarnMs, emit: warning(run, agent, { id, name, expiresAt }) }
  const answered = engine.wait(
    Names.approval(id),
    Answer,
    {
      cancelled: { resolution: { id, outcome: { outcome: "cancelled" } } },
      ...(expiresAt === undefined
        ? {}
        : { expires: { at: expiresAt, value: { resolution: { id, outcome: { outcome: "expired" } } } }, reminder })
    },
    { path: agent.path, reason: "approval", id }
  )
  return Effect.andThen(announced, Effect.map(answered, valueOf))
}

const valueOf = ({ value }: { readonly value: Answer }): Answer => value

/** The `event_type` of the event that tells of a question whose time is nearly over. */
export const expiringType = "approval_expiring"

/** Tells once that the question will expire soon. */
const warning = (
  { engine }: Run,
  { path, prefix }: AgentState,
  { expiresAt, id, name }: { readonly id: string; readonly name: string; readonly expiresAt: number }
): Effect.Effect<void> =>
  engine.emit(Names.warn(prefix, name), path, () => [
    { type: "custom", event_type: expiringType, data: { id, expiresAt } }
  ])

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
