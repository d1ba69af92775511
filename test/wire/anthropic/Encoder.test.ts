import { assert, describe, it } from "@effect/vitest"
import { dialect } from "@reins/wire/anthropic"
import { ask } from "../Ask.ts"
import { asText, play } from "../Play.ts"
import { rule } from "../Rule.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"
import { read } from "./Reader.ts"

suite("Anthropic Messages", () => ({
  open: dialect.open,
  read,
  retracts: false,
  result: (settled) =>
    settled.type === "tool-invocation" && settled.execution === "client" ? undefined : asText(settled)
}))

describe("a stream", () => {
  const request = { model: "m", max_tokens: 9, stream: true, messages: [{ role: "user", content: "hi" }] }
  const names = (headers: Readonly<Record<string, string>>) => {
    const { answer } = ask(dialect, "POST /v1/messages", request, { headers })
    rule(answer._tag === "Stream", "it streams", answer)
    return new Set(
      play(answer.open, scenario("gated, approved"))
        .flat()
        .map(({ event }) => event)
    )
  }

  it("has only events of the protocol, unless the client asks for others", () => {
    assert.notInclude([...names({})], "reins")
    assert.include([...names({ "x-reins-events": "true" })], "reins")
  })

  it("does not ask the client to continue when the budget has ended the run", () => {
    const stop = play(dialect.open, scenario("budget"))
      .flat()
      .find(({ event }) => event === "message_delta")
    assert.strictEqual(JSON.parse(stop?.data ?? "{}").delta.stop_reason, "max_tokens")
  })
})
