/**
 * The requests of the Messages protocol, which has no conversations: a client sends the whole history every time, and
 * that is what the model sees, in a thread of its own. With `metadata.thread_id` the server's thread is used, and
 * becomes what the history shows. Results in the last message answer the run that waits for them, with the words beside
 * them. The system prompt is added to the agent's instructions; `model` names the agent.
 */
import type { Message } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Accumulated, reasonOf, whole } from "../Accumulation.ts"
import * as AgentModels from "../AgentModels.ts"
import * as Body from "../Body.ts"
import { CallId } from "../Ids.ts"
import type { Answer, Decoded, Reply, Request, Route } from "../Dialect.ts"
import * as History from "../History.ts"
import * as Media from "../Media.ts"
import { fields, modelFields, modelOptionsOf } from "./Fields.ts"
import * as TypedText from "../TypedText.ts"
import * as Encoder from "./Encoder.ts"
import {
  type Block,
  idOf,
  type Message as MessageObject,
  messageStart,
  noUsage,
  readOwnBlock,
  server,
  ownBlock,
  stopOf,
  textBlock,
  toolUse,
  usageOf
} from "./Event.ts"

const Source = Schema.Union([
  Schema.Struct({ type: Schema.Literal("base64"), media_type: Schema.String, data: Schema.String }),
  Schema.Struct({ type: Schema.Literal("url"), url: Schema.String }),
  Schema.Struct({ type: Schema.Literal("text"), media_type: Schema.String, data: Schema.String })
])
const Text = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })
const Attachment = Schema.Struct({ type: Schema.Literals(["image", "document"]), source: Source })
const ToolResult = Schema.Struct({
  type: Schema.Literal("tool_result"),
  tool_use_id: Schema.String,
  content: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.Union([Text, Attachment]))])),
  is_error: Schema.optionalKey(Schema.Boolean)
})
const ToolUse = Schema.Struct({
  type: Schema.Literals(["tool_use", "mcp_tool_use"]),
  id: Schema.String,
  name: Schema.String,
  input: Schema.Json
})
const Ran = Schema.Struct({
  type: Schema.Literal("mcp_tool_result"),
  tool_use_id: Schema.String,
  content: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Schema.Union([Text, Attachment]))])),
  is_error: Schema.optionalKey(Schema.Boolean)
})
const Redacted = Schema.Struct({ type: Schema.Literal("redacted_thinking"), data: Schema.String })
// What of our own output the model need not see again.
const Echo = Schema.Struct({ type: Schema.Literal("thinking") })
const Part = Schema.Union([Text, Attachment, ToolResult, ToolUse, Ran, Redacted, Echo])
type Part = typeof Part.Type

const Spoken = Schema.Struct({
  role: Schema.Literals(["user", "assistant", "system"]),
  content: Schema.Union([Schema.String, Schema.Array(Part)])
})
type Spoken = typeof Spoken.Type

/**
 * The body of `POST /messages`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Create = Schema.Struct({
  model: Schema.String,
  messages: Schema.NonEmptyArray(Spoken),
  system: Schema.optionalKey(Schema.Union([Schema.String, Schema.Array(Text)])),
  stream: Schema.optionalKey(Schema.Boolean),
  tools: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        name: Schema.String,
        type: Schema.optionalKey(Schema.NullOr(Schema.String)),
        description: Schema.optionalKey(Schema.String),
        input_schema: Schema.Json
      })
    )
  ),
  metadata: Schema.optionalKey(
    Schema.NullOr(
      Schema.Struct({
        thread_id: Schema.optionalKey(Schema.String),
        user_id: Schema.optionalKey(Schema.NullOr(Schema.String))
      })
    )
  ),
  ...modelFields
})
type Create = typeof Create.Type

const read = Body.read(Create, fields)

const blocksOf = ({ content }: Spoken): ReadonlyArray<Part> =>
  typeof content === "string"
    ? [{ type: "text", text: content }]
    : content.map((block) => (block.type === "redacted_thinking" ? (readOwnBlock(block.data) ?? block) : block))

const partsOf = (blocks: ReadonlyArray<Part>): ReadonlyArray<Message.UserPart> =>
  blocks.flatMap((block): ReadonlyArray<Message.UserPart> => {
    if (block.type === "text") return [{ type: "text", text: block.text }]
    if (block.type !== "image" && block.type !== "document") return []
    const { source } = block
    if (source.type === "text") return [{ type: "text", text: source.data }]
    return source.type === "url"
      ? [Media.file({ data: source.url, kind: block.type === "image" ? "image/*" : "application/pdf" })]
      : [Media.file({ data: source.data, mediaType: source.media_type })]
  })

/** The result of a tool's call. */
const resultOf = ({ content, is_error, tool_use_id }: typeof ToolResult.Type | typeof Ran.Type): History.Given => {
  const parts = typeof content === "string" ? [{ type: "text" as const, text: content }] : partsOf(content ?? [])
  return History.given(tool_use_id, parts, is_error === true)
}

const historyOf = ({ messages, system }: Create): History.History => {
  const history = new History.History()
  if (typeof system === "string") history.instruct(system)
  else for (const { text } of system ?? []) history.instruct(text)
  for (const message of messages) {
    const blocks = blocksOf(message)
    if (message.role === "system") {
      for (const block of blocks) if (block.type === "text") history.instruct(block.text)
      continue
    }
    for (const block of blocks) {
      switch (block.type) {
        case "tool_result":
          history.result(resultOf(block))
          break
        case "tool_use":
        case "mcp_tool_use": {
          const { id, input, name, type } = block
          const client = type === "tool_use" ? { execution: "client" as const } : {}
          history.assistant({ type: "tool-call", id, name, args: input, ...client })
          break
        }
        case "mcp_tool_result": {
          history.ran(resultOf(block), block.is_error === true ? "failed" : undefined)
          break
        }
        default:
          if (message.role === "assistant") history.assistant(...partsOf([block]))
      }
    }
    if (message.role === "user") history.user(partsOf(blocks))
  }
  return history
}

