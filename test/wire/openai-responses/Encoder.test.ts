import { assert, describe, it } from "@effect/vitest"
import type { Envelope } from "@reins/protocol"
import { dialect, Item, ResponseObject } from "@reins/wire/openai-responses"
import { Schema } from "effect"
import { asText, breaksOff, play } from "../Play.ts"
import { reading } from "../Reading.ts"
import { fields, rule } from "../Rule.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"

const decodeItem = Schema.decodeUnknownSync(Item, { onExcessProperty: "error" })
const decodeResponse = Schema.decodeUnknownSync(ResponseObject, { onExcessProperty: "error" })

/** Results of our own calls, in the order in which they came. */
const ours = (log: ReadonlyArray<Envelope.Envelope>): ReadonlyArray<string> =>
  log.flatMap(({ agentPath, event }) => {
    if (agentPath.length > 0 || (event.type !== "tool-invocation" && event.type !== "tool-agent")) return []
    if (event.state === "call" || (event.type === "tool-invocation" && event.execution === "client")) return []
    return [asText(event)]
  })

const read = reading("openai-responses", {
  frame: (frame) => {
    const { item, response, type } = fields(frame)
    rule(frame.event === type, "a frame is named by its type", frame)
    if (item !== undefined) decodeItem(item)
    if (response !== undefined) decodeResponse(response)
  },
  waits: false
})

suite("OpenAI Responses", (log) => ({
  open: dialect.open,
  retracts: false,
  breaks: true,
  result: () => undefined,
  read: (answers) => {
    const understood = read(answers)
    // A response that breaks off has none of what follows.
    if (!breaksOff(log)) assert.deepStrictEqual([...understood.results.values()], ours(log))
    return understood
  }
}))

describe("a response", () => {
  it("asks for an approval by an item, and the next response names it", () => {
    const [first = [], second = []] = play(dialect.open, scenario("gated, approved"))
    assert.include(first.at(-1)?.data, '"type":"mcp_approval_request","id":"apr-1"')
    assert.include(second.at(-1)?.data, '"approval_request_id":"apr-1"')
    assert.include(second.at(-1)?.data, '"previous_response_id":"resp_run-1"')
  })

  it("reports for each of our calls whether it completed or failed", () => {
    const statuses = (name: string) =>
      play(dialect.open, scenario(name))
        .flat()
        .map(({ data }) => JSON.parse(data))
        .filter(({ item, type }) => type === "response.output_item.done" && item.type === "mcp_call")
        .map(({ item }) => item.status)
    assert.deepStrictEqual(statuses("one tool"), ["completed"])
    assert.include(statuses("tool first, failing"), "failed")
  })

  it("includes at its end what the protocol has no event for", () => {
    const last = play(dialect.open, scenario("files")).flat().at(-1)
    const events = JSON.parse(last?.data ?? "{}").response.reins_events
    assert.deepStrictEqual(
      events.map(({ type }: { readonly type: string }) => type),
      [
        "data-file-registered",
        "data-file-registered",
        "data-flow-ui",
        "custom",
        "data-cost-summary",
        "data-latency-summary"
      ]
    )
  })
})
