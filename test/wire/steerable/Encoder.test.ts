import { assert, describe, it } from "@effect/vitest"
import { dialect } from "@reins/wire/steerable"
import type { Settled } from "../Play.ts"
import { asText, play } from "../Play.ts"
import { scenario } from "../Scenarios.ts"
import { suite } from "../Suite.ts"
import { read } from "./Reader.ts"

const wrapped = (settled: Settled): string => {
  const { result, status, type } = settled
  if (status !== undefined || type === "tool-agent") return asText(settled)
  const isObject = typeof result === "object" && result !== null && !Array.isArray(result)
  return JSON.stringify(isObject ? result : { value: result })
}

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

  it("pauses a task for a person", () => {
    const paused = eventsOf("gated, approved").find(({ payload }) => payload?.status === "ask_user_paused")
    assert.strictEqual(paused.taskId, "c1")
  })
})
