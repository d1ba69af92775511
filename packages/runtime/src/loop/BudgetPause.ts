/**
 * Asks a person for more budget at a limit, and raises it by the answer, so that the same run continues. After a
 * rejection, an expiry or an ineffective raise the limit is unchanged.
 */
import { Budget } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Names from "../run/Names.ts"
import * as Question from "../call/Question.ts"
import { silent, type Work } from "../engine/Engine.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"

/** The outcome of a pause. */
export type Paused = "raised" | "refused" | "cancelled"

/** Asks `agent`'s question about `refusal`; `count` numbers its questions. */
export const pause = Effect.fnUntraced(function* (run: Run, agent: AgentState, refusal: Budget.Refusal, count: number) {
  const subject = Names.ofLimit(count)
  const { approvers } = agent.member
  const terms = yield* termsOf(run, agent, subject)
  const answer = yield* Question.ask(run, agent, {
    subject,
    approvers,
    request: {
      kind: "budget",
      target: refusal.limit,
      payload: { limit: refusal.limit, max: refusal.max, used: refusal.used },
      ...terms
    },
    close: (answer) => ({ value: answer, events: [] })
  })
  if (answer.resolution.outcome.outcome === "cancelled") return "cancelled" satisfies Paused
  const raised = answer.raise !== undefined && (yield* raise(run, agent, subject, answer.raise))
  return (raised ? "raised" : "refused") satisfies Paused
})

/**
 * Raises the limits. Whether that is possible depends on the use at that moment, so the result is stored; on replay,
 * when more may be used, the same limits are set.
 */
const raise = Effect.fnUntraced(function* (
  { engine }: Run,
  agent: AgentState,
  subject: Names.Subject,
  limits: { readonly [limit: string]: number }
) {
  const raised = yield* engine.activity(Names.raise(agent.prefix, subject), Schema.Boolean, ({ tree }) =>
    Effect.succeed(silent(tree.raise(agent.path, limits), agent.path))
  )
  if (raised) engine.limits.raiseAgain(agent.path, limits)
  return raised
})

/** When the question expires, and who may answer; the clock is read once and the result is stored. */
const termsOf = (run: Run, agent: AgentState, subject: Names.Subject): Effect.Effect<typeof Question.Terms.Type> => {
  const { approvers } = agent.member
  const { approvalExpiryMs } = run.settings
  const read = (work: Work) => Question.termsOf(run, approvers, work.now())
  const settled = <A>(value: A) => Effect.succeed(silent(value, agent.path))
  if (approvers !== undefined) {
    return run.engine.activity(Names.shown(agent.prefix, subject), Question.Terms, (work) => settled(read(work)))
  }
  if (approvalExpiryMs === undefined) return Effect.succeed({})
  const expiry = run.engine.activity(Names.expiry(agent.prefix, subject), Schema.NullOr(Schema.Natural), (work) =>
    settled(read(work).expiresAt ?? null)
  )
  return Effect.map(expiry, (expiresAt) => (expiresAt === null ? {} : { expiresAt }))
}

/** Emits once that a limit was reached. */
export const announce = (run: Run, refusal: Budget.Refusal): Effect.Effect<void> =>
  Effect.suspend(() => {
    const name = Names.exhausted(refusal.path, refusal.limit)
    if (run.exhausted.includes(name)) return Effect.void
    run.exhausted = [...run.exhausted, name]
    return run.engine.emit(name, refusal.path, () => [Budget.toEvent(refusal)])
  })
