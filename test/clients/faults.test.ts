/**
 * What clients of other systems once stumbled over here, each with the client that found it, where there is one to
 * install.
 */
import { HttpAgent } from "@ag-ui/client"
import Anthropic from "@anthropic-ai/sdk"
import { ProxiedCopilotRuntimeAgent } from "@copilotkit/core"
import { assert, describe, it } from "@effect/vitest"
import { DefaultChatTransport, isToolUIPart, readUIMessageStream } from "ai"
import type { UIMessage } from "ai"
import { Effect } from "effect"
import OpenAI from "openai"
import * as ServeAll from "./ServeAll.ts"

const headers = { authorization: `Bearer ${ServeAll.key}`, "x-storageapi-token": ServeAll.key }
const openai = (url: string, path: string) =>
  new OpenAI({ apiKey: ServeAll.key, baseURL: `${url}/${path}/v1`, maxRetries: 0 })
const anthropic = (url: string) => new Anthropic({ apiKey: ServeAll.key, baseURL: `${url}/anthropic`, maxRetries: 0 })
const post = (url: string, body: object, method = "POST") =>
  fetch(url, { method, headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify(body) })
const over = (behaviour: (url: string) => Promise<void>) =>
  Effect.flatMap(ServeAll.url, (url) => Effect.promise(() => behaviour(url)))

describe("a plan's question", () => {
  const prompt = "scenario plan"

  it.live("ends an answer to useChat's transport, is shown, and is answered", () =>
    over(async (url) => {
      const transport = new DefaultChatTransport({ api: `${url}/ai-sdk/chat`, headers })
      const send = async (messages: Array<UIMessage>) => {
        const stream = await transport.sendMessages({
          chatId: "plan",
          messages,
          trigger: "submit-message",
          messageId: undefined,
          abortSignal: undefined
        })
        const open = messages.at(-1)
        let last: UIMessage | undefined
        for await (const message of readUIMessageStream({
          stream,
          ...(open?.role === "assistant" ? { message: open } : {})
        })) {
          last = message
        }
        return last ?? assert.fail("no message")
      }
      const user: UIMessage = { id: "m1", role: "user", parts: [{ type: "text", text: prompt }] }
      const first = await send([user])
      const asked = first.parts.filter((part) => isToolUIPart(part) && part.state === "approval-requested")
      assert.lengthOf(asked, 1)
      const parts = first.parts.map((part) =>
        isToolUIPart(part) && part.state === "approval-requested"
          ? { ...part, state: "approval-responded" as const, approval: { id: part.approval.id, approved: true } }
          : part
      )
      const second = await send([user, { ...first, parts }])
      assert.include(JSON.stringify(second.parts), "leave the harbour")
      assert.include(JSON.stringify(second.parts.findLast(({ type }) => type === "text")), "Done: ")
    })
  )

  it.live("ends a run of AG-UI's client with an interrupt, and is answered", () =>
    over(async (url) => {
      const agent = new HttpAgent({
        url: `${url}/ag-ui/run`,
        threadId: "plan",
        headers,
        initialMessages: [{ id: "m1", role: "user", content: prompt }]
      })
      await agent.runAgent()
      const [question, ...others] = agent.pendingInterrupts
      assert.deepStrictEqual([question?.reason, others.length], ["approval:plan", 0])
      await agent.runAgent({
        resume: [{ interruptId: question?.id ?? "", status: "resolved", payload: { approved: true } }]
      })
      assert.include(String(agent.messages.at(-1)?.content), "Done: ")
    })
  )

  it.live("ends a response, and is answered by its id", () =>
    over(async (url) => {
      const { responses } = openai(url, "openai-responses")
      const first = await responses.create({ model: "assistant", input: prompt })
      const asked = first.output.filter((item) => item.type === "mcp_approval_request")
      assert.lengthOf(asked, 1)
      const second = await responses.create({
        model: "assistant",
        previous_response_id: first.id,
        input: [{ type: "mcp_approval_response", approval_request_id: asked[0]?.id ?? "", approve: true }]
      })
      assert.include(second.output_text, "Done: ")
    })
  )

  it.live("ends Kai's answer, and is answered where it is shown", () =>
    over(async (url) => {
      const message = { id: "m1", role: "user", parts: [{ type: "text", text: prompt }] }
      const text = await (await post(`${url}/kai/api/chat`, { id: "plan", message })).text()
      const approvalId = /"approvalId":"([^"]+)"/.exec(text)?.[1] ?? assert.fail(text)
      const rest = await post(`${url}/kai/api/chat/plan/approve/${approvalId}`, {})
      assert.include(await rest.text(), "Done: ")
    })
  )
})

