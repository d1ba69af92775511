import { assert, describe, it } from "@effect/vitest"
import { Decision, QueryRejections } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import type { Dialect } from "@reins/wire"
import { Refusal } from "@reins/wire"
import { dialect as aap, dialectV2 } from "@reins/wire/aap"
import { dialect as agUi } from "@reins/wire/ag-ui"
import { dialect as aiSdk } from "@reins/wire/ai-sdk"
import { dialect as anthropic } from "@reins/wire/anthropic"
import { dialect as kai } from "@reins/wire/kai"
import { dialect as karta } from "@reins/wire/karta"
import { dialect as native } from "@reins/wire/native"
import { dialect as chat } from "@reins/wire/openai-chat"
import { dialect as responses } from "@reins/wire/openai-responses"
import { dialect as steerable } from "@reins/wire/steerable"
import { Result } from "effect"
import { command, decode } from "./Ask.ts"
import type { Parsed } from "./Rule.ts"

const dialects: ReadonlyArray<readonly [name: string, dialect: Dialect.Dialect]> = [
  native,
  karta,
  aap,
  dialectV2,
  kai,
  steerable,
  aiSdk,
  chat,
  responses,
  anthropic,
  agUi
].map((dialect) => [dialect.name, dialect])

const secret = "sk-do-not-repeat"

/** Any JSON, with words that bodies of these protocols use for keys, and a secret here and there. */
const anything = (random: () => number, depth = 3): unknown => {
  const pick = <A>(...from: ReadonlyArray<A>) => from[Math.floor(random() * from.length)]
  const keys = [
    "messages",
    "message",
    "role",
    "content",
    "parts",
    "type",
    "text",
    "id",
    "input",
    "agent",
    "prompt",
    "threadId",
    "resume"
  ]
  switch (depth === 0 ? Math.floor(random() * 5) : Math.floor(random() * 7)) {
    case 0:
      return null
    case 1:
      return random() * 1e9
    case 2:
      return pick("user", "assistant", "text", "tool", secret, "", "__proto__")
    case 3:
      return random() < 0.5
    case 4:
      return undefined
    case 5:
      return Array.from({ length: Math.floor(random() * 4) }, () => anything(random, depth - 1))
    default:
      return Object.fromEntries(
        Array.from({ length: Math.floor(random() * 5) }, () => [
          pick(...keys, "__proto__"),
          anything(random, depth - 1)
        ])
      )
  }
}

describe.each(dialects)("%s", (_, dialect) => {
  it("answers any body with a command, or with a refusal that repeats none of it", () => {
    const random = Generated.seeded(11)
    for (const { decode, method } of dialect.routes) {
      for (let round = 0; round < 60; round++) {
        const decoded = decode({ params: { id: "a" }, query: {}, headers: {}, body: anything(random) })
        if (Result.isSuccess(decoded)) continue
        const reply = dialect.encodeError(decoded.failure)
        assert.isAtLeast(reply.status, 400, method)
        assert.notInclude(JSON.stringify(reply), secret)
      }
    }
  })

  it("has a format for every refusal, with the status of its kind", () => {
    const kinds: ReadonlyArray<readonly [Refusal.Kind, number]> = [
      ["bad-request", 400],
      ["unauthorized", 401],
      ["budget", 402],
      ["forbidden", 403],
      ["not-found", 404],
      ["method-not-allowed", 405],
      ["conflict", 409],
      ["gone", 410],
      ["too-large", 413],
      ["unprocessable", 422],
      ["rate-limited", 429],
      ["internal", 500],
      ["unavailable", 503]
    ]
    for (const [kind, status] of kinds) {
      const reply = dialect.encodeError(Refusal.make(kind, "Code", "a message", 7))
      assert.strictEqual(reply.status, status)
      assert.isAbove((reply.text ?? JSON.stringify(reply.body)).length, 2)
    }
  })

  it("has no two routes for one path", () => {
    const keys = dialect.routes.map(({ method, path }) => `${method} ${path.replaceAll(/:\w+/g, ":")}`)
    assert.strictEqual(new Set(keys).size, keys.length)
  })
})

const user = (content: string) => ({ role: "user", content })

