/**
 * The requests of the Responses protocol. `input` is the conversation, in a thread of its own, unless the request names
 * what it continues: a response (`previous_response_id`, or an `item_reference` to one of its items), with what was
 * said up to its end; or a thread (`conversation`, which must exist, or `metadata.thread_id`). Outputs and approval
 * responses answer what waits for them. `instructions`, system and developer messages are added to the agent's; `model`
 * names the agent. `fields` says what becomes of each field.
 */
import type { Json } from "@reins/protocol"
import { Decision } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import { type Fields, honoured, ignored, refused } from "../Body.ts"
import type { DecisionFor } from "../Command.ts"
import type { Answer, Decoded, Request, Route } from "../Dialect.ts"
import * as History from "../History.ts"
import { AnswerId, type AnswerOf } from "../Ids.ts"
import * as ModelOptions from "../ModelOptions.ts"
import { Count, Effort } from "../openai-chat/Fields.ts"
import { modelRoutes } from "../openai-chat/Request.ts"
import * as Refusal from "../Refusal.ts"
import { conversationRoutes } from "./Conversation.ts"
import type * as Encoder from "./Encoder.ts"
import * as Input from "./Input.ts"
import * as Item from "./Item.ts"
import { server } from "./Item.ts"
import * as Response from "./Response.ts"
import type { Said } from "./Response.ts"
import * as Stored from "./Stored.ts"

const bookkeeping = "It identifies the caller or a cache, and says nothing about the answer"

export const fields: Fields = {
  model: honoured("Names the agent, or `agent/model` where the server lets its clients name models"),
  input: honoured("The conversation. System and developer messages are added to the agent's instructions"),
  instructions: honoured("Added to the agent's instructions"),
  previous_response_id: honoured("The response that this one continues"),
  conversation: honoured("The thread, which must exist"),
  stream: honoured("An event stream instead of one response"),
  background: honoured(
    "The response comes at once, in progress; fetch it by its id. The run continues without its client"
  ),
  "stream_options.include_obfuscation": ignored("It only pads frames"),
  tools: honoured("Functions that the client runs"),
  "tools[].type": refused("only functions can be brought along, and tools of this server named", "function", "mcp"),
  "tools[].server_label": refused("only this server's own tools can be named", server),
  "tools[].allowed_tools": refused("the agent has the tools that its owner gave it"),
  "tools[].require_approval": ignored("The agent's own policy says which calls ask a person"),
  "tools[].strict": ignored("Arguments are always checked against the parameters"),
  tool_choice: honoured("`none` for the whole run; `required` and a named tool for its first step"),
  "tool_choice.type": refused("only a function, or a tool of this server, can be chosen", "function", "mcp"),
  parallel_tool_calls: honoured("With `false` a step makes one call; further ones of the model's are left out"),
  max_tool_calls: refused("the agent's own budget limits its calls"),
  "text.format": honoured(
    "`json_object` and `json_schema`: the model is told, its answer is checked, whether `strict` is set or not, and an invalid one is asked for once more. The text is the JSON alone; a stream whose JSON is retracted fails"
  ),
  "text.verbosity": refused("models are not told how long to answer", "medium"),
  max_output_tokens: honoured("Most tokens of a step"),
  temperature: honoured("Passed to the model"),
  top_p: honoured("Passed to the model"),
  "reasoning.effort": honoured("Passed to the model"),
  "reasoning.summary": ignored("What the model says of its reasoning is always sent"),
  "reasoning.generate_summary": ignored("What the model says of its reasoning is always sent"),
  top_logprobs: refused("models are not asked for probabilities", 0),
  "include[]": refused(
    "there is nothing of this kind to include",
    "reasoning.encrypted_content",
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs"
  ),
  prompt: refused("templates are not kept here. Send the text as instructions"),
  context_management: ignored("The agent's own compaction shortens long threads"),
  moderation: refused("answers are not moderated"),
  truncation: ignored("The agent's own compaction shortens long threads"),
  metadata: honoured("Repeated in the response and kept with the thread. `thread_id` names it"),
  store: ignored(
    "What is kept of a run is the server's to set; a response can be fetched by its id while its run is stored"
  ),
  service_tier: ignored("It is about price and speed"),
  user: ignored(bookkeeping),
  safety_identifier: ignored(bookkeeping),
  prompt_cache_key: ignored(bookkeeping),
  prompt_cache_retention: ignored(bookkeeping),
  prompt_cache_options: ignored(bookkeeping)
}

