import { assert, describe, it } from "@effect/vitest"
import { Event, Ordering } from "@reins/protocol"
import { dialect } from "@reins/wire/native"
import { Result, Schema } from "effect"
import { asText, play } from "../Play.ts"
import { rule } from "../Rule.ts"
import { scenarios } from "../Scenarios.ts"
import { suite } from "../Suite.ts"

const decode = Schema.decodeUnknownSync(Schema.fromJsonString(Event))

const openRoot = () => {
  const route = dialect.routes.find(({ path }) => path === "/query")
  const decoded = route?.decode({ params: {}, query: {}, headers: {}, body: { prompt: "hi" } })
  rule(decoded !== undefined && Result.isSuccess(decoded), "a query is understood")
  rule(decoded.success.answer._tag === "Stream", "a query is answered by a stream")
  return decoded.success.answer.open()
}

suite("native", () => ({
  open: openRoot,
  retracts: true,
  notices: [],
  result: asText,
  read: (answers) => {
    rule(answers.length === 1, "the stream stays open while somebody is asked")
    const events = answers.flat().map(({ data }) => decode(data))
    let text = ""
    let before = ""
    const results = new Map<string, string>()
    for (const event of events) {
      if (event.type === "step-start") before = text
      if (event.type === "step-retracted") text = before
      if (event.type === "text") text += event.text
      if (event.type === "tool-invocation" && event.state === "result")
        results.set(event.toolInvocationId, asText(event))
      if (event.type === "tool-agent" && event.state === "result") results.set(event.toolInvocationId, asText(event))
    }
    return { text, results }
  }
}))

describe("the native stream", () => {
  it.each(scenarios)("follows the order of the root view: %s", (_, log) => {
    const events = play(openRoot, log)
      .flat()
      .map(({ data }) => decode(data))
    assert.deepStrictEqual(Ordering.checkEvents(events), [])
  })

  it("numbers its frames by seq, and shows every envelope on request", () => {
    for (const [, log] of scenarios) {
      const frames = play(dialect.open, log).flat()
      assert.deepStrictEqual(
        frames.map(({ id }) => id),
        log.map(({ seq }) => `${seq}`)
      )
      assert.deepStrictEqual(
        frames.map(({ data }) => JSON.parse(data)),
        [...log]
      )
    }
  })
})
