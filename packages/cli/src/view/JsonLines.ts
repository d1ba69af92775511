/**
 * A run as lines of JSON, one `{"event", "data"}` each, in the form of Kai's command line: `text` (its last piece is
 * `complete`), `step-start`, `tool-call` (`started`, `input-available` for a question, `output-available`,
 * `output-error`, `output-denied`), `tool-output-error` of a call that was approved, `error`, `finish`, which is the
 * last. A call's input and output are objects: any other value is put under `value`. What that form has no word for
 * goes under the name of our own event, with our own data. Pure but for its own state.
 *
 * Carries the root view, and the decisions on calls of specialists. Specialists are calls.
 */
import { Approval, Envelope, type Event, type Events, type Json } from "@reins/protocol"
import { CallId } from "@reins/wire"
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
  /** The call that each question is about; one of its own where it is about a plan or a limit. */
  private readonly asked = new Map<string, Asked>()
  private readonly approved = new Set<string>()

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
    const { agentPath, event } = envelope
    if (!Envelope.isRootView(envelope)) return this.below(agentPath, event)
    if (event.type === "text") {
      const before = this.spoken("streaming")
      this.text = event.text
      return before
    }
    return [...this.spoken("complete"), ...this.told(event)]
  }

  /** The decision on a specialist's call; until then it waits. */
  private below(path: Envelope.Envelope["agentPath"], event: Event): ReadonlyArray<Line> {
    if (event.type !== "tool-invocation" && event.type !== "tool-agent") return []
    const id = CallId.make(path, event.toolInvocationId)
    const isAsked = [...this.asked.values()].some(({ callId }) => callId === id)
    if (event.state === "call" || !isAsked) return []
    const lines = this.settled(id, event.type === "tool-agent" ? event.agentName : event.toolName, {}, event)
    return [...this.spoken("complete"), ...lines]
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
          : this.settled(event.toolInvocationId, event.toolName, event.args, event)
      case "tool-agent":
        return event.state === "call"
          ? [call(event.toolInvocationId, event.agentName, "started", event.prompt, null)]
          : this.settled(event.toolInvocationId, event.agentName, null, event)
      case "approval-required": {
        const { agentPath = [], id, kind, payload, target, toolInvocationId } = event.data
        const callId = toolInvocationId === undefined ? id : CallId.make(agentPath, toolInvocationId)
        this.asked.set(id, { callId, name: target, kind })
        const asked = call(callId, target, "input-available", payload, null)
        return [{ ...asked, data: { ...asked.data, approval_id: id } }]
      }
      case "approval-decision":
        return [ours(event.type, event), ...this.decided(event.data)]
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

  private decided({ id, outcome }: Approval.Resolution): ReadonlyArray<Line> {
    const asked = this.asked.get(id)
    if (asked === undefined) return []
    if (Approval.allows(outcome)) this.approved.add(asked.callId)
    // A plan and a limit have no call whose result would come.
    const isOwn = asked.kind === "plan" || asked.kind === "budget"
    return isOwn ? [call(asked.callId, asked.name, "output-available", null, outcome)] : []
  }

  private settled(
    id: string,
    name: string,
    input: Json,
    { result, status }: Pick<Events.ToolResult, "result"> & { readonly status?: Events.Status }
  ): ReadonlyArray<Line> {
    if (status === undefined) return [call(id, name, "output-available", input, result)]
    const error_text = reasonOf(result)
    if (this.approved.has(id) && status !== "denied")
      return [{ event: "tool-output-error", data: { tool_call_id: id, error_text, status } }]
    const state = status === "denied" ? "output-denied" : "output-error"
    const failed = call(id, name, state, input, { error: error_text, status })
    return [{ ...failed, data: { ...failed.data, error_text } }]
  }
}

interface Asked {
  readonly callId: string
  readonly name: string
  readonly kind: Approval.Kind
}

/** An event of our own: its data, or its fields. */
const ours = (name: string, event: object): Line => {
  const { type: _, ...fields } = { type: name, ...event }
  const { data } = { data: undefined, ...event }
  return { event: name, data: Predicate.isReadonlyObject(data) && Object.keys(fields).length === 1 ? data : fields }
}

const call = (id: string, name: string, state: string, input: Json, output: Json): Line => ({
  event: "tool-call",
  data: { tool_call_id: id, tool_name: name, state, input: fieldsOf(input), output: fieldsOf(output) }
})

/** Readers of that form take objects and `null` only. */
const fieldsOf = (value: Json): Json => (value === null || Predicate.isReadonlyObject(value) ? value : { value })

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
