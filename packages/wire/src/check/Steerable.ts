/**
 * Reads Steerable's stream (source 004): one open envelope for every transport, ended by `[DONE]` or `done`; or the lines of its
 * sidecar.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { make, type Captured, type Reader } from "./Reader.ts"
import * as Shape from "./Shape.ts"
import * as Sidecar from "./SteerableSidecar.ts"
import { Any, Bool, Fields, Is, Maybe, Nullable, quote, Text } from "./Shape.ts"

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

const decode = Shape.reader(Event)

const rules = {
  ...Sidecar.rules,
  named: "A frame that has a name is named `message`",
  "result-known": "A result that names its call belongs to one that was made, one each",
  "stopped-last": "`budget_exhausted` stops the run: only `done` follows",
  "done-last": "After `done` only `[DONE]` follows, and after that nothing"
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
    if (Sidecar.isLine(value)) return /^(stream|lifecycle|trace)\./.test(Shape.textAt(value, "method") ?? "")
    const type = Shape.textAt(value, "type") ?? ""
    // Our own native event of this name has the limit in its data.
    return signs.has(type) && !Shape.has(value, "data") && !Shape.has(value, "session_id")
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
      notes.result(id, success ? Shape.asText(data ?? null) : Shape.asText(error ?? ""))
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
        if (isFirst && Sidecar.isLine(value)) sidecar = Sidecar.open(notes)
        isFirst = false
        if (sidecar !== undefined) return sidecar.read(frame)
        if (name !== undefined && name !== "message") notes.fault("named", `the name is ${quote(name)}`)
        if (data === "[DONE]") {
          if (phase === "over") notes.fault("done-last", "`[DONE]` comes again")
          phase = "over"
          return
        }
        const event = decode(value)
        const type = Shape.textAt(value, "type")
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