const contentOf = (run: Accumulated, isBeta: boolean): ReadonlyArray<Block> => {
  const own = new Set<string>()
  // What steered the run was said by the client.
  const blocks = run.messages.flatMap((message) =>
    (message.role === "user" ? [] : message.content).flatMap((part): ReadonlyArray<Block> => {
      switch (part.type) {
        case "text":
          return [textBlock(part.text)]
        case "reasoning":
          return [{ type: "thinking", thinking: part.text, signature: "" }]
        case "tool-call":
          if (part.execution === "client") return []
          own.add(part.id)
          return [
            ownBlock(
              { type: "mcp_tool_use", id: part.id, name: part.name, server_name: server, input: part.args },
              isBeta
            )
          ]
        case "tool-result": {
          if (!own.has(part.id)) return []
          const content = [textBlock(Body.resultText(part.result))]
          const is_error = part.status !== undefined
          return [ownBlock({ type: "mcp_tool_result", tool_use_id: part.id, is_error, content }, isBeta)]
        }
        default:
          return []
      }
    })
  )
  const calls = run.clientCalls.map(({ call, path }) =>
    toolUse(CallId.make(path, call.toolInvocationId), call.toolName, call.args)
  )
  return [...blocks, ...calls]
}

const messageOf = ({ isBeta, model }: Encoder.Options, run: Accumulated): Reply => {
  const reason = run.error === undefined ? run.finish?.finishReason : reasonOf(run.error)
  if (run.error !== undefined && reason === undefined) {
    return { status: 500, body: { type: "error", error: { type: "api_error", message: run.error.message } } }
  }
  const id = idOf(run.runId, run.answer)
  const body: MessageObject = {
    ...messageStart({ id, model, isBeta }),
    content: contentOf(run, isBeta),
    ...(run.clientCalls.length > 0 ? { stop_reason: "tool_use" } : stopOf(reason, run.finish?.stopSequence)),
    usage: { ...noUsage(isBeta), ...usageOf(run.usage) }
  }
  return { status: 200, body }
}

/** Events that the protocol does not have are sent to clients that ask for them. */
const wantsEvents = ({ headers }: Request): boolean => headers["x-reins-events"] === "true"

const toolsOf = ({ tools }: Create) =>
  (tools ?? []).map(({ description, input_schema, name }) => ({
    name,
    ...(description === undefined ? {} : { description }),
    parameters: input_schema
  }))

/** Clients of the protocol's beta interface expect fields that others do not know. */
const wantsBeta = ({ headers, query }: Request): boolean =>
  query["beta"] === "true" || (headers["anthropic-beta"] ?? "") !== ""

const create = (request: Create, sent: Request): Decoded => {
  const { metadata, model, stream } = request
  const options = { model, hasEvents: wantsEvents(sent), isBeta: wantsBeta(sent) }
  const isTyped = modelOptionsOf(request).model?.output !== undefined
  const answer: Answer =
    stream === true
      ? {
          _tag: "Stream",
          format: "sse",
          isStamped: true,
          countsInput: true,
          open: (inputTokens) => {
            const encoder = Encoder.open({ ...options, inputTokens })
            return isTyped ? TypedText.streamed(encoder) : encoder
          }
        }
      : {
          _tag: "Whole",
          open: () => {
            const folding = whole("when-client-is-needed", (run) => messageOf(options, run))
            return isTyped ? TypedText.folded(folding) : folding
          }
        }
  const threadId = metadata?.thread_id
  const thread = threadId === undefined ? {} : { threadId }
  // Each request lists its client's tools again.
  const settings = { settings: { clientTools: toolsOf(request) } }
  return Result.map(historyOf(request).divide(), (divided) => ({
    command: History.command(divided, {
      address: thread,
      start: {
        agent: model,
        ...thread,
        ...settings,
        ...modelOptionsOf(request),
        ...(metadata == null ? {} : { metadata }),
        onThread: "replace"
      }
    }),
    answer
  }))
}

/** The tokens of the input of a message that is not made. */
const count = (request: Create, sent: Request): Decoded => {
  const start = { agent: request.model, settings: { clientTools: toolsOf(request) } }
  return Result.map(historyOf(request).divide(), (divided) => ({
    command: { _tag: "CountTokens", query: History.query(divided, start) },
    answer: {
      _tag: "Facts",
      shape: (facts) => {
        const input_tokens = facts._tag === "Tokens" ? facts.input : 0
        return { status: 200, body: { input_tokens, ...(wantsBeta(sent) ? { context_management: null } : {}) } }
      }
    }
  }))
}

const modelRoutes = AgentModels.routes({
  path: "/v1/models",
  model: ({ name, title = name }) => ({
    type: "model",
    id: name,
    display_name: title,
    created_at: "1970-01-01T00:00:00Z",
    capabilities: null,
    deprecated_at: null,
    lifecycle: "active",
    line: null,
    max_input_tokens: null,
    max_tokens: null,
    retires_at: null
  }),
  list: (data) => ({ data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }),
  encodeError: Encoder.encodeError
})

export const routes: ReadonlyArray<Route> = [
  {
    method: "POST",
    path: "/v1/messages/count_tokens",
    decode: (sent) => Result.flatMap(read(sent.body), (request) => count(request, sent))
  },
  {
    method: "POST",
    path: "/v1/messages",
    decode: (sent) => Result.flatMap(read(sent.body), (request) => create(request, sent))
  },
  ...modelRoutes
]
