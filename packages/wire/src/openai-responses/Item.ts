/**
 * The output items of a response that we send, and the events that build them.
 *
 * Tools that we run are `mcp_call` items: they have arguments, output and error, and no client tries to run them.
 */
import type { Approval, Events, Json } from "@reins/protocol"
import * as Schema from "effect/Schema"
import { AnswerId, type AnswerOf } from "../Ids.ts"
import * as Body from "../Body.ts"
import type { Recall } from "../Command.ts"

const Status = Schema.Literals(["in_progress", "completed", "incomplete"])

export const TextPart = Schema.Struct({
  type: Schema.Literal("output_text"),
  text: Schema.String,
  annotations: Schema.Array(Schema.Json)
})
const SummaryPart = Schema.Struct({ type: Schema.Literal("summary_text"), text: Schema.String })

const MessageItem = Schema.Struct({
  type: Schema.Literal("message"),
  id: Schema.String,
  status: Status,
  role: Schema.Literal("assistant"),
  content: Schema.Array(TextPart)
})
const ReasoningItem = Schema.Struct({
  type: Schema.Literal("reasoning"),
  id: Schema.String,
  summary: Schema.Array(SummaryPart)
})
const FunctionCall = Schema.Struct({
  type: Schema.Literal("function_call"),
  id: Schema.String,
  call_id: Schema.String,
  name: Schema.String,
  arguments: Schema.String,
  status: Status
})
const McpCall = Schema.Struct({
  type: Schema.Literal("mcp_call"),
  id: Schema.String,
  server_label: Schema.String,
  name: Schema.String,
  arguments: Schema.String,
  output: Schema.NullOr(Schema.String),
  error: Schema.NullOr(Schema.Struct({ type: Schema.Literal("mcp_tool_execution_error"), content: Schema.Json })),
  status: Schema.Literals(["completed", "failed"]),
  approval_request_id: Schema.NullOr(Schema.String)
})
const ApprovalRequest = Schema.Struct({
  type: Schema.Literal("mcp_approval_request"),
  id: Schema.String,
  server_label: Schema.String,
  name: Schema.String,
  arguments: Schema.String
})

/**
 * An item of a response.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Item = Schema.Union([MessageItem, ReasoningItem, FunctionCall, McpCall, ApprovalRequest])
export type Item = typeof Item.Type

/** The answer that an item id belongs to. */
export const answerOf = (id: string): AnswerOf => {
  const [, prefix = "", rest = id] = /^(msg_|rs_|fc_|mcp_)(.*)_\d+$/s.exec(id) ?? []
  return AnswerId.parse(prefix, rest)
}

/** Calls of ours by the ids of their items, with the runs that made them. */
export const recallsOf = (ids: ReadonlyArray<string>): ReadonlyArray<Recall> =>
  ids.map((id) => ({ id, runId: answerOf(id).runId }))

/** The server name of our own tools. */
export const server = "reins"

export const message = (
  id: string,
  text: string,
  status: typeof Status.Type,
  annotations: ReadonlyArray<Json> = []
): Item => ({
  type: "message",
  id,
  status,
  role: "assistant",
  content: status === "in_progress" ? [] : [{ type: "output_text", text, annotations }]
})

export const reasoning = (id: string, text: string): Item => ({
  type: "reasoning",
  id,
  summary: text === "" ? [] : [{ type: "summary_text", text }]
})

/** A call of the client's: the id of its item, its own, and its tool. */
export interface Called {
  readonly id: string
  readonly callId: string
  readonly name: string
}

/** `args` absent: they are being written. `isCut`: the answer ended within them. */
export const functionCall = ({ callId, id, name }: Called, args?: string, isCut = false): Item => ({
  type: "function_call",
  id,
  call_id: callId,
  name,
  arguments: args ?? "",
  status: args === undefined ? "in_progress" : isCut ? "incomplete" : "completed"
})

/** A call of ours with its result. */
export const ran = (
  id: string,
  event: Events.ToolResult | Events.AgentResult,
  prompt: Json | undefined,
  approvalId: string | undefined
): Item => {
  const { result, status } = event
  const called =
    event.type === "tool-invocation"
      ? { name: event.toolName, args: event.args }
      : { name: event.agentName, args: prompt ?? {} }
  return mcpCall(id, { ...called, result, status, approvalId })
}

/** A source as an annotation of the text that ends at `index`. */
export const citation = ({ filename, id, title, url }: Events.Source["data"], index: number): Json =>
  url === undefined
    ? { type: "file_citation", file_id: id, filename: filename ?? title ?? id, index }
    : { type: "url_citation", url, title: title ?? url, start_index: index, end_index: index }

/** The fields of an `mcp_call`; `approvalId` where a person was asked. */
export interface Ran {
  readonly name: string
  readonly args: Json
  readonly result: Json
  readonly status?: Events.Status | undefined
  readonly approvalId?: string | undefined
}

export const mcpCall = (id: string, { approvalId, args, name, result, status }: Ran): Item => ({
  type: "mcp_call",
  id,
  server_label: server,
  name,
  arguments: JSON.stringify(args),
  output: status === undefined ? Body.resultText(result) : null,
  error: status === undefined ? null : { type: "mcp_tool_execution_error", content: result },
  status: status === undefined ? "completed" : "failed",
  approval_request_id: approvalId ?? null
})

/** Questions about plans and budgets use the target as the tool's name and carry their kind in the arguments. */
export const approvalRequest = ({ id, kind, payload, target }: Approval.Request): Item => ({
  type: "mcp_approval_request",
  id,
  server_label: server,
  name: kind === "tool" ? target : `${kind}:${target}`,
  arguments: JSON.stringify(payload)
})

/** The open text or reasoning item. */
export interface Open {
  readonly kind: "text" | "reasoning"
  readonly part: string | undefined
  readonly annotations: Array<Json>
  readonly id: string
  readonly index: number
  text: string
}

/** A call of the client's and where its item is. */
export interface Placed extends Called {
  readonly index: number
}
