/**
 * Kai's requests. An answer to a question comes as a message, in one of three forms: a tool result that says
 * `confirmed` or `denied`, the assistant's own message sent back with the answer in it, or a separate part.
 */
import { Decision } from "@reins/protocol"
import type { Message } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import { honoured, ignored, type Fields } from "../Body.ts"
import type { Command, DecisionFor, ResultFor } from "../Command.ts"
import * as Cursor from "../Cursor.ts"
import type { Answer, Decoded, Request, Route } from "../Dialect.ts"
import * as Media from "../Media.ts"
import * as Refusal from "../Refusal.ts"
import { info, ping, services, shape } from "./Chat.ts"
import * as Encoder from "./Encoder.ts"
import { formOf, wantsLines } from "./Encoder.ts"

const Part = Schema.Struct({
  type: Schema.String,
  text: Schema.optionalKey(Schema.String),
  url: Schema.optionalKey(Schema.String),
  mediaType: Schema.optionalKey(Schema.String),
  filename: Schema.optionalKey(Schema.String),
  toolCallId: Schema.optionalKey(Schema.String),
  result: Schema.optionalKey(Schema.Json),
  state: Schema.optionalKey(Schema.String),
  approvalId: Schema.optionalKey(Schema.String),
  approved: Schema.optionalKey(Schema.Boolean),
  reason: Schema.optionalKey(Schema.NullOr(Schema.String)),
  approval: Schema.optionalKey(
    Schema.NullOr(
      Schema.Struct({
        id: Schema.String,
        approved: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
        reason: Schema.optionalKey(Schema.NullOr(Schema.String))
      })
    )
  )
})
type Part = typeof Part.Type

/**
 * The body of a chat's message.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ChatRequest = Schema.Struct({
  id: Schema.NonEmptyString,
  message: Schema.Struct({
    id: Schema.String,
    role: Schema.Literals(["user", "assistant"]),
    parts: Schema.Array(Part),
    metadata: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.Json)))
  }),
  selectedVisibilityType: Schema.optionalKey(Schema.Literals(["private", "public"])),
  branchId: Schema.optionalKey(Schema.NullOr(Schema.Union([Schema.String, Schema.Finite])))
})
type ChatRequest = typeof ChatRequest.Type

/**
 * The body of a vote.
 *
 * @since 0.1.0
 * @category schemas
 */
export const VoteRequest = Schema.Struct({
  chatId: Schema.String,
  messageId: Schema.String,
  type: Schema.Literals(["up", "down"])
})

/** What becomes of each field of a chat request. */
export const fields: Fields = {
  id: honoured("The thread; a new id makes one"),
  message: honoured("The query, or an answer to a question or a call"),
  "message.metadata": honoured("Kept with the thread"),
  selectedVisibilityType: honoured("Kept with the thread and shown with it; the server's keys say who may read it"),
  branchId: honoured("Kept with the thread"),
  selectedChatModel: ignored("The agent has its own model"),
  requestContext: ignored("The agent's instructions are the server's")
}

const readChat = Body.read(ChatRequest)
const readVote = Body.read(VoteRequest)

const stream = (request: Request): Answer => ({
  _tag: "Stream",
  format: wantsLines(request) ? "ndjson" : "sse",
  isStamped: true,
  open: () => Encoder.open(formOf(request))
})

const decision = (approved: boolean, reason: string | null | undefined): Decision =>
  approved ? Decision.approve({ feedback: reason ?? undefined }) : Decision.reject({ feedback: reason ?? undefined })

/** The answer of a part at `place`; `undefined`: it is none. Fails where it says neither yes nor no. */
const decisionOf = (part: Part, place: string): Result.Result<DecisionFor | undefined, Refusal.Refusal> => {
  const { approval, approvalId, approved, reason, result, state, toolCallId, type } = part
  if (type === "tool-result" && toolCallId !== undefined && (result === "confirmed" || result === "denied")) {
    return Result.succeed({ toolCallId, decision: decision(result === "confirmed", undefined) })
  }
  if (type === "tool-approval-response") {
    if (approvalId === undefined)
      return Result.fail(Body.invalidField(`${place}.approvalId`, "Send the id of the question"))
    return approved === undefined
      ? Result.fail(Body.invalidField(`${place}.approved`, "Use true or false"))
      : Result.succeed({ approvalId, decision: decision(approved, reason) })
  }
  if (state !== "approval-responded") return Result.succeed(undefined)
  return approval == null || typeof approval.approved !== "boolean"
    ? Result.fail(Body.invalidField(`${place}.approval.approved`, "Use true or false"))
    : Result.succeed({ approvalId: approval.id, decision: decision(approval.approved, approval.reason) })
}

const resultOf = ({ result, toolCallId, type }: Part): ReadonlyArray<ResultFor> =>
  type === "tool-result" && toolCallId !== undefined && result !== undefined ? [{ toolCallId, result }] : []

