/**
 * Takes answers from outside: decisions on approvals, results of client tools. An answer is checked against the stored
 * question, never against anything that the answerer sent along, and is taken at most once.
 */
import { AgentPath, Approval, ApprovalError, ApprovalErrors, Decision, type Grant, type Json } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Names from "../run/Names.ts"
import { fromDecision } from "./DecisionGrant.ts"
import { Answer } from "../call/Question.ts"
import * as Revision from "../approval/Revision.ts"
import type { PendingApproval } from "../engine/RunHost.ts"
import * as SchemaCheck from "../kernel/SchemaCheck.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import { CallNotFound } from "./NotFound.ts"
import * as AgentRegistry from "../agent/AgentRegistry.ts"
import { type RuntimeParts, defaultResource } from "./RuntimeParts.ts"

/** Answers the request `id`; with `resourceId`, only as that tenant. */
export const respond = Effect.fnUntraced(function* (
  { host, ids, roster }: RuntimeParts,
  id: string,
  decision: Decision,
  resourceId: string | undefined
) {
  const fail = (reason: ApprovalErrors.Reason) => Effect.fail(new ApprovalError({ id, reason }))
  const found = yield* host.approval(id)
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
  const tool = toolOf(roster, status, asked)
  const grant = fromDecision(asked, decision, { id: ids.make("grant"), now, toolHash: tool?.hash })
  if (grant !== undefined && "issue" in grant) return yield* fail(new ApprovalErrors.InvalidArguments(grant))
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
    case "Resolved": {
      const first = Schema.decodeUnknownExit(Answer)(taken.value)
      return yield* fail(
        Exit.isSuccess(first)
          ? late(first.value.resolution.outcome, expiresAt)
          : new ApprovalErrors.ApprovalNotFound({})
      )
    }
  }
})

const encode: (answer: Answer) => Json = Schema.encodeSync(Answer)

const late = (outcome: Approval.Outcome, expiresAt: number | undefined): ApprovalErrors.Reason =>
  outcome.outcome === "expired" && expiresAt !== undefined
    ? new ApprovalErrors.ApprovalExpired({ expiresAt })
    : new ApprovalErrors.ApprovalResolved({ outcome })

/** The tool that a question is about, as this runtime has it. */
const toolOf = (
  roster: AgentRegistry.AgentRegistry,
  status: { readonly agent: string } | undefined,
  { agentPath, request }: PendingApproval
): AgentRegistry.Callable | undefined => {
  const root = status === undefined ? undefined : roster.members.get(status.agent)
  return root === undefined ? undefined : AgentRegistry.at(root, agentPath)?.tools.get(request.target)
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
        return Effect.fail("a raise answers a question about a budget, not about a call")
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
      const args = PlainJson.copy(Revision.apply(payload, partial)) ?? null
      if (tool === undefined)
        return Effect.fail(`Unknown tool ${JSON.stringify(target)}. Its agent no longer offers it`)
      // A model may write `null` for no arguments; a revision to nothing is a mistake.
      if (args === null) return Effect.fail("a revision leaves one JSON object as the arguments, not null")
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
    return Effect.fail(`a question about a budget is answered by Decision.raise({ ${request.target}: … }), or rejected`)
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

/** Hands in the result of an open client call. */
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
  const asked = yield* host.approval(Names.approvalId(runId, prefix, Names.ofCall(callId)))
  // What a client did before it was allowed to does not count.
  const mayRun = asked === undefined || (asked.outcome !== undefined && Approval.allows(asked.outcome))
  const isOpen = mayRun && (yield* host.hasClientCall(runId, path, callId))
  const taken = isOpen
    ? yield* host.answer(runId, Names.client(prefix, callId, asked !== undefined), stored(answer))
    : undefined
  if (taken?._tag !== "Taken") return yield* new CallNotFound({ runId, toolInvocationId: callId })
})

/** What is stored for a client's result. */
const stored = (answer: { readonly result: Json; readonly isFailure?: boolean | undefined }): Json => {
  const result = PlainJson.copy(answer.result)
  if (result === undefined) {
    return { result: { error: "ResultInvalid", message: "what the client answered is not JSON" }, status: "failed" }
  }
  return answer.isFailure === true ? { result, status: "failed" } : { result }
}
