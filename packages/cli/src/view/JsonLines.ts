/**
 * A run as lines of JSON, one `{"event", "data"}` each, in the form of source 003: `text` (its last piece is `complete`), `step-start`,
 * `tool-call` (`started`, `input-available` for a question, `output-available`), `tool-output-error`, `error`, `finish`, which is the last.
 * What that form has no word for goes under the name of our own event, with our own data. Pure but for its own state.
 *
 * Carries the root view. Specialists are calls.
 */
import { Envelope, type Event, type Events, type Json } from "@reins/protocol"
import * as Predicate from "effect/Predicate"

interface Line {
  readonly event: string
  readonly data: { readonly [field: string]: unknown }
}

export class JsonLines {
  private readonly hidden: ReadonlySet<string>
  /** The last piece of text, which is complete or not by what follows. */
  private text: string | undefined
  private finish: Events.Finish | undefined

  /** `hidden`: names of events that are not printed. */
  constructor(hidden: ReadonlySet<string> = new Set()) {
    this.hidden = hidden
  }

  /** The lines of an envelope, without line ends. */
  take(envelope: Envelope.Envelope): ReadonlyArray<string> {
    return this.lines(envelope)
      .filter(({ event }) => !this.hidden.has(event))
      .map((line) => JSON.stringify(line))
  }

  private lines(envelope: Envelope.Envelope): ReadonlyArray<Line> {
    if (!Envelope.isRootView(envelope)) return []
    const { event } = envelope
    if (event.type === "text") {
      const before = this.spoken("streaming")
      this.text = event.text
      return before
    }
    return [...this.spoken("complete"), ...this.told(event)]
  }

  private spoken(state: "streaming" | "complete"): ReadonlyArray<Line> {
    const { text } = this
    this.text = undefined
    return text === undefined ? [] : [{ event: "text", data: { text, state } }]
  }

  private told(event: Exclude<Event, { readonly type: "text" }>): ReadonlyArray<Line> {
    switch (event.type) {
      case "step-start":
        return [{ event: "step-start", data: {} }]
      case "tool-invocation":
        return event.state === "call"
          ? [call(event.toolInvocationId, event.toolName, "started", event.args, null)]
          : result(event.toolInvocationId, event.toolName, event.args, event)
      case "tool-agent":
        return event.state === "call"
          ? [call(event.toolInvocationId, event.agentName, "started", event.prompt, null)]
          : result(event.toolInvocationId, event.agentName, null, event)
      case "approval-required": {
        const { id, payload, target, toolInvocationId } = event.data
        const asked = call(toolInvocationId ?? id, target, "input-available", payload, null)
        return [{ ...asked, data: { ...asked.data, approval_id: id } }]
      }
      case "error":
        return [
          { event: "error", data: { message: event.error.message, code: event.error.code } },
          { event: "finish", data: { finish_reason: "error" } }
        ]
      case "finish":
        this.finish = event
        return []
      case "data-latency-summary": {
        const { finish } = this
        const summary = ours(event.type, event)
        return finish === undefined
          ? [summary]
          : [summary, { event: "finish", data: { finish_reason: reasons[finish.finishReason] } }]
      }
      default:
        return [ours(event.type, event)]
    }
  }
}

/** An event of our own: its data, or its fields. */
const ours = (name: string, event: object): Line => {
  const { type: _, ...fields } = { type: name, ...event }
  const { data } = { data: undefined, ...event }
  return { event: name, data: Predicate.isReadonlyObject(data) && Object.keys(fields).length === 1 ? data : fields }
}

const call = (id: string, name: string, state: string, input: Json, output: Json): Line => ({
  event: "tool-call",
  data: { tool_call_id: id, tool_name: name, state, input, output }
})

const result = (
  id: string,
  name: string,
  input: Json,
  end: Pick<Events.ToolResult, "result"> & { readonly status?: Events.Status }
): ReadonlyArray<Line> =>
  end.status === undefined
    ? [call(id, name, "output-available", input, end.result)]
    : [{ event: "tool-output-error", data: { tool_call_id: id, error_text: reasonOf(end.result), status: end.status } }]

const reasonOf = (value: Json): string =>
  Predicate.hasProperty(value, "message") && Predicate.isString(value.message) ? value.message : JSON.stringify(value)

const reasons: { readonly [reason in Events.FinishReason]: string } = {
  stop: "complete",
  length: "max_tokens",
  budget: "max_tokens",
  cancelled: "cancelled",
  "content-filter": "error",
  "repeated-calls": "error",
  other: "complete"
}
