import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import { Result } from "effect"
import * as E from "./OrderEvents.ts"
import { root, type Line } from "./OrderEvents.ts"

describe("Ordering.step", () => {
  const walk = (lines: ReadonlyArray<Line>): Ordering.State =>
    lines.reduce(
      (state, [agentPath, event]) => Result.getOrThrow(Ordering.step(state, { agentPath, event })),
      Ordering.initial
    )

  it("reports the rule that an event would break", () => {
    const refused = Ordering.step(Ordering.initial, { agentPath: [], event: E.text() })
    assert.isTrue(Result.isFailure(refused) && refused.failure.rule === "text-in-step")
  })

  it("does not mutate the state it steps from", () => {
    const state = walk(root(E.start, E.call()))
    const closed = Result.getOrThrow(Ordering.step(state, { agentPath: [], event: E.result() }))
    assert.isTrue(Result.isSuccess(Ordering.step(state, { agentPath: [], event: E.result() })))
    assert.isTrue(Result.isFailure(Ordering.step(closed, { agentPath: [], event: E.result() })))
  })

  it("is complete after the last event of a run, and not before", () => {
    for (const ending of [E.ended, E.failing]) {
      assert.isTrue(Ordering.isComplete(walk(root(E.start, ...ending))))
      assert.isFalse(Ordering.isComplete(walk(root(E.start, ...ending.slice(0, -1)))))
    }
    assert.isFalse(Ordering.isComplete(Ordering.initial))
  })

  it("copies its state into a mutable automaton", () => {
    const state = walk(root(E.start, E.call()))
    const automaton = state.toAutomaton()
    assert.isUndefined(automaton.accept([], [E.result()]))
    assert.deepStrictEqual(state.toAutomaton().openCalls([]), ["c1"])
  })
})
