/**
 * Reads Steerable's stream (source 004): one open envelope for every transport, ended by `[DONE]` or `done`; or the lines of its
 * sidecar.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  Any,
  asText,
  Bool,
  type Captured,
  Count,
  decoderOf,
  Fields,
  hasField,
  Is,
  make,
  Maybe,
  type Notes,
  Nullable,
  quote,
  type Reader,
  Text,
  textAt
} from "./Reader.ts"

const envelope = {
  event: Maybe(Text),
  orchestrationGroupId: Maybe(Text),
  taskId: Maybe(Text),
  messageId: Maybe(Text),
  code: Maybe(Text)
}
const Call = Schema.Struct({ id: Text, name: Text, arguments: Any })
const Outcome = Schema.Struct({
  success: Bool,
  callId: Maybe(Text),
  id: Maybe(Text),
  terminal: Nullable(Bool),
  needsFollowup: Nullable(Bool),
  message: Nullable(Text),
  error: Maybe(Any),
  data: Maybe(Any)
})

const Event = Schema.Union([
  Schema.Struct({ type: Is("content"), ...envelope, content: Text }),
  Schema.Struct({ type: Is("tool_call"), ...envelope, payload: Call }),
  Schema.Struct({ type: Is("tool_result"), ...envelope, payload: Outcome }),
  Schema.Struct({
    type: Schema.Literals(["error", "budget_exhausted"]),
    ...envelope,
    message: Text,
    payload: Maybe(Any)
  }),
  Schema.Struct({ type: Schema.Literals(["agent", "orchestration"]), ...envelope, payload: Maybe(Fields) }),
  Schema.Struct({ type: Is("loader-hint"), ...envelope, hint: Text, payload: Maybe(Any) }),
  Schema.Struct({ type: Schema.Literals(["keepalive", "done"]), ...envelope, payload: Maybe(Any) })
])
type Event = typeof Event.Type

const decode = decoderOf(Event)

const rules = {
  shape:
    "A frame is the envelope of one of the ten types, with the fields of its type; a sidecar's line is a message of JSON-RPC",
  "call-new": "A call stands once",
  "stream-open": "A stream has chunks until its one `stream.done` or `stream.error`, and nothing behind it",
  ended: "A stream ends with `[DONE]` or with `done`, and each of a sidecar's with `stream.done` or `stream.error`",
  named: "A frame that has a name is named `message`",
  "result-known": "A result that names its call belongs to one that was made, one each",
  "stopped-last": "`budget_exhausted` stops the run: only `done` follows",
  "done-last": "After `done` only `[DONE]` follows, and after that nothing"
}

const Tokens = Schema.Struct({ promptTokens: Count, completionTokens: Count, totalTokens: Count })
const Chunk = Schema.Struct({
  streamId: Text,
  delta: Nullable(Text),
  reasoningDelta: Nullable(Text),
  toolCall: Nullable(Call),
  finishReason: Nullable(Text),
  usage: Nullable(Tokens)
})
const Done = Schema.Struct({ streamId: Text, ok: Bool, cancelled: Maybe(Bool) })
const Failed = Schema.Struct({ streamId: Text, kind: Text, message: Text })
const Refused = Schema.Struct({ code: Schema.Int, message: Text, data: Schema.Struct({ kind: Text }) })

const decodeChunk = decoderOf(Chunk)
const decodeDone = decoderOf(Done)
const decodeFailed = decoderOf(Failed)
const decodeRefused = decoderOf(Refused)

const isLine = (value: unknown): boolean => textAt(value, "jsonrpc") === "2.0"

/** Reads the lines of the sidecar: JSON-RPC notifications, each of one of the streams that it sends at a time. */
const openSidecar = (notes: Notes<keyof typeof rules>): Reader => {
  const streams = new Map<string, "open" | "over">()
  const calls = new Set<string>()

  /** False where nothing may come of this stream any more. */
  const goesOn = (id: string, method: string): boolean => {
    if (streams.get(id) !== "over") return true
    notes.fault("stream-open", `${quote(method)} of the stream ${quote(id)}, which has ended`)
    return false
  }

  const chunk = ({ delta, streamId, toolCall }: typeof Chunk.Type): void => {
    if (!goesOn(streamId, "stream.chunk")) return
    streams.set(streamId, "open")
    if (delta != null) notes.text(delta, streamId)
    if (toolCall == null) return
    const id = `${streamId} ${toolCall.id}`
    if (calls.has(id)) notes.fault("call-new", `the call ${quote(toolCall.id)} of ${quote(streamId)} stands again`)
    calls.add(id)
  }

  const ended = (streamId: string, method: string): void => {
    if (goesOn(streamId, method)) streams.set(streamId, "over")
  }

  const told = <A>(method: string, params: Result.Result<A, string>, take: (params: A) => void): void => {
    if (Result.isFailure(params)) notes.fault("shape", `${quote(method)}: ${params.failure}`)
    else take(params.success)
  }

  return {
    isWaiting: false,
    read: ({ value }) => {
      if (typeof value !== "object" || value === null || !isLine(value))
        return notes.fault("shape", "it is not a message")
      const method = textAt(value, "method")
      const params = "params" in value ? value.params : undefined
      switch (method) {
        case "stream.chunk":
          return told(method, decodeChunk(params), chunk)
        case "stream.done":
          return told(method, decodeDone(params), ({ streamId }) => ended(streamId, method))
        case "stream.error":
          return told(method, decodeFailed(params), ({ streamId }) => ended(streamId, method))
        case undefined:
          // A response without a result is one whose result is null.
          if ("error" in value) told("error", decodeRefused(value.error), () => undefined)
          else if (!("id" in value)) notes.fault("shape", "it has neither a method nor an id")
          return
        default:
      }
    },
    end: () => {
      for (const [id, state] of streams) if (state === "open") notes.fault("ended", `the stream ${quote(id)} does not`)
      streams.clear()
    }
  }
}

