/** An answer ends with what its protocol calls the run's end, and says the same with and without a stream. */
import { assert, describe, it } from "@effect/vitest"
import type { Envelope } from "@reins/protocol"
import type { Dialect, Frame } from "@reins/wire"
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
import { ask } from "./Ask.ts"
import { Log } from "./Log.ts"
import { breaksOff, play } from "./Play.ts"
import type { Parsed } from "./Rule.ts"
import { scenarios } from "./Scenarios.ts"
import { lawful } from "./Suite.ts"
import { opened } from "./Whole.ts"

/** What a client knows of an answer when it is over. `usage` and `calls` where the protocol has them. */
interface Over {
  readonly end: string
  readonly text: string
  readonly usage?: unknown
  readonly calls?: ReadonlyArray<string>
}

interface Protocol {
  readonly dialect: Dialect.Dialect
  readonly line: string
  readonly body: object
  /** What asks for one answer instead of a stream; absent: the protocol has only streams. */
  readonly whole?: object
  /** Where a question is not answered by the same request again: such runs are left out where answers are compared. */
  readonly pauses?: "elsewhere"
  readonly streamed: (frames: ReadonlyArray<Parsed>, names: ReadonlyArray<string | undefined>) => Over
  readonly read?: (body: Parsed) => Over
}

const user = [{ role: "user", content: "hi" }]
const page = { id: "m", role: "user", parts: [{ type: "text", text: "hi" }] }
const join = (parts: ReadonlyArray<Parsed>): string => parts.join("")

const chatCalls = (calls: ReadonlyArray<Parsed> = []) => calls.map(({ id }) => id)
const messageCalls = (blocks: ReadonlyArray<Parsed>) =>
  blocks.flatMap(({ id, type }) => (type === "tool_use" ? [id] : []))
const messageText = (blocks: ReadonlyArray<Parsed>) =>
  join(blocks.flatMap(({ text, type }) => (type === "text" ? [text] : [])))

const responseOver = ({ error, incomplete_details, output, status, usage }: Parsed): Over => ({
  // A stream ends as completed where a response has been cancelled.
  end: incomplete_details?.reason ?? (error === null ? status : `failed: ${error.code}`),
  text: join(
    output.flatMap(({ content, type }: Parsed) => (type === "message" ? content.map((p: Parsed) => p.text) : []))
  ),
  usage,
  calls: output.flatMap(({ call_id, type }: Parsed) => (type === "function_call" ? [call_id] : []))
})

