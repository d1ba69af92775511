/**
 * The requests of `useChat` and its transport. The thread is the server's, and becomes what the messages show: where
 * the client asks again or edits, the thread is taken back to there. A user message at the end is the query, an
 * assistant message at the end brings answers. A message that is alone goes on with the thread, unless it is asked
 * again.
 */
import { Decision } from "@reins/protocol"
import type { Message } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import { honoured, ignored, type Fields } from "../Body.ts"
import type { DecisionFor } from "../Command.ts"
import * as Cursor from "../Cursor.ts"
import type { Answer, Decoded, Exchange, Request, Route } from "../Dialect.ts"
import * as History from "../History.ts"
import * as Media from "../Media.ts"
import * as ModelOptions from "../ModelOptions.ts"
import type * as Refusal from "../Refusal.ts"
import * as Encoder from "./Encoder.ts"
import { budgetTool, planTool } from "./Encoder.ts"
import * as ModelChat from "./ModelChat.ts"
import * as ObjectStream from "./ObjectStream.ts"
import * as UiMessage from "./UiMessage.ts"

const Part = Schema.Struct({
  type: Schema.String,
  text: Schema.optionalKey(Schema.String),
  url: Schema.optionalKey(Schema.String),
  mediaType: Schema.optionalKey(Schema.String),
  filename: Schema.optionalKey(Schema.String),
  toolCallId: Schema.optionalKey(Schema.String),
  toolName: Schema.optionalKey(Schema.String),
  input: Schema.optionalKey(Schema.Json),
  state: Schema.optionalKey(Schema.String),
  output: Schema.optionalKey(Schema.Json),
  errorText: Schema.optionalKey(Schema.String),
  callProviderMetadata: Schema.optionalKey(Schema.Json),
  approval: Schema.optionalKey(
    Schema.Struct({
      id: Schema.String,
      approved: Schema.optionalKey(Schema.Boolean),
      reason: Schema.optionalKey(Schema.String)
    })
  )
})
type Part = Schema.Schema.Type<typeof Part>

/**
 * `agent` is our extension: which agent to ask, in the transport's `body`. `system` and `tools` are what assistant-ui's
 * transport adds: instructions, and tools that the page runs, by their names.
 *
 * @since 0.1.0
 * @category schemas
 */
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
  agent: Schema.optionalKey(Schema.String),
  model: Schema.optionalKey(Schema.Unknown),
  system: Schema.optionalKey(Schema.NullOr(Schema.String)),
  tools: Schema.optionalKey(Schema.NullOr(ModelChat.Tools))
})
type Chat = Schema.Schema.Type<typeof Chat>

/** What becomes of each field of a chat request. */
export const fields: Fields = {
  id: honoured("The thread, which is the server's and becomes what the messages show"),
  messages: honoured(
    "The conversation. System messages are added to the agent's instructions. Messages in the form that models are sent them (`content`) make it a request of `POST /data-stream`"
  ),
  "messages[].metadata": ignored("It is the page's own"),
  trigger: honoured("Whether the last answer is made again"),
  messageId: honoured("The message that is edited or made again"),
  system: honoured("Added to the agent's instructions, as assistant-ui sends it"),
  tools: honoured("Tools that the client runs, by name, as assistant-ui sends them"),
  agent: honoured("Ours: names the agent"),
  model: honoured("Ours: names one of the agent's models, where the server lets its clients; else ignored"),
  "*": ignored("Other fields of the transport's `body` are for what a page agrees on with its own server")
}

const readChat = Body.read(Chat, fields)

const streamFor = (version: Encoder.Version): Answer => ({
  _tag: "Stream",
  format: "sse",
  isStamped: true,
  headers: { "x-vercel-ai-ui-message-stream": "v1" },
  open: () => Encoder.open(version)
})

/** Clients of version 6 say so by the path, or by a header: they refuse chunks that they do not know. */
const stream = ({ headers, query }: Request, version: Encoder.Version): Answer => {
  const asked = headers["x-ai-sdk-version"] ?? query["version"]
  return streamFor(asked === undefined ? version : Number.parseInt(asked, 10) <= 6 ? 6 : 7)
}

