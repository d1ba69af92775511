/**
 * The requests of `useChat` and its transport. The messages sent along are the client's own copy of the history: the
 * last user message is the query, an assistant message at the end brings answers, everything else is ignored.
 */
import { Decision } from "@reins/protocol"
import type { Message } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import type { DecisionFor, ResultFor } from "../Command.ts"
import type { Answer, Decoded, Request, Route } from "../Dialect.ts"
import * as Refusal from "../Refusal.ts"
import * as Encoder from "./Encoder.ts"

const Part = Schema.Struct({
  type: Schema.String,
  text: Schema.optionalKey(Schema.String),
  url: Schema.optionalKey(Schema.String),
  mediaType: Schema.optionalKey(Schema.String),
  filename: Schema.optionalKey(Schema.String),
  toolCallId: Schema.optionalKey(Schema.String),
  state: Schema.optionalKey(Schema.String),
  output: Schema.optionalKey(Schema.Json),
  errorText: Schema.optionalKey(Schema.String),
  approval: Schema.optionalKey(
    Schema.Struct({
      id: Schema.String,
      approved: Schema.optionalKey(Schema.Boolean),
      reason: Schema.optionalKey(Schema.String)
    })
  )
})
type Part = Schema.Schema.Type<typeof Part>

/** `agent` is our extension: which agent to ask, in the transport's `body`. */
export const Chat = Schema.Struct({
  id: Schema.NonEmptyString,
  messages: Schema.Array(
    Schema.Struct({
      id: Schema.optionalKey(Schema.String),
      role: Schema.Literals(["system", "user", "assistant"]),
      parts: Schema.Array(Part)
    })
  ),
  trigger: Schema.optionalKey(Schema.Literals(["submit-message", "regenerate-message"])),
  messageId: Schema.optionalKey(Schema.String),
  agent: Schema.optionalKey(Schema.String)
})
type Chat = Schema.Schema.Type<typeof Chat>

const readChat = Body.read(Chat)

const stream: Answer = {
  _tag: "Stream",
  format: "sse",
  isStamped: false,
  headers: { "x-vercel-ai-ui-message-stream": "v1" },
  open: Encoder.open
}

const promptOf = (parts: ReadonlyArray<Part>): Message.Prompt =>
  parts.flatMap((part): ReadonlyArray<Message.UserPart> => {
    if (part.type === "text") return [{ type: "text", text: part.text ?? "" }]
    if (part.type !== "file" || part.url === undefined) return []
    const { filename, mediaType = "application/octet-stream", url } = part
    return [{ type: "file", mediaType, data: url, ...(filename === undefined ? {} : { filename }) }]
  })

const decisionOf = ({ approval, state }: Part): ReadonlyArray<DecisionFor> => {
  if (state !== "approval-responded" || approval?.approved === undefined) return []
  const said = { feedback: approval.reason }
  return [{ approvalId: approval.id, decision: approval.approved ? Decision.approve(said) : Decision.reject(said) }]
}

const resultOf = ({ errorText, output, state, toolCallId }: Part): ReadonlyArray<ResultFor> => {
  if (toolCallId === undefined) return []
  if (state === "output-available") return [{ toolCallId, result: output ?? null }]
  return state === "output-error" ? [{ toolCallId, result: errorText ?? "", isFailure: true }] : []
}

const answer = (threadId: string, parts: ReadonlyArray<Part>): Decoded => {
  const decisions = parts.flatMap(decisionOf)
  const results = parts.flatMap(resultOf)
  return decisions.length + results.length === 0
    ? Result.fail(Refusal.badRequest("The last message must have role user, or answer an open call or approval"))
    : Result.succeed({ command: { _tag: "Answer", address: { threadId }, decisions, results }, answer: stream })
}

const ask = ({ agent, id, messages }: Chat): Decoded => {
  const last = messages.findLast((message) => message.role === "user")
  if (last === undefined) return Result.fail(Refusal.badRequest("messages must contain a user message"))
  return Result.succeed({
    command: {
      _tag: "StartQuery",
      prompt: promptOf(last.parts),
      threadId: id,
      ...(agent === undefined ? {} : { agent })
    },
    answer: stream
  })
}

const chat = (request: Request): Decoded =>
  Result.flatMap(readChat(request.body), (body) => {
    const last = body.messages.at(-1)
    return last?.role === "assistant" && body.trigger !== "regenerate-message" ? answer(body.id, last.parts) : ask(body)
  })

export const routes: ReadonlyArray<Route> = [
  { method: "POST", path: "/chat", decode: chat },
  {
    method: "GET",
    path: "/chat/:id/stream",
    decode: ({ params }) =>
      Result.succeed({
        command: { _tag: "Resume", address: { threadId: params["id"] ?? "" }, only: "running" },
        answer: stream
      })
  },
  {
    method: "POST",
    path: "/chat/:id/stop",
    decode: ({ params }) =>
      Result.succeed({
        command: { _tag: "Cancel", address: { threadId: params["id"] ?? "" } },
        answer: { _tag: "Facts", shape: () => ({ status: 202, body: {} }) }
      })
  }
]
