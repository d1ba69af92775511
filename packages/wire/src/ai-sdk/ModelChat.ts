/**
 * The requests of pages that send messages as models are sent them, and not as pages show them: assistant-ui's data
 * stream runtime, and routes that were written for it. Each request has the whole conversation, which is what the model
 * sees, in a thread of its own; with `threadId` the server's thread is used, and becomes what the messages show.
 * Results of the page's tools answer the run that waits for them.
 *
 * The answer is the same UI message stream, in the form of version 6. Such a page cannot show questions to a
 * person: an answer that asks one ends there, and the next message goes on without it.
 */
import type { Message } from "@reins/protocol"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import { type Fields, honoured, ignored } from "../Body.ts"
import type { ClientTool } from "../Command.ts"
import type { Answer, Decoded, Request } from "../Dialect.ts"
import * as History from "../History.ts"
import * as Media from "../Media.ts"
import * as ModelOptions from "../ModelOptions.ts"

const Text = Schema.String
const Maybe = Schema.optionalKey

/** Tools that a page runs, as assistant-ui sends them: by their names. */
export const Tools = Schema.Record(
  Schema.String,
  Schema.Struct({ description: Schema.optionalKey(Schema.String), parameters: Schema.optionalKey(Schema.Json) })
)

export const clientToolsOf = (tools: typeof Tools.Type): ReadonlyArray<ClientTool> =>
  Object.entries(tools).map(([name, { description, parameters = { type: "object", properties: {} } }]) => ({
    name,
    ...(description === undefined ? {} : { description }),
    parameters
  }))

const TextPart = Schema.Struct({ type: Schema.Literals(["text", "reasoning"]), text: Text })
const FilePart = Schema.Struct({
  type: Schema.Literals(["file", "image"]),
  data: Maybe(Text),
  image: Maybe(Text),
  mediaType: Maybe(Text),
  filename: Maybe(Text)
})
const CallPart = Schema.Struct({
  type: Schema.Literal("tool-call"),
  toolCallId: Text,
  toolName: Text,
  input: Maybe(Schema.Json),
  args: Maybe(Schema.Json)
})
const Output = Schema.Struct({ type: Text, value: Maybe(Schema.Json) })
const ResultPart = Schema.Struct({
  type: Schema.Literal("tool-result"),
  toolCallId: Text,
  toolName: Text,
  output: Maybe(Output),
  result: Maybe(Schema.Json),
  isError: Maybe(Schema.Boolean)
})
const SpokenPart = Schema.Union([TextPart, FilePart, CallPart, ResultPart])
type SpokenPart = typeof SpokenPart.Type

/**
 * A request whose messages have the form that models are sent.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ModelChat = Schema.Struct({
  messages: Schema.NonEmptyArray(
    Schema.Struct({
      role: Schema.Literals(["system", "user", "assistant", "tool"]),
      content: Schema.Union([Text, Schema.Array(SpokenPart)]),
      unstable_id: Maybe(Text)
    })
  ),
  threadId: Maybe(Schema.NullOr(Schema.NonEmptyString)),
  system: Maybe(Schema.NullOr(Text)),
  tools: Maybe(Schema.NullOr(Tools)),
  agent: Maybe(Text),
  model: Maybe(Schema.NullOr(Text)),
  maxTokens: Maybe(Schema.NullOr(Schema.Finite)),
  temperature: Maybe(Schema.NullOr(Schema.Finite)),
  topP: Maybe(Schema.NullOr(Schema.Finite)),
  presencePenalty: Maybe(Schema.NullOr(Schema.Finite)),
  frequencyPenalty: Maybe(Schema.NullOr(Schema.Finite)),
  seed: Maybe(Schema.NullOr(Schema.Finite))
})

/** What becomes of the fields of such a request. */
export const fields: Fields = {
  messages: honoured("The conversation, as models are sent it: each request has the whole of it"),
  threadId: honoured("The thread; absent: one of the request's own"),
  system: honoured("Added to the agent's instructions"),
  tools: honoured("Tools that the page runs, by name"),
  agent: honoured("Ours: names the agent"),
  model: honoured("Ours: names one of the agent's models, where the server lets its clients; else ignored"),
  maxTokens: honoured("Most tokens of a step"),
  temperature: honoured("Passed to the model"),
  topP: honoured("Passed to the model"),
  presencePenalty: honoured("Passed to the model"),
  frequencyPenalty: honoured("Passed to the model"),
  seed: honoured("Passed to the model"),
  "*": ignored("The page's own: its run's settings and state, and which of its messages is under way")
}

