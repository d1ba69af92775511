/**
 * Makes a grant of a decision that approves more than one call. Pure but for what it is handed: an id, a time, and the hash of a tool that was asked about without one.
 */
import { type Decision, type Grant, Money } from "@reins/protocol"
import type { PendingApproval } from "../engine/RunHost.ts"

/** The grant that a decision leaves behind; `undefined` for one about this call only. A sentence where it cannot be. */
export const fromDecision = (
  asked: PendingApproval,
  decision: Decision,
  about: { readonly id: string; readonly now: number; readonly toolHash: string | undefined }
): Grant.Grant | undefined | { readonly issue: string } => {
  if (decision.type !== "approve" || decision.scope === undefined || decision.scope === "call") return undefined
  const { agentPath, request, runId } = asked
  // What the person saw; only a question of an earlier release does not say.
  const toolHash = request.toolHash ?? about.toolHash
  if (request.kind !== "tool" || toolHash === undefined) {
    return { issue: `A ${request.kind} approval cannot use scope "${decision.scope}". Approve it without a scope` }
  }
  if (request.begunBefore !== undefined && request.begunBefore > 0) {
    return {
      issue: `An approval to make a call again cannot use scope "${decision.scope}". Approve it without a scope`
    }
  }
  const nanoUsdLeft = decision.maxCostUsd === undefined ? undefined : Money.fromUsd(decision.maxCostUsd)
  if (decision.maxCostUsd !== undefined && nanoUsdLeft === undefined) {
    return { issue: "Invalid maxCostUsd. Give an amount of US dollars, 0 or more" }
  }
  const { expiresInMillis } = decision
  if (expiresInMillis !== undefined && !Number.isSafeInteger(about.now + expiresInMillis)) {
    return { issue: "expiresIn must be a duration of at most 1,000 years" }
  }
  return {
    id: about.id,
    scope: decision.scope,
    resourceId: request.resourceId,
    threadId: request.threadId,
    runId,
    agentPath,
    toolName: request.target,
    toolHash,
    grantedAt: about.now,
    ...(decision.matcher === undefined ? {} : { matcher: decision.matcher }),
    ...(decision.uses === undefined ? {} : { usesLeft: decision.uses }),
    ...(nanoUsdLeft === undefined ? {} : { nanoUsdLeft }),
    ...(decision.expiresInMillis === undefined ? {} : { expiresAt: about.now + decision.expiresInMillis }),
    ...(decision.by === undefined ? {} : { by: decision.by })
  }
}
