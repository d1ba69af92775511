/**
 * Questions as AG-UI's interrupts, and a client's answers to them as decisions.
 */
import type { Approval, Json } from "@reins/protocol"
import { Decision } from "@reins/protocol"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Interrupt } from "./AgUiEvent.ts"

/** What `payload` may be. `{ approved: true }` does as well as a decision of ours. */
const responseSchema: Json = {
  type: "object",
  properties: {
    type: { enum: ["approve", "reject", "revise"] },
    approved: { type: "boolean" },
    feedback: { type: "string" },
    partial: {},
    scope: { enum: ["call", "run", "thread", "subtree"] }
  }
}

const messages: { readonly [K in Approval.Kind]: (target: string) => string } = {
  tool: (target) => `May ${target} run?`,
  plan: (target) => `May the plan ${target} be carried out?`,
  budget: (target) => `${target} is exhausted. May the run spend more?`
}

/** `callId` and `subagentRunId` where the stream has shown them. */
export const make = (
  request: Approval.Request,
  callId: string | undefined,
  subagentRunId: string | undefined
): Interrupt => {
  const { expiresAt, id, kind, payload, target } = request
  return {
    id,
    reason: `approval:${kind}`,
    message: messages[kind](target),
    ...(callId === undefined ? {} : { toolCallId: callId }),
    ...(subagentRunId === undefined ? {} : { subagentRunId }),
    responseSchema,
    ...(expiresAt === undefined ? {} : { expiresAt: DateTime.formatIso(DateTime.makeUnsafe(expiresAt)) }),
    metadata: { kind, target, payload }
  }
}

const Approved = Schema.Struct({
  approved: Schema.Boolean,
  feedback: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String)
})

const asDecision = Schema.decodeUnknownOption(Decision)
const asApproved = Schema.decodeUnknownOption(Approved)

/** The decision in the answer to an interrupt; nothing where it says neither yes nor no. */
export const decisionOf = (status: "resolved" | "cancelled", payload: unknown): Decision | undefined => {
  if (status === "cancelled") return Decision.reject()
  if (typeof payload === "boolean") return payload ? Decision.approve() : Decision.reject()
  const ours = Option.getOrUndefined(asDecision(payload))
  const approved = ours === undefined ? Option.getOrUndefined(asApproved(payload)) : undefined
  if (approved === undefined) return ours
  const said = { feedback: approved.feedback ?? approved.reason }
  return approved.approved ? Decision.approve(said) : Decision.reject(said)
}
