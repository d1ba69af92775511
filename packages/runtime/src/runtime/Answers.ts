/**
 * Accepts decisions on approvals. A decision is validated against the stored question, never against data sent with it,
 * and is accepted at most once.
 */
import { Approval, ApprovalError, ApprovalErrors, Decision, type Json, type Principal } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Names from "../run/Names.ts"
import { Answer } from "../approval/Quorum.ts"
import * as Approvers from "../approval/Approvers.ts"
import * as AuditStore from "../approval/AuditStore.ts"
import type { PendingApproval, RunStatus } from "../engine/RunHost.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import { failDamaged } from "./NotFound.ts"
import * as AgentRegistry from "../agent/AgentRegistry.ts"
import { type RuntimeParts, defaultResource } from "./RuntimeParts.ts"
import { answerTo, encode, encodeFor, isPlain } from "./DecidedAnswer.ts"
import { fromDecision } from "./GivenGrant.ts"

/**
 * Who answers, and for which tenant.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answerer {
  /** If given, only a request of this tenant. */
  readonly resourceId?: string | undefined
  /** Who answers; absent: the decision's `by`, without roles. */
  readonly principal?: Principal | undefined
}

/**
 * The progress of an answered request.
 *
 * @since 0.1.0
 * @category models
 */
export interface Progress {
  /** False: more approvals are needed. */
  readonly decided: boolean
  /** How many approvals it needs, and how many were counted. Both are 1 without named approvers. */
  readonly quorum: number
  readonly given: number
}

const alone: Progress = { decided: true, quorum: 1, given: 1 }

/** Answers the request `id`. Refused answers to existing requests are recorded in the audit record. */
export const respond = Effect.fnUntraced(function* (
  parts: RuntimeParts,
  id: string,
  decision: Decision,
  { principal: named, resourceId }: Answerer = {}
) {
  const { host } = parts
  const read = failDamaged("approval", id)(host.approval(id))
  const found = yield* Effect.catchTag(read, "DataDamaged", ({ table }) =>
    Effect.fail(new ApprovalError({ id, reason: new ApprovalErrors.ApprovalDamaged({ table }) }))
  )
  if (found === undefined) return yield* new ApprovalError({ id, reason: new ApprovalErrors.ApprovalNotFound({}) })
  const { asked } = found
  const now = yield* Clock.currentTimeMillis
  const isForeign = resourceId !== undefined && asked.request.resourceId !== resourceId
  const principal = named ?? (typeof decision.by === "string" ? { id: decision.by } : undefined)
  const fail = (reason: ApprovalErrors.Reason, isTold = true) => {
    const error = new ApprovalError({ id, reason })
    if (!isTold) return Effect.fail(error)
    // Not recorded for another tenant's principal.
    const who = isForeign ? undefined : principal
    const attempt = parts.ids.make("try")
    const act = AuditStore.refused(AuditStore.aboutOf(asked), { attempt, at: now, principal: who, reason: reason._tag })
    return Effect.andThen(host.audit.record([act]), Effect.fail(error))
  }
  if (isForeign) return yield* fail(new ApprovalErrors.ApprovalForbidden({}))
  const signed = named === undefined ? decision : { ...decision, by: named.id }
  return yield* take(parts, { asked, outcome: found.outcome, decision: signed, principal, now, fail })
})

/** A field that does not exist is refused: a misspelt limit of a grant would be none. */
const readDecision = Schema.decodeUnknownEffect(Decision, { onExcessProperty: "error" })

/** A decision being processed. `fail` refuses it; `isTold` false: it is recorded already. */
interface Given {
  readonly asked: PendingApproval
  readonly outcome: Approval.Outcome | undefined
  readonly decision: Decision
  readonly principal: Principal | undefined
  readonly now: number
  readonly fail: (reason: ApprovalErrors.Reason, isTold?: boolean) => Effect.Effect<never, ApprovalError>
}