const protocols: { readonly [name: string]: Protocol } = {
  "openai-chat": {
    dialect: chat,
    line: "POST /chat/completions",
    body: { model: "m", messages: user, stream: true, stream_options: { include_usage: true } },
    whole: { stream: false },
    streamed: (frames) => {
      const choices = frames.flatMap((frame) => frame.choices ?? [])
      const failure = frames.find((frame) => frame.error !== undefined)
      return {
        end: failure?.error.code ?? choices.at(-1)?.finish_reason ?? "open",
        text: join(choices.map(({ delta }) => delta.content ?? "")),
        usage: failure === undefined ? frames.find(({ usage }) => usage !== undefined)?.usage : undefined,
        calls: failure === undefined ? chatCalls(choices.flatMap(({ delta }) => delta.tool_calls ?? [])) : []
      }
    },
    read: ({ choices: [choice] = [], error, usage }) => ({
      end: error?.code ?? choice.finish_reason,
      text: choice?.message.content ?? "",
      usage,
      calls: chatCalls(choice?.message.tool_calls)
    })
  },
  "openai-responses": {
    dialect: responses,
    line: "POST /responses",
    body: { model: "m", input: "hi", stream: true },
    whole: { stream: false },
    streamed: (frames) => responseOver(frames.at(-1)?.response),
    read: responseOver
  },
  anthropic: {
    dialect: anthropic,
    line: "POST /v1/messages",
    body: { model: "m", max_tokens: 9, messages: user, stream: true },
    whole: { stream: false },
    streamed: (frames) => {
      const failure = frames.find(({ type }) => type === "error")
      const last = frames.find(({ type }) => type === "message_delta")
      return {
        end: failure?.error.type ?? last?.delta.stop_reason ?? "open",
        text: join(frames.map(({ delta }) => delta?.text ?? "")),
        usage: failure === undefined ? [last?.usage.input_tokens, last?.usage.output_tokens] : undefined,
        calls: failure === undefined ? messageCalls(frames.flatMap(({ content_block = {} }) => [content_block])) : []
      }
    },
    read: ({ content = [], error, stop_reason, usage }) => ({
      end: error?.type ?? stop_reason,
      text: messageText(content),
      usage: usage === undefined ? undefined : [usage.input_tokens, usage.output_tokens],
      calls: messageCalls(content)
    })
  },
  aap: {
    dialect: aap,
    line: "POST /sessions/t/turns",
    body: { stream: "delta", messages: user },
    whole: { stream: "none" },
    streamed: (frames) => ({
      end: frames.at(-1)?.stopReason ?? "open",
      text: join(frames.map(({ delta }, index) => (frames[index - 1]?.thinking === undefined ? (delta ?? "") : "")))
    }),
    read: ({ stopReason }) => ({ end: stopReason, text: "" })
  },
  karta: {
    dialect: karta,
    line: "POST /v1/sessions/t/messages",
    body: { text: "hi", stream: true },
    pauses: "elsewhere",
    whole: { stream: false },
    streamed: (frames) => {
      const failure = frames.find(({ type }) => type === "error")
      const done = frames.find(({ type }) => type === "done")
      return {
        end: failure?.data.code ?? (done === undefined ? "open" : "done"),
        text: done?.data.message.text ?? "",
        usage: done?.data.usage ?? null
      }
    },
    read: ({ error, session, text = "", usage = null }) => ({
      end: error ?? (session === undefined ? "done" : "open"),
      text: session === undefined ? text : "",
      usage
    })
  },
  native: {
    dialect: native,
    line: "POST /query",
    body: { prompt: "hi" },
    pauses: "elsewhere",
    whole: { stream: false },
    streamed: (frames) => {
      const finish = frames.find(({ type }) => type === "finish")
      const failure = frames.find(({ type }) => type === "error")
      return { end: failure?.error.code ?? finish?.finishReason ?? "open", text: "", usage: finish?.usage }
    },
    read: ({ error, finishReason, usage }) => ({ end: error?.code ?? finishReason ?? "open", text: "", usage })
  },
  "ai-sdk": {
    dialect: aiSdk,
    line: "POST /chat",
    body: { id: "t", messages: [page] },
    streamed: (frames) => {
      const failure = frames.find(({ type }) => type === "error")
      const finish = frames.find(({ type }) => type === "finish")
      return { end: failure === undefined ? (finish?.finishReason ?? "open") : "error", text: "" }
    }
  },
  "ag-ui": {
    dialect: agUi,
    line: "POST /run",
    body: { threadId: "t", runId: "r", messages: [{ id: "m", ...user[0] }], protocolVersion: "1.0" },
    streamed: (frames) => {
      const last = frames.at(-1)
      return { end: last?.outcome?.type ?? last?.code ?? "open", text: "" }
    }
  },
  kai: {
    dialect: kai,
    line: "POST /api/chat",
    body: { id: "t", message: page },
    streamed: (frames) => ({ end: frames.findLast(({ type }) => type === "finish")?.finishReason ?? "open", text: "" })
  },
  steerable: {
    dialect: steerable,
    line: "POST /api/chats/t/send",
    body: { content: "hi" },
    streamed: (frames) => {
      const failure = frames.findLast(({ type }) => type === "error" || type === "budget_exhausted")
      return { end: failure?.type ?? frames.at(-1)?.payload?.finishReason ?? "open", text: "" }
    }
  }
}

type Recorded = ReadonlyArray<Envelope.Envelope>

const parsed = (frames: ReadonlyArray<Frame.Frame>): ReadonlyArray<Parsed> =>
  frames.flatMap(({ data }) => (data === "[DONE]" ? [] : [JSON.parse(data)]))

