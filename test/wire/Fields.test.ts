/**
 * Each row of `Dialect.fields` says the truth: the field changes what is asked for, changes nothing, or is refused by
 * name.
 */
import { assert, describe, it } from "@effect/vitest"
import { Fields } from "@reins/wire"
import type { Dialect, Exchange } from "@reins/wire"
import { dialect as aap } from "@reins/wire/aap"
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
import { decode } from "./Ask.ts"
import { play } from "./Play.ts"
import { scenarios } from "./Scenarios.ts"
import { opened } from "./Whole.ts"

interface Case {
  readonly dialect: Dialect.Dialect
  readonly line: string
  readonly body: object
  /** Values by the row's path, other than the ones that any field of the kind takes. */
  readonly samples: Readonly<Record<string, unknown>>
  /** What a row's field needs beside it. */
  readonly beside?: Readonly<Record<string, object>>
}

const tool = { name: "pay", description: "Pays", parameters: { type: "object" } }
const user = { role: "user", content: "hi" }
const schema = { type: "object", properties: { a: { type: "string" } } }

const cases: ReadonlyArray<Case> = [
  {
    dialect: chat,
    line: "POST /chat/completions",
    body: {
      model: "m",
      messages: [user],
      tools: [{ type: "function", function: tool }],
      stream: true,
      stream_options: {}
    },
    samples: {
      model: "other",
      messages: [{ role: "system", content: "obey" }, user],
      "messages[].name": "mia",
      stream: false,
      "stream_options.include_usage": true,
      "stream_options.include_events": true,
      tools: [{ type: "function", function: { ...tool, name: "send" } }],
      "tools[].type": "custom",
      "tools[].function.strict": true,
      tool_choice: { type: "function", function: { name: "pay" } },
      "tool_choice.allowed_tools": { mode: "auto", tools: [] },
      "tool_choice.custom": { name: "pay" },
      parallel_tool_calls: false,
      response_format: { type: "json_schema", json_schema: { name: "answer", schema } },
      stop: "END",
      reasoning_effort: "low",
      metadata: { thread_id: "t", other: "x" },
      logprobs: true,
      modalities: ["text", "audio"],
      verbosity: "low"
    }
  },
  {
    dialect: responses,
    line: "POST /responses",
    body: { model: "m", input: [user], tools: [{ type: "function", ...tool }], text: {}, reasoning: {} },
    samples: {
      model: "other",
      input: "other",
      instructions: "obey",
      previous_response_id: "resp_run-9",
      conversation: "t",
      stream: true,
      background: true,
      tools: [{ type: "function", ...tool, name: "send" }],
      "tools[].type": "web_search",
      "tools[].strict": true,
      "tools[].server_label": "other",
      "tools[].require_approval": "never",
      tool_choice: { type: "function", name: "pay" },
      "tool_choice.type": "allowed_tools",
      parallel_tool_calls: false,
      "text.format": { type: "json_schema", name: "answer", schema },
      "text.verbosity": "low",
      "reasoning.effort": "high",
      "reasoning.summary": "detailed",
      "include[]": "message.output_text.logprobs",
      truncation: "auto",
      metadata: { thread_id: "t", other: "x" },
      store: false
    }
  },
  {
    dialect: anthropic,
    line: "POST /v1/messages",
    body: {
      model: "m",
      max_tokens: 1,
      messages: [user],
      tools: [{ name: "pay", input_schema: schema }],
      system: [{ type: "text", text: "x" }],
      tool_choice: { type: "auto" }
    },
    samples: {
      model: "other",
      messages: [{ role: "system", content: "obey" }, user],
      system: [{ type: "text", text: "obey" }],
      stream: true,
      tools: [{ name: "send", input_schema: schema }],
      "tools[].type": "web_search_20250305",
      tool_choice: { type: "any" },
      "tool_choice.disable_parallel_tool_use": true,
      stop_sequences: ["END"],
      thinking: { type: "enabled", budget_tokens: 9999 },
      "output_config.effort": "max",
      "output_config.format": { type: "json_schema", schema },
      output_format: { type: "json_schema", schema },
      metadata: { user_id: "mia", thread_id: "t" }
    }
  },
  {
    dialect: agUi,
    line: "POST /run",
    body: { threadId: "t", runId: "r", messages: [{ id: "m", ...user }] },
    samples: {
      threadId: "other",
      runId: "other",
      messages: [{ id: "m", role: "user", content: "other" }],
      tools: [tool],
      resume: [{ interruptId: "apr-1", status: "cancelled" }],
      context: [{ description: "The page", value: "orders" }],
      state: { open: true },
      protocolVersion: "1.0",
      parentRunId: "run-0"
    }
  },
  {
    dialect: aiSdk,
    line: "POST /data-stream",
    body: { messages: [user] },
    samples: {
      messages: [
        { role: "system", content: "obey" },
        { role: "user", content: [{ type: "text", text: "ho" }] }
      ],
      threadId: "t",
      system: "obey",
      tools: { locate: { parameters: { type: "object" } } },
      agent: "a",
      model: "strong",
      maxTokens: 9,
      temperature: 0.5,
      topP: 0.5,
      presencePenalty: 0.5,
      frequencyPenalty: 0.5,
      seed: 4
    }
  },
  {
    dialect: aiSdk,
    line: "POST /chat",
    body: { id: "t", messages: [{ id: "m", role: "user", parts: [{ type: "text", text: "hi" }] }] },
    samples: {
      id: "other",
      messages: [{ id: "m", role: "user", parts: [{ type: "text", text: "other" }] }],
      trigger: "regenerate-message",
      messageId: "m",
      system: "obey",
      tools: { pay: { description: "Pays", parameters: schema } },
      agent: "other",
      model: "strong"
    }
  }
]

