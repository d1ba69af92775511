/**
 * A question that a model asks a person, in every dialect over the real server, with the official client where there is
 * one: no answer stays open, and the person's answer reaches the model.
 */
import { HttpAgent } from "@ag-ui/client"
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { DefaultChatTransport, isToolUIPart, readUIMessageStream } from "ai"
import type { UIMessage } from "ai"
import { Effect } from "effect"
import OpenAI from "openai"
import * as ServeAll from "./ServeAll.ts"

const headers = { authorization: `Bearer ${ServeAll.key}`, "x-storageapi-token": ServeAll.key }
const openai = (url: string, path: string) =>
  new OpenAI({ apiKey: ServeAll.key, baseURL: `${url}/${path}/v1`, maxRetries: 0 })
const send = (url: string, body?: object, method = body === undefined ? "GET" : "POST") =>
  fetch(url, {
    method,
    headers: { ...headers, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
const over = (behaviour: (url: string) => Promise<void>) =>
  Effect.flatMap(ServeAll.url, (url) => Effect.promise(() => behaviour(url)))

const prompt = "scenario question"
const open = async (url: string): Promise<ReadonlyArray<{ readonly id: string; readonly kind: string }>> =>
  (await (await send(`${url}/native/approvals`)).json()).approvals

describe("a question of a model", () => {
  it.live("is a call of useChat's own, whose output is checked and answers it", () =>
    over(async (url) => {
      const transport = new DefaultChatTransport({ api: `${url}/ai-sdk/chat`, headers })
      const say = async (messages: Array<UIMessage>) => {
        const stream = await transport.sendMessages({
          chatId: "question",
          messages,
          trigger: "submit-message",
          messageId: undefined,
          abortSignal: undefined
        })
        const last = messages.at(-1)
        let read: UIMessage | undefined
        const into = last?.role === "assistant" ? { message: last } : {}
        for await (const message of readUIMessageStream({ stream, ...into })) read = message
        return read ?? assert.fail("no message")
      }
      const user: UIMessage = { id: "m1", role: "user", parts: [{ type: "text", text: prompt }] }
      const first = await say([user])
      const asked = first.parts.filter(isToolUIPart)
      assert.deepStrictEqual(
        asked.map(({ input, state }) => [state, input]),
        [["input-available", { question: "Which colour?", options: ["red", "blue"] }]]
      )
      const given = (output: string) =>
        first.parts.map((part) => (isToolUIPart(part) ? { ...part, state: "output-available" as const, output } : part))
      const wrong = await say([user, { ...first, parts: given("green") as UIMessage["parts"] }]).catch(String)
      assert.include(String(wrong), "does not fit the question")
      const second = await say([user, { ...first, parts: given("blue") as UIMessage["parts"] }])
      assert.include(JSON.stringify(second.parts.findLast(({ type }) => type === "text")), 'Done: \\"blue\\"')
      assert.deepStrictEqual(await open(url), [])
    })
  )

  it.live("is an interrupt of AG-UI with the schema of its answer", () =>
    over(async (url) => {
      const agent = new HttpAgent({
        url: `${url}/ag-ui/run`,
        threadId: "question",
        headers,
        initialMessages: [{ id: "m1", role: "user", content: "scenario question-form" }]
      })
      await agent.runAgent()
      const [question, ...others] = agent.pendingInterrupts
      assert.deepStrictEqual(
        [question?.reason, question?.message, others.length],
        ["approval:question", "Where to?", 0]
      )
      assert.deepInclude(question?.responseSchema, { type: "object", required: ["city", "nights"] })
      const payload = { city: "Brno", nights: 2 }
      await agent.runAgent({ resume: [{ interruptId: question?.id ?? "", status: "resolved", payload }] })
      assert.strictEqual(String(agent.messages.at(-1)?.content), `Done: ${JSON.stringify(payload)}`)
    })
  )

  it.live("is a function call of Chat Completions, streamed or not", () =>
    over(async (url) => {
      const { completions } = openai(url, "openai-chat").chat
      const messages: Array<OpenAI.ChatCompletionMessageParam> = [{ role: "user", content: prompt }]
      const first = await completions.create({ model: "assistant", messages })
      const [choice] = first.choices
      const call = choice?.message.tool_calls?.[0] ?? assert.fail("no call")
      assert.deepStrictEqual(
        [choice?.finish_reason, "function" in call && call.function.name],
        ["tool_calls", "AskPerson"]
      )
      messages.push(choice?.message ?? assert.fail("no message"), {
        role: "tool",
        tool_call_id: call.id,
        content: "red"
      })
      const second = await completions.create({ model: "assistant", messages })
      assert.strictEqual(second.choices[0]?.message.content, 'Done: "red"')
      const streamed = await completions
        .stream({ model: "assistant", messages: [{ role: "user", content: prompt }] })
        .finalChatCompletion()
      assert.strictEqual(streamed.choices[0]?.finish_reason, "tool_calls")
    })
  )

  it.live("is a function call of a response, and no request for approval", () =>
    over(async (url) => {
      const { responses } = openai(url, "openai-responses")
      const first = await responses.create({ model: "assistant", input: "scenario question-text" })
      const [call, ...others] = first.output.filter(({ type }) => type !== "message" && type !== "reasoning")
      assert.deepStrictEqual([call?.type, others.length], ["function_call", 0])
      const call_id = call?.type === "function_call" ? call.call_id : ""
      const second = await responses.create({
        model: "assistant",
        previous_response_id: first.id,
        input: [{ type: "function_call_output", call_id, output: "Mia" }]
      })
      assert.strictEqual(second.output_text, 'Done: "Mia"')
    })
  )

  it.live("is a tool use of Anthropic's messages, and a tool result answers it", () =>
    over(async (url) => {
      const client = new Anthropic({ apiKey: ServeAll.key, baseURL: `${url}/anthropic`, maxRetries: 0 })
      const ask = (messages: Array<Anthropic.MessageParam>) =>
        client.messages.create({ model: "assistant", max_tokens: 99, messages })
      const user: Anthropic.MessageParam = { role: "user", content: prompt }
      const first = await ask([user])
      const call = first.content.find((block) => block.type === "tool_use") ?? assert.fail("no call")
      const second = await ask([
        user,
        { role: "assistant", content: first.content },
        { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "red" }] }
      ])
      assert.include(JSON.stringify(second.content), 'Done: \\"red\\"')
    })
  )

  it.live("is a call of Kai's, answered by a result or with the reason of an approval", () =>
    over(async (url) => {
      const message = { id: "m1", role: "user", parts: [{ type: "text", text: prompt }] }
      for (const how of ["result", "reason"]) {
        const text = await (await send(`${url}/kai/api/chat`, { id: how, message: { ...message, id: how } })).text()
        const approvalId = /"approvalId":"([^"]+)"/.exec(text)?.[1] ?? assert.fail(text)
        const toolCallId = /"toolCallId":"([^"]+)"/.exec(text)?.[1] ?? assert.fail(text)
        const part =
          how === "result"
            ? { type: "tool-result", toolCallId, toolName: "AskPerson", result: "blue" }
            : { type: "tool-approval-response", approvalId, approved: true, reason: "blue" }
        const answer = { id: how, message: { id: `${how}-2`, role: "user", parts: [part] } }
        const rest = await (await send(`${url}/kai/api/chat`, answer)).text()
        assert.include(rest, '"output":{"value":"blue"}')
        assert.include(rest, '"text":"Done: "')
      }
    })
  )

  it.live("is an input of Karta's, with the question as its message", () =>
    over(async (url) => {
      await send(`${url}/karta/v1/sessions`, { session_id: "question" })
      const first = await (await send(`${url}/karta/v1/sessions/question/messages`, { text: prompt })).json()
      const { kind, message, options, request_id } = first.session.pending_input
      assert.deepStrictEqual([kind, message, options], ["question", "Which colour?", ["answer", "deny"]])
      const input = `${url}/karta/v1/sessions/question/inputs/${request_id}`
      const wrong = await send(input, { decision: "answer", value: "green" }, "PUT")
      assert.strictEqual(wrong.status, 422)
      const rest = await (await send(input, { decision: "answer", value: "blue" }, "PUT")).json()
      assert.isNull(rest.session.pending_input)
      assert.include(JSON.stringify(rest.events), "blue")
    })
  )

  it.live("is a call of the Agent Application Protocol, answered by a tool's message", () =>
    over(async (url) => {
      const created = await send(`${url}/aap/sessions`, { agent: { name: "assistant" } })
      const { sessionId } = await created.json()
      const turn = (message: object) =>
        send(`${url}/aap/sessions/${sessionId}/turns`, { messages: [message] }).then((response) => response.json())
      const first = await turn({ role: "user", content: prompt })
      assert.strictEqual(first.stopReason, "tool_use")
      const [use] = first.messages.at(-1).content.filter(({ type }: { readonly type: string }) => type === "tool_use")
      const second = await turn({ role: "tool", toolCallId: use.toolCallId, content: "blue" })
      assert.strictEqual(second.stopReason, "end_turn")
      assert.include(JSON.stringify(second.messages), 'Done: \\"blue\\"')
    })
  )

  it.live("pauses a task of Steerable's for a person, and words with the consent answer it", () =>
    over(async (url) => {
      const chat = `${url}/steerable/api/chats/question`
      const stream = send(`${chat}/send`, { content: prompt }).then((response) => response.text())
      let asked = await open(url)
      while (asked.length === 0) asked = await open(url)
      await send(`${chat}/consent`, { approvalId: asked[0]?.id, consentGranted: true, message: "blue" })
      const text = await stream
      assert.include(text, "ask_user_paused")
      assert.include(text.replaceAll(/"}\ndata:|\\/g, ""), "blue")
    })
  )

  it.live("needs input for a task of A2A, which words give", () =>
    over(async (url) => {
      const rpc = async (message: object) => {
        const params = { message: { messageId: crypto.randomUUID(), role: "ROLE_USER", ...message } }
        const response = await fetch(`${url}/a2a/rpc`, {
          method: "POST",
          headers: { ...headers, "content-type": "application/json", "a2a-version": "1.0" },
          body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "SendMessage", params })
        })
        return (await response.json()).result.task
      }
      const task = await rpc({ parts: [{ text: prompt }] })
      assert.strictEqual(task.status.state, "TASK_STATE_INPUT_REQUIRED")
      const [words, data, ...others] = task.status.message.parts
      assert.deepStrictEqual([words.text, data.data.options, others.length], ["Which colour?", ["answer", "reject"], 0])
      const done = await rpc({ taskId: task.id, parts: [{ text: "Blue" }] })
      assert.strictEqual(done.status.state, "TASK_STATE_COMPLETED")
      assert.include(JSON.stringify(done), 'Done: \\"blue\\"')
    })
  )

  it.live("is listed and answered by the native routes, which say what is wrong with an answer", () =>
    over(async (url) => {
      const answered = send(`${url}/native/query`, { prompt: "scenario question-form", stream: false })
      let asked = await open(url)
      while (asked.length === 0) asked = await open(url)
      const at = `${url}/native/approvals/${asked[0]?.id}`
      assert.strictEqual(asked[0]?.kind, "question")
      const wrong = await send(at, { type: "answer", value: { city: "Brno", nights: "many" } })
      assert.strictEqual(wrong.status, 422)
      assert.include(await wrong.text(), "nights (a whole number)")
      const value = { city: "Brno", nights: 2, room: "double" }
      assert.isTrue((await send(at, { type: "answer", value })).ok)
      assert.include(await (await answered).text(), "double")
    })
  )
})
