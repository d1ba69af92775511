/**
 * The requests of the Responses protocol. `input` is the conversation, in a thread of its own, unless the request names
 * what it continues: a response (`previous_response_id`, or an `item_reference` to one of its items), with what was
 * said up to its end; or a thread (`conversation`, which must exist, or `metadata.thread_id`). Outputs and approval
 * responses answer what waits for them. `instructions`, system and developer messages are added to the agent's; `model`
 * names the agent.
 */
import { Decision } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { AnswerId, type AnswerOf } from "../Ids.ts"
import * as Body from "../Body.ts"
import type { DecisionFor } from "../Command.ts"
import type { Answer, Decoded, Request, Route } from "../Dialect.ts"
import * as History from "../History.ts"
import * as Refusal from "../Refusal.ts"
import { modelRoutes } from "../openai-chat/Request.ts"
import { conversationRoutes } from "./Conversation.ts"
import * as Input from "./Input.ts"
import { storedRoutes } from "./Stored.ts"
import type * as Encoder from "./Encoder.ts"
import * as Whole from "./Whole.ts"
import { fields, modelFields, modelOptionsOf, saidOf, toolsOf } from "./Fields.ts"
import * as Item from "./Item.ts"
import * as Response from "./Response.ts"

/**
 * The body of `POST /responses`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Create = Schema.Struct({
  model: Schema.optionalKey(Schema.String),
  input: Schema.Union([Schema.String, Schema.Array(Input.Item)]),
  ...modelFields,
  conversation: Schema.optionalKey(
    Schema.NullOr(Schema.Union([Schema.NonEmptyString, Schema.Struct({ id: Schema.NonEmptyString })]))
  ),
  stream: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  previous_response_id: Schema.optionalKey(Schema.NullOr(Schema.String))
})
type Create = typeof Create.Type

const read = Body.read(Create, fields)

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
    ? { _tag: "Stream", format: "sse", isStamped: true, open: () => Whole.open(options) }
    : { _tag: "Whole", open: () => Whole.fold(options) }
}

/** The answer that the request continues: one that it names, or the one whose items it refers to. */
const continuedOf = ({ previous_response_id }: Create, reference: string | undefined): AnswerOf | undefined =>
  previous_response_id == null
    ? reference === undefined
      ? undefined
      : Item.answerOf(reference)
    : AnswerId.parse(Response.prefix, previous_response_id)

const create = (request: Create, { headers }: Request): Decoded => {
  const { conversation, input, instructions, metadata, model } = request
  const all: ReadonlyArray<Input.Item> = typeof input === "string" ? [{ role: "user", content: input }] : input
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
  return Result.map(Input.historyOf(instructions, items).divide(decisions.length > 0), (divided) => ({
    command: History.command(divided, {
      address: continues === undefined ? thread : { runId: continues.runId },
      decisions,
      start: {
        ...(model === undefined ? {} : { agent: model }),
        ...(continues === undefined ? thread : { continues }),
        ...(named === undefined ? {} : { create: "existing" as const }),
        ...(divided.recalls === undefined ? {} : { recalls: Item.recallsOf(divided.recalls) }),
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
  const items: ReadonlyArray<Input.Item> = typeof input === "string" ? [{ role: "user", content: input }] : input
  const start = { ...(model === undefined ? {} : { agent: model }), settings: { clientTools: toolsOf(request) } }
  return Result.map(Input.historyOf(instructions, items).divide(), (divided) => ({
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
  ...storedRoutes,
  ...conversationRoutes,
  ...modelRoutes
]