const small: ReadonlyArray<Case> = [
  {
    dialect: native,
    line: "POST /query",
    body: { prompt: "hi" },
    samples: {
      prompt: [{ type: "text", text: "ho" }],
      threadId: "t",
      agent: "a",
      model: "strong",
      requestId: "r",
      stream: false
    },
    beside: { replaces: { threadId: "t" } }
  },
  {
    dialect: steerable,
    line: "POST /api/chats/:chatId/send",
    body: { content: "hi" },
    samples: { content: "ho", agentId: "a" }
  },
  {
    dialect: kai,
    line: "POST /api/chat",
    body: { id: "t", message: { id: "m", role: "user", parts: [{ type: "text", text: "hi" }] } },
    samples: {
      id: "u",
      message: { id: "n", role: "user", parts: [{ type: "text", text: "ho" }] },
      "message.metadata": { a: 1 },
      selectedVisibilityType: "public",
      branchId: 7
    }
  },
  {
    dialect: karta,
    line: "POST /v1/sessions/:id/messages",
    body: { text: "hi" },
    beside: {
      hidden_event_types: { stream: true },
      input_required_hidden_policy: { hidden_event_types: ["input_required"] }
    },
    samples: {
      text: "ho",
      agent: "a",
      stream: true,
      thinking: true,
      hidden_event_types: ["text"],
      input_required_policy: "approve_once",
      input_required_hidden_policy: "approve_session",
      participant_name: "mia",
      participant_type: "ai"
    }
  },
  {
    dialect: karta,
    line: "POST /v1/sessions",
    body: {},
    samples: { session_id: "s", metadata: { a: 1 } }
  },
  {
    dialect: karta,
    line: "POST /v1/projects/:ref/chat/completions",
    body: { messages: [user] },
    samples: { messages: [{ role: "system", content: "obey" }, user], model: "other", stream: true, stop: "END" }
  },
  {
    dialect: karta,
    line: "POST /v1/projects/:ref/responses",
    body: { input: "hi" },
    samples: { input: "ho", stream: true, stop: ["END"], previous_response_id: "resp_run-9" }
  },
  {
    dialect: aap,
    line: "POST /sessions/:id/turns",
    body: { messages: [user] },
    samples: {
      messages: [{ role: "user", content: "ho" }],
      stream: "delta",
      "agent.tools": [{ name: "pay", trust: true }],
      "agent.options": { tone: "kind" },
      tools: [{ name: "locate", parameters: { type: "object" } }]
    }
  },
  {
    dialect: aap,
    line: "POST /sessions",
    body: { agent: { name: "a" } },
    samples: {
      stream: "delta",
      messages: [{ role: "user", content: "ho" }],
      "agent.name": "b",
      "agent.tools": [{ name: "pay", trust: true }],
      "agent.options": { tone: "kind" },
      tools: [{ name: "locate", parameters: { type: "object" } }]
    }
  }
]

