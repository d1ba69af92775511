/**
 * Reads the native stream: our own events, bare or in their envelopes. Its order is the order of a run's
 * events, of which `Ordering` is the definition.
 *
 * Bare events are read as the root view. Those of the view `progress` do not say whose they are and cannot be checked.
 */
import { AgentPath, Envelope, Event, Ordering } from "@reins/protocol"
import * as Result from "effect/Result"
import { asText, type Captured, decoderOf, hasField, make, quote, textAt } from "./Reader.ts"

const decodeEvent = decoderOf(Event)
const decodeEnvelope = decoderOf(Envelope.Envelope)

const rules: { readonly [rule: string]: string } = {
  ...Object.fromEntries(Ordering.rules.map(({ id, says }) => [id, says])),
  shape: "A frame is an event, or an event in its envelope, as its schema says",
  "one-view": "A stream has events or envelopes, and not both",
  "id-rises": "The `id` of a frame is the `seq` of its event: a number that rises",
  ended: "A run ends with both summaries behind `finish`, or with `error`"
}

const signs = new Set([
  "reasoning",
  "tool-invocation",
  "tool-agent",
  "data-tool-agent",
  "approval-required",
  "approval-decision",
  "plan-status-change",
  "message-received",
  "late-result",
  "data-cost-summary",
  "data-latency-summary"
])

const isEnvelope = (value: unknown): boolean => hasField(value, "event") && hasField(value, "seq")

export const protocol = make({
  name: "native",
  title: "native",
  rules,
  isSign: ({ value }) => {
    if (isEnvelope(value)) return hasField(value, "runId")
    const type = textAt(value, "type") ?? ""
    if (type === "text") return hasField(value, "text") && !hasField(value, "state")
    return signs.has(type)
  },
  open: (notes) => {
    let view: "events" | "envelopes" | undefined
    const root = new Ordering.Automaton("root")
    const log = Ordering.checking()
    let lastId = -1
    let steps = 0
    let hasEnded = false
    const waiting = new Set<string>()

    const understand = (event: Event): void => {
      switch (event.type) {
        case "step-start":
          steps += 1
          return
        case "step-retracted":
          return notes.text("", `step-${steps}`, true)
        case "text":
          return notes.text(event.text, `step-${steps}`)
        case "tool-invocation":
        case "tool-agent":
          if (event.state === "result") notes.result(event.toolInvocationId, asText(event.result))
          return
        case "approval-required":
          waiting.add(event.data.id)
          return
        case "approval-decision":
          waiting.delete(event.data.id)
          return
        default:
      }
    }

    const numbered = (id: string | undefined, seq?: number): void => {
      if (id === undefined) return
      const isNext = /^\d{1,15}$/.test(id) && Number(id) > lastId && (seq === undefined || Number(id) === seq)
      if (isNext) lastId = Number(id)
      else notes.fault("id-rises", `the id is ${quote(id)} after ${lastId === -1 ? "none" : lastId}`)
    }

    const readEnvelope = ({ id, value }: Captured): void => {
      const envelope = decodeEnvelope(value)
      if (Result.isFailure(envelope)) return notes.fault("shape", envelope.failure)
      numbered(id, envelope.success.seq)
      for (const { violation } of log.take(envelope.success)) notes.fault(violation.rule, violation.message)
      hasEnded = log.ended
      if (envelope.success.agentPath.length === 0) understand(envelope.success.event)
    }

    const readEvent = ({ id, value }: Captured): void => {
      const event = decodeEvent(value)
      if (Result.isFailure(event)) {
        const type = textAt(value, "type")
        return notes.fault("shape", type === undefined ? event.failure : `event ${quote(type)}: ${event.failure}`)
      }
      numbered(id)
      const violation = root.accept(AgentPath.root, [event.success])
      if (violation !== undefined)
        return notes.fault(violation.rule, `${quote(event.success.type)}: ${violation.message}`)
      hasEnded = root.ended
      understand(event.success)
    }

    return {
      get isWaiting() {
        return waiting.size > 0
      },
      read: (frame) => {
        const seen = isEnvelope(frame.value) ? "envelopes" : "events"
        view = view ?? seen
        if (seen !== view) return notes.fault("one-view", `a frame of ${seen} among ${view}`)
        if (view === "envelopes") readEnvelope(frame)
        else readEvent(frame)
      },
      end: () => {
        if (!hasEnded) notes.fault("ended", "the stream ends before the run")
      }
    }
  }
})
