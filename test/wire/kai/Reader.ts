/**
 * Reads Kai's stream as its client does: every call whose input is available and that has no output is one to ask
 * about.
 */
import { KaiEvent } from "@reins/wire/kai"
import type { Answers } from "../Play.ts"
import { fields, rule, strictly, textOf } from "../Rule.ts"
import type { Understood } from "../Suite.ts"

const decode = strictly(KaiEvent)

export const read = (answers: Answers): Understood => {
  let text = ""
  const results = new Map<string, string>()
  let isStarted = false
  const started = new Set<string>()
  const asked = new Set<string>()
  for (const [index, frames] of answers.entries()) {
    const open = new Set<string>()
    let finishes = 0
    let isSpeaking = false
    for (const [at, frame] of frames.entries()) {
      rule(frame.event === undefined && frame.id === undefined, "frames are data only", frame)
      const event = decode(fields(frame))
      rule(finishes === 0, "nothing stands behind finish", event)
      rule(isStarted || (at === 0 && event.type === "start"), "start stands first", event)
      if (event.type !== "text" && !event.type.startsWith("data-")) rule(!isSpeaking, "a text is complete", event)
      switch (event.type) {
        case "start":
          rule(index === 0, "start stands once", event)
          isStarted = true
          break
        case "text":
          text += event.text
          isSpeaking = event.state === "streaming"
          break
        case "tool-call":
          if (event.state === "started") {
            rule(!started.has(event.toolCallId), "a call starts once", event)
            started.add(event.toolCallId)
          }
          if (event.state === "input-available") open.add(event.toolCallId)
          if (event.state === "output-available") {
            rule(!results.has(event.toolCallId), "a call has one output", event)
            open.delete(event.toolCallId)
            results.set(event.toolCallId, textOf(event.output))
          }
          if (event.state === "output-error" || event.state === "output-denied") {
            rule(!results.has(event.toolCallId) && !open.has(event.toolCallId), "a call has one output", event)
            results.set(event.toolCallId, event.errorText ?? "")
          }
          break
        case "tool-output-error":
          rule(asked.has(event.toolCallId), "only what was approved fails after its approval", event)
          results.set(event.toolCallId, event.errorText)
          break
        case "tool-approval-request":
          rule(open.has(event.toolCallId), "a question has its call", event)
          asked.add(event.toolCallId)
          break
        case "finish":
          finishes += 1
          break
        default:
      }
    }
    rule(finishes === 1, "an answer finishes once")
    rule(open.size === (index < answers.length - 1 ? 1 : 0), "one call is asked about, and none at the end", [...open])
  }
  return { text, results }
}
