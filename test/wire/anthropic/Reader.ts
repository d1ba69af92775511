/**
 * Reads a Messages stream: one message, its blocks one behind the other, and an end. Names that no client knows are
 * skipped. What was sent as opaque data is read as what it stands for.
 */
import { StreamEvent } from "@reins/wire/anthropic"
import type { Answers } from "../Play.ts"
import { fields, rule, strictly } from "../Rule.ts"
import type { Understood } from "../Suite.ts"

const decode = strictly(StreamEvent)
type Block = Extract<typeof StreamEvent.Type, { readonly type: "content_block_start" }>["content_block"]

export const read = (answers: Answers): Understood => {
  let text = ""
  const results = new Map<string, string>()
  const ids = new Set<string>()
  const note = (block: Block) => {
    if (block.type === "mcp_tool_result")
      results.set(block.tool_use_id, block.content.map((part) => part.text).join(""))
  }
  for (const frames of answers) {
    let phase: "before" | "open" | "delta" | "over" = "before"
    let blocks = 0
    let current: { readonly type: string; input: string } | undefined
    let calls = 0
    for (const frame of frames) {
      const event = decode(fields(frame))
      rule(frame.event === event.type, "a frame is named by its type", frame)
      rule(phase !== "over", "nothing stands behind the end", event)
      if (event.type === "reins") continue
      rule((phase === "before") === (event.type === "message_start"), "message_start stands first, and once", event)
      switch (event.type) {
        case "message_start":
          rule(!ids.has(event.message.id), "a message has an id of its own", event)
          ids.add(event.message.id)
          phase = "open"
          break
        case "content_block_start":
          rule(current === undefined && event.index === blocks, "blocks are numbered, one behind the other", event)
          current = { type: event.content_block.type, input: "" }
          if (event.content_block.type === "tool_use") calls += 1
          note(event.content_block)
          if (event.content_block.type === "redacted_thinking") {
            note(JSON.parse(Buffer.from(event.content_block.data.replace("reins.", ""), "base64url").toString()))
          }
          break
        case "content_block_delta":
          rule(current !== undefined && event.index === blocks, "a delta has an open block", event)
          if (event.delta.type === "text_delta") {
            rule(current.type === "text", "text stands in a text block", event)
            text += event.delta.text
          }
          if (event.delta.type === "input_json_delta") current.input += event.delta.partial_json
          break
        case "content_block_stop":
          rule(current !== undefined && event.index === blocks, "a block stops once", event)
          if (current.type === "tool_use") JSON.parse(current.input)
          current = undefined
          blocks += 1
          break
        case "message_delta":
          rule(current === undefined && phase === "open", "the stop reason stands behind all blocks", event)
          if (event.delta.stop_reason === "tool_use") rule(calls > 0, "a pause is for calls", event)
          phase = "delta"
          break
        case "message_stop":
          rule(phase === "delta", "the stop reason stands before the end", event)
          phase = "over"
          break
        case "error":
          phase = "over"
      }
    }
    rule(phase === "over", "an answer ends")
  }
  return { text, results }
}
