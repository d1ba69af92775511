/** assistant-ui's runtime, its transport and its decoder of streams, without a browser. */
import { AssistantChatTransport } from "@assistant-ui/ai-sdk"
import { assert, describe, it } from "@effect/vitest"
import { readUIMessageStream } from "ai"
import type { UIMessage } from "ai"
import { AssistantMessageAccumulator, toGenericMessages, UIMessageStreamDecoder } from "assistant-stream"
import type { GenericMessage } from "assistant-stream"
import { Effect } from "effect"
import * as ServeAll from "./ServeAll.ts"
import { Page } from "./UseChat.ts"
import * as UseObject from "./UseObject.ts"

const headers = { authorization: `Bearer ${ServeAll.key}` }
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] }

const chat = (url: string) => {
  // The transport adds these from the page's model context.
  const body = { system: "Be kind", tools: { weather: { description: "Tells the weather", parameters } } }
  const transport = new AssistantChatTransport<UIMessage>({ api: `${url}/ai-sdk/chat`, headers, body })
  let messages: Array<UIMessage> = []
  const send = async (trigger: "submit-message" | "regenerate-message" = "submit-message") => {
    const stream = await transport.sendMessages({
      chatId: "page",
      messages,
      trigger,
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
    messages = [...messages.filter(({ id }) => id !== last?.id), ...(last === undefined ? [] : [last])]
    return (last?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("")
  }
  const say = (text: string) => {
    messages.push({ id: `m${messages.length}`, role: "user", parts: [{ type: "text", text }] })
    return send()
  }
  return {
    say,
    send,
    /** Runs the page's tool, as its runtime does. */
    runTools: () => {
      messages = messages.map((message) => ({
        ...message,
        parts: message.parts.map((part) =>
          part.type === "tool-weather" && part.state === "input-available"
            ? { ...part, state: "output-available", output: "rain in Rome" }
            : part
        )
      }))
      return send()
    },
    drop: (count: number) => void (messages = messages.slice(0, -count))
  }
}

describe("assistant-ui's transport", () => {
  const over = (behaviour: (url: string) => Promise<void>) =>
    Effect.flatMap(ServeAll.url, (url) => Effect.promise(() => behaviour(url)))

  it.live("brings the page's tools and system message, runs the tools, and edits and asks again", () =>
    over(async (url) => {
      const { drop, runTools, say, send } = chat(url)
      await say('call weather {"city":"Rome"}')
      assert.include(await runTools(), 'Done: "rain in Rome"')
      const text = await say("now show")
      const shown = [
        'user: call weather {"city":"Rome"}',
        "assistant: Let me see. ",
        'call: weather {"city":"Rome"}',
        "result: rain in Rome",
        'assistant: Done: "rain in Rome"',
        "user: now show"
      ]
      assert.deepStrictEqual(ServeAll.shown(text), shown)
      assert.include(ServeAll.offered(text), "weather")
      assert.include(ServeAll.instructed(text), "Be kind")
      drop(1)
      assert.deepStrictEqual(ServeAll.shown(await send("regenerate-message")), shown)
      drop(2)
      assert.deepStrictEqual(ServeAll.shown(await say("edited show")), [...shown.slice(0, -1), "user: edited show"])
    })
  )
})

/** What the server has of the only thread, as the page shows messages, and how many branches there are. */
const served = async (url: string): Promise<{ readonly shown: ReadonlyArray<string>; readonly branches: number }> => {
  const get = async (path: string) => (await fetch(`${url}/native/threads${path}`, { headers })).json()
  const [{ threadId }] = (await get("")).threads
  const messages: ReadonlyArray<{
    readonly role: string
    readonly content: ReadonlyArray<{ readonly type: string; readonly text?: string }>
  }> = (await get(`/${threadId}`)).messages
  const shown = messages.map(({ content, role }) => `${role}: ${content.map(({ text = "" }) => text).join("")}`)
  return { shown, branches: (await get(`/${threadId}/branches`)).branches.length }
}

describe("assistant-ui's runtime", () => {
  UseObject.open()

  it.live("edits a message, asks again and switches branches, and the server's thread is what it shows", () =>
    Effect.flatMap(ServeAll.url, (url) =>
      Effect.promise(async () => {
        using page = new Page({ api: `${url}/ai-sdk/chat`, key: ServeAll.key, id: "page" })
        const asked = () => page.shown.filter((text) => text.startsWith("user: "))
        await page.do((thread) => thread.append("one show"))
        await page.do((thread) => thread.append("two show"))
        assert.deepStrictEqual(await served(url), { shown: page.shown, branches: 0 })
        await page.do((thread) => {
          const { composer } = thread.getMessageByIndex(2)
          composer.beginEdit()
          composer.setText("edited show")
          composer.send()
        })
        assert.deepStrictEqual(asked(), ["user: one show", "user: edited show"])
        assert.deepStrictEqual(await served(url), { shown: page.shown, branches: 1 })
        await page.do((thread) => thread.getMessageByIndex(3).reload())
        assert.lengthOf(page.shown, 4)
        assert.deepStrictEqual(await served(url), { shown: page.shown, branches: 2 })
        await page.do((thread) => thread.getMessageByIndex(1).reload())
        assert.deepStrictEqual(asked(), ["user: one show"])
        assert.deepStrictEqual(await served(url), { shown: page.shown, branches: 3 })
        // Back to the answer before, with what followed it.
        page.thread.getMessageByIndex(1).switchToBranch({ position: "previous" })
        await page.when(() => asked().at(-1) === "user: edited show")
        page.thread.getMessageByIndex(2).switchToBranch({ position: "previous" })
        await page.when(() => asked().at(-1) === "user: two show")
        await page.do((thread) => thread.append("three show"))
        assert.deepStrictEqual(asked(), ["user: one show", "user: two show", "user: three show"])
        assert.deepStrictEqual((await served(url)).shown, page.shown)
        const said = page.shown.at(-1)?.replace("assistant: ", "") ?? ""
        assert.deepStrictEqual(
          ServeAll.shown(said).filter((text) => text.startsWith("user: ")),
          asked()
        )
      })
    )
  )

  it.live(
    "goes on in two tabs: each sees its own conversation, and the thread is that of the tab which asked last",
    () =>
      Effect.flatMap(ServeAll.url, (url) =>
        Effect.promise(async () => {
          const options = { api: `${url}/ai-sdk/chat`, key: ServeAll.key, id: "page" }
          using first = new Page(options)
          await first.do((thread) => thread.append("one show"))
          using second = new Page({ ...options, messages: [...first.messages] })
          await first.do((thread) => thread.append("two show"))
          await second.do((thread) => thread.append("three show"))
          assert.deepStrictEqual(
            second.shown.filter((text) => text.startsWith("user: ")),
            ["user: one show", "user: three show"]
          )
          assert.deepStrictEqual(await served(url), { shown: second.shown, branches: 1 })
          await first.do((thread) => thread.append("four show"))
          const asked = ["user: one show", "user: two show", "user: four show"]
          assert.deepStrictEqual(
            first.shown.filter((text) => text.startsWith("user: ")),
            asked
          )
          assert.deepStrictEqual((await served(url)).shown, first.shown)
          const said = first.shown.at(-1)?.replace("assistant: ", "") ?? ""
          assert.deepStrictEqual(
            ServeAll.shown(said).filter((text) => text.startsWith("user: ")),
            asked
          )
        })
      )
  )
})

/** A message as its data stream runtime sends it. */
const sentAs = (message: GenericMessage): object => {
  if (message.role === "assistant") {
    const content = message.content.map((part) =>
      part.type === "tool-call"
        ? { type: part.type, toolCallId: part.toolCallId, toolName: part.toolName, input: part.args }
        : part
    )
    return { role: message.role, content }
  }
  if (message.role !== "tool") return message
  const content = message.content.map(({ isError, result, toolCallId, toolName, type }) => ({
    type,
    toolCallId,
    toolName,
    output: { type: isError === true ? "error-json" : "json", value: result }
  }))
  return { role: message.role, content }
}

/** A page with its data stream runtime. `threadId`: of the page's thread, if it says so. */
const dataStream = (url: string, threadId?: string) => {
  const tools = { weather: { description: "Tells the weather", parameters } }
  const messages: Array<Parameters<typeof toGenericMessages>[0][number]> = []
  const run = async (signal?: AbortSignal): Promise<string> => {
    const response = await fetch(`${url}/ai-sdk/chat`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify({
        system: "Be kind",
        messages: toGenericMessages(messages).map(sentAs),
        tools,
        runConfig: {},
        temperature: 0.5,
        ...(threadId === undefined ? {} : { threadId })
      }),
      ...(signal === undefined ? {} : { signal })
    })
    assert.strictEqual(response.status, 200)
    if (response.body === null) throw new Error("The answer has no body")
    const decoded = response.body
      .pipeThrough(new UIMessageStreamDecoder())
      .pipeThrough(new AssistantMessageAccumulator())
    let text = ""
    let content: ReadonlyArray<{ readonly type: string }> = []
    for await (const message of decoded) {
      content = message.content
      text = message.content.map((part) => (part.type === "text" ? part.text : "")).join("")
    }
    messages.push({ role: "assistant", content: content.map((part) => ({ ...part })) })
    return text
  }
  return {
    messages,
    run,
    say: (text: string) => {
      messages.push({ role: "user", content: [{ type: "text", text }] })
      return run()
    },
    /** Runs the page's tool, whose result becomes part of the message. */
    runTools: () => {
      const last = messages.at(-1)
      if (last !== undefined) {
        messages[messages.length - 1] = {
          ...last,
          content: last.content.map((part) =>
            part.type === "tool-call" && part.result === undefined ? { ...part, result: "rain in Rome" } : part
          )
        }
      }
      return run()
    }
  }
}

describe("assistant-ui's data stream runtime", () => {
  const shown = [
    'user: call weather {"city":"Rome"}',
    "assistant: Let me see. ",
    'call: weather {"city":"Rome"}',
    "result: rain in Rome",
    'assistant: Done: "rain in Rome"',
    "user: now show"
  ]

  it.live.each([undefined, "page"])("carries its conversation over turns, with its own tools, in thread %s", (thread) =>
    Effect.flatMap(ServeAll.url, (url) =>
      Effect.promise(async () => {
        const page = dataStream(url, thread)
        await page.say('call weather {"city":"Rome"}')
        assert.include(await page.runTools(), 'Done: "rain in Rome"')
        const text = await page.say("now show")
        assert.deepStrictEqual(ServeAll.shown(text), shown)
        assert.include(ServeAll.offered(text), "weather")
        assert.include(ServeAll.instructed(text), "Be kind")
        assert.strictEqual(JSON.parse(text).settings.temperature, 0.5)
        // Asked again, and edited.
        page.messages.splice(-1)
        assert.deepStrictEqual(ServeAll.shown(await page.run()), shown)
        page.messages.splice(-2)
        assert.deepStrictEqual(ServeAll.shown(await page.say("edited show")), [
          ...shown.slice(0, -1),
          "user: edited show"
        ])
        page.messages.splice(0)
        assert.deepStrictEqual(ServeAll.shown(await page.say("anew show")), ["user: anew show"])
      })
    )
  )

  it.live("goes on behind tools of the server, and behind a question that nobody answered", () =>
    Effect.flatMap(ServeAll.url, (url) =>
      Effect.promise(async () => {
        const page = dataStream(url)
        await page.say("scenario tool")
        const after = ServeAll.shown(await page.say("now show"))
        assert.include(after, 'result: {"answer":"all about tides"}')
        const asked = dataStream(url, "asked")
        await asked.say("scenario gated")
        const next = ServeAll.shown(await asked.say("now show"))
        assert.deepStrictEqual([next[0], next.at(-1)], ["user: scenario gated", "user: now show"])
      })
    )
  )
})

describe("assistant-stream", () => {
  it.live("decodes what the server streams, to the state that each run is in", () =>
    Effect.flatMap(ServeAll.url, (url) =>
      Effect.promise(async () => {
        const states: Array<string> = []
        for (const name of ["tool", "files", "gated", "plan", "client-tool", "error"]) {
          const message = { id: "m1", role: "user", parts: [{ type: "text", text: `scenario ${name}` }] }
          const body = JSON.stringify({ id: name, messages: [message] })
          const response = await fetch(`${url}/ai-sdk/chat`, { method: "POST", headers, body })
          if (response.body === null) throw new Error("The answer has no body")
          const decoded = response.body
            .pipeThrough(new UIMessageStreamDecoder())
            .pipeThrough(new AssistantMessageAccumulator())
          let state = ""
          for await (const { content, status } of decoded) {
            state = `${name}: ${status.type}, ${content.map(({ type }) => type).join(" ")}`
          }
          states.push(state)
        }
        assert.deepStrictEqual(states, [
          "tool: complete, text tool-call text",
          "files: complete, text tool-call file text",
          "gated: requires-action, text tool-call",
          "plan: requires-action, text tool-call tool-call",
          "client-tool: requires-action, text tool-call",
          "error: incomplete, text"
        ])
      })
    )
  )
})
