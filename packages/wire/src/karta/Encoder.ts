/** Karta's events as frames: its own stream, the two streams of its adapters, and the log of its managed agents. */
import type { Envelope } from "@reins/protocol"
import type { Encoder } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import type { KartaEvent } from "./KartaEvent.ts"
import { everything, Turn } from "./Turn.ts"
import type { Options } from "./Turn.ts"

type Frames = ReadonlyArray<Frame.Frame>

/**
 * What one stream makes of a turn's events. `close` comes when the run has ended, not when the answer stops at a
 * question.
 */
interface Form {
  readonly open: (envelope: Envelope.Envelope) => Frames
  readonly frames: (event: KartaEvent) => Frames
  readonly close: Frames
}

const encoder = (options: Options, form: Form): Encoder => {
  const turn = new Turn(options)
  let isOpen = false
  let hasEnded = false
  const framesOf = (event: KartaEvent): Frames => {
    if (event.type === "done" || event.type === "error") hasEnded = true
    return form.frames(event)
  }
  return {
    step: (envelope) => {
      const frames = turn.step(envelope).flatMap(framesOf)
      if (isOpen) return frames
      isOpen = true
      return [...form.open(envelope), ...frames]
    },
    finish: () => (hasEnded ? form.close : Frame.none),
    reopen: (answered, messageId) => {
      turn.expect(answered)
      if (messageId !== undefined) turn.begin(messageId)
      return Frame.none
    },
    get isDetached() {
      return turn.isDetached
    }
  }
}

const nothing = () => Frame.none

export const open = (options: Options = everything): Encoder =>
  encoder(options, { open: nothing, frames: (event) => [Frame.named(event.type, event)], close: Frame.none })

/** The chat completions adapter: text only, in Karta's own format. */
export const openChat = (): Encoder =>
  encoder(everything, {
    open: nothing,
    frames: (event) => {
      if (event.type === "text") {
        return [Frame.named("chunk", { choices: [{ delta: { content: event.data.part.text } }] })]
      }
      return event.type === "error" ? [Frame.named("error", event.data)] : Frame.none
    },
    close: [{ event: "[DONE]", data: "[DONE]" }]
  })

/** The responses adapter: text only, in Karta's own format. */
export const openResponses = (): Encoder => {
  let id = ""
  return encoder(everything, {
    open: ({ runId }) => {
      id = `resp_${runId}`
      return [Frame.named("response.created", { type: "response.created", id, status: "in_progress" })]
    },
    frames: (event) => {
      switch (event.type) {
        case "text": {
          const type = "response.output_text.delta"
          return [Frame.named(type, { type, delta: event.data.part.text })]
        }
        case "done": {
          const type = "response.completed"
          return [Frame.named(type, { type, id, status: "completed", usage: event.data.usage })]
        }
        case "error": {
          if (event.data.code === "budget_exhausted") return Frame.none
          const type = "response.failed"
          return [Frame.named(type, { type, id, status: "failed", error: event.data })]
        }
        default:
          return Frame.none
      }
    },
    close: Frame.none
  })
}

/** An event of a managed agent's log: `seq` counts over all runs of the session. */
export interface LogEvent {
  readonly seq: number
  readonly type: string
  readonly session_id: string
  readonly data: unknown
}

/** Turns the runs of a session, in order, into its log. */
export const log = (): { readonly step: (envelope: Envelope.Envelope) => ReadonlyArray<LogEvent> } => {
  let seq = 0
  let runId: string | undefined
  let turn = new Turn(everything)
  return {
    step: (envelope) => {
      if (envelope.runId !== runId) turn = new Turn(everything)
      runId = envelope.runId
      return turn.step(envelope).map(({ data, session_id, type }) => {
        seq += 1
        return { seq, type: `agent.${type}`, session_id, data }
      })
    }
  }
}

/** The log as a stream, after the event `after`. It does not end at a question. */
export const openLog = (after: number): Encoder => {
  const events = log()
  return {
    step: (envelope) =>
      events
        .step(envelope)
        .filter(({ seq }) => seq > after)
        .map((event) => ({ ...Frame.named(event.type, event), id: `${event.seq}` })),
    finish: nothing,
    reopen: nothing,
    isDetached: false
  }
}
