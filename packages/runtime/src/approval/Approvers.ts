/**
 * Who may answer a question: roles, a predicate over the principal and the question, whether its requester is excluded, how many must
 * approve, and who is asked next when they do not answer in time. Values and pure rules; counting answers is `Quorum`.
 *
 * What is plain data (roles, the requester, the quorum, the times) goes into the question when it is asked and holds for it from then
 * on, in every process. The predicate is code: the process that carries the run evaluates it, for each answer, wherever the answer came
 * in. One that fails, dies or takes too long means no.
 */
import type { Approval, Principal } from "@reins/protocol"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Task from "../kernel/Task.ts"

/** Whether this principal may answer this question. */
export type MayAnswer = (
  principal: Principal,
  question: Approval.Request
) => boolean | PromiseLike<boolean> | Effect.Effect<boolean>

/**
 * The approvers of a tool or an agent.
 *
 * **Details**
 * - `roles`: who has one of them may answer. Absent: whatever their roles.
 * - `who`: a predicate that must say true besides.
 * - `excludeRequester`: the principal who started the run may not answer. Where nobody is named as its requester, nobody is excluded.
 * - `quorum`: how many different principals must approve; one rejection ends the question. 1 where absent.
 * - `escalate`: when the question was not decided `after` that time, it goes to other approvers: only they may answer then, and approvals
 *   are counted anew. It expires, where questions expire, that much later.
 *
 * Only a principal who is known by an id may answer. `unattended: "approve"` does not stand in for approvers: the question is denied.
 *
 * **Errors**: a quorum that is no whole number above 0, no `after` above 0, and more than 8 escalations are `InvalidAgents` when the
 * layer is built.
 */
export interface Approvers {
  readonly roles?: ReadonlyArray<string> | undefined
  readonly who?: MayAnswer | undefined
  readonly excludeRequester?: boolean | undefined
  readonly quorum?: number | undefined
  readonly escalate?: { readonly after: Duration.Input; readonly to: Approvers } | undefined
}

/** Approvers as they are asked: at first, or after an escalation. */
export interface Level {
  readonly need: Approval.Need
  readonly who: MayAnswer | undefined
  /** How long until the next level is asked, in milliseconds; `undefined` on the last. */
  readonly afterMs: number | undefined
}

/** The most levels. */
const most = 9

/** The levels of approvers, failing with a sentence where they are none; `undefined` where nobody is named. */
export const levels = (approvers: Approvers | undefined): Effect.Effect<ReadonlyArray<Level> | undefined, string> => {
  if (approvers === undefined) return Effect.succeed(undefined)
  const found: Array<Level> = []
  for (let next: Approvers | undefined = approvers; next !== undefined; next = next.escalate?.to) {
    const { escalate, excludeRequester, quorum = 1, roles, who } = next
    if (found.length === most) return Effect.fail(`approvers escalate at most ${most - 1} times`)
    if (!Number.isSafeInteger(quorum) || quorum < 1) {
      return Effect.fail(`a quorum is a whole number above 0, not ${quorum}`)
    }
    const afterMs = escalate === undefined ? undefined : millis(escalate.after)
    if (escalate !== undefined && afterMs === undefined) {
      return Effect.fail("escalate.after must be a finite duration above 0")
    }
    found.push({
      need: {
        quorum,
        ...(roles === undefined ? {} : { roles: [...roles] }),
        ...(excludeRequester === true ? { excludesRequester: true } : {}),
        ...(who === undefined ? {} : { judged: true })
      },
      who,
      afterMs
    })
  }
  return Effect.succeed(found)
}

const millis = (input: Duration.Input): number | undefined => {
  const duration = Duration.fromInput(input)
  const value = duration._tag === "None" ? 0 : Math.ceil(Duration.toMillis(duration.value))
  return Number.isSafeInteger(value) && value > 0 ? value : undefined
}

/** What a question shows that is asked at `now`. */
export const shownAt = ([first, ...rest]: ReadonlyArray<Level>, now: number): Approval.Approvals | undefined => {
  if (first === undefined) return undefined
  let at = now
  let { afterMs } = first
  const escalations = rest.map(({ afterMs: next, need }) => {
    at += afterMs ?? 0
    afterMs = next
    return { at, ...need }
  })
  return { ...first.need, given: 0, ...(escalations.length === 0 ? {} : { escalations }) }
}

/** Asks the predicate of a level. Only a clear yes within that time, in milliseconds, is a yes. */
export const judge = (
  level: Level | undefined,
  principal: Principal,
  question: () => Approval.Request,
  timeoutMs: number
): Effect.Effect<boolean> => {
  if (level?.who === undefined) return Effect.succeed(level !== undefined)
  const { who } = level
  const asked = Effect.suspend((): Effect.Effect<boolean, unknown> => {
    const said = who(principal, question())
    if (Effect.isEffect(said)) return said
    return Predicate.isPromiseLike(said) ? Task.ofPromise(said, String) : Effect.succeed(said)
  })
  return Effect.map(
    Effect.exit(Effect.timeoutOption(asked, timeoutMs)),
    (exit) => Exit.isSuccess(exit) && exit.value._tag === "Some" && exit.value.value === true
  )
}

/**
 * Why the data of a question excludes this principal, as the end of "it is for …"; `undefined` where it does not. The predicate, where
 * there is one, is asked besides.
 */
export const exclusion = (
  need: Approval.Need,
  principal: Principal | undefined,
  requestedBy: string | undefined
): string | undefined => {
  if (principal === undefined) return "a principal who is known by an id"
  if (need.excludesRequester === true && requestedBy === principal.id) return "somebody other than who requested it"
  const { roles } = need
  if (roles === undefined || principal.roles?.some((role) => roles.includes(role)) === true) return undefined
  return `the roles ${roles.map((role) => JSON.stringify(role)).join(", ") || "of nobody"}`
}
