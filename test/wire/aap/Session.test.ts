import { assert, describe, it } from "@effect/vitest"
import type { Facts } from "@reins/wire"
import { dialect, dialectV2 } from "@reins/wire/aap"
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
