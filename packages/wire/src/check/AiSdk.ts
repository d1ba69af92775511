/** Reads the UI message stream of the AI SDK, version 7 of its packages. */
import * as Result from "effect/Result"
import { Chunk } from "./AiSdkChunk.ts"
import { asText, type Captured, decoderOf, hasField, make, quote, textAt } from "./Reader.ts"

const decode = decoderOf(Chunk)

const rules = {
  shape: "A frame is one of the chunks of the protocol; a client ends the stream at any other",
  "start-first": "`start` opens a message that has steps or a `finish`, once, before everything but data",
  "part-start": "A text or a reasoning starts under an id that is not open",
  "part-open": "A delta and an end have a part that was started and has not ended",
  "part-closed": "A text or a reasoning ends before its step and its message finish",
  "step-order": "A step starts when the one before has finished, and finishes once",
  "call-new": "A call's input is available once",
  "input-open": "A piece of input follows the start of its call's input",
  "call-known": "Approvals and outputs are of a call that the message has",
  "call-open": "A call has one final output",
  "call-answered": "A call that waits for an approval has no output before it is answered",
  "approval-new": "An approval is requested once",
  "approval-known": "A response answers a request that the message has and that is not answered",
  "finish-last": "Only data and metadata of the message follow `finish`",
  finish: "An answer that begins with `start` ends with `finish`, `error` or `abort`",
  done: "The stream of frames ends with `[DONE]`, once"
}

interface Call {
  state: "input" | "ready" | "over"
  approval: "none" | "asked" | "answered"
}

const signs = new Set([
  "start-step",
  "finish-step",
  "text-start",
  "reasoning-start",
  "tool-input-start",
  "tool-input-available",
  "tool-output-available",
  "tool-output-denied",
  "tool-approval-response",
  "steering-message"
])

const isFree = (type: Chunk["type"]): boolean => type.startsWith("data-") || type === "message-metadata"

