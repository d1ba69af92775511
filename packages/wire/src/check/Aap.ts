/**
 * Reads a turn of the Agent Application Protocol (source 001) as its client folds it: into messages, of which the last
 * of the assistant's says what waits.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Any, asText, type Captured, decoderOf, Fields, Is, make, quote, Text, textAt } from "./Reader.ts"

const Delta = Schema.Struct({ delta: Text })
const Event = Schema.Union([
  Schema.Struct({ event: Is("session_start"), data: Schema.Struct({ sessionId: Text }) }),
  Schema.Struct({ event: Is("turn_start"), data: Fields }),
  Schema.Struct({ event: Schema.Literals(["text_delta", "thinking_delta"]), data: Delta }),
  Schema.Struct({ event: Is("text"), data: Schema.Struct({ text: Text }) }),
  Schema.Struct({ event: Is("thinking"), data: Schema.Struct({ thinking: Text }) }),
  Schema.Struct({ event: Is("tool_call"), data: Schema.Struct({ toolCallId: Text, name: Text, input: Any }) }),
  Schema.Struct({
    event: Is("tool_result"),
    data: Schema.Struct({ toolCallId: Text, content: Schema.Union([Text, Schema.Array(Fields)]) })
  }),
  Schema.Struct({
    event: Is("turn_stop"),
    data: Schema.Struct({ stopReason: Schema.Literals(["end_turn", "tool_use", "max_tokens", "refusal", "error"]) })
  })
])
type Event = typeof Event.Type

const decode = decoderOf(Event, "event")

const names = [
  "session_start",
  "turn_start",
  "text_delta",
  "thinking_delta",
  "text",
  "thinking",
  "tool_call",
  "tool_result",
  "turn_stop"
]
const known = new Set(names)

const rules = {
  shape: "A frame has a name, and its data are a JSON object with the name's fields",
  "start-first": "`turn_start` opens a turn, once, after `session_start` where the session is new",
  "stop-last": "`turn_stop` is the last event of a turn, exactly one",
  "one-mode": "A turn streams deltas or whole messages, and not both",
  "call-new": "A call stands once",
  "result-known": "A result belongs to a call that was made, one each",
  "calls-settled": "A turn that ends with `end_turn` leaves no call of it without a result",
  "calls-wait": "A turn stops for `tool_use` when a call waits for the application",
  "waits-last": "Calls that wait stand in the last message of the assistant: text after a result hides them",
  ended: "A turn ends with `turn_stop`"
}

/** The name and the data of a frame; of a JSON line both are in the object. */
const eventOf = ({ event, isSse, value }: Captured): { readonly event: string | undefined; readonly data: unknown } => {
  if (isSse) return { event, data: value }
  const name = textAt(value, "event")
  if (!Predicate.isReadonlyObject(value)) return { event: name, data: value }
  const { data, event: _, ...fields } = { data: undefined, event: undefined, ...value }
  return { event: name, data: Object.keys(fields).length === 0 && data !== undefined ? data : fields }
}

export const protocol = make({
  name: "aap",
  title: "AAP",
  rules,
  isSign: (frame) => ["session_start", "turn_start", "turn_stop"].includes(eventOf(frame).event ?? ""),
  open: (notes) => {
    const calls = new Set<string>()
    const settled = new Set<string>()
    /** Calls of earlier turns that waited: their results may be the application's. */
    const answered = new Set<string>()
    let phase: "before" | "session" | "open" | "over" = "before"
    let mode: "delta" | "message" | undefined
    let last: Array<string> = []
    let hasResults = false
    let isWaiting = false

    const speak = (): void => {
      if (hasResults) last = []
      hasResults = false
    }

    const say = (event: Event["event"]): void => {
      const its = event.endsWith("_delta") ? "delta" : "message"
      if (mode !== undefined && mode !== its)
        notes.fault("one-mode", `${quote(event)} among ${mode === "delta" ? "deltas" : "messages"}`)
      mode = mode ?? its
      speak()
    }

    const stop = (reason: string): void => {
      phase = "over"
      isWaiting = reason === "tool_use"
      const waiting = [...calls].filter((id) => !settled.has(id) && !answered.has(id))
      const pending = last.filter((id) => !settled.has(id))
      if (reason === "end_turn" && waiting.length > 0)
        notes.fault("calls-settled", `without one: ${waiting.map(quote).join(", ")}`)
      if (!isWaiting) return
      if (waiting.length === 0) notes.fault("calls-wait", "none waits")
      const hidden = waiting.filter((id) => !pending.includes(id))
      if (hidden.length > 0) notes.fault("waits-last", `hidden: ${hidden.map(quote).join(", ")}`)
      for (const id of waiting) answered.add(id)
    }

    const take = (event: Event): void => {
      switch (event.event) {
        case "text_delta":
          say(event.event)
          return notes.text(event.data.delta)
        case "text":
          say(event.event)
          return notes.text(event.data.text)
        case "thinking":
        case "thinking_delta":
          return say(event.event)
        case "tool_call":
          if (calls.has(event.data.toolCallId))
            notes.fault("call-new", `the call ${quote(event.data.toolCallId)} stands again`)
          speak()
          calls.add(event.data.toolCallId)
          last.push(event.data.toolCallId)
          return
        case "tool_result": {
          const { content, toolCallId: id } = event.data
          const isKnown = calls.has(id) || notes.continues
          if (!isKnown || settled.has(id))
            return notes.fault(
              "result-known",
              `a result of ${quote(id)}, which ${isKnown ? "has one" : "was not called"}`
            )
          settled.add(id)
          hasResults = true
          return notes.result(id, asText(content))
        }
        case "turn_stop":
          return stop(event.data.stopReason)
        default:
      }
    }

    const begins = (event: Event): boolean => {
      if (event.event === "session_start") {
        if (phase !== "before") notes.fault("start-first", "`session_start` comes later")
        else phase = "session"
        return true
      }
      if (event.event === "turn_start") {
        if (phase !== "before" && phase !== "session") notes.fault("start-first", "`turn_start` comes again")
        phase = "open"
        last = []
        hasResults = false
        isWaiting = false
        mode = undefined
        return true
      }
      if (phase === "before" || phase === "session") {
        notes.fault("start-first", `${quote(event.event)} comes before \`turn_start\``)
        phase = "open"
      }
      return false
    }

    return {
      get isWaiting() {
        return isWaiting
      },
      read: (frame: Captured) => {
        const named = eventOf(frame)
        if (named.event === undefined) return notes.fault("shape", "it has no name")
        if (phase === "over") return notes.fault("stop-last", `${quote(named.event)} follows \`turn_stop\``)
        // Clients keep events that they do not know, and do nothing with them.
        if (!known.has(named.event)) return
        const event = decode(named)
        if (Result.isFailure(event)) notes.fault("shape", `event ${quote(named.event)}: ${event.failure}`)
        else if (!begins(event.success)) take(event.success)
      },
      end: () => {
        if (phase !== "over") notes.fault("ended", "the stream ends without it")
        phase = "before"
      }
    }
  }
})