/** The body with a value at a path. */
const withValue = (body: unknown, [first = "", ...rest]: ReadonlyArray<string>, value: unknown): unknown => {
  const isList = first.endsWith("[]")
  const name = isList ? first.slice(0, -2) : first
  const fields: Readonly<Record<string, unknown>> = typeof body === "object" && body !== null ? { ...body } : {}
  const inner = fields[name]
  if (!isList) return { ...fields, [name]: rest.length === 0 ? value : withValue(inner, rest, value) }
  if (rest.length === 0) return { ...fields, [name]: [value] }
  return { ...fields, [name]: (Array.isArray(inner) ? inner : [{}]).map((one) => withValue(one, rest, value)) }
}

/** What a request asks for and gets: its command, and the answer to every scenario. */
const meaningOf = ({ answer, command }: Exchange): unknown => {
  if (answer._tag === "Facts") return [command, answer.shape({ _tag: "Accepted", runId: "run-1" })]
  const answers = scenarios.map(([, log]) => play(opened(answer), log))
  return [command, answer._tag, answers]
}

const all = [...cases, ...small]

const rows = all.flatMap((one) =>
  Object.entries(one.dialect.fields?.[one.line] ?? {})
    .filter(([path]) => path !== "*")
    .map(([path, field]) => [one.dialect.name, path, field, one] as const)
)

describe("a field of a request", () => {
  it.each(rows)(
    "does what its row says: %s, %s",
    (_, path, field, { beside = {}, body: usual, dialect, line, samples }) => {
      const body = { ...usual, ...beside[path] }
      const names = path.split(".")
      const sent = withValue(body, names, path in samples ? samples[path] : field.does === "honoured" ? 2 : "x")
      const plain = decode(dialect, line, body)
      const decoded = decode(dialect, line, sent)
      assert.isTrue(Result.isSuccess(plain))
      if (field.does === "refused") {
        assert.isTrue(Result.isFailure(decoded))
        if (Result.isSuccess(decoded)) return
        const reply = dialect.encodeError(decoded.failure)
        assert.strictEqual(reply.status, 400)
        assert.include(reply.text ?? JSON.stringify(reply.body), path)
        for (const value of [...(field.takes ?? []), null]) {
          const taken = decode(dialect, line, withValue(body, names, value))
          // A value that is taken need not be whole by itself.
          if (Result.isFailure(taken)) assert.notInclude(taken.failure.code, "UnsupportedField")
        }
        return
      }
      assert.isTrue(Result.isSuccess(decoded), Result.isFailure(decoded) ? decoded.failure.message : "")
      if (Result.isFailure(plain) || Result.isFailure(decoded)) return
      const [before, after] = [meaningOf(plain.success), meaningOf(decoded.success)]
      if (field.does === "ignored") assert.deepStrictEqual(after, before)
      else assert.notDeepEqual(after, before)
    }
  )

  it.each(all)("is ignored when no row names it: $line", ({ body, dialect, line }) => {
    const [plain, decoded] = [decode(dialect, line, body), decode(dialect, line, { ...body, brand_new: { deep: [1] } })]
    assert.isTrue(Result.isSuccess(plain) && Result.isSuccess(decoded))
    if (Result.isSuccess(plain) && Result.isSuccess(decoded)) {
      assert.deepStrictEqual(meaningOf(decoded.success), meaningOf(plain.success))
    }
  })
})

describe("the fields at a path", () => {
  it("are found in objects and in each element of a list, and only there", () => {
    const body = { a: { b: 1 }, list: [{ c: 2 }, { c: 3 }, "x"], text: "no" }
    assert.deepStrictEqual(Fields.at(body, "a.b"), [1])
    assert.deepStrictEqual(Fields.at(body, "list[].c"), [2, 3])
    assert.deepStrictEqual(Fields.at(body, "text.b"), [])
    assert.deepStrictEqual(Fields.at(body, "__proto__"), [])
  })
})
