/** Questions as AG-UI interrupts, and a client's answers to them as decisions. */
import type { Approval, Json } from "@reins/protocol"
import { Decision, Question } from "@reins/protocol"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { DecisionFor } from "../Command.ts"
import type { Interrupt } from "./AgUiEvent.ts"

/** The schema of `payload`, except of a question, which has its own. Either `{ approved: true }` or one of our decisions. */
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

const messages: { readonly [K in Exclude<Approval.Kind, "question">]: (target: string) => string } = {
  tool: (target) => `Run ${target}?`,
  plan: (target) => `Carry out plan ${target}?`,
  budget: (target) => `Budget limit ${target} is exhausted. Raise it?`
}

/** `callId` and `subagentRunId` when the stream has shown them. */
export const make = (
  request: Approval.Request,
  callId: string | undefined,
  subagentRunId: string | undefined
): Interrupt => {
  const { expiresAt, id, kind, payload, target } = request
  const asked = Question.of(request)
  return {
    id,
    reason: `approval:${kind}`,
    message: asked?.question ?? (kind === "question" ? `${target} asks a question` : messages[kind](target)),
    ...(callId === undefined ? {} : { toolCallId: callId }),
    ...(subagentRunId === undefined ? {} : { subagentRunId }),
    responseSchema: asked?.schema ?? responseSchema,
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

const asJson = Schema.decodeUnknownOption(Schema.Json)

/**
 * The decision in the answer to an interrupt; `undefined` when there is no payload. `value`: the payload, which answers a
 * question.
 */
export const decisionOf = (
  status: "resolved" | "cancelled",
  payload: unknown
): Pick<DecisionFor, "decision" | "value"> | undefined => {
  const value = Option.getOrUndefined(asJson(payload))
  const decision = plainDecisionOf(status, payload) ?? (value === undefined ? undefined : Decision.answer(value))
  if (decision === undefined) return undefined
  return value === undefined || Option.isSome(asDecision(payload)) ? { decision } : { decision, value }
}

/** The decision that a payload names; `undefined` when it neither approves nor rejects. */
const plainDecisionOf = (status: "resolved" | "cancelled", payload: unknown): Decision | undefined => {
  if (status === "cancelled") return Decision.reject()
  if (typeof payload === "boolean") return payload ? Decision.approve() : Decision.reject()
  const ours = Option.getOrUndefined(asDecision(payload))
  const approved = ours === undefined ? Option.getOrUndefined(asApproved(payload)) : undefined
  if (approved === undefined) return ours
  const said = { feedback: approved.feedback ?? approved.reason }
  return approved.approved ? Decision.approve(said) : Decision.reject(said)
}
