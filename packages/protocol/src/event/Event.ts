/**
 * The events of a run. Each event states one fact. The shapes are in `EventData`; this file has their union, its schema
 * and the constructors.
 *
 * `Ordering` defines which event may follow which. `Envelope` adds the time, the run and the agent. `Transcript`,
 * `CostSummary` and `LatencySummary` fold events.
 */
import * as Schema from "effect/Schema"
import { Json } from "../Json.ts"
import type { UsageTotals } from "../money/Usage.ts"
import * as Data from "./EventData.ts"
import * as SchemaGetter from "effect/SchemaGetter"
import { type Custom, known } from "./EventData.ts"
import type { LatencySummary } from "../money/LatencySummary.ts"
import type { CostSummary } from "../money/CostSummary.ts"

export type * from "./EventData.ts"

/**
 * One fact about a run.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Event =
  | Data.Text
  | Data.Reasoning
  | Data.StepStart
  | Data.StepRetracted
  | Data.MessageReceived
  | Data.ToolInputDelta
  | Data.Source
  | Data.ToolCall
  | Data.ToolResult
  | Data.LateResult
  | Data.ToolProgress
  | Data.AgentCall
  | Data.AgentResult
  | Data.AgentUsage
  | Data.ApprovalRequired
  | Data.ApprovalDecision
  | Data.PlanStatusChange
  | Data.FileRegistered
  | Data.FlowUi
  | Data.BudgetExhausted
  | Data.Custom
  | Data.Finish
  | Data.CostSummaryEvent
  | Data.LatencySummaryEvent
  | Data.ErrorEvent

/**
 * The encoded form of an event: the event itself, or the original JSON of an event of an unknown type.
 *
 * @since 0.1.0
 * @category models
 */
export type Encoded = Event | Original

/**
 * The event types that this version knows.
 *
 * @since 0.1.0
 * @category models
 */
export type EventType = Event["type"]

/** Narrows to events of the given types: `Stream.filter(Event.is("text", "reasoning"))`. */
const is =
  <const Types extends ReadonlyArray<EventType>>(...types: Types) =>
  (event: Event): event is Extract<Event, { readonly type: Types[number] }> =>
    types.includes(event.type)

// The constructors use object literals and leave absent fields out, so that each event type has few hidden classes.
// Conditional spreads take twice as long, and produce hidden classes that slow down every reader of a log.

/**
 * A call: its id and the name of its tool or specialist.
 *
 * @since 0.1.0
 * @category models
 */
export interface Called {
  readonly id: string
  readonly name: string
}

/**
 * The announcement of a call, or its result.
 *
 * @since 0.1.0
 * @category models
 */
export type CallEvent = Data.ToolCall | Data.ToolResult | Data.AgentCall | Data.AgentResult

/**
 * How a call ended: `status` is absent on success.
 *
 * @since 0.1.0
 * @category models
 */
export interface Outcome {
  readonly result: Json
  readonly status?: Data.Status | undefined
}

const text = (text: string, part?: string | undefined): Data.Text =>
  part === undefined ? { type: "text", text } : { type: "text", text, part }

const reasoning = (text: string, part?: string | undefined): Data.Reasoning =>
  part === undefined ? { type: "reasoning", text } : { type: "reasoning", text, part }

const stepStart: Data.StepStart = Object.freeze({ type: "step-start" })

const stepRetracted = (reason: string): Data.StepRetracted => ({ type: "step-retracted", reason })

/** A user's message enters the conversation of a running run. */
const messageReceived = (data: Data.MessageReceived["data"]): Data.MessageReceived => ({
  type: "message-received",
  data
})

/** The model writes the arguments of a call. */
const toolInputDelta = (
  { id, name }: Called,
  text: string,
  execution?: Data.ToolInputDelta["execution"] | undefined
): Data.ToolInputDelta =>
  execution === undefined
    ? { type: "tool-input-delta", toolInvocationId: id, toolName: name, text }
    : { type: "tool-input-delta", toolInvocationId: id, toolName: name, text, execution }

/** The answer cites a source. */
const source = (data: Data.Source["data"]): Data.Source => ({ type: "source", data })

/** The model calls a tool. `execution: "client"` if the caller must run it. */
const toolCall = (
  call: Called & { readonly args: Json },
  execution?: "client" | undefined,
  asks = false
): Data.ToolCall => {
  const { args, id, name } = call
  if (asks) {
    return {
      type: "tool-invocation",
      toolInvocationId: id,
      toolName: name,
      args,
      state: "call",
      execution: "client",
      asks
    }
  }
  return execution === undefined
    ? { type: "tool-invocation", toolInvocationId: id, toolName: name, args, state: "call" }
    : { type: "tool-invocation", toolInvocationId: id, toolName: name, args, state: "call", execution }
}

/** The result of a tool call. `args` are the arguments that it ran with. */
const toolResult = (call: Called, args: Json, outcome: Outcome, execution?: "client" | undefined): Data.ToolResult => {
  const { id, name } = call
  const { result, status } = outcome
  if (status === undefined) {
    return execution === undefined
      ? { type: "tool-invocation", toolInvocationId: id, toolName: name, args, state: "result", result }
      : { type: "tool-invocation", toolInvocationId: id, toolName: name, args, state: "result", result, execution }
  }
  return execution === undefined
    ? { type: "tool-invocation", toolInvocationId: id, toolName: name, args, state: "result", result, status }
    : {
        type: "tool-invocation",
        toolInvocationId: id,
        toolName: name,
        args,
        state: "result",
        result,
        status,
        execution
      }
}

