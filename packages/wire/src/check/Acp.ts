/**
 * Reads what an agent says by the Agent Client Protocol, version 1: the JSON-RPC lines of its standard output, or
 * frames that are named by a method.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  Any,
  asText,
  type Captured,
  decoderOf,
  hasField,
  Is,
  make,
  Maybe,
  Nullable,
  quote,
  Text,
  textAt
} from "./Reader.ts"

const Block = Schema.Union([
  Schema.Struct({ type: Is("text"), text: Text }),
  Schema.Struct({ type: Schema.Literals(["image", "audio"]), mimeType: Text, data: Text }),
  Schema.Struct({ type: Is("resource_link"), uri: Text, name: Text }),
  Schema.Struct({ type: Is("resource"), resource: Schema.Struct({ uri: Text }) })
])
const Status = Schema.Literals(["pending", "in_progress", "completed", "failed"])
const call = { toolCallId: Text, status: Nullable(Status), rawInput: Maybe(Any), rawOutput: Maybe(Any) }

const Update = Schema.Union([
  Schema.Struct({
    sessionUpdate: Schema.Literals(["user_message_chunk", "agent_message_chunk", "agent_thought_chunk"]),
    content: Block
  }),
  Schema.Struct({ sessionUpdate: Is("tool_call"), ...call, title: Maybe(Text) }),
  Schema.Struct({ sessionUpdate: Is("tool_call_update"), ...call, title: Nullable(Text) }),
  Schema.Struct({
    sessionUpdate: Is("plan"),
    entries: Schema.Array(
      Schema.Struct({
        content: Text,
        priority: Schema.Literals(["high", "medium", "low"]),
        status: Schema.Literals(["pending", "in_progress", "completed"])
      })
    )
  })
])
type Update = typeof Update.Type
const updates = new Set([
  "user_message_chunk",
  "agent_message_chunk",
  "agent_thought_chunk",
  "tool_call",
  "tool_call_update",
  "plan"
])

const Permission = Schema.Struct({
  sessionId: Text,
  toolCall: Schema.Struct({ toolCallId: Text }),
  options: Schema.NonEmptyArray(
    Schema.Struct({
      optionId: Text,
      name: Text,
      kind: Schema.Literals(["allow_once", "allow_always", "reject_once", "reject_always"])
    })
  )
})
const Stopped = Schema.Struct({
  stopReason: Schema.Literals(["end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled"])
})
const Failure = Schema.Struct({ code: Schema.Int, message: Text })

const decodeUpdate = decoderOf(Update, "sessionUpdate")
const decodePermission = decoderOf(Permission)
const decodeStopped = decoderOf(Stopped)
const decodeFailure = decoderOf(Failure)

const rules = {
  shape: "A message is a JSON-RPC request, notification or response, with what its method requires",
  "session-same": "A turn is of one session, and another turn may be of another",
  "call-new": "A call is told once in a turn",
  "call-known": "An update and a permission are of a call that was told",
  "call-open": "A call that has completed or failed does not change",
  "end-last": "Nothing follows the answer to the prompt",
  ended: "A turn ends with the answer to its prompt: a stop reason or an error"
}

interface Message {
  readonly method?: string | undefined
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: unknown
}

/** A JSON-RPC message, or a frame that is named by its method, `result` or `error`. */
const messageOf = ({ event, value }: Captured): Message => {
  if (event === "result") return { result: value }
  if (event === "error") return { error: value }
  if (event !== undefined) return { method: event, params: value }
  if (!Predicate.isReadonlyObject(value)) return {}
  return {
    method: textAt(value, "method"),
    ...("params" in value ? { params: value["params"] } : {}),
    ...("result" in value ? { result: value["result"] } : {}),
    ...("error" in value ? { error: value["error"] } : {})
  }
}

