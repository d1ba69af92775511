/**
 * Typed answers by the clients that applications have: AI SDK's `useObject` and `Output.object`, and Anthropic's own
 * client, over loopback.
 */
import { createAnthropic } from "@ai-sdk/anthropic"
import { createOpenAI } from "@ai-sdk/openai"
import Anthropic from "@anthropic-ai/sdk"
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod"
import { ModelFailure } from "@reins/protocol"
import { ScriptedModel } from "@reins/runtime/testing"
import * as AiSdk from "@reins/wire/ai-sdk"
import * as AnthropicMessages from "@reins/wire/anthropic"
import * as OpenaiChat from "@reins/wire/openai-chat"
import * as OpenaiResponses from "@reins/wire/openai-responses"
import { generateText, Output, streamText } from "ai"
import type { LanguageModel } from "ai"
import { createRuntime, createServer, type ModelRequest } from "reins"
import { afterAll, assert, beforeAll, describe, it, vi } from "vitest"
import { z } from "zod"
import { open as openBrowser, Page, type Shown } from "./UseObject.ts"

const Invoice = z.object({
  number: z.string(),
  lines: z.array(z.object({ text: z.string(), total: z.number() })),
  paid: z.boolean()
})
const invoice = { number: "17", lines: [{ text: "Tea", total: 2.5 }], paid: false }
const json = JSON.stringify(invoice)
/** Valid JSON, and no invoice. */
const wrong = '{"number":17,"lines":[],"paid":"no"}'

const key = "a-key-of-the-shop"
const { text } = ScriptedModel

/** A promise that a test resolves. */
const gate = () => {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { open, opened }
}
let half = gate()
let aborted = gate()

const usage = { inputUncached: 1, outputText: 1 }

/** Answers by the prompt; each answer ends what the one before has begun. */
const answers: { readonly [prompt: string]: ReadonlyArray<ScriptedModel.Reply> } = {
  "as it is": [text(json)],
  "after words": [text("There is no invoice."), text(json)],
  "after an invalid one": [text(wrong), text(json)],
  "twice invalid": [text(wrong), text(wrong)],
  cut: [text('{"number":"17"', { stop: "length" })],
  broken: [
    ScriptedModel.failure(
      new ModelFailure.InvalidRequest({ provider: "scripted", model: "m", description: "no such deployment" })
    )
  ]
}

const textsOf = ({ messages }: ModelRequest): ReadonlyArray<string> =>
  messages.flatMap(({ content }) => content.flatMap((part) => (part.type === "text" ? [part.text] : [])))
const isRepair = (said: ReadonlyArray<string>) =>
  said.some((one) => one.includes("does not match the required JSON schema"))

const scripted = ScriptedModel.make({
  respond: (request) => {
    const said = textsOf(request)
    return said.flatMap((one) => answers[one] ?? []).at(isRepair(said) ? 1 : 0)
  }
})

/** A model that waits in the middle of its answer until it is told to go on. */
const slow = {
  provider: "scripted",
  model: "slow",
  open: async function* (request: ModelRequest, signal: AbortSignal) {
    const said = textsOf(request)
    const json = said.includes("after an invalid one") && !isRepair(said) ? wrong : JSON.stringify(invoice)
    yield { type: "text", text: json.slice(0, 30) } as const
    signal.addEventListener("abort", () => aborted.open())
    await half.opened
    yield { type: "text", text: json.slice(30) } as const
    yield { type: "finish", reason: "stop", usage } as const
  }
}

const start = async () => {
  const runtime = createRuntime({
    model: scripted,
    agents: [
      { name: "clerk", output: Invoice },
      { name: "slow", output: Invoice, model: slow },
      { name: "desk" },
      { name: "slow-desk", model: slow }
    ]
  })
  const server = await createServer(runtime, {
    access: { [key]: "shop" },
    dialects: [
      AiSdk.dialect,
      { dialect: OpenaiChat.dialect, path: "/openai-chat/v1", anyAgent: true },
      { dialect: OpenaiResponses.dialect, path: "/openai-responses/v1", anyAgent: true },
      { dialect: AnthropicMessages.dialect, anyAgent: true }
    ]
  }).listen({ port: 0 })
  return { runtime, server, url: server.url }
}
let served: Awaited<ReturnType<typeof start>>
beforeAll(async () => {
  vi.stubGlobal("AI_SDK_LOG_WARNINGS", false)
  openBrowser()
  served = await start()
})
afterAll(async () => {
  vi.unstubAllGlobals()
  await served.server.close()
  await served.runtime[Symbol.asyncDispose]()
})

let pages = 0
const page = (query = "") =>
  new Page({ api: `${served.url}/ai-sdk/object${query}`, key, schema: Invoice, id: `page-${++pages}` })
const objects = (shown: ReadonlyArray<Shown>) => shown.flatMap(({ object }) => (object === undefined ? [] : [object]))