const read = Body.read(ModelChat, fields)

/** Whether a request has messages of this form. */
export const isModelChat = (body: unknown): boolean =>
  Predicate.hasProperty(body, "messages") &&
  Array.isArray(body.messages) &&
  body.messages.some((message: unknown) => Predicate.hasProperty(message, "content")) &&
  !body.messages.some((message: unknown) => Predicate.hasProperty(message, "parts"))

const partsOf = (content: string | ReadonlyArray<SpokenPart>): ReadonlyArray<Message.UserPart> =>
  typeof content === "string"
    ? [{ type: "text", text: content }]
    : content.flatMap((part): ReadonlyArray<Message.UserPart> => {
        if (part.type === "text") return [{ type: "text", text: part.text }]
        if (part.type !== "file" && part.type !== "image") return []
        const { data, filename, image, mediaType, type } = part
        return [
          Media.file({ data: data ?? image ?? "", mediaType, filename, kind: type === "image" ? "image/*" : undefined })
        ]
      })

const resultOf = ({
  isError = false,
  output,
  result = null,
  toolCallId: id
}: typeof ResultPart.Type): History.Given => ({
  id,
  result: output === undefined ? result : (output.value ?? null),
  ...(isError || output?.type.startsWith("error-") === true ? { isFailure: true } : {})
})

const historyOf = ({ messages, system }: typeof ModelChat.Type): History.History => {
  const history = new History.History()
  if (system != null) history.instruct(system)
  for (const { content, role } of messages) {
    if (role === "system") history.instruct(Media.textOf(partsOf(content)))
    else if (role === "user") history.user(partsOf(content))
    else {
      if (role === "assistant")
        history.assistant(...partsOf(content).filter((part) => part.type !== "text" || part.text !== ""))
      for (const part of typeof content === "string" ? [] : content) {
        if (part.type === "tool-call") {
          const { args = null, input = args, toolCallId: id, toolName: name } = part
          history.assistant({ type: "tool-call", id, name, args: input })
        } else if (part.type === "tool-result") history.result(resultOf(part))
      }
    }
  }
  return history
}

export const decode = (sent: Request, answer: Answer): Decoded =>
  Result.flatMap(read(sent.body), (request) => {
    const { agent, frequencyPenalty, maxTokens, model, presencePenalty, seed, temperature, threadId, tools, topP } =
      request
    const thread = threadId == null ? {} : { threadId }
    const asked = request.messages.findLast(({ role }) => role === "user")?.unstable_id
    return Result.map(historyOf(request).divide(), (divided) => ({
      command: History.command(divided, {
        address: thread,
        start: {
          ...thread,
          onThread: "replace",
          // A conversation of one message is that, and does not go on with the thread.
          ...(divided.seed.length === 0 ? { isFirst: true } : {}),
          ...(asked === undefined ? {} : { messageId: asked }),
          ...(agent === undefined ? {} : { agent }),
          ...(tools == null ? {} : { settings: { clientTools: clientToolsOf(tools) } }),
          ...ModelOptions.make({
            name: model,
            maxOutputTokens: maxTokens,
            settings: { frequencyPenalty, presencePenalty, seed, temperature, topP }
          })
        }
      }),
      answer
    }))
  })
