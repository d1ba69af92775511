import { assert, describe, it } from "@effect/vitest"
import { Entry } from "@reins/protocol"
import { Schema } from "effect"

const Flag = Schema.UndefinedOr(Schema.Literal(true))
const Count = Schema.UndefinedOr(Schema.Natural)
const Status = Schema.UndefinedOr(Schema.Literals(["failed", "denied", "cancelled"]))
const Fees = Schema.UndefinedOr(Schema.Literals(["search"]))

const price: Entry.Price = {
  model: "m",
  match: "exact",
  source: "test",
  inputPerMillionUsd: 3,
  outputPerMillionUsd: 15
}
const times = { startedAt: 1, endedAt: 2 }

/** The same fields in the same order, absent ones absent, and taken by the schema. */
const assertSame = (made: object, expected: object) => {
  const text = JSON.stringify(expected)
  assert.strictEqual(JSON.stringify(made), text)
  assert.deepStrictEqual(made, JSON.parse(text))
}

describe("The constructors of ledger rows", () => {
  it.prop(
    "leave absent fields absent and keep the order of the schema",
    { flag: Flag, other: Flag, count: Count, priced: Flag, status: Status, fee: Fees },
    ({ count, fee, flag, other, priced, status }) => {
      const attempt = Entry.attempt({
        ...times,
        firstTokenAt: count,
        firstTextAt: flag === undefined ? undefined : count,
        outcome: "failed",
        error: status,
        abandoned: other
      })
      assertSame(attempt, {
        ...times,
        firstTokenAt: count,
        firstTextAt: flag === undefined ? undefined : count,
        outcome: "failed",
        error: status,
        abandoned: other
      })
      const fees = fee === undefined ? undefined : [Entry.fee(fee, 2, count)]
      if (fees !== undefined) assertSame(fees, [{ toolName: fee, calls: 2, costNanoUsd: count }])
      const purpose = flag === undefined ? undefined : "compaction"
      const model = {
        path: ["a#1"],
        step: 3,
        purpose,
        provider: "p",
        model: "m",
        usage: { outputText: 1 },
        estimated: false,
        overrun: other,
        costNanoUsd: count,
        price: priced === undefined ? undefined : price,
        fees,
        ...times,
        attempts: [attempt]
      } as const
      assertSame(Entry.model(model), { kind: "model", ...model })
      const tool = {
        path: [],
        callId: "1",
        toolName: "look",
        costNanoUsd: count,
        status,
        abandoned: flag,
        ...times,
        attempts: 1
      }
      assertSame(Entry.tool(tool), { kind: "tool", ...tool })
      const decode = Schema.decodeUnknownSync(Entry.Entry)
      for (const row of [Entry.model(model), Entry.tool(tool)]) assert.deepStrictEqual(decode(row), row)
    }
  )

  it("contain what a wait was for, and which specialist was admitted", () => {
    const about = { path: [], reason: "approval", id: "ask-1" } as const
    assertSame(Entry.wait(about, 1, 2), { kind: "wait", ...about, ...times })
    assertSame(Entry.agent(["a#1"], { id: "2", name: "b" }, 5), {
      kind: "agent",
      path: ["a#1"],
      agentName: "b",
      callId: "2",
      startedAt: 5,
      endedAt: 5
    })
  })
})
