import { assert, describe, it } from "@effect/vitest"
import { dialect, KaiEvent } from "@reins/wire/kai"
import { ask } from "../Ask.ts"
import type { Settled } from "../Play.ts"
import { asText, play } from "../Play.ts"
import { reading } from "../Reading.ts"
import { rule } from "../Rule.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"

const wrapped = (settled: Settled): string => {
  const { result, status } = settled
  if (status !== undefined) return asText(settled)
  const isObject = typeof result === "object" && result !== null && !Array.isArray(result)
  return JSON.stringify(isObject ? result : { value: result })
}

/** Kai's own answers need not begin with `start`; ours do, and name their message by it. */
let isRest = false
const read = reading("kai", {
  // What follows a user's message names the calls of the message before, which is not read here.
  tolerates: ({ rule }) => rule === "call-known" && isRest,
  schema: KaiEvent,
  frame: (frame, at, answer) => {
    rule(frame.event === undefined && frame.id === undefined, "frames are data only", frame)
    if (answer === 0) rule((at === 0) === frame.data.startsWith('{"type":"start"'), "start stands first", frame)
  }
})

suite("Kai", ([first]) => ({
  open: dialect.open,
  retracts: false,
  result: wrapped,
  read: (answers) => {
    isRest = first !== undefined && first.seq > 1
    return read(answers)
  }
}))

describe("a chat that asks", () => {
  it("asks one question at a time", () => {
    const asked = play(dialect.open, scenario("two gated beside a free one"), "next").map((frames) =>
      frames.flatMap(({ data }) => {
        const event = JSON.parse(data)
        return event.type === "tool-approval-request" ? [event.approvalId] : []
      })
    )
    assert.deepStrictEqual(asked, [["apr-1"], ["apr-1"], []])
  })

  it("gives a failed call an output, so that it is not asked about again", () => {
    const [, second = []] = play(dialect.open, scenario("gated, then failing"))
    const states = second.map(({ data }) => JSON.parse(data).state ?? JSON.parse(data).type)
    assert.includeMembers(states, ["output-available", "tool-output-error"])
  })

  it("reports a failed call without an approval as a failed execution", () => {
    const failed = play(dialect.open, scenario("tool first, failing"))
      .flat()
      .map(({ data }) => JSON.parse(data))
      .filter(({ state, type }) => state === "output-error" || type === "tool-output-error")
    assert.deepStrictEqual(
      failed.map(({ errorText: _, ...event }) => event),
      [
        {
          type: "tool-call",
          toolCallId: "c1",
          toolName: "search",
          state: "output-error",
          output: { error: '{"error":"ToolCrashed","message":"it broke"}', status: "failed" }
        }
      ]
    )
  })

  it("reports a refused call as denied, and not as failed after its approval", () => {
    const events = play(dialect.open, scenario("gated, rejected"))
      .flat()
      .map(({ data }) => JSON.parse(data))
    assert.deepStrictEqual(
      events.filter(({ state }) => state?.startsWith("output-")).map(({ state }) => state),
      ["output-denied"]
    )
    assert.isFalse(events.some(({ type }) => type === "tool-output-error"))
  })

  it("counts usage once, before its end", () => {
    const events = play(dialect.open, scenario("text"))
      .flat()
      .map(({ data }) => JSON.parse(data))
    assert.deepStrictEqual(events.slice(-2), [
      { type: "data-usage", data: { promptTokens: 120, completionTokens: 40 } },
      { type: "finish", finishReason: "complete" }
    ])
  })
})

describe("the form of the reference", () => {
  const body = { id: "t", message: { id: "m", role: "user", parts: [{ type: "text", text: "hi" }] } }
  const linesOf = (name: string, extras: Parameters<typeof ask>[3]) => {
    const { answer } = ask(dialect, "POST /api/chat", body, extras)
    rule(answer._tag === "Stream", "it is a stream")
    const lines = play(answer.open, scenario(name)).flat()
    return { format: answer.format, lines: lines.map(({ data }) => JSON.parse(data)) }
  }

  it("has the name beside the data and keys in snake_case, on request", () => {
    const { lines } = linesOf("gated, approved", { headers: { "x-kai-events": "wrapped" } })
    assert.deepStrictEqual(lines[2], { event: "text", data: { text: "May I? ", state: "streaming" } })
    const waiting = lines.find(({ data }) => data.state === "input-available")
    assert.deepStrictEqual(waiting, {
      event: "tool-call",
      data: {
        tool_call_id: "c1",
        tool_name: "refund",
        state: "input-available",
        input: { amount: 90 },
        output: null,
        approval: { id: "apr-1" }
      }
    })
    assert.deepStrictEqual(lines.at(-1), { event: "finish", data: { finish_reason: "complete" } })
    const [, failed] = play(() => {
      const { answer } = ask(dialect, "POST /api/chat", body, { query: { events: "wrapped" } })
      rule(answer._tag === "Stream", "it is a stream")
      return answer.open()
    }, scenario("gated, then failing"))
    const failure = (failed ?? [])
      .map(({ data }) => JSON.parse(data))
      .find(({ event }) => event === "tool-output-error")
    assert.deepStrictEqual(failure, {
      event: "tool-output-error",
      data: { tool_call_id: "c1", error_text: "no such order" }
    })
  })

  it("is used for JSON lines, and for nothing else by default", () => {
    const { format, lines } = linesOf("text", { headers: { accept: "application/x-ndjson" } })
    assert.strictEqual(format, "ndjson")
    assert.isTrue(lines.every((line) => "event" in line && "data" in line && !("type" in line)))
    assert.isTrue(linesOf("text", {}).lines.every((line) => typeof line.type === "string"))
  })
})

describe("discovery", () => {
  it("returns the assistant's URL", () => {
    const { answer } = ask(dialect, "GET /v2/storage", undefined, { url: "http://127.0.0.1:4111/kai" })
    rule(answer._tag === "Facts", "it is answered by facts")
    assert.deepStrictEqual(answer.shape({ _tag: "Agents", agents: [], at: 0, upMs: 0 }).body, {
      services: [{ id: "kai-assistant", url: "http://127.0.0.1:4111/kai" }]
    })
  })
})
