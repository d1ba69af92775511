/**
 * Reads Kai's stream (source 003) as its client does: data-only frames with the type inside, and the lines of its CLI,
 * which name the event beside the data and write keys in snake_case.
 */
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  Any,
  asText,
  type Captured,
  Count,
  decoderOf,
  Fields,
  Is,
  make,
  Maybe,
  Nullable,
  quote,
  Text,
  textAt
} from "./Reader.ts"

const states = [
  "started",
  "input-streaming",
  "input-available",
  "approval-requested",
  "approval-responded",
  "streaming",
  "output-available",
  "output-error",
  "output-denied",
  "done"
] as const

const Known = Schema.Union([
  Schema.Struct({ type: Is("start"), messageId: Maybe(Text) }),
  Schema.Struct({ type: Is("text"), text: Text, state: Nullable(Schema.Literals(["streaming", "complete", "done"])) }),
  Schema.Struct({ type: Is("step-start") }),
  Schema.Struct({
    type: Is("tool-call"),
    toolCallId: Text,
    toolName: Nullable(Text),
    state: Schema.Literals(states),
    input: Nullable(Fields),
    output: Nullable(Fields),
    errorText: Nullable(Text),
    approval: Maybe(Schema.Struct({ id: Text }))
  }),
  Schema.Struct({ type: Is("tool-output-error"), toolCallId: Text, errorText: Text }),
  Schema.Struct({ type: Is("tool-approval-request"), approvalId: Text, toolCallId: Text }),
  Schema.Struct({
    type: Is("data-usage"),
    data: Schema.Struct({ promptTokens: Count, completionTokens: Count })
  }),
  Schema.Struct({ type: Is("finish"), finishReason: Nullable(Text), usage: Maybe(Any) }),
  Schema.Struct({ type: Is("error"), message: Text, code: Nullable(Text) })
])
type Known = typeof Known.Type

const decode = decoderOf(Known)
const types = new Set([
  "start",
  "text",
  "step-start",
  "tool-call",
  "tool-output-error",
  "tool-approval-request",
  "data-usage",
  "finish",
  "error"
])

const rules = {
  shape: "An event has a type; the known ones have their fields, and a call's input and output are objects or null",
  "start-first": "`start` opens an answer, once",
  "text-complete": "The last piece of a text has the state `complete`",
  "call-started": "A call starts once",
  "call-known": "What happens to a call follows its start",
  "call-name": "A call keeps the name of its tool",
  "call-open": "A call has one output; after that its state does not change",
  "call-closed": "When the answer finishes, a call that started has an output, or waits with its input available",
  "one-question": "A client asks about the last call that waits, so that only one may wait",
  "approval-known": "An approval is requested for a call whose input is available",
  "error-after-approval": "`tool-output-error` is of a call that was approved; any other failure is `output-error`",
  "finish-last": "A client stops reading at `finish`: only `data-…` events follow it",
  finish: "An answer ends with `finish`"
}

const snakes = {
  tool_call_id: "toolCallId",
  tool_name: "toolName",
  error_text: "errorText",
  finish_reason: "finishReason"
}
const camel = new Map<string, string>([
  ...Object.entries(snakes),
  ["approval_id", "approvalId"],
  ["message_id", "messageId"],
  ["prompt_tokens", "promptTokens"],
  ["completion_tokens", "completionTokens"]
])

const isWrapped = (value: unknown): value is { readonly event: string; readonly data: object } =>
  Predicate.hasProperty(value, "event") &&
  typeof value.event === "string" &&
  Predicate.hasProperty(value, "data") &&
  typeof value.data === "object" &&
  value.data !== null

/** `{event, data}` as `{type, …}`. */
const unwrapped = (value: unknown): unknown => {
  if (!isWrapped(value)) return value
  const fields = Object.fromEntries(Object.entries(value.data).map(([name, field]) => [camel.get(name) ?? name, field]))
  return value.event === "data-usage" ? { type: value.event, data: fields } : { ...fields, type: value.event }
}

const wrappedSigns = new Set([...types, "reasoning", "tool-progress"])
const isWaitingReason = (reason: string | null | undefined): boolean =>
  reason === "tool_calls" || reason === "tool-calls"

interface Call {
  readonly name: string | undefined
  state: "started" | "available" | "over"
  wasAsked: boolean
  hasFailed: boolean
}

