/**
 * Reads turns as the protocol's client folds them: into messages, of which the last of the assistant's says what waits.
 */
import { TurnEvent } from "@reins/wire/aap"
import type { Answers } from "../Play.ts"
import { fields, rule, strictly } from "../Rule.ts"
import type { Understood } from "../Suite.ts"

const decode = strictly(TurnEvent)

const asText = (content: unknown): string => (typeof content === "string" ? content : JSON.stringify(content))

/**
 * `clients`: ids of calls whose results the application is not told: its own, and those that a person was asked about.
 */
export const read = (answers: Answers, clients: ReadonlySet<string>): Understood => {
  let text = ""
  const results = new Map<string, string>()
  const calls = new Set<string>()
  const answered = new Set<string>()
  let last: Array<string> = []
  let isToolMessage = false
  for (const [index, frames] of answers.entries()) {
    for (const [at, frame] of frames.entries()) {
      const event = decode({ event: frame.event, data: fields(frame) })
      rule((at === 0) === (event.event === "turn_start"), "turn_start stands first, and once", event)
      rule((at === frames.length - 1) === (event.event === "turn_stop"), "turn_stop stands last, and once", event)
      const speak = () => {
        if (isToolMessage) last = []
        isToolMessage = false
      }
      switch (event.event) {
        case "turn_start":
          last = []
          isToolMessage = false
          break
        case "text_delta":
        case "text":
          speak()
          text += event.event === "text" ? event.data.text : event.data.delta
          break
        case "thinking":
        case "thinking_delta":
          speak()
          break
        case "tool_call":
          rule(!calls.has(event.data.toolCallId), "a call stands once", event)
          speak()
          calls.add(event.data.toolCallId)
          last.push(event.data.toolCallId)
          break
        case "tool_result":
          rule(calls.has(event.data.toolCallId) && !results.has(event.data.toolCallId), "a call has one result", event)
          results.set(event.data.toolCallId, asText(event.data.content))
          isToolMessage = true
          break
        case "turn_stop": {
          const isWaiting = event.data.stopReason === "tool_use"
          rule(isWaiting === index < answers.length - 1, "a turn stops for calls exactly when more comes", event)
          const waiting = [...calls].filter((id) => !results.has(id) && !answered.has(id))
          const pending = last.filter((id) => !results.has(id))
          rule(!isWaiting || pending.length > 0, "something waits", event)
          rule(
            waiting.every((id) => isWaiting && pending.includes(id)),
            "everything that waits stands in the last message",
            { waiting, pending }
          )
          for (const id of pending) answered.add(id)
          break
        }
        default:
      }
    }
  }
  for (const id of calls) rule(results.has(id) || clients.has(id), "a call has a result", id)
  return { text, results }
}
