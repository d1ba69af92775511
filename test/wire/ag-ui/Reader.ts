/**
 * Reads AG-UI events as its verifier does: everything opened is closed, names are new, nothing stands behind the end.
 */
import { AgUiEvent } from "@reins/wire/ag-ui"
import type { Answers } from "../Play.ts"
import { fields, rule, strictly } from "../Rule.ts"
import type { Understood } from "../Suite.ts"

const decode = strictly(AgUiEvent)

export const read = (answers: Answers): Understood => {
  let text = ""
  const results = new Map<string, string>()
  const calls = new Set<string>()
  const messages = new Set<string>()
  const agents = new Set<string>()
  const runs = new Set<string>()
  for (const [index, frames] of answers.entries()) {
    const open = new Set<string>()
    let phase: "before" | "open" | "over" = "before"
    const starts = (name: string) => {
      rule(!open.has(name), "it is not open", name)
      open.add(name)
    }
    const ends = (name: string) => rule(open.delete(name), "it is open", name)
    for (const frame of frames) {
      rule(frame.event === undefined && !frame.data.includes(':null,"subagent'), "frames have no name", frame)
      const event = decode(fields(frame))
      rule((phase === "before") === (event.type === "RUN_STARTED"), "RUN_STARTED stands first, and once", event)
      rule(phase !== "over", "nothing stands behind the end", event)
      const by = "subagentRunId" in event ? event.subagentRunId : undefined
      if (by !== undefined && event.type !== "SUBAGENT_STARTED") rule(open.has(by), "a sub-agent was started", event)
      switch (event.type) {
        case "RUN_STARTED":
          rule(!runs.has(event.runId), "a run has an id of its own", event)
          runs.add(event.runId)
          phase = "open"
          break
        case "STEP_STARTED":
          starts(event.stepName)
          break
        case "STEP_FINISHED":
          ends(event.stepName)
          break
        case "TEXT_MESSAGE_START":
          rule(!messages.has(event.messageId), "a message has an id of its own", event)
          messages.add(event.messageId)
          starts(event.messageId)
          break
        case "TEXT_MESSAGE_CONTENT":
          rule(open.has(event.messageId), "content has an open message", event)
          if (event.subagentRunId === undefined) text += event.delta
          break
        case "TEXT_MESSAGE_END":
          ends(event.messageId)
          break
        case "REASONING_START":
        case "REASONING_MESSAGE_START":
          starts(`${event.type} ${event.messageId}`)
          break
        case "REASONING_MESSAGE_CONTENT":
          rule(open.has(`REASONING_MESSAGE_START ${event.messageId}`), "content has an open message", event)
          break
        case "REASONING_MESSAGE_END":
        case "REASONING_END":
          ends(`${event.type.replace("END", "START")} ${event.messageId}`)
          break
        case "TOOL_CALL_START":
          rule(!calls.has(event.toolCallId), "a call stands once", event)
          calls.add(event.toolCallId)
          starts(event.toolCallId)
          break
        case "TOOL_CALL_ARGS":
          rule(open.has(event.toolCallId), "arguments have an open call", event)
          JSON.parse(event.delta)
          break
        case "TOOL_CALL_END":
          ends(event.toolCallId)
          break
        case "TOOL_CALL_RESULT":
          rule(calls.has(event.toolCallId) && !results.has(event.toolCallId), "a call has one result", event)
          results.set(event.toolCallId, event.content)
          break
        case "SUBAGENT_STARTED": {
          const { parentSubagentRunId, subagentRunId } = event
          rule(!agents.has(subagentRunId), "a sub-agent's id is never used again", event)
          rule(parentSubagentRunId === undefined || open.has(parentSubagentRunId), "its parent was started", event)
          agents.add(subagentRunId)
          starts(subagentRunId)
          break
        }
        case "SUBAGENT_FINISHED":
        case "SUBAGENT_ERROR":
          ends(event.subagentRunId)
          break
        case "RUN_FINISHED":
          rule(open.size === 0, "the end leaves nothing open", [...open])
          phase = "over"
          if (index === answers.length - 1) rule(event.outcome?.type !== "interrupt", "the last answer is whole", event)
          break
        case "RUN_ERROR":
          phase = "over"
          break
        default:
      }
    }
    rule(phase === "over", "an answer ends")
  }
  return { text, results }
}