describe("useObject", () => {
  it("shows a typed answer while it is written, and the whole of it", async () => {
    half = gate()
    using client = page()
    const ended = client.submit({ prompt: "go", agent: "slow" })
    const partial = await client.when(({ object }) => object !== undefined)
    assert.deepStrictEqual(partial.object, { number: "17", lines: [{}] })
    half.open()
    const { error, object } = await ended
    assert.deepStrictEqual([object, error], [invoice, undefined])
    assert.deepStrictEqual(client.finished, [{ object: invoice, error: undefined }])
  })

  it("submits a prompt alone, and a schema for an agent without an output", async () => {
    using client = page()
    assert.deepStrictEqual((await client.submit("as it is")).object, invoice)
    const asked = { prompt: "as it is", agent: "desk", schema: z.toJSONSchema(Invoice) }
    assert.deepStrictEqual((await client.submit(asked)).object, invoice)
  })

  it("is shown the repaired answer where nothing of the invalid one was JSON", async () => {
    using client = page()
    const { error, object } = await client.submit("after words")
    assert.deepStrictEqual([object, error], [invoice, undefined])
  })

  it("is shown a checked answer alone where it asks for that, repaired if it was invalid", async () => {
    using client = page("?checked=true")
    const { error, object } = await client.submit("after an invalid one")
    assert.deepStrictEqual([object, error], [invoice, undefined])
    for (const object of objects(client.shown)) assert.deepStrictEqual(object, invoice)
  })

  it("has an error where JSON that it was sent is retracted, and the run goes on to the repaired answer", async () => {
    half = gate()
    using client = page()
    const ended = client.submit({ prompt: "after an invalid one", agent: "slow" })
    const partial = await client.when(({ object }) => object !== undefined)
    assert.deepStrictEqual(partial.object, { number: 17, lines: [] })
    half.open()
    const { error } = await ended
    assert.instanceOf(error, Error)
    assert.lengthOf(client.finished, 0)
    const outputs: Array<unknown> = []
    for await (const { event } of served.runtime.watch(client.runIds[0] ?? ""))
      if (event.type === "finish") outputs.push(event.output)
    assert.deepStrictEqual(outputs, [invoice])
  })

  it.each([
    ["broken", {}, "scripted/scripted-1 rejected the request: no such deployment"],
    [
      "twice invalid",
      { checked: true },
      'The answer of clerk does not fit its output schema: an invalid value at ["number"]; an invalid value at ["paid"]'
    ],
    ["as it is", { agent: "desk" }, "The agent has no output schema. Give it one, or send a JSON Schema as schema"],
    ["as it is", { agent: "nobody" }, 'Unknown agent "nobody"']
  ])(
    "has the message of an answer that fails before anything is sent: %s %o",
    async (prompt, { checked, ...more }: { checked?: boolean; agent?: string }, message) => {
      using client = page(checked === true ? "?checked=true" : "")
      const { error } = await client.submit({ prompt, ...more })
      assert.strictEqual(error?.message, message)
      assert.deepStrictEqual(objects(client.shown), [])
    }
  )

  it("has an error, and no object that counts, where the answer is cut", async () => {
    using client = page()
    const { error } = await client.submit("cut")
    assert.strictEqual(error?.message, "The answer is not complete: the run ended with length")
    assert.deepStrictEqual([objects(client.shown), client.finished], [[], []])
  })

  it("cancels the run when it stops", async () => {
    half = gate()
    aborted = gate()
    using client = page()
    void client.submit({ prompt: "go", agent: "slow" })
    await client.when(({ object }) => object !== undefined)
    client.stop()
    await aborted.opened
  })
})

const models: { readonly [name: string]: (agent: string) => LanguageModel } = {
  "openai, Responses": (agent) =>
    createOpenAI({ apiKey: key, baseURL: `${served.url}/openai-responses/v1` }).responses(agent),
  "openai, Chat Completions": (agent) =>
    createOpenAI({ apiKey: key, baseURL: `${served.url}/openai-chat/v1` }).chat(agent),
  anthropic: (agent) => createAnthropic({ apiKey: key, baseURL: `${served.url}/anthropic/v1` })(agent)
}
const providerOptions = { anthropic: { structuredOutputMode: "outputFormat" } }

describe.each(Object.keys(models))("AI SDK's Output.object over %s", (name) => {
  const asked = (prompt: string, agent = "desk") => ({
    model: models[name]?.(agent) ?? assert.fail(name),
    prompt,
    maxRetries: 0,
    providerOptions,
    output: Output.object({ schema: Invoice })
  })

  it("is the typed answer of generateText, repaired if it was invalid", async () => {
    for (const prompt of ["as it is", "after an invalid one"])
      assert.deepStrictEqual((await generateText(asked(prompt))).output, invoice)
  })

  it("is streamed by streamText, with partial objects", async () => {
    half = gate()
    const streamed = streamText(asked("go", "slow-desk"))
    const seen: Array<unknown> = []
    for await (const partial of streamed.partialOutputStream) {
      seen.push(partial)
      half.open()
    }
    assert.deepStrictEqual(seen, [{ number: "17", lines: [{}] }, invoice])
    assert.deepStrictEqual(await streamed.output, invoice)
  })
})

describe("Anthropic's client", () => {
  const client = () => new Anthropic({ apiKey: key, baseURL: `${served.url}/anthropic`, maxRetries: 0 })
  const asked = (content: string, model = "desk") => ({
    model,
    max_tokens: 1000,
    messages: [{ role: "user" as const, content }],
    output_config: { format: zodOutputFormat(Invoice) }
  })

  it("parses a typed answer, repaired if it was invalid", async () => {
    for (const prompt of ["as it is", "after an invalid one"])
      assert.deepStrictEqual((await client().messages.parse(asked(prompt))).parsed_output, invoice)
  })

  it("parses one that is streamed", async () => {
    half = gate()
    const seen: Array<string> = []
    const stream = client().messages.stream(asked("go", "slow-desk"))
    stream.on("text", (_, text) => {
      seen.push(text)
      half.open()
    })
    const message = await stream.finalMessage()
    assert.deepStrictEqual(seen, [json.slice(0, 30), json])
    assert.deepStrictEqual(message.parsed_output, invoice)
  })
})
