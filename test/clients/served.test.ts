/** The official clients against the real server, over loopback, as their users call them. */
import { HttpAgent } from "@ag-ui/client"
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { DefaultChatTransport, readUIMessageStream, WebSocketChatTransport } from "ai"
import type { UIMessage, UIMessageChunk } from "ai"
import { Effect, Stream } from "effect"
import OpenAI, { APIError, AuthenticationError } from "openai"
import * as Served from "../server/Served.ts"

const openai = (served: Served.Served, path: string, apiKey = "dev-key") =>
  new OpenAI({ apiKey, baseURL: `${served.url}${path}`, maxRetries: 0 })

describe("a conversation over several turns", () => {
  it.live("branches from an older response, which sees only its own past, and finds every response by its id", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const { responses } = openai(served, "/openai-responses/v1")
      yield* Effect.promise(async () => {
        const one = await responses.create({ input: "one" })
        const two = await responses.create({ input: "second", previous_response_id: one.id })
        const branch = await responses.create({ input: "show", previous_response_id: one.id })
        const texts = (text: string) =>
          JSON.parse(text).messages.map(
            ({ content }: { readonly content: ReadonlyArray<{ readonly text: string }> }) => content[0]?.text
          )
        assert.deepStrictEqual(texts(branch.output_text), ["one", "one", "show"])
        const both = await Promise.all(
          ["a show", "b show"].map((input) => responses.create({ input, previous_response_id: two.id }))
        )
        for (const { output_text } of both)
          assert.deepStrictEqual(texts(output_text).slice(0, 4), ["one", "one", "second", "second"])
        const asked = await responses.create({ input: "client" })
        const [call] = asked.output.filter((item) => item.type === "function_call")
        const output = {
          type: "function_call_output" as const,
          call_id: call?.call_id ?? "",
          output: '{"got":"green"}'
        }
        const answered = await responses.create({ previous_response_id: asked.id, input: [output] })
        for (const known of [one, two, branch, asked, answered]) {
          const found = await responses.retrieve(known.id)
          assert.deepStrictEqual([found.id, found.output], [known.id, known.output])
        }
        const refused = await responses
          .retrieve(answered.id.replace("resp_2~", "resp_3~"))
          .catch((error: unknown) => error)
        assert.strictEqual(refused instanceof APIError && refused.status, 404)
      })
    })
  )

  it.live("is rewound by useChat's regenerate and edit, and goes on with what the client shows", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const transport = new DefaultChatTransport({
        api: `${served.url}/ai-sdk/chat`,
        headers: { authorization: "Bearer dev-key" }
      })
      const user = (id: string, text: string): UIMessage => ({ id, role: "user", parts: [{ type: "text", text }] })
      const given = () =>
        served.scene.model.requests.at(-1)?.messages.map(({ content }) => JSON.stringify(content[0])) ?? []
      const ask = async (
        messages: Array<UIMessage>,
        trigger: "submit-message" | "regenerate-message" = "submit-message",
        messageId?: string
      ) => {
        const stream = await transport.sendMessages({
          chatId: "t",
          messages,
          trigger,
          messageId,
          abortSignal: undefined
        })
        let last: UIMessage | undefined
        for await (const message of readUIMessageStream({ stream })) last = message
        return last ?? user("", "")
      }
      yield* Effect.promise(async () => {
        const hello: UIMessage = { id: "m0", role: "assistant", parts: [{ type: "text", text: "How can I help?" }] }
        const first = await ask([hello, user("m1", "one")])
        assert.lengthOf(given(), 2)
        const shown = [hello, user("m1", "one"), first]
        const second = await ask([...shown, user("m2", "more")])
        assert.lengthOf(given(), 4)
        await ask([...shown, user("m2", "more")], "regenerate-message", second.id)
        assert.lengthOf(given(), 4)
        await ask([...shown, user("m2", "two, edited")], "submit-message", "m2")
        assert.deepStrictEqual(given().slice(-1), ['{"type":"text","text":"two, edited"}'])
        assert.lengthOf(given(), 4)
        // A page whose transport sends its last message only.
        await ask([user("m2", "two, edited")], "regenerate-message")
        assert.lengthOf(given(), 4)
        // Another tab, which has not seen the rest, asks for its first answer again.
        await ask([hello, user("m1", "one")], "regenerate-message", first.id)
        assert.lengthOf(given(), 2)
      })
      // Each answer that was replaced is there, and so is what another tab had said.
      const texts = Effect.fnUntraced(function* (path: string) {
        const { json } = yield* served.ask(`/native/threads/t${path}`)
        return json.messages.flatMap(({ content }: { readonly content: ReadonlyArray<{ readonly text?: string }> }) =>
          content.map(({ text }) => text)
        )
      })
      const { json } = yield* served.ask("/native/threads/t/branches")
      const listed: ReadonlyArray<{ readonly branchId: string }> = json.branches
      const kept = yield* Effect.forEach(listed, ({ branchId }) =>
        Effect.map(texts(`/branches/${branchId}`), (said) => said.join(" / "))
      )
      const before = "How can I help? / one / one"
      assert.deepStrictEqual(kept.toSorted(), [
        `${before} / more / more`,
        `${before} / more / more`,
        `${before} / two, edited / two, edited`,
        `${before} / two, edited / two, edited`
      ])
      const last = listed.at(-1)?.branchId ?? ""
      yield* served.ask(`/native/threads/t/branches/${last}/return`, { body: {} })
      assert.lengthOf(yield* texts(""), 5)
    })
  )
})

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

