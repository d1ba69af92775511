/**
 * Reads a UI message stream as strictly as its clients do, and a bit more.
 */
import { Chunk } from "@reins/wire/ai-sdk"
import type { Answers } from "../Play.ts"
import { fields, rule, strictly, textOf } from "../Rule.ts"
import type { Understood } from "../Suite.ts"

const decode = strictly(Chunk)

export const read = (answers: Answers): Understood => {
  const spoken: Array<string> = []
  const results = new Map<string, string>()
  const calls = new Set<string>()
  const approvals = new Map<string, string>()
  let messageId: string | undefined
  let stepAt = 0
  for (const [index, frames] of answers.entries()) {
    rule(frames.at(-1)?.data === "[DONE]", "an answer ends with its terminator")
    const open = new Map<string, string>()
    let phase: "before" | "open" | "finished" | "failed" = "before"
    for (const frame of frames.slice(0, -1)) {
      rule(frame.event === undefined, "frames have no name", frame)
      const chunk = decode(fields(frame))
      rule((phase === "before") === (chunk.type === "start"), "start stands first, and once", chunk)
      rule(phase !== "failed", "nothing stands behind an error", chunk)
      rule(phase !== "finished" || chunk.type.startsWith("data-"), "only data stands behind finish", chunk)
      switch (chunk.type) {
        case "start":
          rule(messageId === undefined || messageId === chunk.messageId, "the message stays the same", chunk)
          messageId = chunk.messageId
          phase = "open"
          break
        case "start-step":
          stepAt = spoken.length
          break
        case "reset-step":
          spoken.length = stepAt
          open.clear()
          break
        case "text-start":
        case "reasoning-start":
          rule(!open.has(chunk.id), "a part starts once", chunk)
          open.set(chunk.id, chunk.type)
          break
        case "text-delta":
        case "reasoning-delta":
          rule(open.get(chunk.id) === chunk.type.replace("delta", "start"), "a delta has an open part", chunk)
          if (chunk.type === "text-delta") spoken.push(chunk.delta)
          break
        case "text-end":
        case "reasoning-end":
          rule(open.delete(chunk.id), "a part ends once", chunk)
          break
        case "tool-input-available":
          rule(!calls.has(chunk.toolCallId), "a call stands once", chunk)
          calls.add(chunk.toolCallId)
          break
        case "tool-approval-request":
          rule(calls.has(chunk.toolCallId), "a question has its call", chunk)
          approvals.set(chunk.approvalId, chunk.toolCallId)
          break
        case "tool-approval-response":
          rule(approvals.has(chunk.approvalId), "a response has its question", chunk)
          break
        case "tool-output-available":
        case "tool-output-error":
        case "tool-output-denied":
          rule(calls.has(chunk.toolCallId) && !results.has(chunk.toolCallId), "a call has one result", chunk)
          results.set(
            chunk.toolCallId,
            chunk.type === "tool-output-available"
              ? textOf(chunk.output)
              : chunk.type === "tool-output-error"
                ? chunk.errorText
                : "denied"
          )
          break
        case "finish":
          rule(open.size === 0, "finish leaves nothing open", [...open.keys()])
          phase = "finished"
          if (index < answers.length - 1) rule(chunk.finishReason === "tool-calls", "a pause is for calls", chunk)
          break
        case "error":
          phase = "failed"
          break
        default:
      }
    }
    rule(phase === "finished" || phase === "failed", "an answer is finished")
  }
  return { text: spoken.join(""), results }
}