const promptOf = (parts: ReadonlyArray<Part>): ReadonlyArray<Message.UserPart> =>
  parts.flatMap((part): ReadonlyArray<Message.UserPart> => {
    if (part.type === "text") return [{ type: "text", text: part.text ?? "" }]
    if (part.type !== "file" || part.url === undefined) return []
    return [Media.file({ data: part.url, mediaType: part.mediaType, filename: part.filename })]
  })

/** The answers to questions in the message at `place`. Fails where one says neither yes nor no. */
const decisionsOf = (
  parts: ReadonlyArray<Part>,
  place: string
): Result.Result<ReadonlyArray<DecisionFor>, Refusal.Refusal> => {
  const decisions: Array<DecisionFor> = []
  for (const [index, { approval, state }] of parts.entries()) {
    if (state !== "approval-responded") continue
    if (approval?.approved === undefined)
      return Result.fail(Body.invalidField(`${place}.parts.${index}.approval.approved`, "Use true or false"))
    const said = { feedback: approval.reason }
    const decision = approval.approved ? Decision.approve(said) : Decision.reject(said)
    decisions.push({ approvalId: approval.id, decision })
  }
  return Result.succeed(decisions)
}

/** The calls and results of one step: clients keep each result with its call. */
const tell = (history: History.History, step: ReadonlyArray<Part>, called: Set<string>): void => {
  const all = step.filter((part) => part.toolCallId !== undefined && isTool(part))
  // A call of which only input was shown was never made.
  const tools = all.filter((part) => !isBelow(part) && part.state !== "input-streaming")
  // A call whose result came after the user's next message is shown there once more.
  const made = tools.filter(({ toolCallId = "" }) => !called.has(toolCallId))
  for (const { toolCallId = "" } of made) called.add(toolCallId)
  history.assistant(
    ...promptOf(step).filter((part) => part.type !== "text" || part.text !== ""),
    ...made.map(({ input = null, toolCallId = "", toolName, type }): Message.CallPart => ({
      type: "tool-call",
      id: toolCallId,
      name: toolName ?? type.replace(/^tool-/, ""),
      args: input
    }))
  )
  for (const part of all) {
    const { errorText = "", output = null, state, toolCallId: id = "" } = part
    const given: History.Given | undefined =
      state === "output-available"
        ? { id, result: output }
        : state === "output-error"
          ? { id, result: Body.jsonOr(errorText), isFailure: true }
          : undefined
    if (isBelow(part)) {
      if (given !== undefined) history.below(given)
    } else if (given !== undefined) history.result(given)
    else if (state === "output-denied") history.ran({ id, result: { error: "Denied" } }, "denied")
  }
}

/**
 * The name of the tool of a call; absent: the part is not a call. Questions about plans and budgets only look like
 * calls.
 */
const isTool = ({ toolName, type }: Part): boolean => {
  const name = type === "dynamic-tool" ? (toolName ?? "") : type.startsWith("tool-") ? type.slice("tool-".length) : ""
  return name !== "" && name !== planTool && name !== budgetTool
}

const Below = Schema.Struct({ reins: Schema.Struct({ agentPath: Schema.NonEmptyArray(Schema.String) }) })
const isBelowMetadata = Schema.is(Below)

/** A specialist's call, which is shown because it waited for a person or a client. */
const isBelow = ({ callProviderMetadata }: Part): boolean => isBelowMetadata(callProviderMetadata)

const historyOf = (messages: Chat["messages"], system: string | null | undefined): History.History => {
  const history = new History.History()
  if (system != null) history.instruct(system)
  const called = new Set<string>()
  for (const { parts, role } of messages) {
    if (role === "user") history.user(promptOf(parts))
    else if (role === "system") history.instruct(parts.map(({ text = "" }) => text).join(""))
    else {
      let step: Array<Part> = []
      for (const part of parts) {
        if (part.type === "step-start") {
          tell(history, step, called)
          step = []
        } else step.push(part)
      }
      tell(history, step, called)
    }
  }
  return history
}

