/**
 * An event with its sequence number, time, run, thread and agent. A log is a list of envelopes; `Runtime.watch` streams
 * them.
 */
import * as Schema from "effect/Schema"
import { AgentPath } from "../AgentPath.ts"
import { freeze } from "../Json.ts"
import type { Encoded as EncodedEvent } from "./Event.ts"
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
 */
export interface Envelope extends Schema.Schema.Type<typeof EnvelopeStruct> {}
export const Envelope: Schema.Codec<Envelope, Encoded> = EnvelopeStruct

/** The encoded form of an envelope. */
export interface Encoded extends Omit<Envelope, "event"> {
  readonly event: EncodedEvent
}

/** The envelope for JSON output: see `Event.toJson`. */
export const toJson = (envelope: Envelope): Encoded => {
  const event = Event.toJson(envelope.event)
  return event === envelope.event ? envelope : { ...envelope, event }
}

/**
 * True for the envelopes of the root view: the root agent's events, and the approvals of all agents, so that a reader
 * of the root's stream can answer a question that a specialist asks.
 */
export const isRootView = (envelope: Envelope): boolean =>
  envelope.agentPath.length === 0 ||
  envelope.event.type === "approval-required" ||
  envelope.event.type === "approval-decision"

/**
 * Creates an envelope for a log. Readers must not be able to change a log through what they are given, so an envelope
 * is deeply frozen. Text and reasoning, the most frequent events, are not frozen but copied for each reader by
 * `toReader`: freezing costs four times as much as a copy.
 */
export const make = (
  seq: number,
  at: number,
  runId: string,
  threadId: string,
  agentPath: AgentPath,
  event: Event
): Envelope => {
  const envelope = { seq, at, runId, threadId, agentPath, event }
  return event.type === "text" || event.type === "reasoning" ? envelope : freeze(envelope)
}

/** The envelope to give to a reader of the log: deeply frozen, or a copy. */
export const toReader = (envelope: Envelope): Envelope => {
  const { agentPath, at, event, runId, seq, threadId } = envelope
  if (event.type !== "text" && event.type !== "reasoning") return envelope
  return { seq, at, runId, threadId, agentPath, event: { type: event.type, text: event.text } }
}