describe("useChat's transport", () => {
  it.live("answers a plan, a call and its own tool at once, writes on, and is shown what came of them", () =>
    over(async (url) => {
      const transport = new DefaultChatTransport({ api: `${url}/ai-sdk/chat`, headers })
      const failures: Array<string> = []
      let messages: Array<UIMessage> = []
      const say = async (text: string) => {
        messages.push({ id: `m${messages.length}`, role: "user", parts: [{ type: "text", text }] })
        const stream = await transport.sendMessages({
          chatId: "several",
          messages,
          trigger: "submit-message",
          messageId: undefined,
          abortSignal: undefined
        })
        let last: UIMessage | undefined
        for await (const message of readUIMessageStream({ stream, onError: (error) => failures.push(String(error)) })) {
          last = message
        }
        if (last !== undefined) messages.push(last)
        return (last?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("")
      }
      await say("calls carry_out_plan send_mail ask_colour lookup")
      messages = messages.map((message) => ({
        ...message,
        parts: message.parts.map((part) => {
          if (!isToolUIPart(part)) return part
          if (part.type === "tool-ask_colour") return { ...part, state: "output-available" as const, output: "red" }
          return part.state === "approval-requested"
            ? {
                ...part,
                state: "approval-responded" as const,
                approval: { id: part.approval.id, approved: part.type !== "tool-send_mail" }
              }
            : part
        }) as UIMessage["parts"]
      }))
      assert.strictEqual(await say("and in French"), "and in French")
      const shown = messages.at(-1)?.parts.flatMap((part) => (isToolUIPart(part) ? [`${part.type} ${part.state}`] : []))
      assert.deepStrictEqual(shown, [
        "dynamic-tool output-available",
        "tool-carry_out_plan output-available",
        "tool-send_mail output-denied"
      ])
      assert.deepStrictEqual(ServeAll.shown(await say("now show")).slice(2), [
        'call: carry_out_plan {"steps":["measure the tide","set the sail"]}',
        'call: send_mail {"to":"mia@example.com","subject":"hello"}',
        'call: ask_colour {"question":"Which colour?"}',
        'call: lookup {"query":"tides"}',
        'result: {"done":["measure the tide","set the sail"]}',
        'denied: {"error":"Denied","message":"A person refused this call. It did not run"}',
        "result: red",
        'result: {"answer":"all about tides"}',
        "user: and in French",
        "assistant: and in French",
        "user: now show"
      ])
      assert.deepStrictEqual(failures, [])
    })
  )
})

describe("openai", () => {
  it.live("asks on behind a call of its own that it has answered, in a history", () =>
    over(async (url) => {
      const { responses } = openai(url, "openai-responses")
      const input: Array<OpenAI.Responses.ResponseInputItem> = [{ role: "user", content: "scenario client-tool" }]
      const first = await responses.create({ model: "assistant", input })
      const call = first.output.find((item) => item.type === "function_call") ?? assert.fail("no call")
      input.push(call, { type: "function_call_output", call_id: call.call_id, output: "red" })
      const second = await responses.create({ model: "assistant", input })
      assert.strictEqual(second.output_text, 'Done: "red"')
      input.push({ role: "assistant", content: second.output_text }, { role: "user", content: "now show" })
      const third = await responses.create({ model: "assistant", input })
      assert.deepStrictEqual(ServeAll.shown(third.output_text).slice(-4), [
        'call: ask_colour {"question":"Which colour?"}',
        "result: red",
        'assistant: Done: "red"',
        "user: now show"
      ])
    })
  )

  it.live("gets an id and a usage of its own for each completion of a run", () =>
    over(async (url) => {
      const { completions } = openai(url, "openai-chat").chat
      const messages: Array<OpenAI.ChatCompletionMessageParam> = [{ role: "user", content: "scenario client-tool" }]
      const first = await completions.create({ model: "assistant", messages })
      const [choice] = first.choices
      const call = choice?.message.tool_calls?.[0] ?? assert.fail("no call")
      messages.push(choice?.message ?? assert.fail("no message"), {
        role: "tool",
        tool_call_id: call.id,
        content: "red"
      })
      const second = await completions.create({ model: "assistant", messages })
      assert.notStrictEqual(second.id, first.id)
      assert.isBelow(second.usage?.total_tokens ?? 0, 2 * (first.usage?.total_tokens ?? 0))
      for (const one of [first, second]) {
        const found = await completions.retrieve(one.id)
        assert.deepStrictEqual([found.id, found.choices], [one.id, one.choices])
      }
    })
  )

  it.live("reads the status of every call of the server", () =>
    over(async (url) => {
      const { responses } = openai(url, "openai-responses")
      const told = await responses.create({ model: "assistant", input: "calls lookup flaky" })
      const calls = told.output.filter((item) => item.type === "mcp_call")
      assert.deepStrictEqual(
        calls.map(({ name, status }) => [name, status]),
        [
          ["lookup", "completed"],
          ["flaky", "failed"]
        ]
      )
    })
  )
})

describe("@anthropic-ai/sdk", () => {
  it.live("reads input tokens where a message begins, as it counts them, and what they were where it ends", () =>
    over(async (url) => {
      const { messages } = anthropic(url)
      const asked = { model: "assistant", messages: [{ role: "user" as const, content: "scenario text" }] }
      const { input_tokens: counted } = await messages.countTokens(asked)
      const stream = messages.stream({ ...asked, max_tokens: 100 })
      let first: number | undefined
      stream.on("streamEvent", (event) => {
        if (event.type === "message_start") first = event.message.usage.input_tokens
      })
      const { usage } = await stream.finalMessage()
      assert.isAbove(counted, 0)
      assert.deepStrictEqual([first, usage.input_tokens], [counted, 10])
    })
  )

  it.live("finds nothing foreign in a stream", () =>
    over(async (url) => {
      const stream = await anthropic(url).messages.create({
        model: "assistant",
        max_tokens: 9,
        stream: true,
        messages: [{ role: "user", content: "scenario tool" }]
      })
      const types = new Set<string>()
      for await (const event of stream) types.add(event.type)
      const raw = await post(`${url}/anthropic/v1/messages`, {
        model: "assistant",
        max_tokens: 9,
        stream: true,
        messages: [{ role: "user", content: "scenario tool" }]
      })
      const named = [...(await raw.text()).matchAll(/^event: (.*)$/gm)].map(([, name = ""]) => name)
      assert.deepStrictEqual(new Set(named), types)
    })
  )

  it.live("is heard with words beside a result, in a thread that it names", () =>
    over(async (url) => {
      const { messages } = anthropic(url)
      const metadata = { thread_id: "words" }
      const ask = (said: Array<Anthropic.MessageParam>) =>
        messages.create({
          model: "assistant",
          max_tokens: 9,
          metadata,
          messages: said
        } as Anthropic.MessageCreateParamsNonStreaming)
      const asked: Anthropic.MessageParam = { role: "user", content: "scenario client-tool" }
      const first = await ask([asked])
      const call = first.content.find((block) => block.type === "tool_use") ?? assert.fail("no call")
      const told = await ask([
        asked,
        { role: "assistant", content: first.content },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: call.id, content: "red" },
            { type: "text", text: "BUT IN FRENCH show" }
          ]
        }
      ])
      const [block] = told.content
      assert.deepStrictEqual(ServeAll.shown(block?.type === "text" ? block.text : "").slice(-2), [
        "result: red",
        "user: BUT IN FRENCH show"
      ])
    })
  )
})

