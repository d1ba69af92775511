import { assert, describe, it } from "@effect/vitest"
import { dialect as chat } from "@reins/wire/openai-chat"
import { dialect as responses } from "@reins/wire/openai-responses"
import OpenAI, { APIError } from "openai"
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod"
import type { ChatCompletionMessageParam } from "openai/resources"
import { z } from "zod"
import { breaksOff, fold } from "../wire/Play.ts"
import { scenarios } from "../wire/Scenarios.ts"
import { lawful } from "../wire/Suite.ts"
import { Host } from "./Host.ts"

const connect = (host: Host) =>
  new OpenAI({ apiKey: "none", baseURL: "http://localhost", maxRetries: 0, fetch: host.fetch })

const withEvents: OpenAI.ChatCompletionStreamOptions & { readonly include_events: boolean } = {
  include_usage: true,
  include_events: true
}

const failing = "error"
const succeeding = scenarios.filter(([name]) => name !== failing)

describe("openai, chat completions", () => {
  it.each(succeeding)("accepts: %s", async (name, log) => {
    const host = new Host(chat)
    const client = connect(host)
    const messages: Array<ChatCompletionMessageParam> = [{ role: "user", content: `scenario ${name}` }]
    let text = ""
    for (let answer = 0; answer === 0 || !host.isOver; answer++) {
      const stream = client.chat.completions.stream({
        model: "desk",
        messages,
        stream_options: withEvents
      })
      const { choices, usage } = await stream.finalChatCompletion()
      const [choice] = choices
      text += choice?.message.content ?? ""
      if (host.isOver) assert.strictEqual(usage?.total_tokens, 160)
      const calls = choice?.message.tool_calls ?? []
      if (choice === undefined || calls.length === 0) continue
      // Nobody runs a call of an answer that was cut.
      if (name === "written, and cut") {
        assert.deepStrictEqual([choice.finish_reason, calls[0]?.type], ["length", "function"])
        continue
      }
      assert.strictEqual(choice.finish_reason, "tool_calls")
      messages.push(choice.message)
      for (const call of calls) messages.push({ role: "tool", tool_call_id: call.id, content: '{"lat":1.5}' })
    }
    assert.strictEqual(text, fold(log).kept)
  })

  it.each(succeeding)("accepts a non-streaming answer: %s", async (name, log) => {
    const host = new Host(chat)
    const { choices } = await connect(host).chat.completions.create({
      model: "desk",
      messages: [{ role: "user", content: `scenario ${name}` }]
    })
    if (!host.isOver) return assert.strictEqual(choices[0]?.finish_reason, "tool_calls")
    assert.strictEqual(choices[0]?.message.content ?? "", fold(log).text)
  })

  it("fails with the run's error", async () => {
    const stream = connect(new Host(chat)).chat.completions.stream({
      model: "desk",
      messages: [{ role: "user", content: "scenario error" }]
    })
    const error: unknown = await stream.finalChatCompletion().catch((reason: unknown) => reason)
    assert.instanceOf(error, APIError)
    assert.include(String(error), "the model is gone")
  })

  it("gets a refusal of an invalid request in the format that it parses", async () => {
    const error: unknown = await connect(new Host(chat))
      .chat.completions.create({ model: "desk", messages: [] })
      .catch((reason: unknown) => reason)
    assert.instanceOf(error, APIError)
    assert.strictEqual(error instanceof APIError ? error.status : 0, 400)
    assert.strictEqual(error instanceof APIError ? error.type : "", "invalid_request_error")
  })
})

describe("openai, responses", () => {
  it.each(scenarios)("accepts: %s", async (name, log) => {
    const host = new Host(responses)
    const client = connect(host)
    let text = ""
    let previous: { readonly id: string; readonly input: OpenAI.Responses.ResponseInput } | undefined
    for (let answer = 0; answer === 0 || !host.isOver; answer++) {
      const stream = client.responses.stream({
        model: "desk",
        input: previous?.input ?? `scenario ${name}`,
        ...(previous === undefined ? {} : { previous_response_id: previous.id })
      })
      const response = await stream.finalResponse()
      text += response.output_text
      assert.strictEqual(response.status === "failed", name === failing)
      const input = response.output.flatMap((item): OpenAI.Responses.ResponseInput => {
        if (item.type === "mcp_approval_request") {
          return [{ type: "mcp_approval_response", approval_request_id: item.id, approve: true }]
        }
        return item.type === "function_call"
          ? [{ type: "function_call_output", call_id: item.call_id, output: '{"lat":1.5}' }]
          : []
      })
      previous = { id: response.id, input }
    }
    assert.strictEqual(text, fold(log).kept)
  })

  it("accepts any valid log", async () => {
    for (const [seed, log] of lawful(60)) {
      if (breaksOff(log)) continue
      const host = new Host(responses)
      const client = connect(host)
      let text = ""
      let previous: string | undefined
      for (let answer = 0; answer === 0 || !host.isOver; answer++) {
        const response = await client.responses
          .stream(
            previous === undefined
              ? { model: "desk", input: `seed ${seed}` }
              : {
                  model: "desk",
                  previous_response_id: previous,
                  input: [{ type: "mcp_approval_response", approval_request_id: "any", approve: true }]
                }
          )
          .finalResponse()
        text += response.output_text
        previous = response.id
      }
      assert.strictEqual(text, fold(log).kept, `seed ${seed}`)
    }
  })

  it("sends an approval to the run that asked", async () => {
    const host = new Host(responses)
    const client = connect(host)
    const first = await client.responses.create({ model: "desk", input: "scenario gated, approved" })
    const [asked] = first.output.filter((item) => item.type === "mcp_approval_request")
    await client.responses.create({
      model: "desk",
      previous_response_id: first.id,
      input: [{ type: "mcp_approval_response", approval_request_id: asked?.id ?? "", approve: false, reason: "no" }]
    })
    assert.deepInclude(host.commands.at(-1), {
      _tag: "Answer",
      address: { runId: "run-1" },
      decisions: [{ approvalId: "apr-1", decision: { type: "reject", feedback: "no" } }],
      results: [],
      settings: { clientTools: [] }
    })
  })
})

describe("openai, typed answers", () => {
  const Team = z.object({ team: z.enum(["billing", "shipping"]) })
  const messages: Array<ChatCompletionMessageParam> = [{ role: "user", content: "scenario typed" }]
  const expected = { team: "billing" }

  it("are parsed by chat.completions, whole and as a stream", async () => {
    const asked = { model: "desk", messages, response_format: zodResponseFormat(Team, "team") }
    const { choices } = await connect(new Host(chat)).chat.completions.parse(asked)
    assert.deepStrictEqual(choices[0]?.message.parsed, expected)
    const stream = connect(new Host(chat)).chat.completions.stream(asked)
    const seen: Array<unknown> = []
    stream.on("content.delta", ({ parsed }) => seen.push(parsed))
    const streamed = await stream.finalChatCompletion()
    assert.deepStrictEqual(streamed.choices[0]?.message.parsed, expected)
    assert.isAbove(seen.length, 1)
  })

  it("are parsed by responses, whole and as a stream", async () => {
    const asked = { model: "desk", input: "scenario typed", text: { format: zodTextFormat(Team, "team") } }
    const whole = await connect(new Host(responses)).responses.parse(asked)
    assert.deepStrictEqual(whole.output_parsed, expected)
    const streamed = await connect(new Host(responses)).responses.stream(asked).finalResponse()
    assert.deepStrictEqual(streamed.output_parsed, expected)
  })
})
