/**
 * Reads a Chat Completions stream as its strictest clients do.
 */
import { Chunk, ErrorBody } from "@reins/wire/openai-chat"
import type { Answers } from "../Play.ts"
import type { Fields } from "../Rule.ts"
import { fields, rule, strictly } from "../Rule.ts"
import type { Understood } from "../Suite.ts"

const decode = strictly(Chunk)
const decodeError = strictly(ErrorBody)

export const read = (answers: Answers): Understood => {
  let text = ""
  const events: Array<Fields> = []
  for (const frames of answers) {
    rule(frames.at(-1)?.data === "[DONE]", "an answer ends with its terminator")
    let roles = 0
    let finishes = 0
    let usages = 0
    let failed = false
    let calls = 0
    for (const frame of frames.slice(0, -1)) {
      rule(frame.event === undefined, "frames have no name", frame)
      rule(!failed, "nothing stands behind an error", frame)
      const value = fields(frame)
      if ("error" in value) {
        decodeError(value)
        failed = true
        continue
      }
      const chunk = decode(value)
      rule(usages === 0, "usage stands last", chunk)
      if (chunk.usage !== undefined) usages += 1
      if (chunk.reins_event !== undefined) events.push(chunk.reins_event as Fields)
      const [choice] = chunk.choices
      if (choice === undefined) continue
      rule(finishes === 0, "nothing is said behind the finish reason", chunk)
      rule((roles === 0) === (choice.delta.role !== undefined), "the role stands in the first delta", chunk)
      roles += 1
      text += choice.delta.content ?? ""
      for (const call of choice.delta.tool_calls ?? []) {
        rule(call.index === calls, "calls are numbered", call)
        JSON.parse(call.function.arguments)
        calls += 1
      }
      if (choice.finish_reason !== null) finishes += 1
      if (choice.finish_reason === "tool_calls") rule(calls > 0, "a pause is for calls", chunk)
    }
    rule(failed || finishes === 1, "an answer has one finish reason")
  }
  const results = new Map<string, string>()
  for (const event of events) {
    if (event["state"] !== "result") continue
    const { result, toolInvocationId } = event
    results.set(toolInvocationId, typeof result === "string" ? result : JSON.stringify(result))
  }
  return { text, results }
}
