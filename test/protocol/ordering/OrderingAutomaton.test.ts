import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import type { Event } from "@reins/protocol"
import * as E from "./OrderEvents.ts"

const { planner, root } = E

const after = (lines: ReadonlyArray<E.Line>): Ordering.Automaton => {
  const automaton = new Ordering.Automaton()
  for (const [path, event] of lines) assert.isUndefined(automaton.accept(path, [event]))
  return automaton
}

describe("Automaton", () => {
  it("accepts a batch exactly as its events one by one", () => {
    const automaton = after(root(E.start))
    assert.isUndefined(automaton.refuses([], [E.retracted, E.start, E.text(), E.call(), E.call("c2")]))
    assert.strictEqual(automaton.refuses([], [E.call(), E.call()])?.rule, "call-id-new")
    assert.strictEqual(automaton.refuses([], [E.text(), E.call(), E.text()])?.rule, "text-in-step")
    assert.strictEqual(automaton.refuses([], [E.text(), ...E.ended, E.custom])?.rule, "nothing-after-end")
  })

  it("accepts all of a batch or nothing of it", () => {
    const automaton = after(root(E.start, E.call(), E.call("c2"), E.ask()))
    const before = automaton.clone()
    const batches: ReadonlyArray<ReadonlyArray<Event>> = [
      [E.result("c2"), E.decided("reject"), E.result()],
      [E.decided(), E.result(), E.result("c2"), E.start, E.agentCall(), E.agentUsage(), E.agentResult(), E.result()],
      [E.exhausted(), E.plan("draft", "approved"), E.exhausted()]
    ]
    for (const batch of batches) {
      assert.isDefined(automaton.accept([], batch))
      assert.deepStrictEqual(automaton, before)
      assert.deepStrictEqual(automaton.openCalls([]), ["c1", "c2"])
    }
    assert.isUndefined(automaton.accept([], [E.decided("reject"), E.result("c2"), E.result("c1", "look", "denied")]))
    assert.deepStrictEqual(automaton.openCalls([]), [])
  })

  it("does not change on a check", () => {
    const automaton = after([...root(E.start, E.agentCall()), ...E.by(planner, E.start)])
    const before = automaton.clone()
    assert.isUndefined(automaton.refuses(planner, [E.text(), E.call(), E.ask("a1", "c1", { agentPath: planner })]))
    assert.isUndefined(automaton.refuses([], [E.agentUsage(), E.agentResult(), E.start]))
    assert.isDefined(automaton.refuses([], [E.start]))
    assert.deepStrictEqual(automaton, before)
  })

  it("checks many deltas against one state without changing it", () => {
    const automaton = after(root(E.start))
    const before = automaton.clone()
    const many = Array.from({ length: 100 }, (_, index) => (index % 2 === 0 ? E.text() : E.reasoning()))
    assert.isUndefined(automaton.accept([], many))
    assert.deepStrictEqual(automaton, before)
    assert.isUndefined(automaton.accept([], [E.call()]))
    assert.strictEqual(automaton.accept([], many)?.rule, "text-in-step")
  })

  it("compares paths by their segments, not by array identity", () => {
    const automaton = after(root(E.start, E.agentCall()))
    const path = [...planner]
    assert.isUndefined(automaton.accept(path, [E.start]))
    assert.isUndefined(automaton.accept([...planner], [E.text()]))
    assert.isUndefined(automaton.accept([], [E.agentUsage(), E.agentResult()]))
    assert.strictEqual(automaton.accept(path, [E.text()])?.rule, "path-exists")
  })

  it("lists open calls by agent, and pending approvals of the run, oldest first", () => {
    const automaton = after([
      ...root(E.start, E.call("c1"), E.agentCall(), E.call("c2"), E.ask("a1", "c2")),
      ...E.by(planner, E.start, E.call("c9"), E.ask("a2", "c9", { agentPath: planner })),
      ...root(E.askPlan("a3"), E.decided("approve", "a1"), E.result("c1"))
    ])
    assert.deepStrictEqual(automaton.openCalls([]), ["s1", "c2"])
    assert.deepStrictEqual(automaton.openCalls(planner), ["c9"])
    assert.deepStrictEqual(automaton.openCalls(["nobody#1"]), [])
    assert.deepStrictEqual(automaton.pendingApprovals, ["a2", "a3"])
  })

  it("returns the last phase of an open call, and -1 when there is none", () => {
    const automaton = after(root(E.start, E.call(), E.call("c2"), E.progress(3)))
    assert.deepStrictEqual(
      ["c1", "c2", "c3"].map((id) => automaton.phaseOf([], id)),
      [3, -1, -1]
    )
    automaton.advance([], [E.result()])
    assert.strictEqual(automaton.phaseOf([], "c1"), -1)
  })

  it("has ended after the last event of either ending", () => {
    const automaton = after(root(E.start, E.finish, E.cost))
    assert.isFalse(automaton.ended)
    assert.isUndefined(automaton.accept([], [E.latency]))
    assert.isTrue(automaton.ended)
    assert.isTrue(after(root(...E.failing)).ended)
  })

  it("is independent of its clone", () => {
    const automaton = after([...root(E.start, E.agentCall()), ...E.by(planner, E.start, E.call())])
    const clone = automaton.clone()
    assert.isUndefined(automaton.accept(planner, [E.result()]))
    assert.deepStrictEqual(clone.openCalls(planner), ["c1"])
    assert.isUndefined(clone.accept(planner, [E.progress(1), E.result()]))
    assert.deepStrictEqual(clone, automaton)
  })

  it("forgets a call when it closes and a specialist with its bracket", () => {
    const size = (steps: number) => {
      const automaton = new Ordering.Automaton()
      for (let index = 0; index < steps; index++) {
        const path = [`planner#${index}`]
        assert.isUndefined(automaton.accept([], [E.start, E.agentCall(`${index}`)]))
        assert.isUndefined(automaton.accept(path, [E.start, E.call(), E.progress(1), E.result()]))
        assert.isUndefined(automaton.accept([], [E.agentUsage(`${index}`), E.agentResult(`${index}`)]))
      }
      return heap(automaton)
    }
    // What stays of a step with a specialist is the id of its call.
    assert.strictEqual(size(800) - size(400), 400)
  })
})

