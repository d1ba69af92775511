/**
 * An event with its place in a run: which number it has, when it was said, in which run and thread, by which agent.
 * Envelopes are what a log holds and what `Runtime.watch` shows.
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
 * One fact about a run, placed. `seq` is dense from 1 within the run; `at` is epoch milliseconds; `agentPath` is `[]` for
 * the root agent.
 */
export interface Envelope extends Schema.Schema.Type<typeof EnvelopeStruct> {}
export const Envelope: Schema.Codec<Envelope, Encoded> = EnvelopeStruct

/** An envelope as its schema writes it. */
export interface Encoded extends Omit<Envelope, "event"> {
  readonly event: EncodedEvent
}

/** The envelope as JSON has it: see `Event.toJson`. */
export const toJson = (envelope: Envelope): Encoded => {
  const event = Event.toJson(envelope.event)
  return event === envelope.event ? envelope : { ...envelope, event }
}

/**
 * True for what the plain consumer loop shows: the root agent's events, and every approval wherever it was raised, so that
 * a question below the root can be answered by whoever reads the root's stream.
 */
export const isRootView = (envelope: Envelope): boolean =>
  envelope.agentPath.length === 0 ||
  envelope.event.type === "approval-required" ||
  envelope.event.type === "approval-decision"

/**
 * An envelope for a log. What a reader is given of it must not be a way to write to the log: an envelope is frozen throughout, but for
 * those of text and reasoning, of which `toReader` makes copies. Freezing those costs four times a copy, and they are most of a log.
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

/** The envelope as a reader of its log is given it: frozen throughout, or the reader's own. */
export const toReader = (envelope: Envelope): Envelope => {
  const { agentPath, at, event, runId, seq, threadId } = envelope
  if (event.type !== "text" && event.type !== "reasoning") return envelope
  return { seq, at, runId, threadId, agentPath, event: { type: event.type, text: event.text } }
}