const take = Effect.fnUntraced(function* ({ host, ids, roster }: RuntimeParts, given: Given) {
  const { asked, decision, fail, now, outcome, principal } = given
  const { approvals, expiresAt, id, requestedBy } = asked.request
  if (outcome !== undefined) return yield* fail(late(outcome, expiresAt))
  if (expiresAt !== undefined && now >= expiresAt) return yield* fail(new ApprovalErrors.ApprovalExpired({ expiresAt }))
  const level = approvals === undefined ? 0 : Approval.levelAt(approvals, now)
  const need = approvals === undefined ? undefined : Approval.needAt(approvals, level)
  const excluded = need === undefined ? undefined : Approvers.exclusion(need, principal, requestedBy)
  if (excluded !== undefined) return yield* fail(new ApprovalErrors.Forbidden({ need: excluded }))
  const status = yield* host.status(asked.runId)
  const tools = toolsOf(roster, status, asked)
  const tool = tools?.get(asked.request.target)
  const grant = fromDecision(asked, decision, { id: ids.make("grant"), now, toolHash: tool?.hash })
  if (grant !== undefined && "issue" in grant) return yield* fail(new ApprovalErrors.InvalidArguments(grant))
  const about = AuditStore.aboutOf(asked)
  const name = Names.approval(id)
  const isOutdated = decision.type !== "reject" && isChanged(asked.request, tools)
  if (isOutdated) {
    const attempt = ids.make("try")
    const act = AuditStore.refused(about, { attempt, at: now, principal, reason: changed._tag })
    const superseded = encode({ resolution: { id, outcome: { outcome: "superseded" } } })
    const taken = yield* host.answer(asked.runId, name, superseded, [act])
    return yield* taken._tag === "Resolved"
      ? fail(second(taken.value, expiresAt))
      : fail(changed, taken._tag === "Unknown")
  }
  const read = isPlain(decision)
    ? answerTo(tool, asked, decision, grant)
    : Effect.andThen(SchemaCheck.inWords(readDecision(decision), "a decision"), () =>
        answerTo(tool, asked, decision, grant)
      )
  const answer = yield* Effect.result(Effect.andThen(fits(asked, decision, need), read))
  if (Result.isFailure(answer)) return yield* fail(new ApprovalErrors.InvalidArguments({ issue: answer.failure }))
  if (need === undefined || principal === undefined) {
    const { args, resolution } = answer.success
    const act = AuditStore.answered(about, { at: now, principal, outcome: resolution.outcome, args })
    const taken = yield* host.answer(asked.runId, name, encodeFor(decision, answer.success), [act])
    if (taken._tag === "Taken") return alone
    return yield* taken._tag === "Resolved"
      ? fail(second(taken.value, expiresAt))
      : fail(new ApprovalErrors.ApprovalNotFound({}))
  }
  const { quorum } = need
  const names = Names.vote(id, level, principal.id, ids.make("try"))
  const vote = { ...names, principal, level, quorum, at: now, answer: answer.success, about }
  const voted = yield* host.vote(asked.runId, vote, need.judged === true)
  switch (voted._tag) {
    case "Taken":
      return { decided: true, quorum, given: voted.given } satisfies Progress
    case "Counted":
      return { decided: false, quorum, given: voted.given } satisfies Progress
    case "Resolved":
      return yield* fail(second(voted.value, expiresAt))
    case "Forbidden":
      return yield* fail(
        new ApprovalErrors.Forbidden({ need: "principals that the policy of its agent allows" }),
        false
      )
    case "Unknown":
      return yield* fail(new ApprovalErrors.ApprovalNotFound({}))
    case "Unjudged":
      return yield* fail(new ApprovalErrors.ApprovalUnjudged({}), false)
  }
})

/** Whether the decision can be combined with others. */
const fits = (
  { request: { kind } }: PendingApproval,
  { type }: Decision,
  need: Approval.Need | undefined
): Effect.Effect<void, string> =>
  type === "revise" && kind === "tool" && need !== undefined && need.quorum > 1
    ? Effect.fail(`${need.quorum} principals must approve the same call: approve it or reject it, without changes`)
    : Effect.void

const changed = new ApprovalErrors.DefinitionChanged({})

/** Why an answer after the stored one is rejected. */
const second = (stored: Json, expiresAt: number | undefined): ApprovalErrors.Reason => {
  const first = Schema.decodeUnknownExit(Answer)(stored)
  return Exit.isSuccess(first)
    ? late(first.value.resolution.outcome, expiresAt)
    : new ApprovalErrors.ApprovalNotFound({})
}

const late = (outcome: Approval.Outcome, expiresAt: number | undefined): ApprovalErrors.Reason => {
  if (Approval.isAskedAgain(outcome)) return changed
  return outcome.outcome === "expired" && expiresAt !== undefined
    ? new ApprovalErrors.ApprovalExpired({ expiresAt })
    : new ApprovalErrors.ApprovalResolved({ outcome })
}

