/** The items of a request, and the conversation that they are. */
import type { Json, Message } from "@reins/protocol"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import * as History from "../History.ts"
import * as Media from "../Media.ts"

const Part = Schema.Struct({
  type: Schema.Literals(["input_text", "output_text", "input_image", "input_file"]),
  text: Schema.optionalKey(Schema.String),
  image_url: Schema.optionalKey(Schema.String),
  file_url: Schema.optionalKey(Schema.String),
  file_data: Schema.optionalKey(Schema.String),
  filename: Schema.optionalKey(Schema.String)
})
const Content = Schema.Union([Schema.String, Schema.Array(Part)])
type Content = typeof Content.Type

const Spoken = Schema.Struct({
  type: Schema.optionalKey(Schema.Literal("message")),
  role: Schema.Literals(["user", "assistant", "system", "developer"]),
  content: Content
})
const CallOutput = Schema.Struct({
  type: Schema.Literal("function_call_output"),
  call_id: Schema.String,
  output: Schema.Union([Schema.String, Schema.Array(Part)])
})
const ApprovalResponse = Schema.Struct({
  type: Schema.Literal("mcp_approval_response"),
  approval_request_id: Schema.String,
  approve: Schema.Boolean,
  reason: Schema.optionalKey(Schema.NullOr(Schema.String))
})
const FunctionCall = Schema.Struct({
  type: Schema.Literal("function_call"),
  call_id: Schema.String,
  name: Schema.String,
  arguments: Schema.String
})
const McpCall = Schema.Struct({
  type: Schema.Literal("mcp_call"),
  id: Schema.String,
  name: Schema.String,
  arguments: Schema.String,
  output: Schema.optionalKey(Schema.NullOr(Schema.String)),
  error: Schema.optionalKey(Schema.NullOr(Schema.Json))
})
const Reference = Schema.Struct({ type: Schema.Literal("item_reference"), id: Schema.String })
// What of our own output the model need not see again.
const Echo = Schema.Struct({ type: Schema.Literals(["mcp_approval_request", "reasoning"]) })
export const Item = Schema.Union([CallOutput, ApprovalResponse, FunctionCall, McpCall, Reference, Echo, Spoken])
export type Item = typeof Item.Type

const partsOf = (content: Content): ReadonlyArray<Message.UserPart> =>
  typeof content === "string"
    ? [{ type: "text", text: content }]
    : content.map((part): Message.UserPart => {
        if (part.type === "input_text" || part.type === "output_text") return { type: "text", text: part.text ?? "" }
        const data = part.image_url ?? part.file_url ?? part.file_data ?? ""
        return Media.file({
          data,
          filename: part.filename,
          ...(part.type === "input_image" ? { kind: "image/*" } : {})
        })
      })

/** What the error of an `mcp_call` says. Earlier clients send it as a text. */
const failureOf = (error: Json): Json => {
  if (typeof error === "string") return Body.jsonOr(error)
  return typeof error === "object" && error !== null && "content" in error ? (error["content"] ?? null) : error
}

/** The conversation with these items, after `before`. */
export const historyOf = (
  instructions: string | null | undefined,
  items: ReadonlyArray<Item>,
  before: ReadonlyArray<Message.Message> = []
): History.History => {
  const history = new History.History(before)
  if (instructions != null) history.instruct(instructions)
  for (const item of items) {
    if ("role" in item) {
      if (item.role === "user") history.user(partsOf(item.content))
      else if (item.role === "assistant") history.assistant(...partsOf(item.content))
      else history.instruct(Media.textOf(partsOf(item.content)))
    } else if (item.type === "function_call_output") history.result(History.given(item.call_id, partsOf(item.output)))
    else if (item.type === "function_call") {
      const { arguments: args, call_id: id, name } = item
      history.assistant({ type: "tool-call", id, name, args: Body.jsonOr(args), execution: "client" })
    } else if (item.type === "mcp_call") {
      const { arguments: args, error, id, name, output } = item
      history.assistant({ type: "tool-call", id, name, args: Body.jsonOr(args) })
      if (error != null) history.ran({ id, result: failureOf(error) }, "failed")
      else if (output == null) history.recall(id)
      else history.ran({ id, result: Body.jsonOr(output) }, undefined)
    }
  }
  return history
}
