import { assert, describe, it } from "@effect/vitest"
import Anthropic, { APIError } from "@anthropic-ai/sdk"
import { dialect } from "@reins/wire/anthropic"
import { fold } from "../wire/Play.ts"
import { scenarios } from "../wire/Scenarios.ts"
import { Effect } from "effect"
import { Host } from "./Host.ts"
import * as ServeAll from "./ServeAll.ts"

const connect = (host: Host) =>
  new Anthropic({ apiKey: "none", baseURL: "http://localhost", maxRetries: 0, fetch: host.fetch })

const succeeding = scenarios.filter(([name]) => name !== "error")

const textOf = (content: ReadonlyArray<Anthropic.ContentBlock>): string =>
  content.map((block) => (block.type === "text" ? block.text : "")).join("")

describe("@anthropic-ai/sdk", () => {
  it.each(succeeding)("accepts: %s", async (name, log) => {
    const host = new Host(dialect)
    const client = connect(host)
    const messages: Array<Anthropic.MessageParam> = [{ role: "user", content: `scenario ${name}` }]
    let text = ""
    for (let answer = 0; answer === 0 || !host.isOver; answer++) {
      const message = await client.messages.stream({ model: "desk", max_tokens: 100, messages }).finalMessage()
      text += textOf(message.content)
      if (host.isOver) {
        assert.strictEqual(message.usage.output_tokens, 40)
        continue
      }
      assert.strictEqual(message.stop_reason, "tool_use")
      const results = message.content.flatMap((block): Array<Anthropic.ToolResultBlockParam> =>
        block.type === "tool_use" ? [{ type: "tool_result", tool_use_id: block.id, content: '{"lat":1.5}' }] : []
      )
      messages.push({ role: "assistant", content: message.content }, { role: "user", content: results })
    }
    assert.strictEqual(text, fold(log).kept)
  })

  it.each(succeeding)("accepts a non-streaming answer: %s", async (name, log) => {
    const host = new Host(dialect)
    const message = await connect(host).messages.create({
      model: "desk",
      max_tokens: 100,
      messages: [{ role: "user", content: `scenario ${name}` }]
    })
    if (host.isOver) assert.strictEqual(textOf(message.content), fold(log).text)
    else assert.strictEqual(message.stop_reason, "tool_use")
  })

  it.live("is told which stop sequence ended a message, streamed and whole", () =>
    Effect.flatMap(ServeAll.url, (url) =>
      Effect.promise(async () => {
        const { messages } = new Anthropic({ apiKey: ServeAll.key, baseURL: `${url}/anthropic`, maxRetries: 0 })
        const asked = { model: "assistant", max_tokens: 100, stop_sequences: ["STOP", "END"] }
        const ended = { ...asked, messages: [{ role: "user" as const, content: "so far END and STOP" }] }
        for (const message of [await messages.stream(ended).finalMessage(), await messages.create(ended)]) {
          assert.strictEqual(textOf(message.content), "so far ")
          assert.deepInclude(message, { stop_reason: "stop_sequence", stop_sequence: "END" })
        }
        const { stop_reason, stop_sequence } = await messages.create({
          ...asked,
          messages: [{ role: "user", content: "to the end" }]
        })
        assert.deepStrictEqual([stop_reason, stop_sequence], ["end_turn", null])
      })
    )
  )

  it("fails with the run's error", async () => {
    const error: unknown = await connect(new Host(dialect))
      .messages.stream({ model: "desk", max_tokens: 100, messages: [{ role: "user", content: "scenario error" }] })
      .finalMessage()
      .catch((reason: unknown) => reason)
    assert.instanceOf(error, APIError)
    assert.include(String(error), "the model is gone")
  })
})