export const protocol = make({
  name: "acp",
  title: "Agent Client Protocol",
  rules,
  isSign: (frame) => {
    const { method = "" } = messageOf(frame)
    return method === "session/update" || method === "session/request_permission"
  },
  open: (notes) => {
    const calls = new Map<string, "open" | "over">()
    let session: string | undefined
    let phase: "before" | "open" | "over" = "before"

    const known = (id: string, what: string): boolean => {
      if (calls.has(id) || notes.continues) return true
      notes.fault("call-known", `${what} of the call ${quote(id)}, which was not told`)
      return false
    }

    const updated = (update: Update): void => {
      switch (update.sessionUpdate) {
        case "agent_message_chunk":
          if (update.content.type === "text") notes.text(update.content.text)
          return
        case "tool_call":
          if (calls.has(update.toolCallId))
            notes.fault("call-new", `the call ${quote(update.toolCallId)} is told again`)
          calls.set(update.toolCallId, "open")
          break
        case "tool_call_update":
          if (!known(update.toolCallId, "an update")) return
          if (calls.get(update.toolCallId) === "over")
            return notes.fault("call-open", `the call ${quote(update.toolCallId)} changes`)
          break
        default:
          return
      }
      if (update.status !== "completed" && update.status !== "failed") return
      calls.set(update.toolCallId, "over")
      notes.result(update.toolCallId, asText(update.rawOutput ?? null))
    }

    const ofSession = (params: unknown): void => {
      const id = textAt(params, "sessionId")
      if (id === undefined) return notes.fault("shape", "field sessionId is missing")
      if (session !== undefined && id !== session)
        notes.fault("session-same", `it is ${quote(id)} after ${quote(session)}`)
      session = session ?? id
    }

    const called = (method: string, params: unknown): void => {
      if (method !== "session/update" && method !== "session/request_permission") return
      if (phase === "over") notes.fault("end-last", `${quote(method)} follows`)
      phase = "open"
      hasAnswer = false
      ofSession(params)
      if (method === "session/request_permission") {
        const asked = decodePermission(params)
        if (Result.isFailure(asked)) return notes.fault("shape", `${quote(method)}: ${asked.failure}`)
        const { toolCallId } = asked.success.toolCall
        if (known(toolCallId, "a permission") && calls.get(toolCallId) === "over")
          notes.fault("call-open", `the call ${quote(toolCallId)} is asked about`)
        return
      }
      const update = Predicate.hasProperty(params, "update") ? params.update : undefined
      const kind = textAt(update, "sessionUpdate")
      if (kind === undefined) return notes.fault("shape", "field update.sessionUpdate is missing")
      // Later kinds are not checked.
      if (!updates.has(kind)) return
      const decoded = decodeUpdate(update)
      if (Result.isFailure(decoded)) notes.fault("shape", `update ${quote(kind)}: ${decoded.failure}`)
      else updated(decoded.success)
    }

    const answered = ({ error, result }: Message, isSse: boolean): void => {
      // Answers to other requests are not about a turn; one to `session/load` follows the replayed history.
      if (error === undefined && !isSse && !hasField(result, "stopReason")) {
        hasAnswer = true
        return
      }
      if (phase === "over") notes.fault("end-last", "an answer follows")
      const decoded: Result.Result<unknown, string> = error === undefined ? decodeStopped(result) : decodeFailure(error)
      if (Result.isFailure(decoded)) notes.fault("shape", decoded.failure)
      // Output after an answer belongs to the next prompt.
      phase = isSse ? "over" : "before"
      hasAnswer = true
      if (isSse) return
      calls.clear()
      session = undefined
    }
    let hasAnswer = false

    return {
      isWaiting: false,
      read: (frame: Captured) => {
        const message = messageOf(frame)
        if (message.method !== undefined) called(message.method, message.params)
        else if (message.result !== undefined || message.error !== undefined) answered(message, frame.isSse)
        else notes.fault("shape", "it has neither a method nor a result nor an error")
      },
      end: () => {
        if (!hasAnswer) notes.fault("ended", "the prompt is not answered")
        phase = "before"
        hasAnswer = false
      }
    }
  }
})
