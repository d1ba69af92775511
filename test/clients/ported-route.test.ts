/**
 * A route written for AI SDK, ported: a zod tool, a tool that asks, an MCP server, structured output, an abort, and a
 * page that talks by the transport of `useChat`. Unlike the route it was ported from, it goes on after a restart.
 * Nothing here imports Effect.
 */
import { ScriptedModel } from "@reins/runtime/testing"
import * as AiSdk from "@reins/wire/ai-sdk"
import { DefaultChatTransport, isToolUIPart, readUIMessageStream, type UIMessage } from "ai"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { agent, createRuntime, tool, toWebHandler } from "reins"
import { assert, describe, it } from "vitest"
import { z } from "zod"

const tools = {
  find_order: tool({
    description: "Find an order",
    parameters: z.object({ order: z.string().regex(/^[A-Z]-\d+$/) }),
    execute: async ({ order }) => ({ order, paidUsd: 80 })
  }),
  refund: tool({
    description: "Give money back",
    parameters: z.object({ order: z.string(), amountUsd: z.number().positive() }),
    needsApproval: ({ amountUsd }) => amountUsd > 50,
    execute: async ({ amountUsd, order }) => `${amountUsd} dollars back for ${order}`
  })
}

const desk = agent({
  name: "desk",
  instructions: "You answer for a shop.",
  tools: ["find_order", "refund"],
  mcp: ["files"]
})
const triage = agent({
  name: "triage",
  description: "Sorts a ticket",
  input: z.object({ ticket: z.string() }),
  output: z.object({ team: z.enum(["billing", "shipping"]), urgent: z.boolean().default(false) })
})

/** Answers as a model would: looks up, refunds, sorts, or never stops. */
const respond: ScriptedModel.Responder = (request) => {
  if (request.output !== undefined) return ScriptedModel.text('{"team":"billing"}')
  const results = ScriptedModel.lastResults(request)
  if (results.length > 0)
    return ScriptedModel.words(`Found: ${results.map(({ result }) => JSON.stringify(result)).join(", ")}`)
  const prompt = ScriptedModel.lastPrompt(request)
  if (prompt.includes("refund")) {
    return ScriptedModel.calls([{ id: "r1", name: "refund", args: { order: "A-1", amountUsd: 80 } }])
  }
  if (prompt.includes("for ever")) return { parts: [[{ type: "text", text: "And " }]], hangs: true }
  return ScriptedModel.calls([
    { id: "f1", name: "find_order", args: { order: "A-1" } },
    { id: "f2", name: "files_echo", args: { words: "A-1" } }
  ])
}

/** What the process of the app holds: the runtime, and the route's handler. */
const start = (folder: string) => {
  const runtime = createRuntime({
    model: ScriptedModel.make({ respond }),
    store: { sqlite: join(folder, "runs.db") },
    mcp: [
      {
        name: "files",
        command: process.execPath,
        args: [join(import.meta.dirname, "..", "models", "mcp", "server.mjs")],
        prefix: "files_"
      }
    ],
    tools,
    agents: [desk, triage]
  })
  const { dispose, handler } = toWebHandler(runtime, {
    prefix: "/api",
    access: ({ headers }) => (headers["x-user"] === undefined ? undefined : { tenant: headers["x-user"] }),
    onDisconnect: "cancel",
    dialects: [AiSdk.dialect]
  })
  const transport = new DefaultChatTransport({
    api: "http://app.example/api/ai-sdk/chat",
    headers: { "x-user": "acme" },
    fetch: (input, init) => handler(new Request(input, init))
  })
  const close = async () => {
    await dispose()
    await runtime[Symbol.asyncDispose]()
  }
  return { runtime, transport, close, handler }
}

type App = ReturnType<typeof start>

const said = (id: string, text: string): UIMessage => ({ id, role: "user", parts: [{ type: "text", text }] })

/** Sends the messages as `useChat` does; `seen` gets each state of the answer. */
const send = async (
  { transport }: App,
  messages: Array<UIMessage>,
  signal?: AbortSignal,
  seen?: (message: UIMessage) => void
) => {
  const before = messages.at(-1)
  const stream = await transport.sendMessages({
    chatId: "ticket-1",
    messages,
    trigger: "submit-message",
    messageId: undefined,
    abortSignal: signal
  })
  let answer: UIMessage | undefined
  const message = before?.role === "assistant" ? { message: before } : {}
  for await (const next of readUIMessageStream({ ...message, stream })) {
    answer = next
    seen?.(next)
  }
  if (answer === undefined) throw new Error("There was no answer")
  return answer
}

const Metadata = z.object({ runId: z.string() })

const textOf = (message: UIMessage) => message.parts.map((part) => (part.type === "text" ? part.text : "")).join("")

describe("a route of AI SDK, ported", () => {
  it("answers with zod and MCP tools, asks, restarts, goes on, and returns structured output", async () => {
    const folder = mkdtempSync(join(tmpdir(), "reins-ported-"))
    let app = start(folder)
    try {
      const first = said("u1", "Where is order A-1?")
      const found = await send(app, [first])
      assert.include(textOf(found), 'Found: {"order":"A-1","paidUsd":80}, "echo: A-1"')
      assert.deepNestedInclude(found.metadata, { "usage.inputTokens": 20 })
      assert.deepNestedInclude(found.metadata, { "usage.inputTokenDetails.noCacheTokens": 20 })

      const second = said("u2", "Then refund it.")
      const asking = await send(app, [first, found, second])
      const question = asking.parts.find((part) => isToolUIPart(part))
      assert.ok(question !== undefined && isToolUIPart(question) && question.state === "approval-requested")

      await app.close()
      app = start(folder)

      const approved: UIMessage = {
        ...asking,
        parts: asking.parts.map((part) =>
          part === question
            ? { ...question, state: "approval-responded", approval: { id: question.approval.id, approved: true } }
            : part
        )
      }
      const done = await send(app, [first, found, second, approved])
      assert.include(textOf(done), 'Found: "80 dollars back for A-1"')
      const settled = done.parts.find((part) => isToolUIPart(part))
      assert.ok(settled !== undefined && isToolUIPart(settled) && settled.state === "output-available")

      const { output } = await app.runtime.complete(triage, { ticket: "A-1 arrived broken" })
      assert.deepStrictEqual(output, { team: "billing", urgent: false })
    } finally {
      await app.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it("cancels the run when the page aborts, and refuses who is not known", async () => {
    const folder = mkdtempSync(join(tmpdir(), "reins-ported-"))
    const app = start(folder)
    try {
      const gone = new AbortController()
      let runId = ""
      const reading = send(app, [said("u1", "Go on for ever")], gone.signal, (message) => {
        runId = Metadata.parse(message.metadata).runId
        if (textOf(message) === "And ") gone.abort()
      })
      await reading.then(undefined, () => undefined)
      const reasons = []
      for await (const { event } of app.runtime.watch(runId))
        if (event.type === "finish") reasons.push(event.finishReason)
      assert.deepStrictEqual(reasons, ["cancelled"])
      const stranger = new Request("http://app.example/api/ai-sdk/chat", { method: "POST", body: "{}" })
      assert.strictEqual((await app.handler(stranger)).status, 401)
    } finally {
      await app.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
