import { assert, describe, it } from "@effect/vitest"
import { dialect, KartaEvent } from "@reins/wire/karta"
import { asText, fold, play } from "../Play.ts"
import { reading } from "../Reading.ts"
import { rule } from "../Rule.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"

let isInStep = false
let isWithClient = false
/** Karta's text may stand outside of steps; ours stands in one. */
const read = reading("karta", {
  schema: KartaEvent,
  frame: ({ data }, at, answer) => {
    const { session_id, type } = JSON.parse(data)
    rule(session_id === "thread-1", "every event names its session", data)
    if (at + answer === 0) isInStep = false
    if (type === "step_start") isInStep = true
    if (type === "step_finish") isInStep = false
    rule(type !== "text" || isInStep, "text stands in a step", data)
  },
  // Karta has no tools that the client runs: where one is to run, our stream ends without a word for it.
  tolerates: ({ rule }) => rule === "ended" && isWithClient,
  waits: false
})

suite("Karta", (log) => ({
  open: dialect.open,
  retracts: false,
  result: asText,
  read: (answers) => {
    isWithClient = log.some(({ event }) => event.type === "tool-invocation" && event.execution === "client")
    const last = JSON.parse(answers.at(-1)?.at(-1)?.data ?? "{}")
    rule(last.data?.code !== "budget_exhausted", "a turn without budget is done with what there is", last)
    const understood = read(answers)
    const done = answers.flat().find(({ event }) => event === "done")
    if (done !== undefined) assert.strictEqual(JSON.parse(done.data).data.message.text, fold(log).text)
    return understood
  }
}))

describe("a turn that asks", () => {
  it("ends with the question, without done", () => {
    const [first = []] = play(dialect.open, scenario("gated, approved"))
    assert.deepStrictEqual(JSON.parse(first.at(-1)?.data ?? "{}"), {
      type: "input_required",
      session_id: "thread-1",
      data: {
        request_id: "apr-1",
        kind: "tool_use",
        tool: "refund",
        message: "Allow refund to run?",
        options: ["approve_once", "approve_session", "deny"],
        input: { amount: 90 }
      }
    })
  })
})

describe("a turn whose budget is exhausted", () => {
  it("sends an error, then done with the turn so far", () => {
    const events = play(dialect.open, scenario("budget"))
      .flat()
      .map(({ data }) => JSON.parse(data))
    const [error, done] = events.slice(-2)
    assert.deepStrictEqual([error.type, error.data.code, done.type], ["error", "budget_exhausted", "done"])
    assert.strictEqual(done.data.message.text, "Much to do. ")
  })
})
