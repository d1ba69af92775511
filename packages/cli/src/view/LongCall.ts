/** Calls that take their time, in words: those that sleep, and those whose result comes later. Pure. */
import type { Event, Events } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Moment from "../setting/Moment.ts"
import * as Text from "../text/Text.ts"

const readSleep = Schema.decodeUnknownOption(Schema.Struct({ toolName: Schema.String, until: Schema.Natural }))
const readAwaited = Schema.decodeUnknownOption(
  Schema.Struct({
    calls: Schema.Array(Schema.Struct({ toolName: Schema.String, expiresAt: Schema.optionalKey(Schema.Natural) }))
  })
)

/** What a custom event of the runtime tells of a wait; `undefined` for another event. */
export const waitOf = ({ data, event_type }: Extract<Event, { readonly type: "custom" }>): string | undefined => {
  if (event_type === "call_sleeps") {
    const sleep = Option.getOrUndefined(readSleep(data))
    return sleep === undefined ? undefined : `${name(sleep.toolName)} sleeps until ${Moment.format(sleep.until)}`
  }
  if (event_type !== "results_awaited") return undefined
  const calls = Option.getOrUndefined(readAwaited(data))?.calls
  if (calls === undefined || calls.length === 0) return undefined
  const of = calls.map(({ expiresAt, toolName }) => `${name(toolName)}${by(expiresAt)}`).join(" and ")
  return `Waits for the late ${calls.length === 1 ? "result" : "results"} of ${of}`
}

/** What the end of a call says of its late result, whose ticket the outside needs; empty if it has none. */
export const laterOf = (later: Events.ToolResult["later"]): string =>
  later === undefined ? "" : `; its result comes later${by(later.expiresAt)}, for ticket ${later.ticketId}`

const by = (expiresAt: number | undefined): string =>
  expiresAt === undefined ? "" : `, by ${Moment.format(expiresAt)}`

const name = (text: string): string => Text.harmless(text).replaceAll("\n", " ")