const signs = new Set([
  "content",
  "tool_call",
  "tool_result",
  "budget_exhausted",
  "agent",
  "orchestration",
  "loader-hint",
  "keepalive"
])

export const protocol = make({
  name: "steerable",
  title: "Steerable",
  rules,
  isSign: ({ value }) => {
    if (isLine(value)) return /^(stream|lifecycle|trace)\./.test(textAt(value, "method") ?? "")
    const type = textAt(value, "type") ?? ""
    // Our own native event of this name has the limit in its data.
    return signs.has(type) && !hasField(value, "data") && !hasField(value, "session_id")
  },
  open: (notes) => {
    const calls = new Map<string, "open" | "settled">()
    let phase: "open" | "stopped" | "done" | "over" = "open"
    /** For a capture of lines of JSON-RPC, which have no envelope of their own. */
    let sidecar: Reader | undefined
    let isFirst = true

    const settle = ({ callId, data, error, id = callId, success }: typeof Outcome.Type): void => {
      if (id === undefined) return
      const call = calls.get(id)
      if (call === "settled" || (call === undefined && !notes.continues))
        return notes.fault(
          "result-known",
          `a result of ${quote(id)}, which ${call === undefined ? "was not called" : "has one"}`
        )
      calls.set(id, "settled")
      notes.result(id, success ? asText(data ?? null) : asText(error ?? ""))
    }

    const take = (event: Event): void => {
      if (phase === "done" || phase === "over") return notes.fault("done-last", `${quote(event.type)} follows the end`)
      if (phase === "stopped" && event.type !== "done" && event.type !== "keepalive")
        notes.fault("stopped-last", `${quote(event.type)} follows \`budget_exhausted\``)
      switch (event.type) {
        case "content":
          if (event.taskId === undefined) notes.text(event.content)
          return
        case "tool_call":
          if (calls.has(event.payload.id)) notes.fault("call-new", `the call ${quote(event.payload.id)} stands again`)
          else calls.set(event.payload.id, "open")
          return
        case "tool_result":
          return settle(event.payload)
        case "budget_exhausted":
          phase = "stopped"
          return
        case "done":
          phase = "done"
          return
        default:
      }
    }

    return {
      isWaiting: false,
      read: (frame: Captured) => {
        const { data, event: name, value } = frame
        if (isFirst && isLine(value)) sidecar = openSidecar(notes)
        isFirst = false
        if (sidecar !== undefined) return sidecar.read(frame)
        if (name !== undefined && name !== "message") notes.fault("named", `the name is ${quote(name)}`)
        if (data === "[DONE]") {
          if (phase === "over") notes.fault("done-last", "`[DONE]` comes again")
          phase = "over"
          return
        }
        const event = decode(value)
        const type = textAt(value, "type")
        if (Result.isFailure(event))
          notes.fault("shape", type === undefined ? event.failure : `event ${quote(type)}: ${event.failure}`)
        else take(event.success)
      },
      end: () => {
        if (sidecar !== undefined) return sidecar.end()
        if (phase === "open" || phase === "stopped") notes.fault("ended", "the stream ends without either")
        phase = "open"
      }
    }
  }
})
