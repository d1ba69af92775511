/** Reads a stream of OpenAI's Responses: the response, its items, their parts, their deltas, and all of it closed. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  Any,
  asText,
  type Captured,
  Count,
  decoderOf,
  Is,
  make,
  Maybe,
  Nullable,
  quote,
  Text,
  textAt
} from "./Reader.ts"

const Item = Schema.Struct({
  type: Text,
  id: Nullable(Text),
  call_id: Nullable(Text),
  output: Maybe(Any),
  error: Maybe(Any)
})

const Response = Schema.Struct({
  id: Text,
  object: Is("response"),
  created_at: Schema.Finite,
  status: Nullable(Schema.Literals(["completed", "failed", "in_progress", "cancelled", "queued", "incomplete"])),
  model: Text,
  output: Schema.Array(Item)
})

const Event = Schema.Struct({
  type: Text,
  sequence_number: Maybe(Count),
  output_index: Maybe(Count),
  item_id: Maybe(Text),
  content_index: Maybe(Count),
  summary_index: Maybe(Count),
  delta: Maybe(Any),
  text: Maybe(Text),
  arguments: Maybe(Text),
  refusal: Maybe(Text),
  item: Maybe(Item),
  response: Maybe(Response)
})
type Event = typeof Event.Type

const decode = decoderOf(Event)

const rules = {
  shape: "An event has a type and the fields that its type requires",
  "type-known": "An event is one of the protocol's; its own client fails at any other",
  named: "A frame that has a name is named by the type of its event",
  sequence: "Events are numbered one by one",
  "created-first": "`response.created` opens the stream, once",
  "same-response": "Every event of the response names the same response, which no earlier stream was of",
  "item-next": "An item is added under the next index, once",
  "item-open": "What happens to an item follows its start and precedes its end",
  "item-same": "An item keeps its id",
  "part-open": "A delta and the end of a part follow the start of the part",
  "deltas-add-up": "The text, the arguments and the refusal of an end are what the deltas before it add up to",
  "items-done": "A completed response leaves no item open",
  "output-whole": "The output of a completed response has the items of the stream, in their order",
  "end-last": "After the end of the response nothing follows",
  ended: "The stream ends with `response.completed`, `response.incomplete`, `response.failed` or `error`"
}

const whole = ["created", "queued", "in_progress", "completed", "incomplete", "failed"].map(
  (name) => `response.${name}`
)
const ends = new Set(["response.completed", "response.incomplete", "response.failed"])
const steps: { readonly [group: string]: ReadonlyArray<string> } = {
  output_item: ["added", "done"],
  content_part: ["added", "done"],
  output_text: ["delta", "done", "annotation.added"],
  refusal: ["delta", "done"],
  reasoning_text: ["delta", "done"],
  reasoning_summary_part: ["added", "done"],
  reasoning_summary_text: ["delta", "done"],
  function_call_arguments: ["delta", "done"],
  custom_tool_call_input: ["delta", "done"],
  mcp_call_arguments: ["delta", "done"],
  mcp_call: ["in_progress", "completed", "failed"],
  mcp_list_tools: ["in_progress", "completed", "failed"],
  file_search_call: ["in_progress", "searching", "completed"],
  web_search_call: ["in_progress", "searching", "completed"],
  code_interpreter_call: ["in_progress", "interpreting", "completed"],
  code_interpreter_call_code: ["delta", "done"],
  image_generation_call: ["in_progress", "generating", "partial_image", "completed"],
  shell_call_command: ["added", "delta", "done"],
  shell_call_output_content: ["delta", "done"],
  apply_patch_call_operation_diff: ["delta", "done"],
  audio: ["delta", "done"],
  "audio.transcript": ["delta", "done"],
  compaction: ["compacting"],
  steer: ["accepted", "pending", "failed"]
}
const types = new Set([
  ...whole,
  "error",
  ...Object.entries(steps).flatMap(([group, names]) => names.map((name) => `response.${group}.${name}`))
])

/** Deltas that stand in a part, by the kind of part. */
const partOf: { readonly [group: string]: "content" | "summary" } = {
  output_text: "content",
  refusal: "content",
  reasoning_text: "content",
  content_part: "content",
  reasoning_summary_part: "summary",
  reasoning_summary_text: "summary"
}
const wholeOf: { readonly [group: string]: "text" | "arguments" | "refusal" } = {
  output_text: "text",
  refusal: "refusal",
  reasoning_summary_text: "text",
  reasoning_text: "text",
  function_call_arguments: "arguments",
  mcp_call_arguments: "arguments"
}

interface Open {
  readonly id: string | undefined
  isDone: boolean
  /** By the kind of part and its index; what its deltas add up to. */
  readonly parts: Map<string, string>
}