/** How many objects, and items of collections, hang on a value. */
const heap = (value: unknown, seen: Set<unknown> = new Set()): number => {
  if (typeof value !== "object" || value === null) return 0
  if (seen.has(value)) return 0
  seen.add(value)
  const items: ReadonlyArray<unknown> =
    value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value)
  return items.reduce<number>((sum, item) => sum + heap(item, seen), value instanceof Set ? value.size : 1)
}

describe("Automaton.closeStep", () => {
  it("ends a step without calls like one with calls", () => {
    const automaton = after(root(E.start, E.text()))
    automaton.closeStep([])
    assert.strictEqual(automaton.refuses([], [E.retracted])?.rule, "retract-open-step")
    assert.strictEqual(automaton.refuses([], [E.text()])?.rule, "text-in-step")
    assert.strictEqual(automaton.refuses([], [E.call()])?.rule, "call-in-step")
    assert.isUndefined(automaton.refuses([], [E.start, E.text()]))
    assert.isUndefined(automaton.refuses([], E.ended))
  })

  it("lets the calls of the step continue, and adds no call to them", () => {
    const automaton = after(root(E.start, E.call()))
    automaton.closeStep([])
    assert.strictEqual(automaton.refuses([], [E.call("c2")])?.rule, "calls-together")
    assert.isUndefined(automaton.refuses([], [E.progress(1), E.result(), E.start]))
  })

  it("does nothing for an unknown agent", () => {
    const automaton = after(root(E.start))
    const before = automaton.clone()
    automaton.closeStep(planner)
    assert.deepStrictEqual(automaton, before)
  })
})
