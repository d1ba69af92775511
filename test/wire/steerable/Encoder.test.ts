import { assert, describe, it } from "@effect/vitest"
import { dialect, SseEvent, SteerableEvents } from "@reins/wire/steerable"
import type { Answers, Settled } from "../Play.ts"
import { asText, play } from "../Play.ts"
import { Log } from "../Log.ts"
import { reading } from "../Reading.ts"
import { rule, textOf } from "../Rule.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"

const wrapped = (settled: Settled): string => {
  const { result, status, type } = settled
  if (status !== undefined || type === "tool-agent") return asText(settled)
  const isObject = typeof result === "object" && result !== null && !Array.isArray(result)
  return JSON.stringify(isObject ? result : { value: result })
}

/** Names, messages and the last frame are not required by the protocol; our clients are told them all. */
const read = (answers: Answers) => {
  rule(answers.length === 1, "the stream stays open while somebody is asked")
  rule(answers.flat().at(-1)?.data === "[DONE]", "the stream ends with its terminator")
  return understand(answers)
}
const understand = reading("steerable", {
  schema: SseEvent,
  frame: ({ data, event }) => {
    rule(event === "message", "every frame has the one name", data)
    if (data === "[DONE]") return
    const { messageId, type } = JSON.parse(data)
    rule(type !== "content" || messageId !== undefined, "content names its message", data)
  },
  results: ({ payload = {} }, results) => {
    if (payload.phase === "task_finished") results.set(payload.callId, textOf(payload.task.result))
  },
  waits: false
})

suite("Steerable", () => ({
  open: dialect.open,
  read,
  retracts: false,
  result: wrapped,
  notices: ["lost end", "doubled end"]
}))

const eventsOf = (name: string) =>
  play(dialect.open, scenario(name))
    .flat()
    .slice(0, -1)
    .map(({ data }) => JSON.parse(data))

describe("the universal envelope", () => {
  it("sends the limit that stopped the run last", () => {
    assert.deepStrictEqual(
      eventsOf("budget")
        .slice(-2)
        .map(({ code, message, type }) => [type, message, code]),
      [
        ["budget_exhausted", "max_tool_calls=0 reached", "E_BUDGET_TOOL_CALLS"],
        ["done", undefined, undefined]
      ]
    )
  })

  it("gives the next bubble to the speaking specialist, and back", () => {
    const owners = eventsOf("specialist").flatMap(({ event, payload, type }) =>
      type === "agent" && event === undefined ? [payload.agentId] : []
    )
    assert.deepStrictEqual(owners, ["researcher", "root"])
  })

  it("names the message that content and calls belong to, one for each step", () => {
    const ids = (type: string) =>
      eventsOf("one tool").flatMap((event) => (event.type === type ? [event.messageId] : []))
    assert.deepStrictEqual(ids("content"), ["msg_run-1_1", "msg_run-1_2"])
    assert.deepStrictEqual(ids("tool_call"), ["msg_run-1_1"])
  })

  it("shows a tool's hint in the placeholder", () => {
    const hinted = new Log()
      .step()
      .say({ type: "custom", event_type: "hint", data: { text: "almost there" } })
      .finish()
    const hints = play(dialect.open, hinted.envelopes)
      .flat()
      .slice(0, -1)
      .map(({ data }) => JSON.parse(data))
      .filter(({ type }) => type === "loader-hint")
    assert.deepStrictEqual(hints.at(-1), { type: "loader-hint", hint: "almost there" })
  })

  it("reports a retry, and continues in a new bubble", () => {
    const log = new Log()
      .step()
      .text("Half ")
      .say({
        type: "custom",
        event_type: "model_retry",
        data: { message: "scripted/scripted-1 is unavailable", reason: "ProviderUnavailable", attempt: 1 }
      })
      .text("done.")
      .finish()
    const events = play(dialect.open, log.envelopes)
      .flat()
      .slice(0, -1)
      .map(({ data }) => JSON.parse(data))
    const at = events.findIndex(({ type }) => type === "error")
    assert.deepInclude(events[at], { message: "scripted/scripted-1 is unavailable", code: "ProviderUnavailable" })
    assert.isTrue(events[at].payload.recoverable)
    assert.deepStrictEqual(
      events.slice(at + 1, at + 3).map(({ type }) => type),
      ["agent", "content"]
    )
  })

  it("is given as objects to transports that carry objects, the same as in frames", () => {
    const events = new SteerableEvents()
    const told = [...scenario("specialist").flatMap((envelope) => events.step(envelope)), ...events.end()]
    assert.deepStrictEqual(told, eventsOf("specialist"))
    assert.strictEqual(told.at(-1)?.type, "done")
  })

  it("pauses a task for a person", () => {
    const paused = eventsOf("gated, approved").find(({ payload }) => payload?.status === "ask_user_paused")
    assert.strictEqual(paused.taskId, "c1")
  })
})
