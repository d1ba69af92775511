/**
 * Our own calls and their results as blocks that the client's interface has.
 *
 * Only the beta interface has `mcp_tool_use` and `mcp_tool_result`. Readers of the other get the same block within a
 * `redacted_thinking`: its data is opaque to them, no client shows or runs it, and every client sends it back
 * unchanged with the rest of the answer. So the next request has the calls and their results in both.
 *
 * Redacted thoughts of other servers are ignored.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Base64Url from "effect/encoding/Base64Url"
import type { Block } from "./Event.ts"

const prefix = "reins."

const Text = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })

const Used = Schema.Struct({
  type: Schema.Literal("mcp_tool_use"),
  id: Schema.String,
  name: Schema.String,
  input: Schema.Json
})
const Ran = Schema.Struct({
  type: Schema.Literal("mcp_tool_result"),
  tool_use_id: Schema.String,
  content: Schema.Array(Text),
  is_error: Schema.Boolean
})
const read = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Union([Used, Ran])))

/** The block as the client's interface has it. */
export const shown = (block: Block, isBeta: boolean): Block =>
  isBeta ? block : { type: "redacted_thinking", data: prefix + Base64Url.encode(JSON.stringify(block)) }

/** The block that was sent as this data. Absent: it is not from here. */
export const revealed = (data: string): typeof Used.Type | typeof Ran.Type | undefined => {
  if (!data.startsWith(prefix)) return undefined
  const text = Base64Url.decodeString(data.slice(prefix.length))
  return Result.isFailure(text) ? undefined : Option.getOrUndefined(read(text.success))
}