const nullable = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema))

const Format = Schema.Union([
  Schema.Struct({ type: Schema.Literals(["text", "json_object"]) }),
  Schema.Struct({ type: Schema.Literal("json_schema"), name: Schema.String, schema: Schema.Json })
])

/** A server's own tools need not be named: the agent has them anyway. */
const Named = Schema.Struct({ type: Schema.Literal("mcp"), server_label: Schema.Literal(server) })
const Function = Schema.Struct({
  type: Schema.Literal("function"),
  name: Schema.String,
  description: nullable(Schema.String),
  parameters: nullable(Schema.Json),
  strict: nullable(Schema.Boolean)
})

export const modelFields = {
  instructions: nullable(Schema.String),
  tools: nullable(Schema.Array(Schema.Union([Function, Named]))),
  tool_choice: nullable(
    Schema.Union([
      Schema.Literals(["auto", "none", "required"]),
      Schema.Struct({ type: Schema.Literal("function"), name: Schema.String }),
      Schema.Struct({ type: Schema.Literal("mcp"), server_label: Schema.Literal(server), name: Schema.String })
    ])
  ),
  text: nullable(Schema.Struct({ format: nullable(Format) })),
  max_output_tokens: nullable(Count),
  temperature: nullable(Schema.Finite),
  top_p: nullable(Schema.Finite),
  reasoning: nullable(Schema.Struct({ effort: nullable(Effort) })),
  parallel_tool_calls: nullable(Schema.Boolean),
  background: nullable(Schema.Boolean),
  metadata: nullable(Schema.Record(Schema.String, Schema.String))
}
const ModelFields = Schema.Struct(modelFields)
type Asked = typeof ModelFields.Type

const outputOf = (format: typeof Format.Type | null | undefined): ModelOptions.ModelOptions["output"] => {
  if (format == null || format.type === "text") return undefined
  return "schema" in format ? { name: format.name, schema: format.schema } : ModelOptions.anyObject
}

export const modelOptionsOf = (request: Asked) => {
  const { max_output_tokens, reasoning, temperature, text, tool_choice, top_p } = request
  return ModelOptions.make({
    maxOutputTokens: max_output_tokens,
    output: outputOf(text?.format),
    settings: {
      temperature,
      topP: top_p,
      reasoning: reasoning?.effort,
      parallelToolCalls: request.parallel_tool_calls,
      toolChoice: tool_choice != null && typeof tool_choice === "object" ? { tool: tool_choice.name } : tool_choice
    }
  })
}

const noParameters: Json = { type: "object", properties: {} }

/** The tools that the client brings along. */
export const toolsOf = ({ tools }: Asked) =>
  (tools ?? []).flatMap((tool) => {
    if (tool.type === "mcp") return []
    const { description, name, parameters } = tool
    return [{ name, ...(description == null ? {} : { description }), parameters: parameters ?? noParameters }]
  })

/** What the response repeats. */
export const saidOf = (request: Asked): Said => ({
  instructions: request.instructions ?? null,
  max_output_tokens: request.max_output_tokens ?? null,
  temperature: request.temperature ?? null,
  top_p: request.top_p ?? null,
  tool_choice: request.tool_choice ?? "auto",
  tools: (request.tools ?? []).map((tool) =>
    tool.type === "mcp" ? tool : { ...tool, parameters: tool.parameters ?? noParameters, strict: tool.strict ?? true }
  ),
  text: { format: request.text?.format ?? { type: "text" } },
  reasoning: { effort: request.reasoning?.effort ?? null, summary: null },
  background: request.background === true,
  parallel_tool_calls: request.parallel_tool_calls ?? true,
  metadata: request.metadata ?? {}
})

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
    ? { _tag: "Stream", format: "sse", isStamped: true, open: () => Stored.open(options) }
    : { _tag: "Whole", open: () => Stored.fold(options) }
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
  ...Stored.routes,
  ...conversationRoutes,
  ...modelRoutes
]
