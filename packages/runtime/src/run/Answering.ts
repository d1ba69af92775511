/**
 * Takes answers from outside: decisions on approvals, results of client tools. An answer is checked against the stored
 * question, never against anything that the answerer sent along, and is taken at most once.
 */
import { AgentPath, Approval, ApprovalError, ApprovalErrors, Decision, type Json } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Answer, approvalId, waitName } from "../gate/Asking.ts"
import * as Revision from "../gate/Revision.ts"
import type { PendingApproval } from "../port/RunHost.ts"
import { clientWaitName } from "../tool/CallSettling.ts"
import * as Checking from "../tool/Checking.ts"
import { CallNotFound } from "./NotFound.ts"
import * as Roster from "./Roster.ts"
import type { Built } from "./Built.ts"

/** Answers the request `id`; with `resourceId`, only as that tenant. */
export const respond = Effect.fnUntraced(function* (
  { host, roster }: Built,
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
  if (expiresAt !== undefined && (yield* Clock.currentTimeMillis) >= expiresAt) {
    return yield* fail(new ApprovalErrors.ApprovalExpired({ expiresAt }))
  }
  const sound = Checking.inWords(Schema.decodeUnknownEffect(Decision)(decision), "a decision")
  const status = yield* host.status(asked.runId)
  const answer = yield* Effect.result(Effect.andThen(sound, () => answerTo(roster, status, asked, decision)))
  if (Result.isFailure(answer)) {
    return yield* fail(new ApprovalErrors.InvalidArguments({ issue: answer.failure }))
  }
  const taken = yield* host.answer(asked.runId, waitName(id), encode(answer.success))
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

/** What is stored for a decision. Fails with a sentence where the decision does not fit the question. */
const answerTo = (
  roster: Roster.Roster,
  status: { readonly agent: string } | undefined,
  asked: PendingApproval,
  decision: Decision
): Effect.Effect<Answer, string> => {
  const { id, payload, target } = asked.request
  const said = {
    ...(decision.by === undefined ? {} : { by: decision.by }),
    ...(decision.feedback === undefined ? {} : { feedback: decision.feedback })
  }
  switch (decision.type) {
    case "approve":
      if (decision.raise !== undefined)
        return Effect.fail("a raise answers a question about a budget, not about a call")
      return decision.scope === undefined || decision.scope === "call"
        ? Effect.succeed({ resolution: { id, outcome: { outcome: "approve" }, ...said } })
        : Effect.fail(`this runtime remembers no approvals yet: approve the call, not the ${decision.scope}`)
    case "reject":
      return Effect.succeed({ resolution: { id, outcome: { outcome: "reject" }, ...said } })
    case "revise": {
      const args = Revision.apply(payload, decision.partial)
      const root = status === undefined ? undefined : roster.members.get(status.agent)
      const tool = root === undefined ? undefined : Roster.at(root, asked.agentPath)?.tools.get(target)
      if (tool === undefined) return Effect.fail(`there is no tool ${JSON.stringify(target)} here`)
      return Effect.as(tool.decode(args), {
        resolution: { id, outcome: { outcome: "revise", partial: decision.partial }, ...said },
        args
      })
    }
  }
}

/** Hands in the result of an open client call. */
export const submit = Effect.fnUntraced(function* (
  { host }: Built,
  runId: string,
  toolInvocationId: string,
  answer: {
    readonly result: Json
    readonly isFailure?: boolean | undefined
    readonly agentPath?: ReadonlyArray<string>
  }
) {
  const path = answer.agentPath ?? AgentPath.root
  const prefix = AgentPath.key(path)
  const asked = yield* host.approval(approvalId(runId, prefix, toolInvocationId))
  // What a client did before it was allowed to does not count.
  const mayRun = asked === undefined || (asked.outcome !== undefined && Approval.allows(asked.outcome))
  const isOpen = mayRun && (yield* host.hasClientCall(runId, path, toolInvocationId))
  const taken = isOpen
    ? yield* host.answer(runId, clientWaitName(prefix, toolInvocationId, asked !== undefined), {
        result: answer.result,
        ...(answer.isFailure === true ? { status: "failed" } : {})
      })
    : undefined
  if (taken?._tag !== "Taken") return yield* new CallNotFound({ runId, toolInvocationId })
})
