import { assert, describe, it } from "@effect/vitest"
import { Chunk, dialect, ErrorBody } from "@reins/wire/openai-chat"
import { Result } from "effect"
import { asText, play } from "../Play.ts"
import { reading } from "../Reading.ts"
import { rule } from "../Rule.ts"
import { scenarios } from "../Scenarios.ts"
import { suite } from "../Suite.ts"

const read = reading("openai-chat", {
  schemaOf: ({ data }) => (data.startsWith('{"error"') ? ErrorBody : Chunk),
  results: ({ reins_event: event }, results) => {
    if (event?.state === "result") results.set(event.toolInvocationId, asText(event))
  },
  waits: false
})

suite("OpenAI Chat Completions", () => ({ open: dialect.open, read, retracts: false, breaks: true, result: asText }))

const plain = () => {
  const [route] = dialect.routes
  const body = { model: "desk", messages: [{ role: "user", content: "hi" }], stream: true }
  const decoded = route?.decode({ params: {}, query: {}, headers: {}, body })
  rule(decoded !== undefined && Result.isSuccess(decoded), "the request is understood")
  rule(decoded.success.answer._tag === "Stream", "it is answered by a stream")
  return decoded.success.answer.open()
}

describe("a stream without our events", () => {
  it.each(scenarios)("has a choice in every chunk: %s", (_, log) => {
    for (const { data } of play(plain, log).flat()) {
      if (data === "[DONE]" || data.startsWith('{"error"')) continue
      assert.strictEqual(JSON.parse(data).choices.length, 1)
    }
  })
})
