import { assert, describe, it } from "@effect/vitest"
import type { Facts } from "@reins/wire"
import { dialect, dialectV1, dialectV2 } from "@reins/wire/aap"
import { ask } from "../Ask.ts"
import { rule } from "../Rule.ts"

const parameters = { type: "object" }
const thread: Facts.Thread = {
  threadId: "s1",
  agent: "desk",
  state: "idle",
  createdAt: 0,
  updatedAt: 0,
  settings: {
    tools: [{ name: "search", trust: true }],
    options: { key: "sk-1", tone: "dry" },
    clientTools: [{ name: "locate", parameters }]
  },
  secrets: ["key"],
  questions: [],
  clientCalls: []
}

const reply = (from: typeof dialect, line: string, facts: Facts.Facts) => {
  const { answer } = ask(from, line, undefined, { query: { type: "full" } })
  rule(answer._tag === "Facts", "it is answered by facts")
  return answer.shape(facts)
}

describe("a session of the Agent Application Protocol", () => {
  it("shows no secret, alone or in a list", () => {
    const alone = reply(dialect, "GET /sessions/s1", { _tag: "Thread", thread, messages: [] })
    assert.deepStrictEqual(alone.body, {
      sessionId: "s1",
      agent: { name: "desk", tools: [{ name: "search", trust: true }], options: { key: "***", tone: "dry" } },
      tools: [{ name: "locate", description: "", parameters }]
    })
    const listed = reply(dialect, "GET /sessions", { _tag: "Threads", threads: [thread] })
    assert.deepStrictEqual(listed.body, { sessions: [alone.body] })
  })

  it("is shown with its history in version 1, which lists ids", () => {
    const messages = [{ role: "user", content: [{ type: "text", text: "hi" }] }] as const
    const told = { ...thread, settings: { ...thread.settings, instructions: "Be brief." } }
    const whole = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "hi" }
    ]
    const { body } = reply(dialectV1, "GET /session/s1", { _tag: "Thread", thread: told, messages })
    assert.deepInclude(body, {
      sessionId: "s1",
      history: { compacted: whole, full: whole }
    })
    const listed = reply(dialectV1, "GET /sessions", { _tag: "Threads", threads: [thread], next: "s1" })
    assert.deepStrictEqual(listed.body, { sessions: ["s1"], next: "s1" })
    const meta = reply(dialectV1, "GET /meta", { _tag: "Agents", agents: [], at: 0, upMs: 0 })
    assert.deepInclude(meta.body, { version: 1 })
  })

  it("names a tool's schema as its version does", () => {
    const facts = { _tag: "Thread", thread, messages: [] } as const
    assert.include(JSON.stringify(reply(dialectV2, "GET /session/s1", facts).body), '"inputSchema"')
    assert.notInclude(JSON.stringify(reply(dialect, "GET /sessions/s1", facts).body), '"inputSchema"')
  })

  it("puts a history under the name of its form", () => {
    const facts = {
      _tag: "History",
      threadId: "s1",
      messages: [{ role: "user", content: [{ type: "text", text: "hi" }] }]
    } as const
    assert.deepStrictEqual(reply(dialect, "GET /sessions/s1/history", facts).body, {
      history: { full: [{ role: "user", content: "hi" }] }
    })
  })
})

describe("messages of the Agent Application Protocol", () => {
  const png = "data:image/png;base64,iVBORw0KGgo="

  it("add their system messages to the agent's instructions, for the session", () => {
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "hi" }
    ]
    const body = { agent: { name: "desk" }, messages }
    assert.deepInclude(ask(dialectV2, "PUT /session", body).command, {
      _tag: "StartQuery",
      settings: { tools: [], instructions: "Be brief." }
    })
    assert.deepInclude(ask(dialect, "POST /sessions", body).command, {
      _tag: "CreateThread",
      settings: { tools: [], instructions: "Be brief." },
      seed: [{ role: "user", content: [{ type: "text", text: "hi" }] }]
    })
  })

  it("carry images with their media types", () => {
    const urls = [png, "https://example.com/a.JPG?x=1", "https://example.com/a"]
    const content = urls.map((url) => ({ type: "image", url }))
    const { command } = ask(dialect, "POST /sessions/s1/turns", { messages: [{ role: "user", content }] })
    rule(command._tag === "StartQuery" && typeof command.prompt !== "string", "it is a query")
    assert.deepStrictEqual(
      command.prompt.map((part) => (part.type === "file" ? part.mediaType : "")),
      ["image/png", "image/jpeg", "image/*"]
    )
  })

  it("have a tool's result as text, or as blocks with its images", () => {
    const content = [
      { type: "text", text: "a cat" },
      { type: "image", url: png }
    ]
    const { command } = ask(dialect, "POST /sessions/s1/turns", {
      messages: [{ role: "tool", toolCallId: "c1", content }]
    })
    rule(command._tag === "Answer", "it is an answer")
    assert.deepStrictEqual(command.results, [
      {
        toolCallId: "c1",
        result: content,
        content: [
          { type: "text", text: "a cat" },
          { type: "file", mediaType: "image/png", data: png }
        ]
      }
    ])
    const history = reply(dialect, "GET /sessions/s1/history", {
      _tag: "History",
      threadId: "s1",
      messages: [
        {
          role: "tool",
          content: [
            { type: "tool-result", id: "c1", name: "see", result: content },
            {
              type: "tool-result",
              id: "c2",
              name: "see",
              result: { content: [{ type: "image", mediaType: "image/png", data: "iVBORw0KGgo=" }] }
            },
            { type: "tool-result", id: "c3", name: "see", result: { hits: 3 } }
          ]
        }
      ]
    })
    assert.deepStrictEqual(history.body, {
      history: {
        full: [
          { role: "tool", toolCallId: "c1", content },
          { role: "tool", toolCallId: "c2", content: [{ type: "image", url: png }] },
          { role: "tool", toolCallId: "c3", content: '{"hits":3}' }
        ]
      }
    })
  })
})