const streamedOf = ({ body, dialect, line, streamed }: Protocol, log: Recorded): ReadonlyArray<Over> => {
  const { answer } = ask(dialect, line, body)
  return play(opened(answer), log).map((frames) =>
    streamed(
      parsed(frames),
      frames.map(({ event }) => event)
    )
  )
}

const wholeOf = ({ body, dialect, line, read, whole }: Protocol, log: Recorded): ReadonlyArray<Over> => {
  const { answer } = ask(dialect, line, { ...body, ...whole })
  return play(opened(answer), log).map((frames) => read?.(parsed(frames)[0]) ?? { end: "none", text: "" })
}

const ended = (reason: Parameters<Log["finish"]>[0]): Recorded => new Log().step().text("I sa").finish(reason).envelopes
const failed = (code: string): Recorded => new Log().step().text("I sa").fail("it failed", code).envelopes
const limited = (limit: string): Recorded => {
  const message = `${limit}=1 reached`
  const data = { limit, max: 1, used: 1 }
  return new Log()
    .step()
    .text("I sa")
    .say({ type: "budget_exhausted", message, code: "E_BUDGET", data })
    .finish("budget").envelopes
}

const runs = {
  stop: ended("stop"),
  length: ended("length"),
  "content filter": ended("content-filter"),
  cancelled: ended("cancelled"),
  "repeated calls": ended("repeated-calls"),
  budget: limited("maxSteps"),
  "budget of tokens": limited("maxOutputTokens"),
  "context overflow": failed("E_CONTEXT_OVERFLOW"),
  "content refused": failed("E_CONTENT_REFUSED"),
  failure: failed("E_PROVIDER_UNAVAILABLE")
}

/** By run, in the order of `runs`. */
const expected: { readonly [name: string]: ReadonlyArray<string> } = {
  "openai-chat": [
    "stop",
    "length",
    "content_filter",
    "stop",
    "length",
    "length",
    "length",
    "length",
    "content_filter",
    "E_PROVIDER_UNAVAILABLE"
  ],
  "openai-responses": [
    "completed",
    "max_output_tokens",
    "content_filter",
    "cancelled",
    "max_output_tokens",
    "max_output_tokens",
    "max_output_tokens",
    "max_output_tokens",
    "content_filter",
    "failed: server_error"
  ],
  anthropic: [
    "end_turn",
    "max_tokens",
    "refusal",
    "end_turn",
    "max_tokens",
    "max_tokens",
    "max_tokens",
    "max_tokens",
    "refusal",
    "api_error"
  ],
  aap: ["end_turn", "max_tokens", "refusal", "error", "error", "error", "max_tokens", "max_tokens", "refusal", "error"],
  karta: [
    "done",
    "done",
    "done",
    "done",
    "done",
    "budget_exhausted",
    "budget_exhausted",
    "E_CONTEXT_OVERFLOW",
    "E_CONTENT_REFUSED",
    "E_PROVIDER_UNAVAILABLE"
  ],
  native: [
    "stop",
    "length",
    "content-filter",
    "cancelled",
    "repeated-calls",
    "budget",
    "budget",
    "E_CONTEXT_OVERFLOW",
    "E_CONTENT_REFUSED",
    "E_PROVIDER_UNAVAILABLE"
  ],
  "ai-sdk": ["stop", "length", "content-filter", "interrupted", "other", "other", "other", "error", "error", "error"],
  "ag-ui": [
    "success",
    "success",
    "success",
    "cancelled",
    "success",
    "success",
    "success",
    "E_CONTEXT_OVERFLOW",
    "E_CONTENT_REFUSED",
    "E_PROVIDER_UNAVAILABLE"
  ],
  kai: ["complete", "max_tokens", "error", "cancelled", "error", "max_tokens", "max_tokens", "error", "error", "error"],
  steerable: [
    "stop",
    "length",
    "content-filter",
    "cancelled",
    "repeated-calls",
    "budget_exhausted",
    "budget_exhausted",
    "error",
    "error",
    "error"
  ]
}

