/**
 * The sidecar's methods, and a run as its notifications.
 *
 * **Carries** the root's text, reasoning and calls, and usage, as `stream.chunk`; its end as exactly one `stream.done`
 * or `stream.error`. Everything else of the root view goes as `trace.event`, the name that the protocol reserves for
 * it.
 *
 * **Reorders**: the end is held until the run has ended, with both summaries before it.
 *
 * **Loses** what specialists say and do below the root.
 *
 * Ping, shutdown, settings, traces, consent and tools run by hand belong to the host: they are decoded here, but are
 * not commands. `agent.chat.consent` is ours: it answers what a stream waits for.
 */
import type { Envelope, Events } from "@reins/protocol"
import { Envelope as Envelopes } from "@reins/protocol"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Body from "../Body.ts"
import type { Command } from "../Command.ts"
import type { Encoder } from "../Dialect.ts"
import type { Facts, Thread } from "../Facts.ts"
import * as Frame from "../Frame.ts"
import type { Fault, Request } from "./JsonRpc.ts"
import { toData } from "./Encoder.ts"
import { notification } from "./JsonRpc.ts"

/**
 * The version that `lifecycle.ready` and `system.ping` report.
 *
 * @since 0.1.0
 * @category constants
 */
export const protocolVersion = "0.1.0"

const Text = Schema.String
const Maybe = Schema.optionalKey

/**
 * The parameters that create a session.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Create = Schema.Struct({
  chatId: Text,
  userId: Maybe(Text),
  sessionId: Maybe(Text),
  currentStage: Maybe(Text),
  scenario: Maybe(Text),
  stageData: Maybe(Schema.Json),
  projectId: Maybe(Text)
})

/**
 * `model` names the agent; provider, key and sampling settings belong to the server and are ignored.
 *
 * @since 0.1.0
 * @category schemas
 */
export const ChatStream = Schema.Struct({
  provider: Text,
  model: Text,
  messages: Schema.NonEmptyArray(Schema.Struct({ role: Text, content: Text })),
  streamId: Maybe(Text),
  sessionId: Maybe(Text)
})

/**
 * The parameters of a tool call.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Invoke = Schema.Struct({
  name: Text,
  arguments: Schema.Json,
  id: Maybe(Text),
  consentGranted: Maybe(Schema.Boolean),
  context: Maybe(Schema.Json)
})

/**
 * Our own: a person's consent to what a stream waits for.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Consent = Schema.Struct({
  streamId: Text,
  callId: Maybe(Text),
  approvalId: Maybe(Text),
  consentGranted: Schema.Boolean,
  message: Maybe(Text)
})

const read = {
  create: Body.read(Create),
  resume: Body.read(Schema.Struct({ sessionId: Text })),
  list: Body.read(
    Schema.Struct({ userId: Maybe(Text), chatId: Maybe(Text), activeOnly: Maybe(Schema.Boolean), after: Maybe(Text) })
  ),
  chat: Body.read(ChatStream),
  cancel: Body.read(Schema.Struct({ streamId: Text })),
  consent: Body.read(Consent),
  invoke: Body.read(Invoke),
  trace: Body.read(Schema.Struct({ traceId: Text })),
  config: Body.read(Schema.Struct({ logLevel: Schema.Literals(["DEBUG", "INFO", "WARNING", "ERROR"]) }))
}

/**
 * A request to the host itself.
 *
 * @since 0.1.0
 * @category models
 */
export type Own =
  | { readonly _tag: "Ping" }
  | { readonly _tag: "Shutdown"; readonly isNow: boolean }
  | { readonly _tag: "Consent"; readonly consent: typeof Consent.Type }
  | { readonly _tag: "Invoke"; readonly call: typeof Invoke.Type }
  | { readonly _tag: "FetchTrace"; readonly traceId: string }
  | { readonly _tag: "GetConfig" }
  | { readonly _tag: "SetConfig"; readonly logLevel: string }

/**
 * A decoded request: a command, with the stream it opens if any, or a request to the host.
 *
 * @since 0.1.0
 * @category models
 */
export type Called = { readonly _tag: "Command"; readonly command: Command; readonly streamId?: string } | Own

const command = (asked: Command): Called => ({ _tag: "Command", command: asked })

const chat = ({ messages, model, sessionId, streamId }: typeof ChatStream.Type): Called => ({
  _tag: "Command",
  command: {
    _tag: "StartQuery",
    prompt: messages.findLast(({ role }) => role === "user")?.content ?? "",
    agent: model,
    ...(sessionId === undefined ? {} : { threadId: sessionId }),
    ...(streamId === undefined ? {} : { requestId: streamId })
  },
  ...(streamId === undefined ? {} : { streamId })
})

/**
 * Decodes a request. A stream without an id gets one from the host, which also maps a `streamId` to its run.
 *
 * @since 0.1.0
 * @category conversions
 */
