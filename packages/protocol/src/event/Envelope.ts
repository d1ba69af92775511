/**
 * An event with its sequence number, time, run, thread and agent. A log is a list of envelopes; `Runtime.watch` streams
 * them.
 */
import * as Schema from "effect/Schema"
import { AgentPath } from "../AgentPath.ts"
import { freeze } from "../Json.ts"
import type { Encoded as EncodedEvent, Reasoning, Text, ToolCall, ToolResult } from "./Event.ts"
import { Event } from "./Event.ts"

const EnvelopeStruct = Schema.Struct({
  seq: Schema.Natural,
  at: Schema.Natural,
  runId: Schema.String,
  threadId: Schema.String,
  agentPath: AgentPath,
  event: Event
}).annotate({ identifier: "Envelope" })

/**
 * One fact about a run, with its position. `seq` is dense from 1 within the run; `at` is epoch milliseconds;
 * `agentPath` is `[]` for the root agent.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Envelope extends Schema.Schema.Type<typeof EnvelopeStruct> {}
export const Envelope: Schema.Codec<Envelope, Encoded> = EnvelopeStruct

/**
 * The encoded form of an envelope.
 *
 * @since 0.1.0
 * @category models
 */
export interface Encoded extends Omit<Envelope, "event"> {
  readonly event: EncodedEvent
}

/**
 * The envelope for JSON output: see `Event.toJson`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toJson = (envelope: Envelope): Encoded => {
  const event = Event.toJson(envelope.event)
  return event === envelope.event ? envelope : { ...envelope, event }
}

/**
 * True for the envelopes of the root view: the root agent's events, and the approvals of all agents, so that a reader
 * of the root's stream can answer a question that a specialist asks.
 *
 * @since 0.1.0
 * @category guards
 */
export const isRootView = (envelope: Envelope): boolean =>
  envelope.agentPath.length === 0 ||
  envelope.event.type === "approval-required" ||
  envelope.event.type === "approval-decision"

/**
 * True for the envelopes of the progress view: the root view, and the progress of specialists: `tool-progress`,
 * `custom` and `budget_exhausted`.
 *
 * @since 0.1.0
 * @category guards
 */
export const isProgressView = (envelope: Envelope): boolean => {
  const { type } = envelope.event
  return isRootView(envelope) || type === "tool-progress" || type === "custom" || type === "budget_exhausted"
}

/**
 * Creates an envelope for a log. Pass it to readers only by `toReader` or `eventToReader`, which freeze it: readers
 * must not be able to change a log.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  seq: number,
  at: number,
  runId: string,
  threadId: string,
  agentPath: AgentPath,
  event: Event
): Envelope => ({ seq, at, runId, threadId, agentPath, event })

/**
 * The envelope for a reader of the log: deeply frozen. For increments of text, reasoning and input, the most frequent
 * events, a copy of its own, since freezing costs four times as much.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toReader = (envelope: Envelope): Envelope => {
  const { agentPath, at, event, runId, seq, threadId } = envelope
  switch (event.type) {
    case "text":
    case "reasoning":
      return { seq, at, runId, threadId, agentPath, event: said(event) }
    case "tool-input-delta":
      return { seq, at, runId, threadId, agentPath, event: { ...event } }
    default:
      return freeze(envelope)
  }
}

/**
 * Only the event, as `toReader` returns it.
 *
 * @since 0.1.0
 * @category operations
 */
export const eventToReader = ({ event }: Envelope): Event => {
  switch (event.type) {
    case "text":
    case "reasoning":
      return said(event)
    case "tool-input-delta":
      return { ...event }
    case "tool-invocation":
      return freezeCall(event)
    default:
      return freeze(event)
  }
}

/** By its fields: a spread takes longer. */
const said = (event: Text | Reasoning): Text | Reasoning =>
  event.part === undefined
    ? { type: event.type, text: event.text }
    : { type: event.type, text: event.text, part: event.part }

/** Named fields instead of a loop over all of them, because every call has two of these events. */
const freezeCall = <E extends ToolCall | ToolResult>(event: E): E => {
  if (Object.isFrozen(event)) return event
  freeze(event.args)
  if (event.state === "result") freeze(event.result)
  return Object.freeze(event)
}
