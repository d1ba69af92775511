/**
 * A conversation as items, as a model was given it. Ids are made of the place, so that the same conversation has the
 * same ids.
 */
import type { Json, Message } from "@reins/protocol"
import * as Body from "../Body.ts"
import { server, type Item } from "./Item.ts"

type Content =
  | { readonly type: "input_text"; readonly text: string }
  | { readonly type: "input_image"; readonly detail: "auto"; readonly image_url: string }
  | { readonly type: "input_file"; readonly file_data: string; readonly filename: string }

/** What others said and what calls came to; what the model said is an `Item`. */
export type InputItem =
  | Item
  | {
      readonly type: "message"
      readonly id: string
      readonly role: "user"
      readonly status: "completed"
      readonly content: ReadonlyArray<Content>
    }
  | {
      readonly type: "function_call_output"
      readonly id: string
      readonly call_id: string
      readonly status: "completed"
      readonly output: string
    }

const contentOf = (part: Message.UserPart): Content => {
  if (part.type === "text") return { type: "input_text", text: part.text }
  const { data, filename = "file", mediaType } = part
  const url = /^[a-z][a-z\d+.-]*:/i.test(data) ? data : `data:${mediaType};base64,${data}`
  return mediaType.startsWith("image/")
    ? { type: "input_image", detail: "auto", image_url: url }
    : { type: "input_file", file_data: url, filename }
}

/** What a call of this server came to, where it is known. */
const callOf = (
  id: string,
  { args, name }: { readonly name: string; readonly args: Json },
  settled: Message.ResultPart | undefined
): Item => {
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

/** `name`: names what the conversation belongs to, for the ids. */
export const fromMessages = (name: string, messages: ReadonlyArray<Message.Message>): ReadonlyArray<InputItem> => {
  const items: Array<InputItem> = []
  const idOf = (prefix: string): string => `${prefix}_in_${name}_${items.length + 1}`
  const results = new Map<string, Message.ResultPart>()
  const ours = new Set<string>()
  for (const { content } of messages)
    for (const part of content) if (part.type === "tool-result") results.set(part.id, part)
  for (const message of messages) {
    if (message.role === "user") {
      const content = message.content.map(contentOf)
      items.push({ type: "message", id: idOf("msg"), role: "user", status: "completed", content })
      continue
    }
    for (const part of message.content) {
      if (part.type === "text") {
        const content = [{ type: "output_text", text: part.text, annotations: [] }] as const
        items.push({ type: "message", id: idOf("msg"), status: "completed", role: "assistant", content })
      } else if (part.type === "reasoning") {
        items.push({ type: "reasoning", id: idOf("rs"), summary: [{ type: "summary_text", text: part.text }] })
      } else if (part.type === "tool-call" && part.execution === "client") {
        const { args, id, name: called } = part
        const call = { call_id: id, name: called, arguments: JSON.stringify(args) }
        items.push({ type: "function_call", id: idOf("fc"), ...call, status: "completed" })
      } else if (part.type === "tool-call") {
        ours.add(part.id)
        items.push(callOf(idOf("mcp"), part, results.get(part.id)))
      } else if (part.type === "tool-result" && !ours.has(part.id)) {
        const output = Body.resultText(part.result)
        items.push({ type: "function_call_output", id: idOf("fco"), call_id: part.id, status: "completed", output })
      }
    }
  }
  return items
}
