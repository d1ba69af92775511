/**
 * The requests of Chat Completions. The protocol has no conversations: a client sends the whole history every time, and
 * that is what the model sees, in a thread of its own. With `metadata.thread_id` the server's thread is used, and
 * becomes what the history shows. Results at the end answer the run that waits for them. System and developer messages
 * are added to the agent's instructions; `model` names the agent.
 */
import type { Message } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Accumulated, reasonOf, whole } from "../Accumulation.ts"
import * as AgentModels from "../AgentModels.ts"
import * as Body from "../Body.ts"
import type { About, Answer, Decoded, Reply, Route } from "../Dialect.ts"
import * as History from "../History.ts"
import { AnswerId, CallId } from "../Ids.ts"
import * as Media from "../Media.ts"
import * as TypedText from "../TypedText.ts"
import * as Encoder from "./Encoder.ts"
import { type Completion, failed, finishReasons, prefix, type ToolCall, usageOf } from "./Encoder.ts"
import { fields, isTypedAnswer, modelFields, modelOptionsOf } from "./Fields.ts"

const Part = Schema.Union([
  Schema.Struct({ type: Schema.Literal("text"), text: Schema.String }),
  Schema.Struct({ type: Schema.Literal("image_url"), image_url: Schema.Struct({ url: Schema.String }) }),
  Schema.Struct({
    type: Schema.Literal("file"),
    file: Schema.Struct({ file_data: Schema.String, filename: Schema.optionalKey(Schema.String) })
  }),
  Schema.Struct({
    type: Schema.Literal("input_audio"),
    input_audio: Schema.Struct({ data: Schema.String, format: Schema.String })
  }),
  Schema.Struct({ type: Schema.Literal("refusal"), refusal: Schema.String })
])

const Content = Schema.Union([Schema.String, Schema.Array(Part)])
type Content = typeof Content.Type

const Spoken = Schema.Struct({
  role: Schema.Literals(["system", "developer", "user", "assistant", "tool"]),
  content: Schema.optionalKey(Schema.NullOr(Content)),
  tool_call_id: Schema.optionalKey(Schema.String),
  tool_calls: Schema.optionalKey(
    Schema.NullOr(
      Schema.Array(
        Schema.Struct({
          id: Schema.String,
          function: Schema.Struct({ name: Schema.String, arguments: Schema.String })
        })
      )
    )
  )
})
type Spoken = typeof Spoken.Type

