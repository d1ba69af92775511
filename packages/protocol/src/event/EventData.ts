/**
 * The shapes of a run's events, with one schema and one type each: plain JSON objects, discriminated by `type`, with
 * camelCase names. An optional field without a value is left out, never `null`. The shapes follow the streaming
 * protocol of source 002 exactly; details that it leaves open are defined here. `Event` has their union and
 * constructors.
 */
import * as Schema from "effect/Schema"
import { AgentPath } from "../AgentPath.ts"
import { Request, Resolution } from "../approval/Approval.ts"
import { Json } from "../Json.ts"
import { UserPart } from "../Message.ts"
import { UsageTotals } from "../money/Usage.ts"
import { LatencySummary } from "../money/LatencySummary.ts"
import { CostSummary } from "../money/CostSummary.ts"

const Status = Schema.Literals(["failed", "denied", "cancelled"])
/**
 * How an unsuccessful call ended.
 *
 * @since 0.1.0
 * @category models
 */
export type Status = "failed" | "denied" | "cancelled"

const Text = Schema.Struct({
  type: Schema.Literal("text"),
  text: Schema.String,
  part: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Text" })
/**
 * An increment of the answer's text. `part` says which text of its step it belongs to, for answers of several; absent:
 * the first. Adjacent increments of one part may be joined.
 *
 * @since 0.1.0
 * @category models
 */
export interface Text extends Schema.Schema.Type<typeof Text> {}

const Reasoning = Schema.Struct({
  type: Schema.Literal("reasoning"),
  text: Schema.String,
  part: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Reasoning" })
/**
 * An increment of the model's reasoning, from models that show it. `part` as for text.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reasoning extends Schema.Schema.Type<typeof Reasoning> {}

const StepStart = Schema.Struct({ type: Schema.Literal("step-start") }).annotate({ identifier: "StepStart" })
/**
 * A step begins. Comes before the step's text, reasoning and calls.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepStart extends Schema.Schema.Type<typeof StepStart> {}

const StepRetracted = Schema.Struct({ type: Schema.Literal("step-retracted"), reason: Schema.String }).annotate({
  identifier: "StepRetracted"
})
/**
 * The output of this step since its `step-start` is void: after a crash, a retry or a failover in the middle of a
 * stream; or because it is a typed answer that does not fit its schema (`reason: "OutputInvalid"`), which the model is
 * asked for once more.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepRetracted extends Schema.Schema.Type<typeof StepRetracted> {}

const MessageReceived = Schema.Struct({
  type: Schema.Literal("message-received"),
  data: Schema.Struct({
    messageId: Schema.String,
    position: Schema.Natural,
    content: Schema.Array(UserPart)
  })
}).annotate({ identifier: "MessageReceived" })
/**
 * A user's message has entered the running conversation (`runtime.steer`): the root agent reads it in its next step,
 * after everything before it. `position` counts the run's messages from 1, in order of acceptance. If the run ends
 * before another step (a limit, a cancel, a failure), the message is in the thread without an answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface MessageReceived extends Schema.Schema.Type<typeof MessageReceived> {}

const ToolInputDelta = Schema.Struct({
  type: Schema.Literal("tool-input-delta"),
  toolInvocationId: Schema.String,
  toolName: Schema.String,
  text: Schema.String,
  execution: Schema.optionalKey(Schema.Literals(["client", "agent"]))
}).annotate({ identifier: "ToolInputDelta" })
/**
 * An increment of the arguments of a call that the model is writing: JSON text, incomplete until the call is announced
 * under the same id, with the same arguments. Never part of a history: nothing runs before the call. Input is void
 * where its step is retracted or ends without the call. `execution`: of a call that the caller must run, or of a
 * specialist's, whose name is the `toolName`; absent: of any other tool.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolInputDelta extends Schema.Schema.Type<typeof ToolInputDelta> {}

const Source = Schema.Struct({
  type: Schema.Literal("source"),
  data: Schema.Struct({
    id: Schema.String,
    sourceType: Schema.Literals(["url", "document"]),
    url: Schema.optionalKey(Schema.String),
    title: Schema.optionalKey(Schema.String),
    mediaType: Schema.optionalKey(Schema.String),
    filename: Schema.optionalKey(Schema.String),
    providerMetadata: Schema.optionalKey(Schema.Record(Schema.String, Json))
  })
}).annotate({ identifier: "Source" })
/**
 * A source that the answer cites, after the text that it is for. `id` is the provider's, and may repeat. A `url` source
 * has a `url`, a `document` a `mediaType` and a `title`. Never part of a history.
 *
 * @since 0.1.0
 * @category models
 */
export interface Source extends Schema.Schema.Type<typeof Source> {}

const ToolCall = Schema.Struct({
  type: Schema.Literal("tool-invocation"),
  toolInvocationId: Schema.String,
  toolName: Schema.String,
  args: Json,
  state: Schema.Literal("call"),
  execution: Schema.optionalKey(Schema.Literal("client")),
  asks: Schema.optionalKey(Schema.Literal(true)),
  usage: Schema.optionalKey(UsageTotals)
}).annotate({ identifier: "ToolCall" })
/**
 * The model calls a tool. `execution: "client"` on a call that the caller must run, with the `usage` of the run and its
 * specialists up to then, since the answer to the caller may end there; absent in logs of earlier releases. `asks`: a
 * client's call that asks a person: its question follows (`approval-required` of kind `question`), and its answer is the
 * call's result.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolCall extends Schema.Schema.Type<typeof ToolCall> {}

const ToolResult = Schema.Struct({
  type: Schema.Literal("tool-invocation"),
  toolInvocationId: Schema.String,
  toolName: Schema.String,
  args: Json,
  state: Schema.Literal("result"),
  result: Json,
  status: Schema.optionalKey(Status),
  execution: Schema.optionalKey(Schema.Literal("client")),
  later: Schema.optionalKey(Schema.Struct({ ticketId: Schema.String, expiresAt: Schema.optionalKey(Schema.Natural) }))
}).annotate({ identifier: "ToolResult" })
/**
 * The call's result. `args` are the arguments that it ran with (after a person's revision, the revised ones). `later`: the
 * result is a receipt, and the call's late result follows in a `late-result`: what is delivered for `ticketId`, at the
 * latest at `expiresAt`, in epoch milliseconds; absent: no limit.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolResult extends Schema.Schema.Type<typeof ToolResult> {}

const LateResult = Schema.Struct({
  type: Schema.Literal("late-result"),
  toolInvocationId: Schema.String,
  toolName: Schema.String,
  result: Json,
  status: Schema.optionalKey(Status)
}).annotate({ identifier: "LateResult" })
/**
 * The late result of a call that ended with a receipt enters the agent's conversation, between its steps: the agent reads
 * it in its next step. `status` is absent on success, `failed` also where it has expired, and `cancelled` where the run
 * ended first. Exactly one for each receipt.
 *
 * @since 0.2.0
 * @category models
 */
export interface LateResult extends Schema.Schema.Type<typeof LateResult> {}

const ToolProgress = Schema.Struct({
  type: Schema.Literal("tool-progress"),
  toolName: Schema.String,
  toolCallId: Schema.optionalKey(Schema.String),
  label: Schema.String,
  phaseIndex: Schema.Natural,
  totalPhases: Schema.Natural,
  milestone: Schema.optionalKey(Json)
}).annotate({ identifier: "ToolProgress" })
/**
 * Progress of a running tool; never part of a history. `phaseIndex` never decreases within a call.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolProgress extends Schema.Schema.Type<typeof ToolProgress> {}

const AgentCall = Schema.Struct({
  type: Schema.Literal("tool-agent"),
  agentName: Schema.String,
  toolInvocationId: Schema.String,
  state: Schema.Literal("call"),
  prompt: Json
}).annotate({ identifier: "AgentCall" })
/**
 * A specialist is called. Its own events follow under its agent path.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentCall extends Schema.Schema.Type<typeof AgentCall> {}

const AgentResult = Schema.Struct({
  type: Schema.Literal("tool-agent"),
  agentName: Schema.String,
  toolInvocationId: Schema.String,
  state: Schema.Literal("result"),
  result: Json,
  status: Schema.optionalKey(Status)
}).annotate({ identifier: "AgentResult" })
/**
 * A specialist's call ends with its report.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentResult extends Schema.Schema.Type<typeof AgentResult> {}

const AgentUsage = Schema.Struct({
  type: Schema.Literal("data-tool-agent"),
  data: Schema.Struct({
    agentName: Schema.String,
    model: Schema.String,
    usage: UsageTotals,
    toolInvocationId: Schema.optionalKey(Schema.String)
  })
}).annotate({ identifier: "AgentUsage" })
/**
 * The usage of a specialist, including everything below it, and the model that gave its last answer. Comes before its
 * `tool-agent` result.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentUsage extends Schema.Schema.Type<typeof AgentUsage> {}

const ApprovalRequired = Schema.Struct({ type: Schema.Literal("approval-required"), data: Request }).annotate({
  identifier: "ApprovalRequired"
})
/**
 * The run waits for a person's decision. The call has not run.
 *
 * @since 0.1.0
 * @category models
 */
export interface ApprovalRequired extends Schema.Schema.Type<typeof ApprovalRequired> {}

const ApprovalDecision = Schema.Struct({ type: Schema.Literal("approval-decision"), data: Resolution }).annotate({
  identifier: "ApprovalDecision"
})
/**
 * The decision, or its expiry.
 *
 * @since 0.1.0
 * @category models
 */
export interface ApprovalDecision extends Schema.Schema.Type<typeof ApprovalDecision> {}

const PlanStatus = Schema.Literals(["draft", "pending_approval", "approved", "executing", "executed", "failed"])
/**
 * `pending_approval`: a draft that waits for a person's decision.
 *
 * @since 0.1.0
 * @category models
 */
export type PlanStatus = "draft" | "pending_approval" | "approved" | "executing" | "executed" | "failed"
const PlanStatusChange = Schema.Struct({
  type: Schema.Literal("plan-status-change"),
  data: Schema.Struct({ planId: Schema.String, from: PlanStatus, to: PlanStatus })
}).annotate({ identifier: "PlanStatusChange" })
/**
 * A plan changes its status.
 *
 * @since 0.1.0
 * @category models
 */
export interface PlanStatusChange extends Schema.Schema.Type<typeof PlanStatusChange> {}

const FileRegistered = Schema.Struct({
  type: Schema.Literal("data-file-registered"),
  data: Schema.Struct({
    fileId: Schema.String,
    filename: Schema.String,
    mediaType: Schema.String,
    sizeBytes: Schema.Natural,
    url: Schema.optionalKey(Schema.String)
  })
}).annotate({ identifier: "FileRegistered" })
/**
 * A tool or a model has created a file, which can now be fetched.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileRegistered extends Schema.Schema.Type<typeof FileRegistered> {}

const FlowUi = Schema.Struct({ type: Schema.Literal("data-flow-ui"), data: Schema.Struct({ dsl: Json }) }).annotate({
  identifier: "FlowUi"
})
/**
 * A description of user interface. Emitted by tools and products, never by the runtime.
 *
 * @since 0.1.0
 * @category models
 */
export interface FlowUi extends Schema.Schema.Type<typeof FlowUi> {}

const BudgetExhausted = Schema.Struct({
  type: Schema.Literal("budget_exhausted"),
  message: Schema.String,
  code: Schema.String,
  data: Schema.Struct({
    limit: Schema.String,
    max: Schema.Finite,
    used: Schema.Finite,
    agentPath: Schema.optionalKey(AgentPath),
    quota: Schema.optionalKey(
      Schema.Struct({
        name: Schema.String,
        per: Schema.Literals(["tenant", "principal"]),
        resetsAt: Schema.optionalKey(Schema.Natural)
      })
    )
  })
}).annotate({ identifier: "BudgetExhausted" })
/**
 * A budget limit stopped something. At most once for each limit of a budget node. `agentPath`: the node, if it is below
 * the root. `quota`: the quota with this limit, and the end of its window in epoch milliseconds; its `used` includes
 * what runs hold.
 *
 * @since 0.1.0
 * @category models
 */
export interface BudgetExhausted extends Schema.Schema.Type<typeof BudgetExhausted> {}

const Custom = Schema.Struct({ type: Schema.Literal("custom"), event_type: Schema.String, data: Json })
  .check(Schema.makeFilter((event: object) => !("foreign" in event)))
  .annotate({ identifier: "Custom" })
/**
 * A product's own event. `event_type` is in snake_case, as in source 002.
 *
 * `foreign` marks an event of a type that this version does not know: `event_type` is that type, `data` has the other
 * fields. Such an event is kept, and encoded to its original JSON.
 *
 * @since 0.1.0
 * @category models
 */
export interface Custom extends Schema.Schema.Type<typeof Custom> {
  readonly foreign?: true
}

/**
 * Every `FinishReason`.
 *
 * @since 0.2.0
 * @category constants
 */
export const finishReasons = [
  "stop",
  "length",
  "content-filter",
  "budget",
  "cancelled",
  "repeated-calls",
  "other"
] as const

const FinishReason = Schema.Literals(finishReasons)
/**
 * Why a run ended. `budget`: a limit stopped it; `repeated-calls`: the model kept making the same call, also after a
 * warning; `other`: the model stopped for a reason that is not listed here.
 *
 * @since 0.1.0
 * @category models
 */
export type FinishReason = (typeof finishReasons)[number]
const Finish = Schema.Struct({
  type: Schema.Literal("finish"),
  finishReason: FinishReason,
  usage: UsageTotals,
  stopSequence: Schema.optionalKey(Schema.String),
  output: Schema.optionalKey(Json)
}).annotate({ identifier: "Finish" })
/**
 * The run ended. `usage` is cumulative over the run and its specialists. Only the two summaries follow. `stopSequence`:
 * the one of the caller's stop sequences that ended the answer; absent: none did, or the provider does not name it.
 * `output`: the JSON of a typed answer, which fits its schema; absent: the run has no typed answer, or gave none that
 * fits.
 *
 * @since 0.1.0
 * @category models
 */
export interface Finish extends Schema.Schema.Type<typeof Finish> {}

const CostSummaryEvent = Schema.Struct({ type: Schema.Literal("data-cost-summary"), data: CostSummary }).annotate({
  identifier: "CostSummaryEvent"
})
/**
 * What the run cost.
 *
 * @since 0.1.0
 * @category models
 */
export interface CostSummaryEvent extends Schema.Schema.Type<typeof CostSummaryEvent> {}

const LatencySummaryEvent = Schema.Struct({
  type: Schema.Literal("data-latency-summary"),
  data: LatencySummary
}).annotate({ identifier: "LatencySummaryEvent" })
/**
 * Where the run's time went.
 *
 * @since 0.1.0
 * @category models
 */
export interface LatencySummaryEvent extends Schema.Schema.Type<typeof LatencySummaryEvent> {}

const ErrorEvent = Schema.Struct({
  type: Schema.Literal("error"),
  error: Schema.Struct({ message: Schema.String, code: Schema.String, data: Schema.optionalKey(Json) })
}).annotate({ identifier: "ErrorEvent" })
/**
 * The run failed. Both summaries come before it, nothing follows.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorEvent extends Schema.Schema.Type<typeof ErrorEvent> {}

/**
 * The schemas of the events that this version knows.
 *
 * @since 0.1.0
 * @category constants
 */
export const known = [
  Text,
  Reasoning,
  StepStart,
  StepRetracted,
  MessageReceived,
  ToolInputDelta,
  Source,
  ToolCall,
  ToolResult,
  LateResult,
  ToolProgress,
  AgentCall,
  AgentResult,
  AgentUsage,
  ApprovalRequired,
  ApprovalDecision,
  PlanStatusChange,
  FileRegistered,
  FlowUi,
  BudgetExhausted,
  Custom,
  Finish,
  CostSummaryEvent,
  LatencySummaryEvent,
  ErrorEvent
] as const