const names = Object.keys(protocols)
const each = names.map((name) => [name, protocols[name] as Protocol, expected[name]] as const)
const both = each.filter(([, { whole }]) => whole !== undefined)

const isWait = ({ event }: Envelope.Envelope): boolean =>
  event.type === "approval-required" ||
  (event.type === "tool-invocation" && event.state === "call" && event.execution === "client")

describe("the end of a run", () => {
  it.each(each)("has the protocol's name for it: %s", (_, protocol, ends) => {
    assert.deepStrictEqual(
      Object.values(runs).map((log) => streamedOf(protocol, log).at(-1)?.end),
      [...(ends ?? [])]
    )
  })

  it("is said by Karta's chat adapter, too, which has no word for it in a stream", () => {
    const { answer } = ask(karta, "POST /v1/projects/p/chat/completions", { messages: user })
    const found = Object.entries(runs).map(([name, log]) => {
      const [body] = play(opened(answer), log).flatMap(parsed)
      return [name, body.choices?.[0].finish_reason ?? "none", body.error ?? "none"].join(" ")
    })
    assert.deepStrictEqual(found, [
      "stop stop none",
      "length length none",
      "content filter content_filter none",
      "cancelled stop none",
      "repeated calls length none",
      "budget length budget_exhausted",
      "budget of tokens length budget_exhausted",
      "context overflow none E_CONTEXT_OVERFLOW",
      "content refused none E_CONTENT_REFUSED",
      "failure none E_PROVIDER_UNAVAILABLE"
    ])
  })

  it.each(both)("is the same without a stream: %s", (_, protocol) => {
    for (const [name, log] of Object.entries(runs)) {
      assert.strictEqual(wholeOf(protocol, log).at(-1)?.end, streamedOf(protocol, log).at(-1)?.end, name)
    }
  })
})

describe("an answer", () => {
  const logs = [...scenarios, ...lawful(60).map(([seed, log]) => [`seed ${seed}`, log] as const)]

  it.each(both)("is the same with and without a stream, pause by pause: %s", (_, protocol) => {
    for (const [name, log] of logs) {
      if (protocol.pauses === "elsewhere" && log.some(isWait)) continue
      // A stream that shows input cannot take back a call that does not come.
      if (breaksOff(log)) continue
      const isRetracted = log.some(({ event }) => event.type === "step-retracted")
      const isSteered = log.some(({ event }) => event.type === "message-received")
      const [streamed, whole] = [streamedOf(protocol, log), wholeOf(protocol, log)]
      assert.strictEqual(whole.length, streamed.length, name)
      for (const [index, over] of streamed.entries()) {
        const other = whole[index]
        // What a stream has said of a retracted step it cannot take back; an error in one answer has no text.
        const isText = !isRetracted && !isSteered && protocol.dialect !== aap && !/^E_|api_error/.test(over.end)
        const shown = ({ calls: _, text, ...rest }: Over) => [rest, isText && text]
        // A stream cannot take back a call that waits no more.
        const unsaid = other?.calls?.filter((id) => !over.calls?.includes(id)) ?? []
        assert.deepStrictEqual(over.end.startsWith("tool_") ? unsaid : [], [], name)
        assert.deepStrictEqual(other && shown(other), shown(over), `${name}, answer ${index + 1}`)
      }
    }
  })

  it("does not report a call as denied that reached a limit", () => {
    const result = { error: "BudgetExhausted", message: "max_tool_calls=0 reached" }
    const log = (error: object) =>
      new Log()
        .step()
        .call("c1", "search", {})
        .result("c1", { ...result, ...error }, "denied")
        .step()
        .text("So.")
        .finish()
    const read = (body: object, error: object) => {
      const { answer } = ask(aap, "POST /sessions/t/turns", { messages: user, ...body })
      return JSON.stringify(play(opened(answer), log(error).envelopes))
    }
    for (const body of [{ stream: "delta" }, { stream: "none" }]) {
      assert.include(read(body, {}), "max_tool_calls=0 reached")
      assert.notInclude(read(body, {}), "Tool call denied")
      assert.include(read(body, { error: "Denied" }), "Tool call denied")
    }
  })
})
