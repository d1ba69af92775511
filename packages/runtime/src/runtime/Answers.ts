/**
 * Accepts external answers: decisions on approvals, results of client tools. An answer is validated against the stored
 * question, never against anything that was sent with it, and is accepted at most once.
 */
import { AgentPath, Approval, ApprovalError, ApprovalErrors, Decision, type Grant, type Json } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Names from "../run/Names.ts"
import { Answer } from "../call/Question.ts"
import type { PendingApproval, RunStatus } from "../engine/RunHost.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import { CallNotFound, failDamaged } from "./NotFound.ts"
import * as AgentRegistry from "../agent/AgentRegistry.ts"
import { type RuntimeParts, defaultResource } from "./RuntimeParts.ts"
import { fromDecision } from "./GivenGrant.ts"

/** Answers the request `id`; with `resourceId`, only as that tenant. */
export const respond = Effect.fnUntraced(function* (
  { host, ids, roster }: RuntimeParts,
  id: string,
  decision: Decision,
  resourceId: string | undefined
) {
  const fail = (reason: ApprovalErrors.Reason) => Effect.fail(new ApprovalError({ id, reason }))
  const found = yield* Effect.catchTag(failDamaged("approval", id)(host.approval(id)), "DataDamaged", ({ table }) =>
    fail(new ApprovalErrors.ApprovalDamaged({ table }))
  )
  if (found === undefined) return yield* fail(new ApprovalErrors.ApprovalNotFound({}))
  const { asked } = found
  const { expiresAt } = asked.request
  if (resourceId !== undefined && asked.request.resourceId !== resourceId) {
    return yield* fail(new ApprovalErrors.ApprovalForbidden({}))
  }
  if (found.outcome !== undefined) return yield* fail(late(found.outcome, expiresAt))
  const now = yield* Clock.currentTimeMillis
  if (expiresAt !== undefined && now >= expiresAt) {
    return yield* fail(new ApprovalErrors.ApprovalExpired({ expiresAt }))
  }
  const sound = SchemaCheck.inWords(Schema.decodeUnknownEffect(Decision)(decision), "a decision")
  const status = yield* host.status(asked.runId)
  const tools = toolsOf(roster, status, asked)
  const tool = tools?.get(asked.request.target)
  const grant = fromDecision(asked, decision, { id: ids.make("grant"), now, toolHash: tool?.hash })
  if (grant !== undefined && "issue" in grant) return yield* fail(new ApprovalErrors.InvalidArguments(grant))
  const isOutdated = decision.type !== "reject" && isChanged(asked.request, tools)
  if (isOutdated) {
    const superseded = encode({ resolution: { id, outcome: { outcome: "superseded" } } })
    const taken = yield* host.answer(asked.runId, Names.approval(id), superseded)
    return yield* fail(taken._tag === "Resolved" ? second(taken.value, expiresAt) : changed)
  }
  const answer = yield* Effect.result(Effect.andThen(sound, () => answerTo(tool, asked, decision, grant)))
  if (Result.isFailure(answer)) {
    return yield* fail(new ApprovalErrors.InvalidArguments({ issue: answer.failure }))
  }
  const taken = yield* host.answer(asked.runId, Names.approval(id), encode(answer.success))
  switch (taken._tag) {
    case "Taken":
      return
    case "Unknown":
      return yield* fail(new ApprovalErrors.ApprovalNotFound({}))
    case "Resolved":
      return yield* fail(second(taken.value, expiresAt))
  }
})

const encode: (answer: Answer) => Json = Schema.encodeSync(Answer)

const changed = new ApprovalErrors.DefinitionChanged({})

/** Why an answer is rejected that came after the stored one. */
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

/** The tools of the agent that asks, as this runtime has them; `undefined` where it does not have the agent. */
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
 * Whether the question was asked under a definition that is not there any more. Where this runtime does not know the
 * agent, the process that executes the run checks before the call is begun.
 */
const isChanged = ({ kind, target, toolHash }: Approval.Request, tools: Tools | undefined): boolean => {
  if (toolHash === undefined || tools === undefined) return false
  // A plan's question names the plan, not its tool.
  if (kind === "plan") return !Array.from(tools.values()).some((tool) => tool.isPlan && tool.hash === toolHash)
  const tool = tools.get(target)
  return tool !== undefined && tool.hash !== toolHash
}

/** What is stored for a decision. Fails with a sentence where the decision does not fit the question. */
const answerTo = (
  tool: AgentRegistry.Callable | undefined,
  asked: PendingApproval,
  decision: Decision,
  grant: Grant.Grant | undefined
): Effect.Effect<Answer, string> => {
  const { id, kind, payload, target } = asked.request
  const said = {
    ...(decision.by === undefined ? {} : { by: decision.by }),
    ...(decision.feedback === undefined ? {} : { feedback: decision.feedback })
  }
  if (kind === "budget" && decision.type !== "reject") return raised(asked, decision, said)
  switch (decision.type) {
    case "approve":
      if (decision.raise !== undefined)
        return Effect.fail("Decision.raise answers a budget approval only. Approve, revise or reject this call")
      return Effect.succeed({
        resolution: {
          id,
          outcome: { outcome: "approve" },
          ...said,
          ...(grant === undefined ? {} : { scope: grant.scope, grantId: grant.id })
        },
        ...(grant === undefined ? {} : { grant })
      })
    case "reject":
      return Effect.succeed({ resolution: { id, outcome: { outcome: "reject" }, ...said } })
    case "revise": {
      const partial = PlainJson.copy(decision.partial) ?? null
      // A plan's revision goes back to its planner as it is.
      if (kind === "plan") {
        return Effect.succeed({
          resolution: { id, outcome: { outcome: "revise", partial }, ...said }
        })
      }
      const args = PlainJson.copy(revised(payload, partial)) ?? null
      if (tool === undefined)
        return Effect.fail(`Unknown tool ${JSON.stringify(target)}. Its agent no longer offers it`)
      // A model may write `null` for no arguments; a revision to nothing is a mistake.
      if (args === null) return Effect.fail("A revision must leave one JSON object as the arguments, not null")
      return Effect.as(tool.decode(args), {
        resolution: { id, outcome: { outcome: "revise", partial }, ...said },
        args
      })
    }
  }
}

