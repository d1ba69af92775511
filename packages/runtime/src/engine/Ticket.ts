/**
 * Tickets: a call that ended with a receipt (`ToolRun.later`) has one, and its late result is delivered for it, from
 * any process. A ticket is two values of its run, each written once: what it is, and how it ended. So one write decides
 * between a delivery, the ticket's expiry and the end of its run.
 */
import { AgentPath, Entry, type Json, Transcript, type Message } from "@reins/protocol"
import * as Schema from "effect/Schema"

const LaterStruct = Schema.Struct({ ticketId: Schema.String, expiresAt: Schema.optionalKey(Schema.Natural) })

/** The ticket of a call. `expiresAt`: in epoch milliseconds; absent: never. */
export interface Later extends Schema.Schema.Type<typeof LaterStruct> {}
export const Later: Schema.Codec<Later, Json> = LaterStruct

const AboutStruct = Schema.Struct({
  toolName: Schema.String,
  callId: Schema.String,
  path: Schema.Array(Schema.String),
  schema: Schema.Json,
  expiresAt: Schema.optionalKey(Schema.Natural),
  isChecked: Schema.optionalKey(Schema.Literal(true))
})

/** What a ticket is for. `schema`: the JSON Schema of its tool's results. `isChecked`: hooks see a result first. */
export interface About extends Schema.Schema.Type<typeof AboutStruct> {}
export const About: Schema.Codec<About, Json> = AboutStruct

const EndStruct = Schema.Struct({
  by: Schema.Literals(["delivery", "expiry", "close"]),
  result: Schema.Json,
  status: Schema.optionalKey(Schema.Literals(["failed", "cancelled"])),
  costNanoUsd: Schema.optionalKey(Schema.Natural)
})

/** How a ticket ended: what was delivered, or why nothing will be. */
export interface End extends Schema.Schema.Type<typeof EndStruct> {}
export const End: Schema.Codec<End, Json> = EndStruct

/** The stored form of what a ticket is for. */
export const writeAbout: (about: About) => Json = Schema.encodeSync(AboutStruct)

/** What a ticket is for, in its stored form. */
export const readAbout: (json: Json) => About = Schema.decodeUnknownSync(AboutStruct)

const encodeEnd = Schema.encodeSync(EndStruct)
const decodeEnd = Schema.decodeUnknownSync(EndStruct)

/** The stored form of an end. */
export const write = (end: End): Json => encodeEnd(end)

/** The end in its stored form. */
export const read = (json: Json): End => decodeEnd(json)

/** Nothing was delivered in time. */
export const expired: End = {
  by: "expiry",
  status: "failed",
  result: { error: "Expired", message: "No result came before the ticket expired" }
}

/** The agent ended before a result came, or the call did not end with its receipt. */
export const closed: End = {
  by: "close",
  status: "cancelled",
  result: { error: "Closed", message: "The run ended before the result came" }
}

/**
 * The ledger's row of what a delivered result has cost, at `at`; none where it has cost nothing. `moneyLeft`: what the
 * limits of its agent leave, in nano-dollars.
 */
export const rowOf = (
  {
    callId,
    path,
    toolName
  }: { readonly callId: string; readonly path: AgentPath.AgentPath; readonly toolName: string },
  { costNanoUsd }: End,
  at: number,
  moneyLeft: number
): Entry.ToolEntry | undefined =>
  costNanoUsd === undefined
    ? undefined
    : Entry.lateCost(path, { id: callId, name: toolName }, costNanoUsd, at, costNanoUsd > moneyLeft)

/** Whether the ledger has this row already: a call has one delivered result at most. */
export const isBooked = (entries: ReadonlyArray<Entry.Entry>, { callId, path }: Entry.ToolEntry): boolean =>
  entries.some(
    (entry) =>
      entry.kind === "tool" &&
      entry.late === true &&
      entry.callId === callId &&
      AgentPath.key(entry.path) === AgentPath.key(path)
  )

/** The message with which a late result enters the conversation. */
export const message = (call: { readonly id: string; readonly name: string }, end: End): Message.Message =>
  Transcript.lateResult(call, end)
