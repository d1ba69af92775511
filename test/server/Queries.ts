/** A query in each dialect, streamed and not where it can be either. */
import type { Dialect } from "@reins/wire"
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

export interface Query {
  readonly dialect: Dialect.Dialect
  readonly path: string
  readonly body: object
  /** The thread that it names. */
  readonly thread: string
  /** Whether the protocol names a thread at all. */
  readonly isThreaded: boolean
}

/** Queries that say `text`. `turn` tells those of one thread apart. */
export const all = (text: string, turn = 1): ReadonlyArray<Query> => {
  const user = { role: "user", content: text }
  const parts = { role: "user", parts: [{ type: "text", text }] }
  const of = (dialect: Dialect.Dialect, thread: string, path: string, body: object, isThreaded = true): Query => ({
    dialect,
    path,
    body,
    thread,
    isThreaded
  })
  const metadata = (thread: string) => ({ metadata: { thread_id: thread } })
  return [
    of(native, "native", "/native/query", { prompt: text, threadId: "native" }),
    of(native, "whole", "/native/query", { prompt: text, threadId: "whole", stream: false }),
    of(karta, "native", "/karta/v1/sessions/native/messages", { text }),
    of(aap, "native", "/aap/sessions/native/turns", { messages: [user] }),
    of(dialectV2, "native", "/aap-v2/session/native", { stream: "delta", messages: [user] }),
    of(kai, "kai", "/kai/api/chat", { id: "kai", message: { id: `m${turn}`, ...parts } }),
    of(steerable, "steerable", "/steerable/api/chats/steerable/send", { content: text }),
    of(aiSdk, "ai-sdk", "/ai-sdk/chat", { id: "ai-sdk", messages: [{ id: `m${turn}`, ...parts }] }),
    of(chat, "chat", "/openai-chat/v1/chat/completions", { model: "a", messages: [user], ...metadata("chat") }),
    of(chat, "chat", "/openai-chat/v1/chat/completions", {
      model: "a",
      messages: [user],
      stream: true,
      ...metadata("chat")
    }),
    of(responses, "", "/openai-responses/v1/responses", { model: "a", input: text }, false),
    of(responses, "", "/openai-responses/v1/responses", { model: "a", input: text, stream: true }, false),
    of(anthropic, "anthropic", "/anthropic/v1/messages", {
      model: "a",
      max_tokens: 9,
      messages: [user],
      ...metadata("anthropic")
    }),
    of(anthropic, "anthropic", "/anthropic/v1/messages", {
      model: "a",
      max_tokens: 9,
      messages: [user],
      stream: true,
      ...metadata("anthropic")
    }),
    of(agUi, "ag-ui", "/ag-ui/run", {
      threadId: "ag-ui",
      runId: `r${turn}`,
      messages: [{ id: `m${turn}`, ...user }],
      tools: [],
      context: []
    })
  ]
}