describe("a query", () => {
  const asked: ReadonlyArray<readonly [string, Dialect.Dialect, string, unknown]> = [
    ["native", native, "POST /query", { prompt: "hi", threadId: "t" }],
    ["karta", karta, "POST /v1/sessions/t/messages", { text: "hi" }],
    ["karta, by project", karta, "POST /v1/projects/p/sessions/t/messages", { text: "hi", stream: true }],
    ["aap", aap, "POST /sessions/t/turns", { messages: [user("hi")] }],
    ["aap-v2", dialectV2, "POST /session/t", { stream: "delta", messages: [user("hi")] }],
    [
      "kai",
      kai,
      "POST /api/chat",
      { id: "t", message: { id: "m", role: "user", parts: [{ type: "text", text: "hi" }] } }
    ],
    ["steerable", steerable, "POST /api/chats/t/send", { content: "hi" }],
    [
      "ai-sdk",
      aiSdk,
      "POST /chat",
      { id: "t", messages: [{ id: "m", role: "user", parts: [{ type: "text", text: "hi" }] }] }
    ],
    [
      "openai-chat",
      chat,
      "POST /chat/completions",
      { model: "a", messages: [user("hi")], metadata: { thread_id: "t" } }
    ],
    ["anthropic", anthropic, "POST /v1/messages", { model: "a", messages: [user("hi")], metadata: { thread_id: "t" } }],
    [
      "ag-ui",
      agUi,
      "POST /run",
      { threadId: "t", runId: "r", messages: [{ id: "m", ...user("hi") }], tools: [], context: [] }
    ]
  ]
  it.each(asked)("has a thread and a text: %s", (_, dialect, line, body) => {
    const started = command(dialect, line, body)
    assert.strictEqual(started._tag, "StartQuery")
    if (started._tag !== "StartQuery") return
    assert.strictEqual(started.threadId, "t")
    const text =
      typeof started.prompt === "string"
        ? started.prompt
        : started.prompt.map((part) => "text" in part && part.text).join("")
    assert.strictEqual(text, "hi")
  })

  it("carries its whole history, with calls and results, and what the system says", () => {
    const messages = [
      { role: "system", content: "obey" },
      user("one"),
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c", type: "function", function: { name: "pay", arguments: "{}" } }]
      },
      { role: "tool", tool_call_id: "c", content: "approved" },
      { role: "assistant", content: "two" },
      user("three")
    ]
    const asked = command(chat, "POST /chat/completions", { model: "a", messages })
    assert.deepInclude(asked, { _tag: "StartQuery", instructions: "obey" })
    assert.deepStrictEqual(asked._tag === "StartQuery" ? asked.seed : undefined, [
      { role: "user", content: [{ type: "text", text: "one" }] },
      { role: "assistant", content: [{ type: "tool-call", id: "c", name: "pay", args: {}, execution: "client" }] },
      { role: "tool", content: [{ type: "tool-result", id: "c", name: "pay", result: "approved" }] },
      { role: "assistant", content: [{ type: "text", text: "two" }] }
    ])
    const misplaced = [messages[3], ...messages]
    assert.isTrue(Result.isFailure(decode(chat, "POST /chat/completions", { model: "a", messages: misplaced })))
    const unanswered = messages.slice(0, 3)
    assert.isTrue(Result.isFailure(decode(chat, "POST /chat/completions", { model: "a", messages: unanswered })))
  })
})

const approve = Decision.approve()

/** A command, to look at some of its fields. */
const fieldsOf = (dialect: Dialect.Dialect, line: string, body: unknown): Parsed => command(dialect, line, body)

