import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import { scenarios } from "./Scenarios.ts"

describe("the scenario set", () => {
  it.each(scenarios)("is valid from its first event to its end: %s", (_, log) => {
    assert.deepStrictEqual(Ordering.check(log), [])
    const automaton = new Ordering.Automaton()
    for (const { agentPath, event } of log) automaton.accept(agentPath, [event])
    assert.isTrue(automaton.ended)
  })
})