/** Pages that send messages as models are sent them read the chunks of version 6. */
const decodeAny = (request: Request, version: Encoder.Version): Decoded =>
  ModelChat.isModelChat(request.body) ? ModelChat.decode(request, stream(request, 6)) : decodeChat(request, version)

export const decodeChat = (request: Request, version: Encoder.Version): Decoded =>
  Result.flatMap(
    readChat(request.body),
    ({ agent, id: threadId, messageId, messages: all, model, system, tools, trigger }) => {
      const asked = all.findLastIndex(({ role }) => role === "user")
      const isAgain = trigger === "regenerate-message"
      const messages = isAgain ? all.slice(0, asked + 1) : all
      // What was answered before a message that is asked again, or edited, was said already.
      const isRewound = isAgain || (messageId !== undefined && all.at(-1)?.role === "user")
      const last = messages.at(-1)?.role === "assistant" ? messages.at(-1) : messages.at(-2)
      const read =
        last?.role === "assistant" && !isRewound
          ? decisionsOf(last.parts, `messages.${messages.lastIndexOf(last)}`)
          : Result.succeed<ReadonlyArray<DecisionFor>>([])
      if (Result.isFailure(read)) return Result.fail(read.failure)
      const decisions = read.success
      const asking = all[asked]?.id
      const first = all.find(({ role }) => role === "user")?.id
      return Result.map(
        historyOf(messages, system).divide(last === messages.at(-1) && decisions.length > 0),
        (divided) => ({
          command: History.command(isRewound ? { ...divided, results: [] } : divided, {
            address: { threadId },
            decisions,
            start: {
              threadId,
              onThread: "replace",
              // The first message is asked again, or another takes its place.
              ...(divided.seed.length === 0 && isRewound ? { isFirst: true } : {}),
              ...(isRewound ? { isAgain: true } : {}),
              ...(asking === undefined ? {} : { messageId: asking }),
              ...(first === undefined ? {} : { firstId: first }),
              ...(agent === undefined ? {} : { agent }),
              // A page may have sent another thing by this name to its own server.
              ...ModelOptions.make({ name: typeof model === "string" ? model : undefined }),
              ...(tools == null ? {} : { settings: { clientTools: ModelChat.clientToolsOf(tools) } })
            }
          }),
          answer: stream(request, version)
        })
      )
    }
  )

export const decodeResume = (request: Request, version: Encoder.Version): Exchange => ({
  command: Cursor.resume(request.params["id"] ?? "", request),
  answer: stream(request, version)
})

const routesOf = (version: Encoder.Version, at: string): ReadonlyArray<Route> => [
  { method: "POST", path: at, decode: (request) => decodeAny(request, version) },
  {
    method: "GET",
    path: `${at}/:id/messages`,
    decode: ({ params }) =>
      Result.succeed({
        command: { _tag: "GetThread", threadId: params["id"] ?? "" },
        answer: { _tag: "Facts", shape: UiMessage.shape }
      })
  },
  {
    method: "GET",
    path: `${at}/:id/stream`,
    decode: (request) => Result.succeed(decodeResume(request, version))
  },
  {
    method: "POST",
    path: `${at}/:id/stop`,
    decode: ({ params }) =>
      Result.succeed({
        command: { _tag: "Cancel", address: { threadId: params["id"] ?? "" } },
        answer: { _tag: "Facts", shape: () => ({ status: 202, body: {} }) }
      })
  }
]

export const routes: ReadonlyArray<Route> = [
  ...routesOf(7, "/chat"),
  ...routesOf(6, "/v6/chat"),
  { method: "POST", path: "/data-stream", decode: (request) => ModelChat.decode(request, stream(request, 6)) },
  { method: "POST", path: "/object", decode: ObjectStream.decode }
]
