/**
 * A custom model adapter: its provider streams lines of JSON. A test checks it against everything that the runtime
 * expects of a model.
 */
import { type ModelPart, type ModelPort, ModelStream } from "@reins/runtime"
import { Schema } from "effect"

const Line = Schema.fromJsonString(
  Schema.Union([
    Schema.Struct({ say: Schema.String }),
    Schema.Struct({ call: Schema.String, id: Schema.String, args: Schema.Json }),
    Schema.Struct({ done: Schema.Literals(["stop", "tool-calls"]), in: Schema.Natural, out: Schema.Natural })
  ])
)

const decode = Schema.decodeUnknownSync(Line)

const part = (text: string): ModelPart => {
  const line = decode(text)
  if ("say" in line) return { type: "text", text: line.say }
  if ("call" in line) return { type: "tool-call", id: line.id, name: line.call, args: line.args }
  return { type: "finish", reason: line.done, usage: { inputUncached: line.in, outputText: line.out } }
}

/**
 * The model over `open`, which sends the request and returns the lines; its signal is aborted when the request is
 * cancelled.
 */
export const make = (open: (signal: AbortSignal) => AsyncIterable<string>): ModelPort =>
  ModelStream.fromAsyncIterable({
    provider: "lines",
    model: "lines-1",
    open: async function* (_request, signal) {
      for await (const line of open(signal)) yield part(line)
    }
  })