const promptOf = (parts: ReadonlyArray<Part>): ReadonlyArray<Message.UserPart> =>
  parts.flatMap(({ filename, mediaType, text, type, url }): ReadonlyArray<Message.UserPart> => {
    if (type === "text" && text !== undefined) return [{ type: "text", text }]
    return type === "file" && url !== undefined ? [Media.file({ data: url, mediaType, filename })] : []
  })

const chat = (request: Request, { branchId, id, message, selectedVisibilityType }: ChatRequest): Decoded => {
  const answer = stream(request)
  const decisions: Array<DecisionFor> = []
  for (const [index, part] of message.parts.entries()) {
    const read = decisionOf(part, `message.parts.${index}`)
    if (Result.isFailure(read)) return Result.fail(read.failure)
    if (read.success !== undefined) decisions.push(read.success)
  }
  const results = message.role === "user" ? message.parts.flatMap(resultOf) : []
  if (decisions.length + results.length > 0) {
    const command: Command = { _tag: "Answer", address: { threadId: id }, decisions, results }
    return Result.succeed({ command, answer })
  }
  if (message.role === "assistant")
    return Result.fail(Refusal.badRequest("An assistant message must answer an open question"))
  return Result.succeed({
    command: {
      _tag: "StartQuery",
      prompt: promptOf(message.parts),
      threadId: id,
      requestId: message.id,
      messageId: message.id,
      metadata: {
        ...message.metadata,
        ...(selectedVisibilityType === undefined ? {} : { visibility: selectedVisibilityType }),
        ...(branchId === undefined || branchId === null ? {} : { branchId })
      }
    },
    answer
  })
}

const respond =
  (approved: boolean) =>
  (request: Request): Decoded =>
    Result.succeed({
      command: {
        _tag: "Answer",
        address: { threadId: request.params["id"] ?? "" },
        decisions: [{ approvalId: request.params["approvalId"] ?? "", decision: decision(approved, undefined) }],
        results: []
      },
      answer: stream(request)
    })

const history = ({ query }: Request): Decoded => {
  const given = query["limit"] ?? "10"
  const limit = Number(given)
  if (!/^\d{1,3}$/.test(given) || limit < 1 || limit > 100)
    return Result.fail(Refusal.badRequest("Invalid limit. Use a number from 1 to 100"))
  const after = query["starting_after"]
  const before = query["ending_before"]
  return Result.succeed({
    command: {
      _tag: "ListThreads",
      limit,
      ...(after === undefined ? {} : { after }),
      ...(before === undefined ? {} : { before })
    },
    answer: { _tag: "Facts", shape }
  })
}

/** A request about a chat that the query string names. */
const named =
  (key: string, command: (threadId: string) => Command) =>
  ({ query }: Request): Decoded => {
    const threadId = query[key]
    return threadId === undefined
      ? Result.fail(Refusal.badRequest(`Missing query parameter ${key}`))
      : Result.succeed({ command: command(threadId), answer: { _tag: "Facts", shape } })
  }

const describe = (answer: typeof ping) => (): Decoded =>
  Result.succeed({ command: { _tag: "Describe" }, answer: { _tag: "Facts", shape: answer } })

export const routes: ReadonlyArray<Route> = [
  { method: "GET", path: "/ping", isPublic: true, decode: describe(ping) },
  { method: "GET", path: "/api", isPublic: true, decode: describe(info) },
  {
    method: "GET",
    path: "/v2/storage",
    decode: (request) =>
      Result.succeed({ command: { _tag: "Describe" }, answer: { _tag: "Facts", shape: services(request.url) } })
  },
  {
    method: "POST",
    path: "/api/chat",
    decode: (request) => Result.flatMap(readChat(request.body), (body) => chat(request, body))
  },
  {
    method: "DELETE",
    path: "/api/chat",
    decode: named("id", (threadId) => ({ _tag: "DeleteThread", threadId }))
  },
  {
    method: "GET",
    path: "/api/chat/:id",
    decode: ({ params }) =>
      Result.succeed({
        command: { _tag: "GetThread", threadId: params["id"] ?? "" },
        answer: { _tag: "Facts", shape }
      })
  },
  {
    method: "GET",
    path: "/api/chat/:id/stream",
    decode: (request) =>
      Result.succeed({ command: Cursor.resume(request.params["id"] ?? "", request), answer: stream(request) })
  },
  { method: "POST", path: "/api/chat/:id/approve/:approvalId", decode: respond(true) },
  { method: "POST", path: "/api/chat/:id/reject/:approvalId", decode: respond(false) },
  { method: "GET", path: "/api/history", decode: history },
  { method: "GET", path: "/api/vote", decode: named("chatId", (threadId) => ({ _tag: "ListVotes", threadId })) },
  {
    method: "PATCH",
    path: "/api/vote",
    decode: ({ body }) =>
      Result.map(readVote(body), ({ chatId, messageId, type }) => ({
        command: { _tag: "Vote", threadId: chatId, messageId, isUp: type === "up" },
        answer: { _tag: "Facts", shape: () => ({ status: 200, text: "Message voted" }) }
      }))
  }
]
