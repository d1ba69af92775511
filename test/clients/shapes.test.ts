/**
 * Every frame and every answer without a stream, of every scenario and of random runs, against the shapes that the
 * vendors publish. The other dialects are checked against their sources in `test/wire`.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Dialect, Encoder } from "@reins/wire"
import { dialect as agUi } from "@reins/wire/ag-ui"
import { dialect as aiSdk } from "@reins/wire/ai-sdk"
import { dialect as anthropic } from "@reins/wire/anthropic"
import { dialect as chat } from "@reins/wire/openai-chat"
import { dialect as responses } from "@reins/wire/openai-responses"
import { ask } from "../wire/Ask.ts"
import { play } from "../wire/Play.ts"
import type { Parsed } from "../wire/Rule.ts"
import { scenarios } from "../wire/Scenarios.ts"
import { lawful } from "../wire/Suite.ts"
import { opened } from "../wire/Whole.ts"
import * as Vendors from "./Vendors.ts"

const user = { role: "user", content: "hi" }
const said = { model: "m", messages: [user] }
const message = { ...said, max_tokens: 9 }
const input = { threadId: "t", runId: "r", messages: [{ id: "m1", ...user }], tools: [], context: [], state: {} }
const page = { id: "t", messages: [{ id: "m1", role: "user", parts: [{ type: "text", text: "hi" }] }] }

type Shape = (value: unknown) => string | undefined | Promise<string | undefined>
type Row = readonly [name: string, open: () => Encoder, shape: Shape]

const row = (name: string, shape: Shape, dialect: Dialect.Dialect, line: string, body: unknown, headers = {}): Row => {
  const { answer } = ask(dialect, line, body, { headers })
  return [name, opened(answer), shape]
}

/** Errors within a stream have a shape of their own in these protocols, which their clients turn into an exception. */
const orError =
  (shape: Shape): Shape =>
  (value) => {
    const { error } = value as Parsed
    const isError = typeof error?.message === "string" && typeof error.type === "string"
    return isError ? undefined : shape(value)
  }

/** The AI SDK's provider refuses an error of a response without a type, which OpenAI does not name. */
const withoutErrorType = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (key, one: Parsed) => {
    if (key !== "error" || one?.type !== "server_error") return one
    const { type: _, ...rest } = one
    return rest
  })

const beta = { "anthropic-beta": "mcp-client-2025-11-20" }
const withUsage = { stream_options: { include_usage: true } }

const rows: ReadonlyArray<Row> = [
  row("chunks of chat completions", orError(Vendors.Chunk), chat, "POST /chat/completions", {
    ...said,
    stream: true,
    ...withUsage
  }),
  row("chat completions", orError(Vendors.Completion), chat, "POST /chat/completions", said),
  row("events of responses", (value) => Vendors.ResponseEvent(withoutErrorType(value)), responses, "POST /responses", {
    model: "m",
    input: "hi",
    stream: true
  }),
  row("responses", (value) => Vendors.Response(withoutErrorType(value)), responses, "POST /responses", {
    model: "m",
    input: "hi"
  }),
  row("events of messages", orError(Vendors.MessageEvent), anthropic, "POST /v1/messages", {
    ...message,
    stream: true
  }),
  row("messages", orError(Vendors.Message), anthropic, "POST /v1/messages", message),
  row(
    "events of beta messages",
    orError(Vendors.BetaMessageEvent),
    anthropic,
    "POST /v1/messages",
    { ...message, stream: true },
    beta
  ),
  row("beta messages", orError(Vendors.BetaMessage), anthropic, "POST /v1/messages", message, beta),
  row("events of AG-UI 1.0", Vendors.AgUiEvent, agUi, "POST /run", { ...input, protocolVersion: "1.0" }),
  row("events of AG-UI before 1.0", Vendors.OldAgUiEvent, agUi, "POST /run", input),
  row("chunks of AI SDK 7", Vendors.UiChunk, aiSdk, "POST /chat", page),
  row("chunks of AI SDK 6, by path", Vendors.OldUiChunk, aiSdk, "POST /v6/chat", page),
  row("chunks of AI SDK 6, by header", Vendors.OldUiChunk, aiSdk, "POST /chat", page, { "x-ai-sdk-version": "6" })
]

const runs = [...scenarios, ...lawful(25).map(([seed, log]) => [`seed ${seed}`, log] as const)]

describe("the vendors' shapes", () => {
  it.each(rows)("fit: %s", async (_, open, shape) => {
    let count = 0
    for (const [name, log] of runs) {
      for (const { data } of play(open, log).flat()) {
        if (data === "[DONE]") continue
        count += 1
        const problem = await shape(JSON.parse(data))
        if (problem !== undefined) assert.fail(`${name}: ${problem}`)
      }
    }
    assert.isAbove(count, runs.length)
  })

  it.each([
    ["a chunk without its id", Vendors.Chunk, { object: "chat.completion.chunk", created: 1, model: "m", choices: [] }],
    ["a foreign field", Vendors.Model, { id: "m", object: "model", created: 0, owned_by: "reins", mine: 1 }],
    ["a foreign stop reason", Vendors.MessageEvent, { type: "message_delta", delta: { stop_reason: "budget" } }],
    [
      "an item of a foreign type",
      Vendors.ResponseEvent,
      { type: "response.output_item.done", output_index: 0, sequence_number: 1, item: { type: "reins" } }
    ],
    ["an event of a foreign type", Vendors.AgUiEvent, { type: "REINS" }]
  ])("do not fit %s", (_, shape, value) => {
    assert.isString(shape(value))
  })

  it("do not fit a chunk that came with a later version", async () => {
    assert.isUndefined(await Vendors.UiChunk({ type: "reset-step" }))
    assert.isString(await Vendors.OldUiChunk({ type: "reset-step" }))
  })
})
