/**
 * An event with its place in a run: which number it has, when it was said, in which run and thread, by which agent.
 * Envelopes are what a log holds and what `Runtime.watch` shows.
 */
import * as Schema from "effect/Schema"
import { AgentPath } from "../AgentPath.ts"
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
export const Envelope: Schema.Codec<Envelope> = EnvelopeStruct

/**
 * True for what the plain consumer loop shows: the root agent's events, and every approval wherever it was raised, so that
 * a question below the root can be answered by whoever reads the root's stream.
 */
export const isRootView = (envelope: Envelope): boolean =>
  envelope.agentPath.length === 0 ||
  envelope.event.type === "approval-required" ||
  envelope.event.type === "approval-decision"

/** An envelope, in the one shape that all envelopes have. */
export const make = (
  seq: number,
  at: number,
  runId: string,
  threadId: string,
  agentPath: AgentPath,
  event: Event
): Envelope => ({ seq, at, runId, threadId, agentPath, event })