export const protocol = make({
  name: "ai-sdk",
  title: "AI SDK UI message stream",
  rules,
  isSign: ({ value }) => {
    const type = textAt(value, "type") ?? ""
    return signs.has(type) && !hasField(value, "seq")
  },
  open: (notes) => {
    const calls = new Map<string, Call>()
    const approvals = new Map<string, { readonly callId: string; isAnswered: boolean }>()
    let open = new Map<string, string>()
    let phase: "before" | "open" | "finished" | "failed" = "before"
    /** Writers of their own may leave out `start`, `finish` and steps altogether. */
    let isBare = false
    let step: "none" | "open" | "unknown" = notes.continues ? "unknown" : "none"
    let steps = 0
    let isDone = false
    let isSse = false
    let isWaiting = false

    const closed = (what: string) => {
      for (const [id] of open) notes.fault("part-closed", `part ${quote(id)} is open at ${what}`)
      open = new Map()
    }
    const headed = (type: string) => {
      if (isBare) notes.fault("start-first", `${quote(type)} is of a message without \`start\``)
      isBare = false
    }
    const called = (id: string, what: string): Call | undefined => {
      const call = calls.get(id)
      if (call !== undefined || notes.continues) return call
      notes.fault("call-known", `${what} of the call ${quote(id)}, which the message does not have`)
      return undefined
    }
    const settled = (id: string, what: string, isFinal: boolean): boolean => {
      const call = called(id, what)
      if (call === undefined) {
        if (!notes.continues) return false
        calls.set(id, { state: isFinal ? "over" : "ready", approval: "none" })
        return true
      }
      if (call.state === "over") notes.fault("call-open", `${what} of the call ${quote(id)}, which has its output`)
      else if (call.approval === "asked") notes.fault("call-answered", `${what} of the call ${quote(id)}, which waits`)
      else {
        if (isFinal) call.state = "over"
        return true
      }
      return false
    }

    const take = (chunk: Chunk): void => {
      if (phase === "before") isWaiting = false
      if (chunk.type === "start") {
        if (phase !== "before")
          notes.fault("start-first", `\`start\` comes ${isBare ? "behind other chunks" : "again"}`)
        isBare = false
        phase = phase === "before" ? "open" : phase
        return
      }
      if (phase === "before" && !isFree(chunk.type) && chunk.type !== "error" && chunk.type !== "abort") {
        phase = "open"
        isBare = true
      }
      if (phase === "finished" && !isFree(chunk.type)) {
        notes.fault("finish-last", `${quote(chunk.type)} follows \`finish\``)
        return
      }
      switch (chunk.type) {
        case "start-step":
          headed(chunk.type)
          if (step === "open") notes.fault("step-order", "a step starts within a step")
          step = "open"
          steps += 1
          return
        case "finish-step":
          if (step === "none") notes.fault("step-order", "no step is open")
          closed("`finish-step`")
          step = "none"
          return
        case "reset-step":
          if (step === "none") notes.fault("step-order", "no step is open")
          notes.text("", `step-${steps}`, true)
          open = new Map()
          // What the step had begun to write is taken back with it.
          for (const [id, { state }] of calls) if (state === "input") calls.delete(id)
          return
        case "text-start":
        case "reasoning-start":
          if (open.has(chunk.id)) notes.fault("part-start", `part ${quote(chunk.id)} is open`)
          open.set(chunk.id, chunk.type)
          return
        case "text-delta":
        case "reasoning-delta":
        case "text-end":
        case "reasoning-end": {
          const [kind] = chunk.type.split("-")
          if (open.get(chunk.id) !== `${kind}-start`) {
            notes.fault("part-open", `${quote(chunk.type)} for the part ${quote(chunk.id)}, which is not open`)
          } else if (chunk.type === "text-delta") notes.text(chunk.delta, `step-${steps}`)
          else if (!("delta" in chunk)) open.delete(chunk.id)
          return
        }
        case "tool-input-start":
          if (calls.has(chunk.toolCallId)) notes.fault("call-new", `the call ${quote(chunk.toolCallId)} starts again`)
          else calls.set(chunk.toolCallId, { state: "input", approval: "none" })
          return
        case "tool-input-delta":
          if (calls.get(chunk.toolCallId)?.state !== "input")
            notes.fault("input-open", `input of the call ${quote(chunk.toolCallId)}, whose input is not open`)
          return
        case "tool-input-available":
        case "tool-input-error": {
          const call = calls.get(chunk.toolCallId)
          if (call !== undefined && call.state !== "input")
            notes.fault("call-new", `the call ${quote(chunk.toolCallId)} has its input`)
          else
            calls.set(chunk.toolCallId, {
              state: chunk.type === "tool-input-error" ? "over" : "ready",
              approval: "none"
            })
          return
        }
        case "tool-approval-request": {
          const call = called(chunk.toolCallId, "an approval")
          if (approvals.has(chunk.approvalId))
            notes.fault("approval-new", `the approval ${quote(chunk.approvalId)} is requested again`)
          else if (call?.state === "over")
            notes.fault("call-open", `an approval of the call ${quote(chunk.toolCallId)}, which has its output`)
          else if (call !== undefined) call.approval = chunk.isAutomatic === true ? "answered" : "asked"
          approvals.set(chunk.approvalId, { callId: chunk.toolCallId, isAnswered: false })
          return
        }
        case "tool-approval-response": {
          const approval = approvals.get(chunk.approvalId)
          if (approval === undefined && notes.continues) return
          if (approval === undefined || approval.isAnswered) {
            const why = approval === undefined ? "is not requested" : "is answered"
            notes.fault("approval-known", `a response to ${quote(chunk.approvalId)}, which ${why}`)
            return
          }
          approval.isAnswered = true
          const call = calls.get(approval.callId)
          if (call?.approval === "asked") call.approval = "answered"
          return
        }
        case "tool-output-available":
          if (settled(chunk.toolCallId, "an output", chunk.preliminary !== true) && chunk.preliminary !== true)
            notes.result(chunk.toolCallId, asText(chunk.output))
          return
        case "tool-output-error":
          if (settled(chunk.toolCallId, "an error", true)) notes.result(chunk.toolCallId, chunk.errorText)
          return
        case "tool-output-denied":
          if (settled(chunk.toolCallId, "a denial", true)) notes.result(chunk.toolCallId, "denied")
          return
        case "finish":
          headed(chunk.type)
          closed("`finish`")
          if (step === "open") notes.fault("step-order", "`finish` stands within a step")
          isWaiting = chunk.finishReason === "tool-calls"
          phase = "finished"
          return
        case "error":
        case "abort":
          phase = "failed"
          return
        default:
      }
    }

    return {
      get isWaiting() {
        return isWaiting
      },
      read: (frame: Captured) => {
        isSse = frame.isSse
        if (isDone) notes.fault("done", frame.data === "[DONE]" ? "`[DONE]` comes again" : "a frame follows `[DONE]`")
        if (frame.data === "[DONE]") {
          isDone = true
          return
        }
        const chunk = decode(frame.value)
        if (Result.isFailure(chunk)) {
          const type = textAt(frame.value, "type")
          notes.fault("shape", type === undefined ? chunk.failure : `chunk ${quote(type)}: ${chunk.failure}`)
        } else take(chunk.success)
      },
      end: () => {
        if (phase === "open" && !isBare) notes.fault("finish", "the stream ends without one")
        if (isSse && !isDone) notes.fault("done", "the stream ends without `[DONE]`")
        // Answers to approvals need not be in the stream: the client has them.
        for (const call of calls.values()) if (call.approval === "asked") call.approval = "answered"
        phase = "before"
        isBare = false
        step = step === "open" ? "open" : "unknown"
        open = new Map()
        isDone = false
      }
    }
  }
})
