/**
 * Who may answer a question: roles, a predicate over the principal and the question, whether the requester is excluded,
 * how many must approve, and the escalation when they do not answer in time. Values and pure rules; `Quorum` counts
 * answers.
 *
 * Plain data (roles, the requester, the quorum, the times) becomes part of the question when it is asked, and applies
 * to it in every process. The predicate is code: the process that executes the run evaluates it for each answer,
 * whichever process received the answer. A predicate that fails, dies or takes too long means no.
 */
import { type Approval, Budget, type Principal } from "@reins/protocol"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Erased from "../kernel/Erased.ts"
import * as Rule from "../kernel/OptionRule.ts"
import * as Task from "../kernel/Task.ts"

/**
 * Whether this principal may answer this question.
 *
 * @since 0.1.0
 * @category models
 */
export type MayAnswer = (
  principal: Principal,
  question: Approval.Request
) => boolean | PromiseLike<boolean> | Effect.Effect<boolean>

/**
 * The approvers of a tool or an agent.
 *
 * **Details**
 * - `roles`: a principal with one of them may answer. Absent: any roles.
 * - `who`: a predicate that must also return true.
 * - `excludeRequester`: the principal who started the run may not answer. Has no effect on a run without a principal.
 * - `quorum`: how many different principals must approve; one rejection ends the question. Absent: 1.
 * - `escalate`: a question that is undecided `after` that time goes to other approvers: only they may answer then, and
 *   counting starts again. Its expiry, if it has one, is extended by that time.
 *
 * Only a principal with an id may answer. `unattended: "approve"` does not replace approvers: the question is denied.
 *
 * **Errors**: `InvalidAgents` when the layer is built, for a quorum that is not a whole number above 0, an `after` that
 * is not above 0, and more than 8 escalations.
 *
 * @since 0.1.0
 * @category models
 */
export interface Approvers {
  readonly roles?: ReadonlyArray<string> | undefined
  readonly who?: MayAnswer | undefined
  readonly excludeRequester?: boolean | undefined
  readonly quorum?: number | undefined
  readonly escalate?: { readonly after: Duration.Input; readonly to: Approvers } | undefined
}

/** The approvers of one level: the first, or after an escalation. */
export interface Level {
  readonly need: Approval.Need
  readonly who: MayAnswer | undefined
  /** How long until the escalation to the next level, in milliseconds; `undefined` on the last. */
  readonly afterMs: number | undefined
}

/** The most levels. */
const most = 9

const escalated = 'Give an object such as { after: "1 hour", to: { roles: ["lead"] } }'

/** What one level must be; `rule` goes on to the next. */
const levelRule = Rule.fields<Approvers>('Give an object such as { roles: ["lead"] }', {
  roles: Rule.optional(Rule.list('Give a list of roles, such as ["lead"]', Rule.name("Name a role"))),
  who: Rule.optional(Rule.callable("Give a function of a principal and a question")),
  excludeRequester: Rule.optional(Rule.flag),
  quorum: Rule.optional(Rule.count(1)),
  escalate: Rule.optional(
    Rule.fields<NonNullable<Approvers["escalate"]>>(escalated, {
      after: Rule.must('Use a finite time above 0, such as "1 hour"', (after) => millis(after) !== undefined),
      to: Rule.object(escalated)
    })
  )
})

/** What approvers must be, on all levels. */
export const rule: Rule.Rule = (approvers) => {
  let path = ""
  let next: unknown = approvers
  for (let level = 0; level < most; level++) {
    const fault = levelRule(next)
    if (fault !== undefined)
      return { ...fault, path: path === "" || fault.path === "" ? path + fault.path : `${path}.${fault.path}` }
    const escalate = Predicate.hasProperty(next, "escalate") ? next.escalate : undefined
    if (!Predicate.hasProperty(escalate, "to")) return undefined
    next = escalate.to
    path = path === "" ? "escalate.to" : `${path}.escalate.to`
  }
  return { path: "escalate", value: next, cure: `Approvers can escalate at most ${most - 1} times` }
}

/** The levels of approvers; fails with a message if they are invalid; `undefined` if no approvers are named. */
export const levels = (approvers: Approvers | undefined): Effect.Effect<ReadonlyArray<Level> | undefined, string> => {
  if (approvers === undefined) return Effect.succeed(undefined)
  const issue = Rule.issueOf("approvers", approvers, rule)
  if (issue !== undefined) return Effect.fail(issue)
  const found: Array<Level> = []
  for (let next: Approvers | undefined = approvers; next !== undefined; next = next.escalate?.to) {
    const { escalate, excludeRequester, quorum = 1, roles, who } = next
    found.push({
      need: {
        quorum,
        ...(roles === undefined ? {} : { roles: [...roles] }),
        ...(excludeRequester === true ? { excludesRequester: true } : {}),
        ...(who === undefined ? {} : { judged: true })
      },
      who,
      afterMs: escalate === undefined ? undefined : millis(escalate.after)
    })
  }
  return Effect.succeed(found)
}

const millis = (input: unknown): number | undefined => {
  const value = Math.ceil(Budget.milliseconds(Erased.as<Duration.Input>(input)))
  return Number.isSafeInteger(value) && value > 0 ? value : undefined
}

/** The approvers' data in a question that is asked at `now`. */
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

/** Evaluates the predicate of a level. Only `true` within that time, in milliseconds, is a yes. */
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
 * Why the data of a question excludes this principal, as the end of "it is for …"; `undefined` if it does not. A
 * predicate is evaluated separately.
 */
export const exclusion = (
  need: Approval.Need,
  principal: Principal | undefined,
  requestedBy: string | undefined
): string | undefined => {
  if (principal === undefined) return "a principal with an id"
  if (need.excludesRequester === true && requestedBy === principal.id) return "somebody other than who requested it"
  const { roles } = need
  if (roles === undefined || principal.roles?.some((role) => roles.includes(role)) === true) return undefined
  return `the roles ${roles.map((role) => JSON.stringify(role)).join(", ") || "(none)"}`
}