/** A question about a budget is answered by new limits, the exhausted one among them and above what is used of it. */
const raised = (
  { request }: PendingApproval,
  decision: Decision,
  said: { readonly by?: string; readonly feedback?: string }
): Effect.Effect<Answer, string> => {
  const raise = decision.type === "approve" ? decision.raise : undefined
  if (raise === undefined) {
    return Effect.fail(`Answer a budget approval with Decision.raise({ ${request.target}: … }) or Decision.reject()`)
  }
  const used =
    Predicate.hasProperty(request.payload, "used") && typeof request.payload.used === "number"
      ? request.payload.used
      : 0
  const height = raise[request.target]
  if (height === undefined || !(height > used)) {
    return Effect.fail(`${request.target} must be raised above the ${used} that are used`)
  }
  const { id } = request
  return Effect.succeed({ resolution: { id, outcome: { outcome: "approve" }, ...said }, raise })
}

/**
 * Withdraws the questions about calls and plans that a run had open at `at`, since the user wrote a message instead of answering.
 * Answers the ids of those that nobody had answered.
 */
export const withdraw = Effect.fnUntraced(function* (
  { host }: RuntimeParts,
  run: RunStatus,
  { at, messageId }: { readonly messageId: string; readonly at: number }
) {
  const withdrawn: Array<string> = []
  for (const { askedAt, request, runId } of yield* host.pending(run.resourceId)) {
    // A message that is sent again does not withdraw what was asked after it.
    if (runId !== run.runId || request.kind === "budget" || askedAt > at) continue
    const { id } = request
    const superseded = encode({ resolution: { id, outcome: { outcome: "superseded", messageId } } })
    const answered = yield* host.answer(runId, Names.approval(id), superseded)
    if (answered._tag === "Taken") withdrawn.push(id)
  }
  return withdrawn
})

/** Answers a run's open questions about budgets. */
export const raise = Effect.fnUntraced(function* (
  built: RuntimeParts,
  runId: string,
  limits: { readonly [limit: string]: number },
  options: { readonly by?: string | undefined; readonly resourceId?: string | undefined } = {}
) {
  const status = yield* built.host.status(runId)
  const pending = yield* built.host.pending(options.resourceId ?? status?.resourceId ?? defaultResource)
  const questions = pending.filter((each) => each.runId === runId && each.request.kind === "budget")
  if (questions.length === 0) {
    return yield* new ApprovalError({ id: runId, reason: new ApprovalErrors.ApprovalNotFound({}) })
  }
  const decision = Decision.raise(limits, { by: options.by })
  yield* Effect.forEach(questions, ({ request }) => respond(built, request.id, decision, options.resourceId), {
    discard: true
  })
})

/** Submits the result of an open client call. */
export const submit = Effect.fnUntraced(function* (
  { host }: RuntimeParts,
  runId: string,
  callId: string,
  answer: {
    readonly result: Json
    readonly isFailure?: boolean | undefined
    readonly agentPath?: ReadonlyArray<string>
  }
) {
  const path = answer.agentPath ?? AgentPath.root
  const prefix = AgentPath.key(path)
  const { asked, subject } = yield* lastQuestion(host, runId, prefix, callId)
  // A result that came before the approval does not count.
  const mayRun = asked === undefined || (asked.outcome !== undefined && Approval.allows(asked.outcome))
  const isOpen = mayRun && (yield* host.hasClientCall(runId, path, callId))
  const taken = isOpen
    ? yield* host.answer(runId, Names.client(prefix, subject, asked !== undefined), stored(answer))
    : undefined
  if (taken?._tag !== "Taken") return yield* new CallNotFound({ runId, toolInvocationId: callId })
})

/** The last question about a call, which is asked about anew when its tool's definition changes. */
const lastQuestion = Effect.fnUntraced(function* (
  host: RuntimeParts["host"],
  runId: string,
  prefix: string,
  callId: string
) {
  const find = (subject: Names.Subject) => host.approval(Names.approvalId(runId, prefix, subject))
  let last = { subject: Names.ofCall(callId), asked: yield* find(Names.ofCall(callId)) }
  for (let changes = 1; last.asked !== undefined; changes++) {
    const subject = Names.ofChanged(callId, changes)
    const asked = yield* find(subject)
    if (asked === undefined) break
    last = { subject, asked }
  }
  return last
})

/** What is stored for a client's result. */
const stored = (answer: { readonly result: Json; readonly isFailure?: boolean | undefined }): Json => {
  const result = PlainJson.copy(answer.result)
  if (result === undefined) {
    return { result: { error: "ResultInvalid", message: "what the client answered is not JSON" }, status: "failed" }
  }
  return answer.isFailure === true ? { result, status: "failed" } : { result }
}

const isRecord = (value: unknown): value is { readonly [key: string]: Json } =>
  Predicate.isObject(value) && !Array.isArray(value)

/**
 * The arguments after the revision: an object's named members replaced, anything else replaced whole. Keys are copied
 * as data, so a `__proto__` among them is a member like any other, for the schema to refuse.
 */
const revised = (args: Json, partial: Json): Json =>
  isRecord(args) && isRecord(partial)
    ? Object.fromEntries([...Object.entries(args), ...Object.entries(partial)])
    : partial