describe("AI SDK's WebSocket transport", () => {
  const user = (id: string, text: string): UIMessage => ({ id, role: "user", parts: [{ type: "text", text }] })
  const read = async (stream: ReadableStream<UIMessageChunk>, first?: UIMessage) => {
    let last: UIMessage | undefined
    for await (const message of readUIMessageStream(first === undefined ? { stream } : { stream, message: first })) {
      last = message
    }
    return last
  }
  const textOf = (message: UIMessage | undefined) =>
    (message?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("")
  const transportTo = (served: Served.Served) =>
    new WebSocketChatTransport({ url: `${served.url}/ai-sdk/socket`, protocols: ["reins", "bearer.dev-key"] })

  it.live("sends, replays from the beginning, and says that nothing is active", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const transport = transportTo(served)
      const ask = { trigger: "submit-message" as const, messageId: undefined, abortSignal: undefined }
      yield* Effect.promise(async () => {
        assert.isNull(await transport.reconnectToStream({ chatId: "none" }))
        const stream = await transport.sendMessages({ ...ask, chatId: "t", messages: [user("m", "tool")] })
        assert.strictEqual(textOf(await read(stream)), "all is done")
        const held = await transport.sendMessages({ ...ask, chatId: "h", messages: [user("m", "held")] })
        await Effect.runPromise(served.scene.hold.reached)
        const again = await transport.reconnectToStream({ chatId: "h" })
        await Effect.runPromise(served.scene.hold.release)
        assert.isNotNull(again)
        const [one, two] = await Promise.all([read(held), again === null ? undefined : read(again)])
        assert.deepStrictEqual([textOf(one), textOf(two)], ["one two three four five", "one two three four five"])
        transport.close()
      })
    })
  )

  it.live("goes on after an approval, and stops the run that its client stops", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      const transport = transportTo(served)
      const ask = { trigger: "submit-message" as const, messageId: undefined }
      yield* Effect.promise(async () => {
        const question = user("m", "gated")
        const first = await read(
          await transport.sendMessages({ ...ask, chatId: "t", messages: [question], abortSignal: undefined })
        )
        const parts = (first?.parts ?? []).map((part) =>
          "approval" in part && part.approval !== undefined
            ? { ...part, state: "approval-responded", approval: { id: part.approval.id, approved: true } }
            : part
        ) as UIMessage["parts"]
        const answered = { ...(first ?? question), parts }
        const stream = await transport.sendMessages({
          ...ask,
          chatId: "t",
          messages: [question, answered],
          abortSignal: undefined
        })
        assert.include(textOf(await read(stream, answered)), "all is done")
        const stop = new AbortController()
        const messages = [user("m", "held")]
        const held = await transport.sendMessages({ ...ask, chatId: "h", messages, abortSignal: stop.signal })
        await Effect.runPromise(served.scene.hold.reached)
        stop.abort()
        await read(held)
      })
      const info = (yield* served.runtime.threads.list({ resourceId: "dev" })).find(({ threadId }) =>
        threadId.endsWith("/h")
      )
      const log = yield* Stream.runCollect(served.runtime.watch(info?.runId ?? ""))
      assert.include(JSON.stringify(log), '"finishReason":"cancelled"')
      transport.close()
    })
  )
})