describe("AG-UI's clients", () => {
  const Older: new (options: object) => HttpAgent = Object.getPrototypeOf(ProxiedCopilotRuntimeAgent)

  it.live("are told of pending calls in the words of their version", () =>
    over(async (url) => {
      for (const [Agent, names] of [
        [HttpAgent, true],
        [Older, false]
      ] as const) {
        const outcomes: Array<string> = []
        const agent = new Agent({
          url: `${url}/ag-ui/run`,
          threadId: `pending-${names}`,
          headers,
          initialMessages: [{ id: "m1", role: "user", content: "scenario client-tool" }],
          fetch: async (input: RequestInfo | URL, init?: RequestInit) => {
            const response = await fetch(input, init)
            const text = await response.text()
            outcomes.push(/"outcome":(\{[^}]*\})/.exec(text)?.[1] ?? "")
            return new Response(text, { headers: response.headers })
          }
        })
        await agent.runAgent()
        assert.strictEqual(outcomes[0]?.includes("pendingToolCallIds"), names)
        const call = agent.messages.findLast(
          (message) => message.role === "assistant" && message.toolCalls !== undefined
        )
        const [{ id = "" } = {}] = call?.role === "assistant" ? (call.toolCalls ?? []) : []
        agent.addMessage({ id: "m2", role: "tool", toolCallId: id, content: "red" })
        await agent.runAgent()
        assert.strictEqual(agent.messages.at(-1)?.content, 'Done: "red"')
      }
    })
  )
})

describe("protocols without a client to install", () => {
  it.live("answer Kai's ping without a key, and a session of Karta that is created twice", () =>
    over(async (url) => {
      assert.strictEqual((await fetch(`${url}/kai/ping`)).status, 200)
      for (const _ of [1, 2]) {
        const { status } = await post(`${url}/karta/v1/sessions`, { session_id: "twice" })
        assert.strictEqual(status, 201)
      }
    })
  )

  it.live("say of an exhausted budget in Karta's unary answer what its stream says", () =>
    over(async (url) => {
      await post(`${url}/karta/v1/sessions`, { session_id: "budget" })
      const say = async (stream: boolean) =>
        (await post(`${url}/karta/v1/sessions/budget/messages`, { text: "scenario budget", stream })).text()
      assert.include(await say(false), "budget_exhausted")
      assert.include(await say(true), "budget_exhausted")
    })
  )
})
