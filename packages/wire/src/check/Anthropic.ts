/** Reads a Messages stream of Anthropic's API: one message, its blocks, and an end. Unknown events are skipped. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import {
  Any,
  asText,
  type Captured,
  Count,
  decoderOf,
  Is,
  isJson,
  make,
  Maybe,
  Nullable,
  quote,
  Text,
  textAt
} from "./Reader.ts"

const Delta = Schema.Struct({
  type: Text,
  text: Maybe(Text),
  thinking: Maybe(Text),
  signature: Maybe(Text),
  partial_json: Maybe(Text)
})

const Block = Schema.Struct({
  type: Text,
  id: Maybe(Text),
  name: Maybe(Text),
  text: Maybe(Text),
  tool_use_id: Maybe(Text),
  content: Maybe(Any)
})

const Event = Schema.Union([
  Schema.Struct({
    type: Is("message_start"),
    message: Schema.Struct({
      id: Text,
      type: Is("message"),
      role: Is("assistant"),
      model: Text,
      content: Schema.Array(Any),
      stop_reason: Nullable(Text),
      usage: Schema.Struct({ input_tokens: Count, output_tokens: Count })
    })
  }),
  Schema.Struct({ type: Is("content_block_start"), index: Count, content_block: Block }),
  Schema.Struct({ type: Is("content_block_delta"), index: Count, delta: Delta }),
  Schema.Struct({ type: Is("content_block_stop"), index: Count }),
  Schema.Struct({
    type: Is("message_delta"),
    delta: Schema.Struct({ stop_reason: Nullable(Text) }),
    usage: Schema.Struct({ output_tokens: Count })
  }),
  Schema.Struct({ type: Is("message_stop") }),
  Schema.Struct({ type: Is("ping") }),
  Schema.Struct({ type: Is("error"), error: Schema.Struct({ type: Text, message: Text }) })
])
type Event = typeof Event.Type

const decode = decoderOf(Event)

const types = new Set([
  "message_start",
  "content_block_start",
  "content_block_delta",
  "content_block_stop",
  "message_delta",
  "message_stop",
  "ping",
  "error"
])

const rules = {
  shape: "An event has a type, and the known ones have their fields",
  named: "A frame is named by the type of its event; clients drop those without a name",
  "message-first": "`message_start` opens the stream, once; only `ping` and `error` may come before",
  "message-new": "A message has an id of its own",
  "block-next": "A block starts under the next index, from 0",
  "block-open": "Deltas and the stop of a block follow its start, and nothing of it follows its stop",
  "delta-fits": "A delta is of the kind of its block",
  "input-json": "The input of a tool's block is together one JSON object",
  "delta-after-blocks": "`message_delta` stands behind the stop of every block",
  "tool-use": "A message that stops for `tool_use` has such a block",
  "result-known": "A result belongs to a tool's block before it, one each",
  "stop-last": "`message_stop` follows the stop reason and is the last event, unless an `error` ends the stream",
  ended: "The stream ends with `message_stop` or `error`"
}

/** The kinds of blocks that a delta adds to; others are not known. */
const blocksOf: { readonly [delta: string]: (block: string) => boolean } = {
  text_delta: (block) => block === "text",
  citations_delta: (block) => block === "text",
  thinking_delta: (block) => block === "thinking",
  signature_delta: (block) => block === "thinking",
  input_json_delta: (block) => block.endsWith("tool_use")
}
const partOf: { readonly [delta: string]: "text" | "thinking" | "signature" | "partial_json" } = {
  text_delta: "text",
  thinking_delta: "thinking",
  signature_delta: "signature",
  input_json_delta: "partial_json"
}

const Said = Schema.Array(Schema.Struct({ type: Text, text: Maybe(Text) }))
const readSaid = Schema.decodeUnknownOption(Said)
const contentOf = (content: unknown): string => {
  const said = readSaid(content)
  return said._tag === "Some" ? said.value.map(({ text = "" }) => text).join("") : asText(content ?? null)
}