export const decode = ({ id = null, method, params = {} }: Request): Result.Result<Called, Fault> => {
  const asked = (): Result.Result<Called, { readonly message: string }> | undefined => {
    switch (method) {
      case "system.ping":
        return Result.succeed({ _tag: "Ping" })
      case "system.shutdown":
      case "system.shutdown_now":
        return Result.succeed({ _tag: "Shutdown", isNow: method === "system.shutdown_now" })
      case "agent.session.create":
        return Result.map(read.create(params), ({ sessionId, ...metadata }) =>
          command({ _tag: "CreateThread", metadata, ...(sessionId === undefined ? {} : { threadId: sessionId }) })
        )
      case "agent.session.resume":
        return Result.map(read.resume(params), ({ sessionId }) => command({ _tag: "GetThread", threadId: sessionId }))
      case "agent.session.list":
        return Result.map(read.list(params), () => command({ _tag: "ListThreads" }))
      case "agent.chat.stream":
        return Result.map(read.chat(params), chat)
      case "agent.chat.cancel":
        return Result.map(read.cancel(params), ({ streamId }) =>
          command({ _tag: "Cancel", address: { runId: streamId } })
        )
      case "agent.chat.consent":
        return Result.map(read.consent(params), (consent): Called => ({ _tag: "Consent", consent }))
      case "tool.list":
        return Result.succeed(command({ _tag: "Describe" }))
      case "tool.invoke":
        return Result.map(read.invoke(params), (call): Called => ({ _tag: "Invoke", call }))
      case "trace.fetch":
        return Result.map(read.trace(params), ({ traceId }): Called => ({ _tag: "FetchTrace", traceId }))
      case "config.get":
        return Result.succeed({ _tag: "GetConfig" })
      case "config.set":
        return Result.map(read.config(params), ({ logLevel }): Called => ({ _tag: "SetConfig", logLevel }))
      default:
        return undefined
    }
  }
  const called = asked()
  return called === undefined
    ? Result.fail({ id, kind: "method_not_found", message: "Unknown method" })
    : Result.mapError(called, ({ message }) => ({ id, kind: "invalid_params", message }))
}

const sessionOf = ({ createdAt, metadata, threadId: sessionId, updatedAt }: Thread): object => {
  const known = typeof metadata === "object" && metadata !== null && !Array.isArray(metadata) ? metadata : {}
  return { ...known, sessionId, isActive: true, createdAt, updatedAt }
}

/**
 * The result of a command that opens no stream.
 *
 * @since 0.1.0
 * @category operations
 */
export const shape = (facts: Facts): unknown => {
  switch (facts._tag) {
    case "Thread":
      return sessionOf(facts.thread)
    case "Threads":
      return facts.threads.map(sessionOf)
    case "Agents":
      return facts.agents
        .flatMap(({ tools }) => tools)
        .map(({ description = "", name, parameters }) => ({
          type: "function",
          function: { name, description, parameters }
        }))
    default:
      return null
  }
}

/**
 * The result of a tool's call for its caller: an object as it is, anything else under `value`.
 *
 * @since 0.1.0
 * @category operations
 */
export const invoked = (
  { result, status, toolInvocationId: callId }: Events.ToolResult,
  ran: { readonly traceId: string; readonly durationMs: number }
): object =>
  status === undefined
    ? { success: true, callId, ...ran, data: toData(result) }
    : { success: false, callId, ...ran, needsFollowup: true, error: Body.resultText(result), data: toData(result) }

/**
 * A call of a tool that no agent has. By the protocol's rule it is terminal.
 *
 * @since 0.1.0
 * @category operations
 */
export const unknownTool = (name: string): object => ({
  success: false,
  terminal: false,
  needsFollowup: false,
  error: `Unknown tool ${JSON.stringify(name)}`
})

/**
 * The run as notifications of the stream `streamId`; each frame's data is one line.
 *
 * @since 0.1.0
 * @category operations
 */
export const open = (streamId: string): Encoder => {
  let end: Frame.Frame | undefined
  let hasEnded = false
  const note = (method: string, params: object): Frame.Frame => ({
    data: notification(method, { streamId, ...params })
  })
  const step = (envelope: Envelope.Envelope): ReadonlyArray<Frame.Frame> => {
    const { event } = envelope
    if (!Envelopes.isRootView(envelope)) return Frame.none
    switch (event.type) {
      case "text":
        return [note("stream.chunk", { delta: event.text })]
      case "reasoning":
        return [note("stream.chunk", { reasoningDelta: event.text })]
      case "tool-invocation": {
        if (event.state === "result") return [note("trace.event", { event })]
        const { args, toolInvocationId, toolName } = event
        return [note("stream.chunk", { toolCall: { id: toolInvocationId, name: toolName, arguments: args } })]
      }
      case "finish": {
        const { completionTokens, promptTokens, totalTokens } = event.usage
        const usage = { promptTokens, completionTokens, totalTokens }
        end = note("stream.done", { ok: true, ...(event.finishReason === "cancelled" ? { cancelled: true } : {}) })
        return [note("stream.chunk", { finishReason: event.finishReason, usage })]
      }
      case "data-latency-summary":
        hasEnded = end !== undefined
        return [note("trace.event", { event })]
      case "error":
        hasEnded = true
        end = note("stream.error", { kind: "internal", message: event.error.message })
        return Frame.none
      default:
        return [note("trace.event", { event })]
    }
  }
  return {
    step,
    finish: () => (end === undefined || !hasEnded ? Frame.none : [end]),
    reopen: () => Frame.none,
    isDetached: false
  }
}
