/**
 * The requests of the Responses protocol. `input` is the conversation, in a thread of its own, unless the request names
 * what it continues: a response (`previous_response_id`, or an `item_reference` to one of its items), with what was
 * said up to its end; or a thread (`conversation`, which must exist, or `metadata.thread_id`). Outputs and approval
 * responses answer what waits for them. `instructions`, system and developer messages are added to the agent's; `model`
 * names the agent.
 */
import { Decision } from "@reins/protocol"
import type { Json, Message } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as AnswerId from "../AnswerId.ts"
import * as Body from "../Body.ts"
import type { DecisionFor } from "../Command.ts"
import type { Answer, Decoded, Request, Route } from "../Dialect.ts"
import * as History from "../History.ts"
import * as Media from "../Media.ts"
import * as Refusal from "../Refusal.ts"
import { modelRoutes } from "../openai-chat/Models.ts"
import { conversation, storedRoutes } from "./Stored.ts"
import * as Encoder from "./Encoder.ts"
import { fields, modelFields, modelOptionsOf, saidOf, toolsOf } from "./Fields.ts"
import * as Item from "./Item.ts"
import * as Response from "./Response.ts"

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
const InputItem = Schema.Union([CallOutput, ApprovalResponse, FunctionCall, McpCall, Reference, Echo, Spoken])
type InputItem = typeof InputItem.Type

/**
 * The body of `POST /responses`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Create = Schema.Struct({
  model: Schema.optionalKey(Schema.String),
  input: Schema.Union([Schema.String, Schema.Array(InputItem)]),
  ...modelFields,
  conversation: Schema.optionalKey(
    Schema.NullOr(Schema.Union([Schema.NonEmptyString, Schema.Struct({ id: Schema.NonEmptyString })]))
  ),
  stream: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  previous_response_id: Schema.optionalKey(Schema.NullOr(Schema.String))
})
type Create = typeof Create.Type

export const Conversation = Schema.Struct({
  items: Schema.optionalKey(Schema.NullOr(Schema.Array(InputItem))),
  metadata: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String)))
})

const read = Body.read(Create, fields)
const readConversation = Body.read(Conversation)

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

const optionsOf = (request: Create, events = false): Encoder.Options => {
  const { conversation, model = "reins", previous_response_id } = request
  return {
    model,
    events,
    said: saidOf(request),
    ...(previous_response_id == null ? {} : { previous: previous_response_id }),
    ...(conversation == null ? {} : { conversation: typeof conversation === "string" ? conversation : conversation.id })
  }
}

const answerOf = (request: Create, events: boolean): Answer => {
  const options = optionsOf(request, events)
  if (request.background === true && request.stream !== true) {
    return { _tag: "Facts", shape: (facts) => ({ status: 200, body: Response.begun(options, facts) }) }
  }
  return request.stream === true
    ? { _tag: "Stream", format: "sse", isStamped: true, open: () => Encoder.open(options) }
    : { _tag: "Whole", open: () => Encoder.fold(options) }
}

/** What the error of an `mcp_call` says. Earlier clients send it as a text. */
const failureOf = (error: Json): Json => {
  if (typeof error === "string") return Body.jsonOr(error)
  return typeof error === "object" && error !== null && "content" in error ? (error["content"] ?? null) : error
}

