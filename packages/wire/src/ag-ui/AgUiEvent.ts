/**
 * The AG-UI events that we send, with questions as interrupts, and a client's answers to these as decisions. Optional
 * fields are absent and never `null`: the verifier rejects `null`.
 */
import type { Approval, Json } from "@reins/protocol"
import { Decision, Question } from "@reins/protocol"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { at, invalidField, readDecision } from "../Body.ts"
import type { DecisionFor } from "../Command.ts"
import type { Refusal } from "../Refusal.ts"

const Type = Schema.Literal
const Text = Schema.String
const by = { subagentRunId: Schema.optionalKey(Text) }

export const TokenUsage = Schema.Struct({
  inputTokens: Schema.Natural,
  outputTokens: Schema.Natural,
  totalTokens: Schema.Natural,
  cachedInputTokens: Schema.Natural,
  cacheWriteInputTokens: Schema.Natural
})

export const Interrupt = Schema.Struct({
  id: Text,
  reason: Text,
  message: Text,
  toolCallId: Schema.optionalKey(Text),
  subagentRunId: Schema.optionalKey(Text),
  responseSchema: Schema.Json,
  expiresAt: Schema.optionalKey(Text),
  metadata: Schema.Unknown
})
export type Interrupt = typeof Interrupt.Type

const Outcome = Schema.Union([
  Schema.Struct({ type: Type("success"), pendingToolCallIds: Schema.optionalKey(Schema.Array(Text)) }),
  Schema.Struct({ type: Type("interrupt"), interrupts: Schema.Array(Interrupt) }),
  Schema.Struct({ type: Type("cancelled") })
])
export type Outcome = typeof Outcome.Type

