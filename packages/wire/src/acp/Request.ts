/**
 * The methods of the Agent Client Protocol, version 1: JSON-RPC 2.0, one message per line, from the client and, for
 * permissions, its responses to ours.
 */
import { Decision } from "@reins/protocol"
import type { Message as Ours } from "@reins/protocol"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import type { Command } from "../Command.ts"
import type { Facts } from "../Facts.ts"
import * as Refusal from "../Refusal.ts"
import { answerOf, Blocks, blocksOf, promptOf, type Update } from "./Update.ts"

/**
 * The version of the protocol that is spoken.
 *
 * @since 0.1.0
 * @category constants
 */
export const protocolVersion = 1

const Text = Schema.String
const Maybe = Schema.optionalKey
const Id = Schema.Union([Schema.String, Schema.Finite, Schema.Null])
/**
 * The id of a request: text, a number, or null.
 *
 * @since 0.1.0
 * @category models
 */
export type Id = typeof Id.Type

/**
 * A line: a request, a notification (without `id`), or a response to a request of ours.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Line = Schema.Struct({
  jsonrpc: Schema.Literal("2.0"),
  id: Maybe(Id),
  method: Maybe(Text),
  params: Maybe(Schema.Unknown),
  result: Maybe(Schema.Unknown),
  error: Maybe(Schema.Unknown)
})
export type Line = typeof Line.Type

const asLine = Schema.decodeUnknownOption(Schema.fromJsonString(Line))
const asJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/**
 * `undefined`: the line is not JSON. A refusal: it is not a message.
 *
 * @since 0.1.0
 * @category conversions
 */
export const decodeLine = (line: string): Line | Refusal.Refusal | undefined => {
  const read = asLine(line)
  if (Option.isSome(read)) return read.value
  return Option.isSome(asJson(line)) ? Refusal.badRequest("Invalid JSON-RPC 2.0 message") : undefined
}

const setup = { cwd: Text, mcpServers: Maybe(Schema.NullOr(Schema.Array(Schema.Unknown))) }

const read = {
  initialize: Body.read(Schema.Struct({ protocolVersion: Schema.Finite })),
  create: Body.read(Schema.Struct(setup)),
  load: Body.read(Schema.Struct({ ...setup, sessionId: Text })),
  list: Body.read(Schema.Struct({ cursor: Maybe(Schema.NullOr(Text)), cwd: Maybe(Schema.NullOr(Text)) })),
  session: Body.read(Schema.Struct({ sessionId: Text })),
  prompt: Body.read(Schema.Struct({ sessionId: Text, prompt: Blocks }))
}

/**
 * What a request asks for.
 *
 * **Details**
 * - `Reply`: the result, at once. `Ask`: a command, and the result that its facts make; `loads`: the thread's messages
 *   are sent as updates before it.
 * - `Prompt`: a turn. `Cancel`: the end of the session's turn; it has no result where it is a notification.
 *
 * @since 0.1.0
 * @category models
 */
export type Called =
  | { readonly _tag: "Reply"; readonly result: object }
  | {
      readonly _tag: "Ask"
      readonly command: Command
      readonly shape: (facts: Facts) => object
      readonly loads?: boolean
    }
  | { readonly _tag: "Prompt"; readonly threadId: string; readonly command: Command }
  | { readonly _tag: "Cancel"; readonly threadId: string }

const noServers = Refusal.badRequest("mcpServers are not connected to: give the agent its tools where it is made")
const hasServers = ({ mcpServers }: { readonly mcpServers?: ReadonlyArray<unknown> | null }): boolean =>
  (mcpServers ?? []).length > 0

const initialized = {
  protocolVersion,
  agentCapabilities: {
    loadSession: true,
    promptCapabilities: { image: true, audio: true, embeddedContext: true },
    mcpCapabilities: { http: false, sse: false },
    sessionCapabilities: { list: {}, resume: {}, close: {}, delete: {} }
  },
  authMethods: [],
  agentInfo: { name: "reins", title: "Reins", version: "0.1.0" }
}

const created = (facts: Facts): object => ({ sessionId: facts._tag === "Thread" ? facts.thread.threadId : "" })
const nothing = (): object => ({})

const cwdOf = (metadata: unknown): string => {
  const found = Option.getOrUndefined(Schema.decodeUnknownOption(Schema.Struct({ cwd: Text }))(metadata))
  return found?.cwd ?? "/"
}

const listed = (facts: Facts): object => {
  const { next, threads } = facts._tag === "Threads" ? facts : { threads: [], next: undefined }
  const sessions = threads.map(({ metadata, threadId, title, updatedAt }) => ({
    sessionId: threadId,
    cwd: cwdOf(metadata),
    ...(title === undefined ? {} : { title }),
    updatedAt: DateTime.formatIso(DateTime.makeUnsafe(updatedAt))
  }))
  return { sessions, ...(next === undefined ? {} : { nextCursor: next }) }
}