const historyOf = (instructions: string | null | undefined, items: ReadonlyArray<InputItem>): History.History => {
  const history = new History.History()
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

/** The answer that the request continues: one that it names, or the one whose items it refers to. */
const continuedOf = ({ previous_response_id }: Create, reference: string | undefined): AnswerId.AnswerOf | undefined =>
  previous_response_id == null
    ? reference === undefined
      ? undefined
      : Item.answerOf(reference)
    : AnswerId.parse(Response.prefix, previous_response_id)

const create = (request: Create, { headers }: Request): Decoded => {
  const { conversation, input, instructions, metadata, model } = request
  const all: ReadonlyArray<InputItem> = typeof input === "string" ? [{ role: "user", content: input }] : input
  if (conversation != null && request.previous_response_id != null) {
    return Result.fail(Refusal.badRequest("Send either conversation or previous_response_id, not both"))
  }
  const answered = new Set(all.map((item) => ("approve" in item ? item.approval_request_id : "")))
  // A reference to the question that the request answers says nothing more.
  const referred = all.findLastIndex(
    (item) => "type" in item && item.type === "item_reference" && !answered.has(item.id)
  )
  const reference = all[referred]
  const continues = continuedOf(request, reference !== undefined && "id" in reference ? reference.id : undefined)
  // What lies before a reference is part of what it refers to.
  const items = all.slice(referred + 1)
  const decisions = items.flatMap((item): ReadonlyArray<DecisionFor> => {
    if (!("approve" in item)) return []
    const said = { feedback: item.reason ?? undefined }
    const decision = item.approve ? Decision.approve(said) : Decision.reject(said)
    return [{ approvalId: item.approval_request_id, decision }]
  })
  const named = optionsOf(request).conversation
  const threadId = named ?? metadata?.["thread_id"]
  const thread = threadId === undefined ? {} : { threadId }
  return Result.map(historyOf(instructions, items).divide(decisions.length > 0), (divided) => ({
    command: History.command(divided, {
      address: continues === undefined ? thread : { runId: continues.runId },
      decisions,
      start: {
        ...(model === undefined ? {} : { agent: model }),
        ...(continues === undefined ? thread : { continues }),
        ...(named === undefined ? {} : { create: "existing" as const }),
        ...(divided.recalls === undefined
          ? {}
          : { recalls: divided.recalls.map((id) => ({ id, runId: Item.answerOf(id).runId })) }),
        onThread: named === undefined && continues === undefined ? "replace" : "append",
        // Each request lists its client's tools again.
        settings: { clientTools: toolsOf(request) },
        ...modelOptionsOf(request),
        echo: Response.echoOf(optionsOf(request)),
        ...(metadata == null ? {} : { metadata }),
        ...(request.background === true && request.stream !== true ? { detached: true } : {})
      }
    }),
    answer: answerOf(request, headers["x-reins-events"] === "true"),
    ...(request.background === true ? { outlives: true } : {})
  }))
}

/** The tokens of the input of a response that is not made. */
const count = ({ input, instructions, model, ...request }: Create): Decoded => {
  const items: ReadonlyArray<InputItem> = typeof input === "string" ? [{ role: "user", content: input }] : input
  const start = { ...(model === undefined ? {} : { agent: model }), settings: { clientTools: toolsOf(request) } }
  return Result.map(historyOf(instructions, items).divide(), (divided) => ({
    command: { _tag: "CountTokens", query: History.query(divided, start) },
    answer: {
      _tag: "Facts",
      shape: (facts) => ({
        status: 200,
        body: { object: "response.input_tokens", input_tokens: facts._tag === "Tokens" ? facts.input : 0 }
      })
    }
  }))
}

const createConversation = ({ items, metadata }: typeof Conversation.Type): Decoded => {
  const history = historyOf(undefined, items ?? [])
  return Result.map(history.all(), (seed) => ({
    command: {
      _tag: "CreateThread",
      ...(seed.length === 0 ? {} : { seed }),
      ...(metadata == null ? {} : { metadata })
    },
    answer: { _tag: "Facts", shape: conversation }
  }))
}

export const routes: ReadonlyArray<Route> = [
  {
    method: "POST",
    path: "/responses",
    decode: (sent) => Result.flatMap(read(sent.body), (request) => create(request, sent))
  },
  {
    method: "POST",
    path: "/responses/input_tokens",
    decode: ({ body }) => Result.flatMap(read(body), count)
  },
  {
    method: "POST",
    path: "/conversations",
    decode: ({ body }) => Result.flatMap(readConversation(body ?? {}), createConversation)
  },
  ...storedRoutes,
  ...modelRoutes
]
