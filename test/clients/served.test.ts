/** The official clients against the real server, over loopback, as their users call them. */
import { HttpAgent } from "@ag-ui/client"
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { DefaultChatTransport, readUIMessageStream } from "ai"
import type { UIMessage, UIMessageChunk } from "ai"
import { Effect } from "effect"
import OpenAI, { APIError, AuthenticationError } from "openai"
import * as Served from "../server/Served.ts"

const openai = (served: Served.Served, path: string, apiKey = "dev-key") =>
  new OpenAI({ apiKey, baseURL: `${served.url}${path}`, maxRetries: 0 })

describe("openai", () => {
  it.live("streams a chat completion, runs its own tool, and gets the answer", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const client = openai(served, "/openai-chat/v1")
      const told = yield* Effect.promise(async () => {
        const first = await client.chat.completions
          .stream({ model: "desk", messages: [{ role: "user", content: "client" }] })
          .finalChatCompletion()
        const message = first.choices[0]?.message
        const call = message?.tool_calls?.[0]
        const second = await client.chat.completions
          .stream({
            model: "desk",
            stream_options: { include_usage: true },
            messages: [
              { role: "user", content: "client" },
              { role: "assistant", content: null, tool_calls: message?.tool_calls ?? [] },
              { role: "tool", tool_call_id: call?.id ?? "", content: '{"got":"green"}' }
            ]
          })
          .finalChatCompletion()
        return { call, first, second }
      })
      assert.strictEqual(told.first.choices[0]?.finish_reason, "tool_calls")
      assert.strictEqual(told.call?.type === "function" && told.call.function.name, "theirs")
      assert.strictEqual(told.second.choices[0]?.message.content, "all is done")
      assert.isAbove(told.second.usage?.total_tokens ?? 0, 0)
    })
  )

  it.live("asks and answers without a stream, and lists models", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const client = openai(served, "/openai-chat/v1")
      const told = yield* Effect.promise(async () => ({
        answer: await client.chat.completions.create({
          model: "any-name",
          messages: [{ role: "user", content: "hello there" }]
        }),
        models: await client.models.list()
      }))
      assert.strictEqual(told.answer.choices[0]?.message.content, "hello there")
      assert.deepStrictEqual(
        told.models.data.map(({ id }) => id),
        ["desk"]
      )
    })
  )

  it.live("streams a response, approves a call, and gets the rest", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const client = openai(served, "/openai-responses/v1")
      const told = yield* Effect.promise(async () => {
        const first = await client.responses.stream({ model: "desk", input: "gated" }).finalResponse()
        const question = first.output.find((item) => item.type === "mcp_approval_request")
        return await client.responses
          .stream({
            model: "desk",
            previous_response_id: first.id,
            input: [{ type: "mcp_approval_response", approval_request_id: question?.id ?? "", approve: true }]
          })
          .finalResponse()
      })
      assert.strictEqual(told.output_text, "all is done")
      assert.strictEqual(told.status, "completed")
    })
  )

  it.live("reports a wrong key and a failed run as errors of its own classes", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const failures = yield* Effect.promise(() =>
        Promise.allSettled([
          openai(served, "/openai-chat/v1", "none").models.list(),
          openai(served, "/openai-chat/v1")
            .chat.completions.stream({ model: "desk", messages: [{ role: "user", content: "error" }] })
            .finalChatCompletion()
        ])
      )
      const reasons = failures.map((failure) => (failure.status === "rejected" ? failure.reason : undefined))
      assert.instanceOf(reasons[0], AuthenticationError)
      assert.instanceOf(reasons[1], APIError)
    })
  )
})

describe("@anthropic-ai/sdk", () => {
  it.live("streams a message, and gets one without a stream", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const client = new Anthropic({ apiKey: "dev-key", baseURL: `${served.url}/anthropic`, maxRetries: 0 })
      const asked = { model: "desk", max_tokens: 100, messages: [{ role: "user" as const, content: "hello there" }] }
      const told = yield* Effect.promise(async () => [
        await client.messages.stream(asked).finalMessage(),
        await client.messages.create(asked)
      ])
      for (const { content, stop_reason } of told) {
        assert.strictEqual(content.map((block) => (block.type === "text" ? block.text : "")).join(""), "hello there")
        assert.strictEqual(stop_reason, "end_turn")
      }
    })
  )
})

describe("ai", () => {
  const read = async (stream: ReadableStream<UIMessageChunk>, message?: UIMessage) => {
    let last: UIMessage | undefined
    for await (const one of readUIMessageStream({ stream, ...(message === undefined ? {} : { message }) })) last = one
    return last
  }
  const user: UIMessage = { id: "m1", role: "user", parts: [{ type: "text", text: "gated" }] }
  const textOf = (message: UIMessage | undefined) =>
    (message?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("")

  it.live("streams a message, approves a tool inside it, and resumes a stream", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const transport = new DefaultChatTransport({
        api: `${served.url}/ai-sdk/chat`,
        headers: { authorization: "Bearer dev-key" }
      })
      const send = (messages: Array<UIMessage>) =>
        transport.sendMessages({
          chatId: "c",
          messages,
          trigger: "submit-message",
          messageId: undefined,
          abortSignal: undefined
        })
      const told = yield* Effect.promise(async () => {
        const nothing = await transport.reconnectToStream({ chatId: "c" })
        const first = await read(await send([user]))
        if (first === undefined) throw new Error("no message")
        const answered: UIMessage = {
          ...first,
          parts: first.parts.map((part) =>
            "approval" in part && part.state === "approval-requested"
              ? { ...part, state: "approval-responded", approval: { id: part.approval.id, approved: true } }
              : part
          )
        }
        const waiting = await transport.reconnectToStream({ chatId: "c" })
        const again = waiting === null ? undefined : await read(waiting)
        const second = await read(await send([user, answered]), answered)
        return { nothing, first, again, second }
      })
      assert.isNull(told.nothing)
      assert.strictEqual(told.again?.id, told.first.id)
      assert.strictEqual(told.second?.id, told.first.id)
      assert.strictEqual(textOf(told.second), "all is done")
    })
  )
})

describe("@ag-ui/client", () => {
  it.live("runs an agent with its event verifier, and resumes an interrupt", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const agent = new HttpAgent({
        url: `${served.url}/ag-ui/run`,
        threadId: "a",
        headers: { authorization: "Bearer dev-key" },
        initialMessages: [{ id: "m1", role: "user", content: "gated" }]
      })
      const interrupts: Array<string> = []
      yield* Effect.promise(() =>
        agent.runAgent(
          { runId: "r1" },
          {
            onEvent: ({ event }) => {
              if (event.type !== "RUN_FINISHED" || !("outcome" in event)) return
              const outcome = event.outcome as { readonly interrupts?: ReadonlyArray<{ readonly id: string }> }
              interrupts.push(...(outcome.interrupts ?? []).map(({ id }) => id))
            }
          }
        )
      )
      assert.lengthOf(interrupts, 1)
      const resumed = yield* Effect.promise(() =>
        agent.runAgent({
          runId: "r2",
          resume: interrupts.map((interruptId) => ({ interruptId, status: "resolved", payload: { type: "approve" } }))
        } as Parameters<typeof agent.runAgent>[0])
      )
      const last = resumed.newMessages.findLast(({ role }) => role === "assistant")
      assert.strictEqual(last?.content, "all is done")
    })
  )
})