export const protocol = make({
  name: "openai-responses",
  title: "OpenAI Responses",
  rules,
  isSign: ({ value }) => types.has(textAt(value, "type") ?? "") && textAt(value, "type") !== "error",
  open: (notes) => {
    const ids = new Set<string>()
    let id: string | undefined
    let items: Array<Open> = []
    let sequence: number | undefined
    let phase: "before" | "open" | "over" = "before"
    let results = 0
    let isWaiting = false

    const begin = (): void => {
      id = undefined
      items = []
      phase = "before"
    }

    const responded = (type: string, response: typeof Response.Type): void => {
      if (id === undefined && ids.has(response.id))
        notes.fault("same-response", `the response ${quote(response.id)} was there`)
      if (id !== undefined && id !== response.id)
        notes.fault("same-response", `it is ${quote(response.id)} after ${quote(id)}`)
      id = id ?? response.id
      ids.add(id)
      if (!ends.has(type)) return
      phase = "over"
      isWaiting = response.output.some((item) => item.type === "mcp_approval_request" || item.type === "function_call")
      if (type !== "response.completed") return
      const open = items.flatMap(({ isDone }, index) => (isDone ? [] : [index]))
      if (open.length > 0) notes.fault("items-done", `open: ${open.join(", ")}`)
      const { output } = response
      if (output.length !== items.length)
        notes.fault("output-whole", `it has ${output.length} items, and the stream had ${items.length}`)
      else if (
        output.some((item, index) => item.id != null && items[index]?.id !== undefined && item.id !== items[index].id)
      )
        notes.fault("output-whole", "its items are others")
    }

    const added = ({ item, output_index: index }: Event): void => {
      if (item === undefined || index === undefined)
        return notes.fault("shape", "field item or output_index is missing")
      if (index !== items.length)
        return notes.fault("item-next", `the item ${index} is added, and ${items.length} is next`)
      items.push({ id: item.id ?? undefined, isDone: false, parts: new Map() })
    }

    const done = (item: Open, { item: said }: Event): void => {
      if (said === undefined) return notes.fault("shape", "field item is missing")
      item.isDone = true
      item.parts.clear()
      if (item.id !== undefined && said.id != null && said.id !== item.id)
        notes.fault("item-same", `it is ${quote(said.id)} after ${quote(item.id)}`)
      if (said.type !== "mcp_call") return
      results += 1
      const { error } = said
      const failure = typeof error === "object" && error !== null && "content" in error ? error.content : error
      notes.result(`${results}`, asText(said.output ?? failure ?? ""))
    }

    const deltaOf = (item: Open, group: string, step: string, event: Event): void => {
      const kind = partOf[group]
      const index = kind === "summary" ? event.summary_index : event.content_index
      const key = kind === undefined ? group : `${kind} ${index ?? 0}`
      if (group.endsWith("_part")) {
        if (step === "added" && item.parts.has(key)) notes.fault("part-open", `${key} is added again`)
        if (step === "done" && !item.parts.has(key)) notes.fault("part-open", `${key} was not added`)
        if (step === "added") item.parts.set(key, "")
        else item.parts.delete(key)
        return
      }
      const said = item.parts.get(key)
      if (kind !== undefined && said === undefined && group !== "reasoning_text")
        return notes.fault("part-open", `${quote(event.type)} for ${key}, which is not open`)
      const part = wholeOf[group]
      if (step === "delta") {
        if (typeof event.delta !== "string" && part !== undefined)
          return notes.fault("shape", `event ${quote(event.type)}: field delta is not text`)
        if (typeof event.delta !== "string") return
        if (group === "output_text") notes.text(event.delta)
        if (part !== undefined) item.parts.set(key, (said ?? "") + event.delta)
      }
      if (step !== "done" || part === undefined) return
      const text = event[part]
      if (text === undefined) notes.fault("shape", `event ${quote(event.type)}: field ${part} is missing`)
      else if (text !== (said ?? "")) notes.fault("deltas-add-up", `${quote(event.type)} says something else`)
    }

    const take = (event: Event): void => {
      const { type } = event
      if (phase === "over") {
        notes.fault("end-last", `${quote(type)} follows the end`)
        // Of a second response in one stream the rest is read as a response.
        if (type === "response.created") begin()
        else return
      }
      if ((phase === "before") !== (type === "response.created") && type !== "error")
        notes.fault("created-first", `${quote(type)} comes ${phase === "before" ? "first" : "again"}`)
      phase = type === "error" && phase === "before" ? "over" : "open"
      if (whole.includes(type)) {
        if (event.response === undefined) notes.fault("shape", "field response is missing")
        else responded(type, event.response)
        return
      }
      const [, group = "", step = ""] = /^response\.((?:audio\.transcript)|[a-z_]+)\.(.+)$/.exec(type) ?? []
      if (group === "output_item" && step === "added") return added(event)
      const { item_id: itemId, output_index: at } = event
      if (at === undefined) return
      const item = items[at]
      if (item === undefined || item.isDone) {
        const why = item === undefined ? "was not added" : "is done"
        return notes.fault("item-open", `${quote(type)} for the item ${at}, which ${why}`)
      }
      if (itemId !== undefined && item.id !== undefined && itemId !== item.id)
        notes.fault("item-same", `it is ${quote(itemId)} after ${quote(item.id)}`)
      if (group === "output_item") done(item, event)
      else deltaOf(item, group, step, event)
    }

    return {
      get isWaiting() {
        return isWaiting
      },
      read: ({ event: name, data, value }: Captured) => {
        if (data === "[DONE]") return
        const type = textAt(value, "type")
        if (type === undefined) return notes.fault("shape", "it has no type")
        if (name !== undefined && name !== type)
          notes.fault("named", `the name is ${quote(name)}, and the type ${quote(type)}`)
        if (!types.has(type)) return notes.fault("type-known", `the type is ${quote(type)}`)
        const event = decode(value)
        if (Result.isFailure(event)) return notes.fault("shape", `event ${quote(type)}: ${event.failure}`)
        const { sequence_number: number } = event.success
        if (type === "response.created") sequence = undefined
        if (sequence !== undefined && number !== undefined && number !== sequence + 1)
          notes.fault("sequence", `${number} comes after ${sequence}`)
        sequence = number ?? sequence
        take(event.success)
      },
      end: () => {
        if (phase !== "over") notes.fault("ended", "the stream ends without one")
        sequence = undefined
        begin()
      }
    }
  }
})
