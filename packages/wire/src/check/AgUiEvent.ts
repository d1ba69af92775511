/** The events of AG-UI 1.0, as its schemas have them. */
import * as Schema from "effect/Schema"
import { Any, Bool, Count, Fields, Is, Maybe, Text } from "./Reader.ts"

const base = { timestamp: Maybe(Schema.Int), metadata: Maybe(Fields) }
const by = { ...base, subagentRunId: Maybe(Text) }
const Role = Schema.Literals(["developer", "system", "assistant", "user"])
const tokens = {
  inputTokens: Maybe(Count),
  outputTokens: Maybe(Count),
  totalTokens: Maybe(Count),
  reasoningTokens: Maybe(Count),
  cachedInputTokens: Maybe(Count),
  cacheWriteInputTokens: Maybe(Count)
}
const Usage = Maybe(Schema.Array(Schema.Struct({ provider: Maybe(Text), model: Maybe(Text), ...tokens })))
const Interrupt = Schema.Struct({
  id: Text,
  reason: Text,
  message: Maybe(Text),
  toolCallId: Maybe(Text),
  subagentRunId: Maybe(Text),
  responseSchema: Maybe(Fields),
  expiresAt: Maybe(Text),
  metadata: Maybe(Fields)
})
const Outcome = Schema.Union([
  Schema.Struct({ type: Is("success"), pendingToolCallIds: Maybe(Schema.Array(Text)) }),
  Schema.Struct({ type: Is("interrupt"), interrupts: Schema.NonEmptyArray(Interrupt) }),
  Schema.Struct({ type: Is("cancelled") })
])

/** Any event of the protocol. */
export const Event = Schema.Union([
  Schema.Struct({ type: Is("RUN_STARTED"), ...base, threadId: Text, runId: Text, protocolVersion: Maybe(Text) }),
  Schema.Struct({
    type: Is("RUN_FINISHED"),
    ...base,
    threadId: Text,
    runId: Text,
    outcome: Maybe(Outcome),
    usage: Usage
  }),
  Schema.Struct({ type: Is("RUN_ERROR"), ...base, message: Text, code: Maybe(Text), usage: Usage }),
  Schema.Struct({ type: Schema.Literals(["STEP_STARTED", "STEP_FINISHED"]), ...by, stepName: Text }),
  Schema.Struct({ type: Is("TEXT_MESSAGE_START"), ...by, messageId: Text, role: Maybe(Role), name: Maybe(Text) }),
  Schema.Struct({ type: Is("TEXT_MESSAGE_CONTENT"), ...by, messageId: Text, delta: Text }),
  Schema.Struct({ type: Is("TEXT_MESSAGE_END"), ...by, messageId: Text }),
  Schema.Struct({
    type: Is("TEXT_MESSAGE_CHUNK"),
    ...by,
    messageId: Maybe(Text),
    role: Maybe(Role),
    delta: Maybe(Text)
  }),
  Schema.Struct({ type: Is("REASONING_MESSAGE_START"), ...by, messageId: Text, role: Is("reasoning") }),
  Schema.Struct({ type: Is("REASONING_MESSAGE_CONTENT"), ...by, messageId: Text, delta: Text }),
  Schema.Struct({
    type: Schema.Literals(["REASONING_START", "REASONING_MESSAGE_END", "REASONING_END"]),
    ...by,
    messageId: Text
  }),
  Schema.Struct({ type: Is("REASONING_MESSAGE_CHUNK"), ...by, messageId: Maybe(Text), delta: Maybe(Text) }),
  Schema.Struct({
    type: Is("REASONING_ENCRYPTED_VALUE"),
    ...by,
    subtype: Schema.Literals(["tool-call", "message"]),
    entityId: Text,
    encryptedValue: Text
  }),
  Schema.Struct({
    type: Is("TOOL_CALL_START"),
    ...by,
    toolCallId: Text,
    toolCallName: Text,
    parentMessageId: Maybe(Text)
  }),
  Schema.Struct({ type: Is("TOOL_CALL_ARGS"), ...by, toolCallId: Text, delta: Text }),
  Schema.Struct({ type: Is("TOOL_CALL_END"), ...by, toolCallId: Text }),
  Schema.Struct({
    type: Is("TOOL_CALL_CHUNK"),
    ...by,
    toolCallId: Maybe(Text),
    toolCallName: Maybe(Text),
    delta: Maybe(Text)
  }),
  Schema.Struct({
    type: Is("TOOL_CALL_RESULT"),
    ...by,
    messageId: Text,
    toolCallId: Text,
    content: Schema.Union([Text, Schema.Array(Fields)]),
    role: Maybe(Is("tool"))
  }),
  Schema.Struct({
    type: Is("SUBAGENT_STARTED"),
    ...base,
    subagentRunId: Text,
    name: Text,
    parentSubagentRunId: Maybe(Text),
    parentToolCallId: Maybe(Text)
  }),
  Schema.Struct({
    type: Is("SUBAGENT_FINISHED"),
    ...base,
    subagentRunId: Text,
    outcome: Maybe(
      Schema.Union([
        Schema.Struct({ type: Is("success") }),
        Schema.Struct({ type: Is("suspended"), interruptIds: Maybe(Schema.Array(Text)) })
      ])
    )
  }),
  Schema.Struct({ type: Is("SUBAGENT_ERROR"), ...base, subagentRunId: Text, message: Text, code: Maybe(Text) }),
  Schema.Struct({ type: Is("STATE_SNAPSHOT"), ...by, snapshot: Any }),
  Schema.Struct({ type: Is("STATE_DELTA"), ...by, delta: Schema.Array(Fields) }),
  Schema.Struct({ type: Is("MESSAGES_SNAPSHOT"), ...by, messages: Schema.Array(Fields) }),
  Schema.Struct({
    type: Is("ACTIVITY_SNAPSHOT"),
    ...by,
    messageId: Text,
    activityType: Text,
    content: Fields,
    replace: Maybe(Bool)
  }),
  Schema.Struct({
    type: Is("ACTIVITY_DELTA"),
    ...by,
    messageId: Text,
    activityType: Text,
    patch: Schema.Array(Fields)
  }),
  Schema.Struct({ type: Is("RAW"), ...by, event: Any, source: Maybe(Text) }),
  Schema.Struct({ type: Is("CUSTOM"), ...by, name: Text, value: Any })
])
export type Event = typeof Event.Type