/**
 * The body of `POST /chat/completions`.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ChatRequest = Schema.Struct({
  model: Schema.String,
  messages: Schema.NonEmptyArray(Spoken),
  stream: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
  stream_options: Schema.optionalKey(
    Schema.NullOr(
      Schema.Struct({
        include_usage: Schema.optionalKey(Schema.Boolean),
        include_events: Schema.optionalKey(Schema.Boolean)
      })
    )
  ),
  tools: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        type: Schema.Literal("function"),
        function: Schema.Struct({
          name: Schema.String,
          description: Schema.optionalKey(Schema.String),
          parameters: Schema.optionalKey(Schema.Json)
        })
      })
    )
  ),
  metadata: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String))),
  ...modelFields
})
type ChatRequest = typeof ChatRequest.Type

const read = Body.read(ChatRequest, fields)

const partsOf = (content: Content): ReadonlyArray<Message.UserPart> => {
  if (typeof content === "string") return [{ type: "text", text: content }]
  return content.map((part): Message.UserPart => {
    switch (part.type) {
      case "text":
        return { type: "text", text: part.text }
      case "refusal":
        return { type: "text", text: part.refusal }
      case "image_url":
        return Media.file({ data: part.image_url.url, kind: "image/*" })
      case "file":
        return Media.file({ data: part.file.file_data, filename: part.file.filename })
      case "input_audio":
        return Media.audio(part.input_audio.data, part.input_audio.format)
    }
  })
}

const historyOf = (messages: ReadonlyArray<Spoken>): History.History => {
  const history = new History.History()
  for (const { content, role, tool_call_id, tool_calls } of messages) {
    switch (role) {
      case "system":
      case "developer":
        history.instruct(Media.textOf(partsOf(content ?? "")))
        break
      case "user":
        history.user(partsOf(content ?? ""))
        break
      case "assistant":
        history.assistant(
          ...partsOf(content ?? "").filter((part) => part.type !== "text" || part.text !== ""),
          ...(tool_calls ?? []).map(({ function: { arguments: args, name }, id }): Message.CallPart => ({
            type: "tool-call",
            id,
            name,
            args: Body.jsonOr(args),
            execution: "client"
          }))
        )
        break
      case "tool":
        history.result(History.given(tool_call_id ?? "", partsOf(content ?? "")))
    }
  }
  return history
}

const completion = (model: string, run: Accumulated): Reply => {
  const reason = run.error === undefined ? run.finish?.finishReason : reasonOf(run.error)
  if (run.error !== undefined && reason === undefined) return { status: 500, body: failed(run.error) }
  const calls = run.clientCalls.map(({ call, path }): ToolCall => ({
    id: CallId.make(path, call.toolInvocationId),
    type: "function",
    function: { name: call.toolName, arguments: JSON.stringify(call.args) }
  }))
  const body: typeof Completion.Type = {
    id: AnswerId.make(prefix, run),
    object: "chat.completion",
    created: Math.floor(run.at / 1000),
    model,
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: run.text === "" ? null : run.text,
          refusal: null,
          ...(run.reasoning === "" ? {} : { reasoning_content: run.reasoning }),
          ...(calls.length === 0 ? {} : { tool_calls: calls })
        },
        logprobs: null,
        finish_reason: calls.length > 0 ? "tool_calls" : finishReasons[reason ?? "other"]
      }
    ],
    ...(run.usage === undefined ? {} : { usage: usageOf(run.usage) })
  }
  return { status: 200, body }
}

const answerOf = (request: ChatRequest): Answer => {
  const { model, stream, stream_options } = request
  const isTyped = isTypedAnswer(request)
  if (stream !== true) {
    const open = () => whole("when-client-is-needed", (run) => completion(model, run))
    return { _tag: "Whole", open: isTyped ? () => TypedText.folded(open()) : open }
  }
  const open = () =>
    Encoder.open({
      model,
      usage: stream_options?.include_usage === true,
      events: stream_options?.include_events === true
    })
  return {
    _tag: "Stream",
    format: "sse",
    isStamped: true,
    open: isTyped ? () => TypedText.streamed(open()) : open
  }
}

const chat = (request: ChatRequest): Decoded => {
  const answer = answerOf(request)
  const threadId = request.metadata?.["thread_id"]
  const thread = threadId === undefined ? {} : { threadId }
  const clientTools = (request.tools ?? []).map(({ function: { description, name, parameters } }) => ({
    name,
    ...(description === undefined ? {} : { description }),
    parameters: parameters ?? { type: "object", properties: {} }
  }))
  // Each request lists its client's tools again.
  const settings = { settings: { clientTools } }
  return Result.map(historyOf(request.messages).divide(), (divided) => ({
    command: History.command(divided, {
      address: thread,
      start: {
        agent: request.model,
        ...thread,
        ...settings,
        ...modelOptionsOf(request),
        echo: request.model,
        ...(request.metadata == null ? {} : { metadata: request.metadata }),
        onThread: "replace"
      }
    }),
    answer
  }))
}

/** The model that the request named. */
const modelOf = ({ agent, echo }: About = { agent: "reins" }): string => (typeof echo === "string" ? echo : agent)

/** The server's agents as models, in the form that both OpenAI protocols have. */
export const modelRoutes = AgentModels.routes({
  path: "/models",
  model: ({ name }) => ({ id: name, object: "model", created: 0, owned_by: "reins" }),
  list: (data) => ({ object: "list", data }),
  encodeError: Encoder.encodeError
})

export const routes: ReadonlyArray<Route> = [
  { method: "POST", path: "/chat/completions", decode: ({ body }) => Result.flatMap(read(body), chat) },
  {
    method: "GET",
    path: "/chat/completions/:id",
    decode: ({ params }) => {
      const { answer, runId } = AnswerId.parse(prefix, params["id"] ?? "")
      return Result.succeed({
        command: { _tag: "Resume", address: { runId }, answer },
        answer: {
          _tag: "Whole",
          open: (about) => whole("when-client-is-needed", (run) => completion(modelOf(about), run))
        }
      })
    }
  },
  {
    method: "DELETE",
    path: "/chat/completions/:id",
    decode: ({ params: { id = "" } }) =>
      Result.succeed({
        command: { _tag: "DeleteRun", runId: AnswerId.parse(prefix, id).runId },
        answer: {
          _tag: "Facts",
          shape: () => ({ status: 200, body: { id, object: "chat.completion.deleted", deleted: true } })
        }
      })
  },
  ...modelRoutes
]
