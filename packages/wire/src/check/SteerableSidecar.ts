/** Reads the lines of Steerable's sidecar: JSON-RPC notifications, each of one of the streams that it sends at a time. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Notes, Reader } from "./Reader.ts"
import * as Shape from "./Shape.ts"
import { Any, Bool, Count, Maybe, Nullable, quote, Text } from "./Shape.ts"

const Tokens = Schema.Struct({ promptTokens: Count, completionTokens: Count, totalTokens: Count })
const Call = Schema.Struct({ id: Text, name: Text, arguments: Any })
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

const decodeChunk = Shape.reader(Chunk)
const decodeDone = Shape.reader(Done)
const decodeFailed = Shape.reader(Failed)
const decodeRefused = Shape.reader(Refused)

export const rules = {
  shape:
    "A frame is the envelope of one of the ten types, with the fields of its type; a sidecar's line is a message of JSON-RPC",
  "call-new": "A call stands once",
  "stream-open": "A stream has chunks until its one `stream.done` or `stream.error`, and nothing behind it",
  ended: "A stream ends with `[DONE]` or with `done`, and each of a sidecar's with `stream.done` or `stream.error`"
}

export const isLine = (value: unknown): boolean => Shape.textAt(value, "jsonrpc") === "2.0"

export const open = (notes: Notes<keyof typeof rules>): Reader => {
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
      const method = Shape.textAt(value, "method")
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