const ask = (command: Command, shape: (facts: Facts) => object, loads = false): Called => ({
  _tag: "Ask",
  command,
  shape,
  ...(loads ? { loads } : {})
})

const unknown = Refusal.make("method-not-allowed", "MethodNotFound", "Unknown method")

/**
 * Decodes a request or notification.
 *
 * @since 0.1.0
 * @category conversions
 */
export const decode = ({ method, params = {} }: Line): Result.Result<Called, Refusal.Refusal> => {
  switch (method) {
    case "initialize":
      return Result.map(read.initialize(params), (): Called => ({ _tag: "Reply", result: initialized }))
    case "authenticate":
      return Result.succeed({ _tag: "Reply", result: {} })
    case "session/new":
      return Result.flatMap(read.create(params), (given) =>
        hasServers(given)
          ? Result.fail(noServers)
          : Result.succeed(ask({ _tag: "CreateThread", metadata: { cwd: given.cwd } }, created))
      )
    case "session/load":
    case "session/resume":
      return Result.flatMap(read.load(params), (given) =>
        hasServers(given)
          ? Result.fail(noServers)
          : Result.succeed(ask({ _tag: "GetThread", threadId: given.sessionId }, nothing, method === "session/load"))
      )
    case "session/list":
      return Result.map(read.list(params), ({ cursor }) =>
        ask({ _tag: "ListThreads", ...(cursor === undefined || cursor === null ? {} : { after: cursor }) }, listed)
      )
    case "session/delete":
      return Result.map(read.session(params), ({ sessionId }) =>
        ask({ _tag: "DeleteThread", threadId: sessionId }, nothing)
      )
    case "session/prompt":
      return Result.map(read.prompt(params), ({ prompt, sessionId }): Called => ({
        _tag: "Prompt",
        threadId: sessionId,
        command: { _tag: "StartQuery", prompt: promptOf(prompt), threadId: sessionId, create: "existing" }
      }))
    case "session/cancel":
    case "session/close":
      return Result.map(read.session(params), ({ sessionId }): Called => ({ _tag: "Cancel", threadId: sessionId }))
    default:
      return Result.fail(unknown)
  }
}

const Chosen = Schema.Struct({
  outcome: Schema.Struct({ outcome: Schema.Literals(["selected", "cancelled"]), optionId: Maybe(Text) })
})
const readChosen = Schema.decodeUnknownOption(Chosen)

/**
 * The decision of a response to a permission request. Any other choice refuses.
 *
 * @since 0.1.0
 * @category operations
 */
export const decisionOf = ({ result }: Line): Decision => {
  const { optionId } = Option.getOrUndefined(readChosen(result))?.outcome ?? {}
  const answer = answerOf(optionId ?? "")
  if (answer !== undefined) return answer
  if (optionId === "allow_once") return Decision.approve()
  return optionId === "allow_always" ? Decision.approve({ scope: "thread" }) : Decision.reject()
}

/**
 * An update as a notification.
 *
 * @since 0.1.0
 * @category operations
 */
export const notice = (threadId: string, update: Update): object => ({
  method: "session/update",
  params: { sessionId: threadId, update }
})

/**
 * A thread's messages as updates, for a session that is loaded.
 *
 * @since 0.1.0
 * @category operations
 */
export const replay = (messages: ReadonlyArray<Ours.Message>): ReadonlyArray<Update> =>
  messages.flatMap(({ content, role }) =>
    content.flatMap((part): ReadonlyArray<Update> => {
      switch (part.type) {
        case "reasoning":
          return [{ sessionUpdate: "agent_thought_chunk", content: { type: "text", text: part.text } }]
        case "tool-call": {
          const { args: rawInput, id: toolCallId, name: title } = part
          return [{ sessionUpdate: "tool_call", toolCallId, title, kind: "other", status: "pending", rawInput }]
        }
        case "tool-result": {
          const { id: toolCallId, result: rawOutput, status } = part
          const done = status === undefined ? "completed" : "failed"
          return [{ sessionUpdate: "tool_call_update", toolCallId, status: done, rawOutput }]
        }
        default: {
          const sessionUpdate = role === "user" ? "user_message_chunk" : "agent_message_chunk"
          return blocksOf(part).map((block) => ({ sessionUpdate, content: block }))
        }
      }
    })
  )

const numbers: { readonly [K in Refusal.Kind]?: number } = {
  "bad-request": -32602,
  "method-not-allowed": -32601,
  "not-found": -32002,
  unauthorized: -32000
}

/**
 * An error as the answer to a request.
 *
 * @since 0.1.0
 * @category operations
 */
export const errorOf = ({ code, kind, message }: Refusal.Refusal): object => ({
  code: numbers[kind] ?? -32603,
  message,
  data: { reason: code }
})