/**
 * An event of the protocol, as its clients read it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const AgUiEvent = Schema.Union([
  Schema.Struct({
    type: Type("RUN_STARTED"),
    threadId: Text,
    runId: Text,
    timestamp: Schema.optionalKey(Schema.Natural)
  }),
  Schema.Struct({
    type: Type("RUN_FINISHED"),
    threadId: Text,
    runId: Text,
    outcome: Schema.optionalKey(Outcome),
    usage: Schema.optionalKey(Schema.Array(TokenUsage)),
    metadata: Schema.optionalKey(Schema.Json)
  }),
  Schema.Struct({ type: Type("RUN_ERROR"), message: Text, code: Text }),
  Schema.Struct({ type: Schema.Literals(["STEP_STARTED", "STEP_FINISHED"]), stepName: Text, ...by }),
  Schema.Struct({ type: Type("TEXT_MESSAGE_START"), messageId: Text, role: Type("assistant"), ...by }),
  Schema.Struct({ type: Type("REASONING_MESSAGE_START"), messageId: Text, role: Type("reasoning"), ...by }),
  Schema.Struct({
    type: Schema.Literals(["TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT"]),
    messageId: Text,
    delta: Text,
    ...by
  }),
  Schema.Struct({
    type: Schema.Literals(["TEXT_MESSAGE_END", "REASONING_START", "REASONING_MESSAGE_END", "REASONING_END"]),
    messageId: Text,
    ...by
  }),
  Schema.Struct({ type: Type("TOOL_CALL_START"), toolCallId: Text, toolCallName: Text, ...by }),
  Schema.Struct({ type: Type("TOOL_CALL_ARGS"), toolCallId: Text, delta: Text, ...by }),
  Schema.Struct({ type: Type("TOOL_CALL_END"), toolCallId: Text, ...by }),
  Schema.Struct({
    type: Type("TOOL_CALL_RESULT"),
    messageId: Text,
    toolCallId: Text,
    content: Text,
    role: Type("tool"),
    metadata: Schema.optionalKey(Schema.Struct({ status: Text })),
    ...by
  }),
  Schema.Struct({
    type: Type("SUBAGENT_STARTED"),
    subagentRunId: Text,
    name: Text,
    parentToolCallId: Text,
    parentSubagentRunId: Schema.optionalKey(Text)
  }),
  Schema.Struct({
    type: Type("SUBAGENT_FINISHED"),
    subagentRunId: Text,
    outcome: Schema.Union([
      Schema.Struct({ type: Type("success") }),
      Schema.Struct({ type: Type("suspended"), interruptIds: Schema.Array(Text) })
    ])
  }),
  Schema.Struct({ type: Type("SUBAGENT_ERROR"), subagentRunId: Text, message: Text }),
  Schema.Struct({
    type: Type("ACTIVITY_SNAPSHOT"),
    messageId: Text,
    activityType: Text,
    content: Schema.Unknown,
    replace: Schema.Boolean,
    ...by
  }),
  Schema.Struct({ type: Type("CUSTOM"), name: Text, value: Schema.Unknown, ...by })
])
export type AgUiEvent = typeof AgUiEvent.Type

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

const askings: { readonly [K in Exclude<Approval.Kind, "question">]: (target: string) => string } = {
  tool: (target) => `Run ${target}?`,
  plan: (target) => `Carry out plan ${target}?`,
  budget: (target) => `Budget limit ${target} is exhausted. Raise it?`
}

/** A question as an interrupt. `callId` and `subagentRunId` when the stream has shown them. */
export const interruptOf = (
  request: Approval.Request,
  callId: string | undefined,
  subagentRunId: string | undefined
): Interrupt => {
  const { expiresAt, id, kind, payload, target } = request
  const asked = Question.of(request)
  return {
    id,
    reason: `approval:${kind}`,
    message: asked?.question ?? (kind === "question" ? `${target} asks a question` : askings[kind](target)),
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

/** Whether it is one of our decisions; further fields do not make it something else. */
const asDecision = Schema.decodeUnknownOption(Decision)
const asApproved = Schema.decodeUnknownOption(Approved)

const asJson = Schema.decodeUnknownOption(Schema.Json)

/**
 * The decision in the answer to an interrupt; `undefined` when there is no payload. `value`: the payload, which answers a
 * question. `invalid`: why the payload decides nothing but a question. Fails where the payload is a decision with a field
 * that no decision has; `place`: the payload's, for the error.
 */
export const decisionOf = (
  status: "resolved" | "cancelled",
  payload: unknown,
  place: string
): Result.Result<Pick<DecisionFor, "decision" | "invalid" | "value"> | undefined, Refusal> => {
  const value = Option.getOrUndefined(asJson(payload))
  const isOurs = Option.isSome(asDecision(payload))
  if (isOurs && status !== "cancelled") return Result.map(readDecision(payload, place), (decision) => ({ decision }))
  const decision = plainDecisionOf(status, payload)
  if (decision !== undefined) return Result.succeed(value === undefined || isOurs ? { decision } : { decision, value })
  if (value === undefined) return Result.succeed(undefined)
  return Result.succeed({ decision: Decision.answer(value), value, invalid: invalidOf(payload, place) })
}

/** Why a payload of no known form is none. */
const invalidOf = (payload: unknown, place: string): Refusal => {
  const [type] = at(payload, "type")
  const [approved] = at(payload, "approved")
  const read = readDecision(payload, place)
  if (type !== undefined && Result.isFailure(read)) return read.failure
  if (approved === undefined) return invalidField(place, "Send { approved: true }, { approved: false } or a decision")
  if (typeof approved !== "boolean") return invalidField(`${place}.approved`, "Use true or false")
  const isFeedback = at(payload, "feedback").some((said) => typeof said !== "string")
  return invalidField(`${place}.${isFeedback ? "feedback" : "reason"}`, "Use a string")
}

/** The decision that a payload of another form names; `undefined` when it neither approves nor rejects. */
const plainDecisionOf = (status: "resolved" | "cancelled", payload: unknown): Decision | undefined => {
  if (status === "cancelled") return Decision.reject()
  if (typeof payload === "boolean") return payload ? Decision.approve() : Decision.reject()
  const approved = Option.getOrUndefined(asApproved(payload))
  if (approved === undefined) return undefined
  const said = { feedback: approved.feedback ?? approved.reason }
  return approved.approved ? Decision.approve(said) : Decision.reject(said)
}