/** The asking agent's tools in this runtime; `undefined` if it does not have the agent. */
const toolsOf = (
  roster: AgentRegistry.AgentRegistry,
  status: { readonly agent: string } | undefined,
  { agentPath }: PendingApproval
): Tools | undefined => {
  const root = status === undefined ? undefined : roster.members.get(status.agent)
  return root === undefined ? undefined : AgentRegistry.at(root, agentPath)?.tools
}

type Tools = ReadonlyMap<string, AgentRegistry.Callable>

/**
 * Whether the question was asked for a definition that has changed. If this runtime does not have the agent, the
 * process that executes the run checks before it starts the call.
 */
const isChanged = ({ kind, target, toolHash }: Approval.Request, tools: Tools | undefined): boolean => {
  if (toolHash === undefined || tools === undefined) return false
  // The question of a plan names the plan, not its tool.
  if (kind === "plan") return !Array.from(tools.values()).some((tool) => tool.isPlan && tool.hash === toolHash)
  const tool = tools.get(target)
  return tool !== undefined && tool.hash !== toolHash
}

/**
 * Withdraws the questions about calls and plans that a run had open at `at`, because the user sent a message instead of
 * answering. Returns the ids of the unanswered ones.
 */
export const withdraw = Effect.fnUntraced(function* (
  { host }: RuntimeParts,
  run: RunStatus,
  { at, messageId }: { readonly messageId: string; readonly at: number }
) {
  const withdrawn: Array<string> = []
  for (const { askedAt, request, runId } of yield* host.pending(run.resourceId)) {
    // A repeated message does not withdraw questions asked after it.
    if (runId !== run.runId || request.kind === "budget" || askedAt > at) continue
    const { id } = request
    const superseded = encode({ resolution: { id, outcome: { outcome: "superseded", messageId } } })
    const answered = yield* host.answer(runId, Names.approval(id), superseded)
    if (answered._tag === "Taken") withdrawn.push(id)
  }
  return withdrawn
})

/** Open questions; those that name their approvers with the number of approvals so far. */
export const counted = (host: RuntimeParts["host"], questions: ReadonlyArray<PendingApproval>) =>
  questions.every(({ request }) => request.approvals === undefined)
    ? Effect.succeed(questions)
    : Effect.flatMap(Clock.currentTimeMillis, (now) =>
        Effect.forEach(questions, (asked) => withGiven(host, asked, now))
      )

/** Open questions of a tenant, of one thread or run if that is given, oldest first. */
export const pending = (
  host: RuntimeParts["host"],
  filter: {
    readonly resourceId?: string | undefined
    readonly threadId?: string | undefined
    readonly runId?: string | undefined
  } = {}
) =>
  Effect.flatMap(host.pending(filter.resourceId ?? defaultResource), (all) =>
    counted(
      host,
      all.filter(
        ({ request, runId }) =>
          (filter.threadId === undefined || request.threadId === filter.threadId) &&
          (filter.runId === undefined || runId === filter.runId)
      )
    )
  )

const withGiven = (host: RuntimeParts["host"], asked: PendingApproval, now: number): Effect.Effect<PendingApproval> => {
  const { request, runId } = asked
  const { approvals } = request
  if (approvals === undefined) return Effect.succeed(asked)
  const level = Approval.levelAt(approvals, now)
  const need = Approval.needAt(approvals, level)
  return Effect.map(host.answers(runId, Names.ballots(request.id, level)), ({ size }) => ({
    ...asked,
    request: { ...request, approvals: { ...approvals, ...need, given: size } }
  }))
}

/** Answers a run's open questions about budgets. */
export const raise = Effect.fnUntraced(function* (
  built: RuntimeParts,
  runId: string,
  limits: { readonly [limit: string]: number },
  options: Answerer & { readonly by?: string | undefined } = {}
) {
  const status = yield* built.host.status(runId)
  const pending = yield* built.host.pending(options.resourceId ?? status?.resourceId ?? defaultResource)
  const questions = pending.filter((each) => each.runId === runId && each.request.kind === "budget")
  if (questions.length === 0) {
    return yield* new ApprovalError({ id: runId, reason: new ApprovalErrors.ApprovalNotFound({}) })
  }
  const decision = Decision.raise(limits, { by: options.by })
  yield* Effect.forEach(questions, ({ request }) => respond(built, request.id, decision, options), {
    discard: true
  })
})
