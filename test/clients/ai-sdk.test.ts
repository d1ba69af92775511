import { assert, describe, it } from "@effect/vitest"
import { dialect } from "@reins/wire/ai-sdk"
import {
  DefaultChatTransport,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  readUIMessageStream
} from "ai"
import type { UIMessage } from "ai"
import { fold } from "../wire/Play.ts"
import { scenarios } from "../wire/Scenarios.ts"
import { lawful } from "../wire/Suite.ts"
import { Host } from "./Host.ts"

type Part = UIMessage["parts"][number]

/** A part as it goes over the wire; its type has a member for each state. */
const part = (fields: object): Part => JSON.parse(JSON.stringify(fields))

/** Answers everything that waits as a user of `useChat` would, part by part. */
const answered = (message: UIMessage): UIMessage => ({
  ...message,
  parts: message.parts.map((one) => {
    if (!isToolUIPart(one)) return one
    if (one.state === "approval-requested") {
      return part({ ...one, state: "approval-responded", approval: { id: one.approval.id, approved: true } })
    }
    return one.state === "input-available" && one.type === "tool-locate"
      ? part({ ...one, state: "output-available", output: { lat: 1.5 } })
      : one
  })
})

const chat = async (host: Host, prompt: string, sendsByItself = true) => {
  const transport = new DefaultChatTransport({ api: "http://localhost/chat", fetch: host.fetch })
  const messages: Array<UIMessage> = [{ id: "u1", role: "user", parts: [{ type: "text", text: prompt }] }]
  let message: UIMessage | undefined
  const errors: Array<unknown> = []
  for (let answer = 0; answer === 0 || !host.isOver; answer++) {
    if (message !== undefined) {
      message = answered(message)
      const all = { messages: [...messages, message] }
      assert.isTrue(
        !sendsByItself ||
          lastAssistantMessageIsCompleteWithApprovalResponses(all) ||
          lastAssistantMessageIsCompleteWithToolCalls(all),
        "the client would send the answers by itself"
      )
    }
    const stream = await transport.sendMessages({
      chatId: "thread-1",
      messages: message === undefined ? messages : [...messages, message],
      trigger: "submit-message",
      messageId: undefined,
      abortSignal: undefined
    })
    const before = message?.id
    for await (const next of readUIMessageStream({
      ...(message === undefined ? {} : { message }),
      stream,
      onError: (error) => errors.push(error)
    })) {
      message = next
    }
    if (before !== undefined) assert.strictEqual(message?.id, before)
  }
  return { message, errors }
}

describe("ai", () => {
  it.each(scenarios)("accepts: %s", async (name, log) => {
    const { errors, message } = await chat(new Host(dialect), `scenario ${name}`)
    const text = (message?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("")
    assert.strictEqual(text, fold(log).text)
    assert.strictEqual(errors.length, name === "error" ? 1 : 0)
    for (const [id, settled] of fold(log).results) {
      const part = message?.parts.find((one) => isToolUIPart(one) && one.toolCallId === id)
      if (part === undefined || !isToolUIPart(part)) throw new Error(`no part for the call ${id}`)
      if (settled.status === undefined) assert.deepStrictEqual(part.output, settled.result)
      else assert.include(["output-error", "output-denied"], part.state)
    }
  })

  it("accepts any valid log", async () => {
    for (const [seed, log] of lawful(40)) {
      const { errors, message } = await chat(new Host(dialect), `seed ${seed}`, false)
      const text = (message?.parts ?? []).map((one) => (one.type === "text" ? one.text : "")).join("")
      assert.strictEqual(text, fold(log).text, `seed ${seed}`)
      assert.strictEqual(errors.length, log.at(-1)?.event.type === "error" ? 1 : 0, `seed ${seed}`)
    }
  })

  it("updates progress in place, and accepts summaries after the end", async () => {
    const { message } = await chat(new Host(dialect), "scenario one tool")
    const types = message?.parts.map(({ type }) => type) ?? []
    assert.strictEqual(types.filter((type) => type === "data-tool-progress").length, 1)
    assert.deepStrictEqual(types.slice(-2), ["data-cost-summary", "data-latency-summary"])
  })

  it("sends approvals and results as one answer", async () => {
    const host = new Host(dialect)
    await chat(host, "scenario two gated beside a free one")
    const [, command] = host.commands
    assert.strictEqual(command?._tag, "Answer")
    if (command?._tag !== "Answer") return
    assert.deepStrictEqual(
      command.decisions.map(({ approvalId }) => approvalId),
      ["apr-1", "apr-2"]
    )
  })
})
