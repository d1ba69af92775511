import { assert, describe, it } from "@effect/vitest"
import { dialect } from "@reins/wire/karta"
import { asText, fold, play } from "../Play.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"
import { read } from "./Reader.ts"

suite("Karta", (log) => ({
  open: dialect.open,
  retracts: false,
  result: asText,
  read: (answers) => {
    const understood = read(answers)
    if (understood.final !== undefined) assert.strictEqual(understood.final, fold(log).text)
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