/** A call that ended with a receipt has its late result. */
const lateResult = ({ id, name }: Called, { result, status }: Outcome): Data.LateResult =>
  status === undefined
    ? { type: "late-result", toolInvocationId: id, toolName: name, result }
    : { type: "late-result", toolInvocationId: id, toolName: name, result, status }

/** Progress of a running tool. */
const toolProgress = (
  call: Called,
  progress: {
    readonly label: string
    readonly phaseIndex: number
    readonly totalPhases: number
    readonly milestone?: Json | undefined
  }
): Data.ToolProgress => {
  const { id, name } = call
  const { label, milestone, phaseIndex, totalPhases } = progress
  return milestone === undefined
    ? { type: "tool-progress", toolName: name, toolCallId: id, label, phaseIndex, totalPhases }
    : { type: "tool-progress", toolName: name, toolCallId: id, label, phaseIndex, totalPhases, milestone }
}

/** A specialist is called; the call's arguments are its prompt. */
const agentCall = (call: Called & { readonly args: Json }): Data.AgentCall => ({
  type: "tool-agent",
  agentName: call.name,
  toolInvocationId: call.id,
  state: "call",
  prompt: call.args
})

/** A specialist's call ends. */
const agentResult = (call: Called, outcome: Outcome): Data.AgentResult => {
  const { id, name } = call
  const { result, status } = outcome
  return status === undefined
    ? { type: "tool-agent", agentName: name, toolInvocationId: id, state: "result", result }
    : { type: "tool-agent", agentName: name, toolInvocationId: id, state: "result", result, status }
}

/** The usage of a specialist, including everything below it. */
const agentUsage = (call: Called, model: string, usage: UsageTotals): Data.AgentUsage => ({
  type: "data-tool-agent",
  data: { agentName: call.name, model, usage, toolInvocationId: call.id }
})

const custom = (eventType: string, data: Json): Data.Custom => ({ type: "custom", event_type: eventType, data })

const finish = (finishReason: Data.FinishReason, usage: UsageTotals): Data.Finish => ({
  type: "finish",
  finishReason,
  usage
})

const costSummary = (data: CostSummary): Data.CostSummaryEvent => ({ type: "data-cost-summary", data })

const latencySummary = (data: LatencySummary): Data.LatencySummaryEvent => ({ type: "data-latency-summary", data })

// Events of types that this version does not know, from the stored log of a later version or from a later server. They
// are decoded as `custom` events with `foreign: true`, so that code that handles a product's own events handles these
// too, and are encoded to their original JSON: the same fields with the same values.

/** The original JSON of an event. */
interface Original {
  readonly [field: string]: Json
}

const types: ReadonlySet<string> = new Set(
  known.map((member) => ("fields" in member ? member.fields.type.literal : "custom"))
)

// An event of a known type that lacks a field is invalid, and not foreign.
const isForeign = ({ type }: Original): boolean => typeof type === "string" && !types.has(type)

const isRecord = (data: Json): data is Original => typeof data === "object" && data !== null && !Array.isArray(data)

/** The original JSON of a foreign event. */
const original = ({ data, event_type }: Custom): Original =>
  isRecord(data) ? { type: event_type, ...data } : { type: event_type, data }

const Marked = Schema.Struct({
  type: Schema.Literal("custom"),
  event_type: Schema.String,
  data: Json,
  foreign: Schema.Literal(true)
})

const read = ({ type, ...data }: Original): typeof Marked.Type => ({
  type: "custom",
  event_type: typeof type === "string" ? type : "",
  data,
  foreign: true
})

const Foreign: Schema.Codec<Custom, Original> = Schema.Record(Schema.String, Json)
  .check(Schema.makeFilter(isForeign))
  .pipe(
    Schema.decodeTo(Marked, {
      decode: SchemaGetter.transform(read),
      encode: SchemaGetter.transform(original)
    })
  )

const Union: Schema.Codec<Event, Encoded> = Schema.Union([...Data.known, Foreign])

/**
 * The event for JSON output: the event itself, or the original JSON of an event of an unknown type. For encoders that
 * do not use the schema.
 */
const toJson = (event: Event): Encoded => (event.type === "custom" && event.foreign === true ? original(event) : event)

const functions = {
  is,
  toJson,
  text,
  reasoning,
  stepStart,
  stepRetracted,
  messageReceived,
  toolInputDelta,
  source,
  toolCall,
  toolResult,
  lateResult,
  toolProgress,
  agentCall,
  agentResult,
  agentUsage,
  custom,
  finish,
  costSummary,
  latencySummary
}

/**
 * The schema of events, with `Event.is` and the constructors: `Event.text("so")`, `Event.toolCall(call)`,
 * `Event.toolResult(call, args, outcome)`, …. The schema is for input from outside; inside, events are plain objects,
 * made by the constructors for frequent types. Without the import, TypeScript resolves `Event` to the platform's
 * global.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Event: Schema.Codec<Event, Encoded> & typeof functions = Object.assign(Union, functions)