export const protocol = make({
  name: "anthropic",
  title: "Anthropic Messages",
  rules,
  isSign: ({ value }) =>
    /^(message_(start|delta|stop)|content_block_(start|delta|stop))$/.test(textAt(value, "type") ?? ""),
  open: (notes) => {
    const ids = new Set<string>()
    const calls = new Map<string, "open" | "settled">()
    let phase: "before" | "open" | "delta" | "over" = "before"
    let blocks = 0
    let open = new Map<number, { readonly type: string; input: string }>()
    let clientCalls = 0
    let isWaiting = false

    const begin = (): void => {
      phase = "before"
      blocks = 0
      clientCalls = 0
      open = new Map()
    }

    const start = ({ content_block: block, index }: Extract<Event, { readonly type: "content_block_start" }>): void => {
      if (index !== blocks) notes.fault("block-next", `the block ${index} starts, and ${blocks} is next`)
      blocks = index + 1
      open.set(index, { type: block.type, input: "" })
      if (block.type === "text") notes.text(block.text ?? "")
      if (block.type === "tool_use") clientCalls += 1
      if (block.type.endsWith("tool_use") && block.id !== undefined) calls.set(block.id, "open")
      const { tool_use_id: of } = block
      if (of === undefined) return
      const call = calls.get(of)
      if (call === "settled" || (call === undefined && !notes.continues))
        notes.fault(
          "result-known",
          `a result of ${quote(of)}, which ${call === undefined ? "was not called" : "has one"}`
        )
      calls.set(of, "settled")
      notes.result(of, contentOf(block.content))
    }

    const add = ({ delta, index }: Extract<Event, { readonly type: "content_block_delta" }>): void => {
      const block = open.get(index)
      if (block === undefined) return notes.fault("block-open", `a delta of the block ${index}, which is not open`)
      const fits = blocksOf[delta.type]
      const part = partOf[delta.type]
      if (fits !== undefined && !fits(block.type))
        return notes.fault("delta-fits", `${quote(delta.type)} for a block of ${quote(block.type)}`)
      if (part !== undefined && delta[part] === undefined)
        return notes.fault("shape", `delta ${quote(delta.type)}: field ${part} is missing`)
      if (delta.type === "text_delta") notes.text(delta.text ?? "")
      if (delta.type === "input_json_delta") block.input += delta.partial_json ?? ""
    }

    const stop = (index: number): void => {
      const block = open.get(index)
      if (block === undefined) return notes.fault("block-open", `the block ${index} stops, which is not open`)
      open.delete(index)
      if (block.input !== "" && !isJson(block.input))
        notes.fault("input-json", `that of the block ${index} is not JSON`)
    }

    const take = (event: Event): void => {
      if (event.type === "ping") return
      if (phase === "over") {
        notes.fault("stop-last", `${quote(event.type)} follows the end`)
        // Of a second message in one stream the rest is read as a message.
        if (event.type === "message_start") begin()
        else return
      }
      if (event.type === "error") {
        phase = "over"
        return
      }
      if (event.type === "message_start") {
        if (phase !== "before") notes.fault("message-first", "`message_start` comes again")
        if (ids.has(event.message.id)) notes.fault("message-new", `the message ${quote(event.message.id)} was there`)
        ids.add(event.message.id)
        // One that is sent whole has its stop reason and its content already.
        phase = event.message.stop_reason == null ? "open" : "delta"
        isWaiting = event.message.stop_reason === "tool_use"
        return
      }
      if (phase === "before") {
        notes.fault("message-first", `${quote(event.type)} comes before \`message_start\``)
        phase = "open"
      }
      switch (event.type) {
        case "content_block_start":
          if (phase === "delta") notes.fault("delta-after-blocks", "a block starts behind `message_delta`")
          return start(event)
        case "content_block_delta":
          return add(event)
        case "content_block_stop":
          return stop(event.index)
        case "message_delta":
          if (open.size > 0) notes.fault("delta-after-blocks", `open: ${[...open.keys()].join(", ")}`)
          if (event.delta.stop_reason === "tool_use" && clientCalls === 0) notes.fault("tool-use", "it has none")
          isWaiting = event.delta.stop_reason === "tool_use"
          phase = "delta"
          return
        case "message_stop":
          if (phase !== "delta") notes.fault("stop-last", "`message_stop` comes without a stop reason")
          phase = "over"
      }
    }

    return {
      get isWaiting() {
        return isWaiting
      },
      read: ({ event: name, isSse, value }: Captured) => {
        const type = textAt(value, "type")
        if (type === undefined) return notes.fault("shape", "it has no type")
        if (isSse && name !== type)
          notes.fault(
            "named",
            `the name is ${name === undefined ? "missing" : quote(name)}, and the type ${quote(type)}`
          )
        if (!types.has(type)) return
        const event = decode(value)
        if (Result.isFailure(event)) notes.fault("shape", `event ${quote(type)}: ${event.failure}`)
        else take(event.success)
      },
      end: () => {
        if (phase !== "over") notes.fault("ended", "the stream ends without either")
        begin()
      }
    }
  }
})
