/**
 * The items that a client sends and is shown of a conversation: read into the conversation that they are
 * (`historyOf`), and made of it, as a model was given it (`fromMessages`).
 *
 * The id of an item that is shown is made of what it says and of how many items before it say the same: it stays the same
 * when others are added or deleted, and no other item gets it.
 */
import type { Json, Message } from "@reins/protocol"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import * as History from "../History.ts"
import * as Media from "../Media.ts"
import { type Item as OutputItem, server } from "./Item.ts"

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

type Shown =
  | { readonly type: "input_text"; readonly text: string }
  | { readonly type: "input_image"; readonly detail: "auto"; readonly image_url: string }
  | { readonly type: "input_file"; readonly file_data: string; readonly filename: string }

/** What others said and what calls came to; what the model said is an `Item` of `Item.ts`. */
export type InputItem =
  | OutputItem
  | {
      readonly type: "message"
      readonly id: string
      readonly role: "user"
      readonly status: "completed"
      readonly content: ReadonlyArray<Shown>
    }
  | {
      readonly type: "function_call_output"
      readonly id: string
      readonly call_id: string
      readonly status: "completed"
      readonly output: string | ReadonlyArray<Shown>
    }

/** A caller's result: its parts where some are files, else its text. */
const outputOf = ({ content = [], result }: Message.ResultPart): string | ReadonlyArray<Shown> =>
  content.some(({ type }) => type === "file") ? content.map(contentOf) : Body.resultText(result)

const contentOf = (part: Message.UserPart): Shown => {
  if (part.type === "text") return { type: "input_text", text: part.text }
  const { data, filename = "file", mediaType } = part
  const url = /^[a-z][a-z\d+.-]*:/i.test(data) ? data : `data:${mediaType};base64,${data}`
  return mediaType.startsWith("image/")
    ? { type: "input_image", detail: "auto", image_url: url }
    : { type: "input_file", file_data: url, filename }
}

/** The result of a call of this server, where it is known. */
const callOf = (
  id: string,
  { args, name }: { readonly name: string; readonly args: Json },
  settled: Message.ResultPart | undefined
): OutputItem => {
  const isOutput = settled !== undefined && settled.status === undefined
  return {
    type: "mcp_call",
    id,
    server_label: server,
    name,
    arguments: JSON.stringify(args),
    output: isOutput ? Body.resultText(settled.result) : null,
    error: settled === undefined || isOutput ? null : { type: "mcp_tool_execution_error", content: settled.result },
    status: isOutput ? "completed" : "failed",
    approval_request_id: null
  }
}

/** An item, and the part of the conversation that it is: by indexes; without a part, it is the whole message. */
export interface Placed {
  readonly item: InputItem
  readonly message: number
  readonly part?: number
}

/** Two 32-bit FNV-1a hashes of a text, from different beginnings. */
const digest = (text: string): string => {
  let [one, other] = [0x811c9dc5, 0x1b873593]
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index)
    one = Math.imul(one ^ unit, 0x01000193)
    other = Math.imul(other ^ unit, 0x01000193) ^ (other >>> 15)
  }
  return [one, other].map((hash) => (hash >>> 0).toString(36).padStart(7, "0")).join("")
}

/** `name`: names what the conversation belongs to, for the ids. */
export const fromMessages = (name: string, messages: ReadonlyArray<Message.Message>): ReadonlyArray<InputItem> =>
  placed(name, messages).map(({ item }) => item)

/** The same, with where each item is. */
export const placed = (name: string, messages: ReadonlyArray<Message.Message>): ReadonlyArray<Placed> => {
  const items: Array<Placed> = []
  const said = new Map<string, number>()
  const idOf = (prefix: string, what: unknown): string => {
    const key = digest(JSON.stringify(what))
    const count = (said.get(key) ?? 0) + 1
    said.set(key, count)
    return `${prefix}_in_${name}_${key}${count === 1 ? "" : count}_1`
  }
  const results = new Map<string, Message.ResultPart>()
  const ours = new Set<string>()
  for (const { content } of messages)
    for (const part of content) if (part.type === "tool-result") results.set(part.id, part)
  for (const [at, message] of messages.entries()) {
    if (message.role === "user") {
      const content = message.content.map(contentOf)
      const id = idOf("msg", content)
      items.push({ message: at, item: { type: "message", id, role: "user", status: "completed", content } })
      continue
    }
    for (const [index, part] of message.content.entries()) {
      const push = (item: InputItem) => void items.push({ message: at, part: index, item })
      if (part.type === "text") {
        const content = [{ type: "output_text", text: part.text, annotations: [] }] as const
        push({ type: "message", id: idOf("msg", part.text), status: "completed", role: "assistant", content })
      } else if (part.type === "reasoning") {
        push({ type: "reasoning", id: idOf("rs", part.text), summary: [{ type: "summary_text", text: part.text }] })
      } else if (part.type === "tool-call" && part.execution === "client") {
        const { args, id, name: called } = part
        const call = { call_id: id, name: called, arguments: JSON.stringify(args) }
        push({ type: "function_call", id: idOf("fc", call), ...call, status: "completed" })
      } else if (part.type === "tool-call") {
        ours.add(part.id)
        push(callOf(idOf("mcp", [part.id, part.name]), part, results.get(part.id)))
      } else if (part.type === "tool-result" && !ours.has(part.id) && !History.isMissing(part)) {
        const output = { call_id: part.id, output: outputOf(part) }
        push({ type: "function_call_output", id: idOf("fco", output), ...output, status: "completed" })
      }
    }
  }
  return items
}

/** The conversation without an item. `undefined`: it has none of this id. */
export const without = (
  name: string,
  messages: ReadonlyArray<Message.Message>,
  id: string
): ReadonlyArray<Message.Message> | undefined => {
  const found = placed(name, messages).find(({ item }) => item.id === id)
  if (found === undefined) return undefined
  const { message: at, part } = found
  return messages.flatMap((message, index): ReadonlyArray<Message.Message> => {
    if (index !== at) return [message]
    if (part === undefined || message.content.length === 1) return []
    const isLeft = (_: unknown, one: number) => one !== part
    switch (message.role) {
      case "user":
        return []
      case "assistant":
        return [{ ...message, content: message.content.filter(isLeft) }]
      case "tool":
        return [{ ...message, content: message.content.filter(isLeft) }]
    }
  })
}