describe("an answer", () => {
  it("reaches Karta as a decision about an input", () => {
    assert.deepInclude(fieldsOf(karta, "PUT /v1/sessions/t/inputs/apr-1", { decision: "approve_session" }), {
      address: { threadId: "t" },
      decisions: [{ approvalId: "apr-1", decision: { type: "approve", scope: "thread" } }]
    })
  })

  it("reaches the Agent Application Protocol all at once", () => {
    const messages = [
      { role: "tool_permission", toolCallId: "c1", granted: true },
      { role: "tool_permission", toolCallId: "c2", granted: false, reason: "no" },
      { role: "tool", toolCallId: "c3", content: '{"a":1}' }
    ]
    assert.deepInclude(fieldsOf(aap, "POST /sessions/t/turns", { messages }), {
      _tag: "Answer",
      complete: true,
      decisions: [
        { toolCallId: "c1", decision: approve },
        { toolCallId: "c2", decision: { type: "reject", feedback: "no" } }
      ],
      results: [{ toolCallId: "c3", result: { a: 1 } }]
    })
  })

  it("is not mixed with a question there", () => {
    const messages = [user("hi"), { role: "tool_permission", toolCallId: "c1", granted: true }]
    assert.isTrue(Result.isFailure(decode(aap, "POST /sessions/t/turns", { messages })))
  })

  const forms: ReadonlyArray<readonly [string, unknown, object]> = [
    [
      "a tool result",
      { id: "m", role: "user", parts: [{ type: "tool-result", toolCallId: "c1", toolName: "x", result: "confirmed" }] },
      { toolCallId: "c1", decision: approve }
    ],
    [
      "the assistant's message, sent back",
      {
        id: "m",
        role: "assistant",
        parts: [
          { type: "text", text: "May I?" },
          { type: "tool-x", toolCallId: "c1", state: "approval-responded", approval: { id: "apr-1", approved: true } }
        ]
      },
      { approvalId: "apr-1", decision: approve }
    ],
    [
      "a part of its own",
      { id: "m", role: "user", parts: [{ type: "tool-approval-response", approvalId: "apr-1", approved: true }] },
      { approvalId: "apr-1", decision: approve }
    ]
  ]
  it.each(forms)("reaches Kai as %s", (_, message, decision) => {
    assert.deepInclude(fieldsOf(kai, "POST /api/chat", { id: "t", message }), {
      _tag: "Answer",
      decisions: [decision]
    })
  })

  it("reaches AG-UI by its interrupt, and approves, rejects, or is refused", () => {
    const input = (entry: object) => ({
      threadId: "t",
      runId: "r",
      messages: [],
      resume: [{ interruptId: "apr-1", ...entry }]
    })
    const decisions = [
      { status: "resolved", payload: { approved: true } },
      { status: "resolved", payload: { type: "revise", partial: { amount: 1 } } },
      { status: "cancelled" }
    ].map((entry) => {
      const answer = command(agUi, "POST /run", input(entry))
      return answer._tag === "Answer" ? answer.decisions[0]?.decision : undefined
    })
    assert.deepStrictEqual(decisions, [approve, { type: "revise", partial: { amount: 1 } }, { type: "reject" }])
    assert.isTrue(Result.isFailure(decode(agUi, "POST /run", input({ status: "resolved" }))))
  })
})

describe("Karta's hidden events", () => {
  const send = (settings: object) => {
    const started = command(karta, "POST /v1/sessions/t/messages", { text: "hi", ...settings })
    return started._tag === "StartQuery" ? started.automatic : undefined
  }
  it("lose no approval: a hidden question gets an automatic decision", () => {
    assert.isUndefined(send({}))
    assert.deepStrictEqual(send({ hidden_event_types: ["input_required"] }), Decision.reject())
    const hidden = { hidden_event_types: ["input_required"], input_required_hidden_policy: "approve_session" }
    assert.deepStrictEqual(send(hidden), Decision.approve({ scope: "thread" }))
    assert.deepStrictEqual(send({ input_required_policy: "approve_once" }), approve)
  })
})

describe("a refusal", () => {
  it("does not tell a client which agents there are", () => {
    const { message } = Refusal.fromQueryRejected(new QueryRejections.UnknownAgent({ name: "x", known: ["secret"] }))
    assert.strictEqual(message, 'Unknown agent "x"')
  })

  it("uses each protocol's own names", () => {
    const budget = Refusal.make("budget", "BudgetExhausted", "no credit")
    assert.deepStrictEqual(karta.encodeError(budget).body, { error: "budget_exhausted", reason: "no credit" })
    const missing = Refusal.fromQueryRejected(new QueryRejections.ThreadForbidden({ threadId: "x" }))
    assert.deepStrictEqual(aap.encodeError(missing), { status: 404, body: { error: "Session not found" } })
    assert.deepInclude(kai.encodeError(missing).body as object, { code: "not_found:chat" })
    assert.deepStrictEqual(anthropic.encodeError(Refusal.make("unauthorized", "NoKey", "no key")).body, {
      type: "error",
      error: { type: "authentication_error", message: "no key" }
    })
  })
})
