/** The AG-UI events that we send. Optional fields are absent and never `null`: the verifier rejects `null`. */
import * as Schema from "effect/Schema"

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