export const protocol = make({
  name: "kai",
  title: "Kai",
  rules,
  isSign: ({ value }) => {
    if (isWrapped(value)) return wrappedSigns.has(value.event)
    const type = textAt(value, "type")
    if (type === "text") return textAt(value, "state") !== undefined
    return type === "tool-call" || type === "data-usage"
  },
  open: (notes) => {
    const calls = new Map<string, Call>()
    let isFirst = true
    let isSpeaking = false
    let isFinished = false
    let isWaiting = false

    const known = (id: string, what: string): Call | undefined => {
      const call = calls.get(id)
      if (call !== undefined) return call
      if (!notes.continues) {
        notes.fault("call-known", `${what} of the call ${quote(id)}, which was not started`)
        return undefined
      }
      const earlier: Call = { name: undefined, state: "started", wasAsked: true, hasFailed: false }
      calls.set(id, earlier)
      return earlier
    }

    const happened = (event: Extract<Known, { readonly type: "tool-call" }>): void => {
      const { errorText, output, state, toolCallId, toolName } = event
      const before = calls.get(toolCallId)
      if (state === "started") {
        if (before !== undefined) notes.fault("call-started", `the call ${quote(toolCallId)} starts again`)
        else calls.set(toolCallId, { name: toolName ?? undefined, state, wasAsked: false, hasFailed: false })
        return
      }
      // A question may be about something other than a call of the agent: it begins with its input.
      if (before === undefined && state === "input-available") {
        calls.set(toolCallId, { name: toolName ?? undefined, state: "available", wasAsked: true, hasFailed: false })
        return
      }
      const call = known(toolCallId, `the state ${quote(state)}`)
      if (call === undefined) return
      if (call.name !== undefined && toolName != null && toolName !== call.name)
        notes.fault("call-name", `the call ${quote(toolCallId)} of ${quote(call.name)} is now of ${quote(toolName)}`)
      if (call.state === "over") {
        notes.fault("call-open", `the state ${quote(state)} of the call ${quote(toolCallId)}, which has its output`)
        return
      }
      if (state === "input-available" || state === "approval-requested") {
        call.state = "available"
        call.wasAsked = true
      }
      if (!state.startsWith("output-") && state !== "done") return
      call.state = "over"
      notes.result(toolCallId, state === "output-available" ? asText(output ?? null) : (errorText ?? ""))
    }

    const failed = (id: string, errorText: string): void => {
      const call = known(id, "an error")
      if (call === undefined) return
      // A call that was asked about has an output besides its error, so that the client counts it as settled.
      if (call.hasFailed) notes.fault("call-open", `an error of the call ${quote(id)}, which has one`)
      else if (!call.wasAsked) notes.fault("error-after-approval", `the call ${quote(id)} was not asked about`)
      call.state = "over"
      call.hasFailed = true
      notes.result(id, errorText)
    }

    const finish = (reason: string | null | undefined): void => {
      isFinished = true
      const waiting = [...calls].filter(([, { state }]) => state === "available")
      isWaiting = waiting.length > 0
      if (waiting.length > 1)
        notes.fault("one-question", `the calls ${waiting.map(([id]) => quote(id)).join(", ")} wait`)
      if (isWaitingReason(reason)) return
      for (const [id, { state }] of calls)
        if (state === "started") notes.fault("call-closed", `the call ${quote(id)} has no output`)
    }

    const take = (event: Known): void => {
      switch (event.type) {
        case "start":
          if (!isFirst) notes.fault("start-first", "`start` comes later")
          return
        case "text":
          isSpeaking = event.state === "streaming"
          notes.text(event.text)
          return
        case "tool-call":
          return happened(event)
        case "tool-output-error":
          return failed(event.toolCallId, event.errorText)
        case "tool-approval-request": {
          const call = known(event.toolCallId, "an approval")
          if (call !== undefined && call.state !== "available")
            notes.fault("approval-known", `the input of the call ${quote(event.toolCallId)} is not available`)
          return
        }
        case "finish":
          return finish(event.finishReason)
        default:
      }
    }

    return {
      get isWaiting() {
        return isWaiting
      },
      read: ({ data, value }: Captured) => {
        if (data === "[DONE]") return
        const event = unwrapped(value)
        const type = textAt(event, "type")
        if (type === undefined) return notes.fault("shape", "it has no type")
        if (isFinished && !type.startsWith("data-"))
          return notes.fault("finish-last", `${quote(type)} follows \`finish\``)
        if (isSpeaking && type !== "text" && type !== "error" && !type.startsWith("data-")) {
          notes.fault("text-complete", `${quote(type)} follows a piece that is \`streaming\``)
          isSpeaking = false
        }
        // Others pass through the client as they are.
        const known = types.has(type) ? decode(event) : undefined
        if (known !== undefined && Result.isFailure(known))
          notes.fault("shape", `event ${quote(type)}: ${known.failure}`)
        else if (known !== undefined) take(known.success)
        isFirst = false
      },
      end: () => {
        if (!isFinished) notes.fault("finish", "the stream ends without it")
        // The next request answers what waits.
        for (const call of calls.values()) if (call.state === "available") call.state = "started"
        isFinished = false
        isFirst = true
        isSpeaking = false
      }
    }
  }
})
