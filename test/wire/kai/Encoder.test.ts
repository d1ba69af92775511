import { assert, describe, it } from "@effect/vitest"
import { dialect } from "@reins/wire/kai"
import type { Settled } from "../Play.ts"
import { asText, play } from "../Play.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"
import { read } from "./Reader.ts"

const wrapped = (settled: Settled): string => {
  const { result, status } = settled
  if (status !== undefined) return asText(settled)
  const isObject = typeof result === "object" && result !== null && !Array.isArray(result)
  return JSON.stringify(isObject ? result : { value: result })
}

suite("Kai", () => ({ open: dialect.open, read, retracts: false, result: wrapped }))

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
