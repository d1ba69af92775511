/**
 * Reads a Responses stream by its order: the response, its items, their parts, their deltas, and all of it closed.
 */
import { Item, ResponseObject } from "@reins/wire/openai-responses"
import type { Answers } from "../Play.ts"
import { fields, rule, strictly, textOf } from "../Rule.ts"
import type { Understood } from "../Suite.ts"

const decodeItem = strictly(Item)
const decodeResponse = strictly(ResponseObject)

const known = new Set([
  "response.created",
  "response.in_progress",
  "response.completed",
  "response.incomplete",
  "response.failed",
  "response.output_item.added",
  "response.output_item.done",
  "response.content_part.added",
  "response.content_part.done",
  "response.output_text.delta",
  "response.output_text.done",
  "response.reasoning_summary_part.added",
  "response.reasoning_summary_part.done",
  "response.reasoning_summary_text.delta",
  "response.reasoning_summary_text.done",
  "response.function_call_arguments.delta",
  "response.function_call_arguments.done"
])

const ends = new Set(["response.completed", "response.incomplete", "response.failed"])

export const read = (answers: Answers): Understood => {
  let text = ""
  const results: Array<string> = []
  const ids = new Set<string>()
  for (const frames of answers) {
    const items: Array<{ state: "added" | "part" | "done"; id: string; said: string }> = []
    let id: string | undefined
    let isOver = false
    for (const [index, frame] of frames.entries()) {
      const event = fields(frame)
      rule(frame.event === event["type"] && known.has(event["type"]), "the name is a known type", frame)
      rule(event["sequence_number"] === index, "frames are numbered", event)
      rule(!isOver, "nothing stands behind the end", event)
      rule((index === 0) === (event["type"] === "response.created"), "created stands first, and once", event)
      if ("response" in event) {
        const response = decodeResponse(event["response"])
        rule(id === undefined || id === response.id, "the id stays the same", response.id)
        id = response.id
        if (!ends.has(event["type"])) continue
        isOver = true
        rule(
          items.every(({ state }) => state === "done"),
          "the end leaves no item open",
          items
        )
        rule(response.output.length === items.length, "the end has every item", response.output)
        for (const [at, item] of response.output.entries()) {
          rule(item.id === items[at]?.id, "items stay in their place", item)
          if (item.type === "message") text += item.content.map((part) => part.text).join("")
          if (item.type === "mcp_call")
            results.push(item.error === null ? (item.output ?? "") : textOf(item.error.content))
        }
        continue
      }
      const at: number = event["output_index"]
      if (event["type"] === "response.output_item.added") {
        const item = decodeItem(event["item"])
        rule(at === items.length, "items are numbered", event)
        items.push({ state: "added", id: item.id, said: "" })
        continue
      }
      const item = items[at]
      rule(item !== undefined && item.state !== "done", "an item is open", event)
      rule((event["item_id"] ?? item.id) === item.id, "the item's id stays the same", event)
      if (event["type"].endsWith("part.added")) item.state = "part"
      if (event["type"].endsWith("text.delta")) {
        rule(item.state === "part", "a delta has a part", event)
        item.said += event["delta"]
      }
      if (event["type"].endsWith("text.done"))
        rule(item.said === event["text"], "the text is what its deltas say", event)
      if (event["type"] === "response.output_item.done") {
        decodeItem(event["item"])
        item.state = "done"
      }
    }
    rule(isOver && id !== undefined && !ids.has(id), "an answer ends, under an id of its own")
    ids.add(id)
  }
  // Items of ours have ids of their own: calls are told apart by their order.
  return { text, results: new Map(results.map((result, index) => [`${index}`, result])) }
}
