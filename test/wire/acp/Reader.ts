/**
 * Reads a turn of the Agent Client Protocol: updates and permission requests, and the answer to the prompt as the last.
 */
import { Permission, Stopped, Update } from "@reins/wire/acp"
import { Schema } from "effect"
import type { Answers } from "../Play.ts"
import { fields, rule, strictly } from "../Rule.ts"
import type { Understood } from "../Suite.ts"

const decodeUpdate = strictly(Schema.Struct({ sessionId: Schema.String, update: Update }))
const decodePermission = strictly(Permission)
const decodeStopped = strictly(Stopped)
const decodeFailure = strictly(
  Schema.Struct({ code: Schema.Finite, message: Schema.String, data: Schema.Struct({ reason: Schema.String }) })
)

export const read = (answers: Answers): Understood => {
  rule(answers.length === 1, "the turn stays open while somebody is asked")
  let text = ""
  let isOver = false
  const calls = new Set<string>()
  const results = new Map<string, string>()
  for (const frame of answers.flat()) {
    rule(!isOver, "nothing stands behind the answer to the prompt", frame)
    switch (frame.event) {
      case "session/update": {
        const { update } = decodeUpdate(fields(frame))
        if (update.sessionUpdate === "agent_message_chunk") {
          text += update.content.type === "text" ? update.content.text : ""
        }
        if (update.sessionUpdate === "tool_call") {
          rule(!calls.has(update.toolCallId), "a call is told once", update)
          calls.add(update.toolCallId)
        }
        if (update.sessionUpdate === "tool_call_update") {
          rule(calls.has(update.toolCallId), "only a known call changes", update)
          if (update.status !== "completed" && update.status !== "failed") break
          rule(!results.has(update.toolCallId), "a call has one result", update)
          const { rawOutput = null } = update
          results.set(update.toolCallId, typeof rawOutput === "string" ? rawOutput : JSON.stringify(rawOutput))
        }
        break
      }
      case "session/request_permission":
        rule(
          calls.has(decodePermission(fields(frame)).toolCall.toolCallId),
          "permission is asked for a known call",
          frame
        )
        break
      case "result":
        decodeStopped(fields(frame))
        isOver = true
        break
      case "error":
        decodeFailure(fields(frame))
        isOver = true
        break
      default:
        rule(false, "a frame is named by a method", frame)
    }
  }
  rule(isOver, "the prompt is answered")
  return { text, results }
}
