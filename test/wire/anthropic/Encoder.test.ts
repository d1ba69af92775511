import { assert, describe, it } from "@effect/vitest"
import { dialect, StreamEvent } from "@reins/wire/anthropic"
import { ask } from "../Ask.ts"
import { asText, play } from "../Play.ts"
import { reading } from "../Reading.ts"
import { rule } from "../Rule.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"

const request = { model: "m", max_tokens: 9, stream: true, messages: [{ role: "user", content: "hi" }] }

const streamed = (headers: Readonly<Record<string, string>>) => () => {
  const { answer } = ask(dialect, "POST /v1/messages", request, { headers })
  rule(answer._tag === "Stream", "it streams", answer)
  return answer.open()
}

const events = { "x-reins-events": "true" }
const beta = { "anthropic-beta": "mcp-client-2025-11-20" }

for (const [name, open] of [
  ["Anthropic Messages", streamed(events)],
  ["Anthropic Messages of the beta interface", streamed({ ...events, ...beta })]
] as const) {
  suite(name, () => ({
    open,
    read: reading("anthropic", {
      schema: StreamEvent,
      // What was sent as opaque data is read as what it stands for.
      results: ({ content_block: block }, results) => {
        if (block?.type !== "redacted_thinking") return
        const stood = JSON.parse(Buffer.from(block.data.replace("reins.", ""), "base64url").toString())
        const said: ReadonlyArray<{ readonly text: string }> = stood.type === "mcp_tool_result" ? stood.content : []
        if (stood.type === "mcp_tool_result") results.set(stood.tool_use_id, said.map(({ text }) => text).join(""))
      },
      waits: false
    }),
    retracts: false,
    breaks: true,
    result: (settled) =>
      settled.type === "tool-invocation" && settled.execution === "client" ? undefined : asText(settled)
  }))
}

describe("a stream", () => {
  const frames = (headers: Readonly<Record<string, string>>) =>
    play(streamed(headers), scenario("gated, approved")).flat()
  const names = (headers: Readonly<Record<string, string>>) => new Set(frames(headers).map(({ event }) => event))

  it("has only events of the protocol, unless the client asks for others", () => {
    assert.notInclude([...names({})], "reins")
    assert.include([...names(events)], "reins")
  })

  it("shows tools of the server as blocks that the client's interface has", () => {
    const text = (headers: Readonly<Record<string, string>>) =>
      frames(headers)
        .map(({ data }) => data)
        .join("\n")
    assert.notInclude(text({}), "mcp_tool")
    assert.include(text({}), "redacted_thinking")
    assert.include(text(beta), "mcp_tool_use")
    assert.notInclude(text(beta), "redacted_thinking")
  })

  it("does not ask the client to continue when the budget has ended the run", () => {
    const stop = play(dialect.open, scenario("budget"))
      .flat()
      .find(({ event }) => event === "message_delta")
    assert.strictEqual(JSON.parse(stop?.data ?? "{}").delta.stop_reason, "max_tokens")
  })
})

describe("a request", () => {
  const decoded = (content: ReadonlyArray<object>) => {
    const { command } = ask(dialect, "POST /v1/messages", {
      ...request,
      messages: [...request.messages, { role: "assistant", content }, ...request.messages]
    })
    rule(command._tag === "StartQuery", "it is a query", command)
    return command.seed
  }
  const call = { type: "mcp_tool_use", id: "c1", name: "look", server_name: "reins", input: { at: "é" } }
  const result = { type: "mcp_tool_result", tool_use_id: "c1", is_error: true, content: [{ type: "text", text: "no" }] }
  const data = (block: object) => `reins.${Buffer.from(JSON.stringify(block)).toString("base64url")}`
  const redacted = (block: object) => ({ type: "redacted_thinking", data: data(block) })

  it("has the same calls and results in both interfaces", () => {
    const seed = decoded([call, result])
    assert.deepStrictEqual(decoded([redacted(call), redacted(result)]), seed)
    assert.lengthOf(seed ?? [], 3)
  })

  it("may have thoughts of other servers, which are no calls", () => {
    const others = ["abc", "reins.", "reins.%%", `reins.${Buffer.from("{}").toString("base64url")}`]
    const seed = decoded([...others.map((data) => ({ type: "redacted_thinking", data })), { type: "text", text: "hm" }])
    assert.lengthOf(seed ?? [], 2)
  })
})
