import { assert, describe, it } from "@effect/vitest"
import { Envelope, Ordering } from "@reins/protocol"
import * as E from "./OrderEvents.ts"

const { planner, root } = E

const faultsOf = (log: Iterable<Envelope.Envelope>, options?: Ordering.CheckOptions) =>
  Ordering.check(log, options).map(({ index, seq, violation }) => [index, seq, violation.rule])

const log = E.toLog([
  ...root(E.start, E.text(), E.call(), E.agentCall(), E.ask()),
  ...E.by(planner, E.start, E.text()),
  ...root(E.decided(), E.result(), E.agentUsage(), E.agentResult(), ...E.ended)
])

describe("Ordering.check", () => {
  it("reports nothing for a valid log", () => {
    assert.deepStrictEqual(faultsOf(log), [])
  })

  it("skips an invalid event and continues, so that one pass reports every fault", () => {
    const faulty = E.toLog(root(E.text(), E.start, E.text(), E.result(), E.finish, E.text(), E.cost, E.latency))
    assert.deepStrictEqual(faultsOf(faulty), [
      [0, 1, "text-in-step"],
      [3, 4, "result-of-open-call"],
      [5, 6, "ending-order"]
    ])
  })

  it("requires a dense seq from 1, and reports a repeat and a gap once each", () => {
    const renumbered = (...seqs: ReadonlyArray<number>) => seqs.flatMap((seq) => log.filter((line) => line.seq === seq))
    assert.deepStrictEqual(faultsOf(renumbered(1, 2, 2, 3)), [[2, 2, "seq-dense"]])
    assert.deepStrictEqual(faultsOf(renumbered(1, 3, 4)), [[1, 3, "seq-dense"]])
    assert.deepStrictEqual(faultsOf(log.slice(0, 1).map((line) => ({ ...line, seq: 0 }))), [[0, 0, "seq-dense"]])
  })

  it("continues from a checked prefix", () => {
    const from = new Ordering.Automaton()
    for (const { agentPath, event } of log.slice(0, 6)) from.advance(agentPath, [event])
    const untouched = from.clone()
    assert.deepStrictEqual(faultsOf(log.slice(6), { after: 6, from }), [])
    assert.deepStrictEqual(faultsOf(log.slice(7), { after: 6, from }), [[0, 8, "seq-dense"]])
    assert.deepStrictEqual(from, untouched)
  })

  it("requires one run and one thread", () => {
    const strange = log.map((line, index) => (index === 1 ? { ...line, runId: "run-2" } : line))
    assert.strictEqual(faultsOf(strange)[0]?.[2], "one-run")
    const moved = log.map((line, index) => (index === 1 ? { ...line, threadId: "thread-2" } : line))
    assert.strictEqual(faultsOf(moved)[0]?.[2], "one-run")
  })

  it("requires an approval to name the thread that it is raised in", () => {
    const lines = (threadId: string) => E.toLog(root(E.askPlan("a1", { threadId }), E.decided()))
    assert.deepStrictEqual(faultsOf(lines("thread-1")), [])
    assert.strictEqual(faultsOf(lines("thread-2"))[0]?.[2], "approval-own-thread")
  })
})

describe("Ordering.checkEvents", () => {
  const rootView = (lines: ReadonlyArray<E.Line>) =>
    E.toLog(lines)
      .filter(Envelope.isRootView)
      .map(({ event }) => event)
  const rules = (lines: ReadonlyArray<E.Line>) =>
    Ordering.checkEvents(rootView(lines)).map(({ index, violation }) => [index, violation.rule])

  const nested = E.by(planner, E.start, E.call("c7"), E.ask("a7", "c7", { agentPath: planner }))

  it("reports nothing for the root view of a valid run", () => {
    const lines = [
      ...root(E.start, E.agentCall(), E.call("c7"), E.ask("a1", "c7")),
      ...nested,
      ...E.by(planner, E.decided("reject", "a7"), E.result("c7", "look", "denied")),
      ...root(E.decided("approve", "a1"), E.progress(1, "c7"), E.result("c7"), E.agentUsage(), E.agentResult()),
      ...root(...E.ended)
    ]
    assert.deepStrictEqual(rules(lines), [])
  })

  it("requires one decision for an approval raised below the root", () => {
    const unanswered = [...root(E.start, E.agentCall()), ...nested, ...root(E.agentUsage(), E.agentResult(), E.finish)]
    assert.deepStrictEqual(rules(unanswered), [[5, "ending-approvals-answered"]])
    const twice = [...root(E.start, E.agentCall()), ...nested, ...E.by(planner, E.decided("approve", "a7"))]
    assert.deepStrictEqual(rules([...twice, ...twice.slice(-1)]), [[4, "decision-of-pending"]])
  })

  it("separates the call of an approval below the root from the root's call of the same id", () => {
    const lines = [...root(E.start, E.agentCall(), E.call("c7")), ...nested, ...root(E.progress(1, "c7"))]
    assert.deepStrictEqual(rules(lines), [])
  })

  it("allows a plan's hidden transitions, but only valid ones", () => {
    assert.deepStrictEqual(rules(root(E.plan("draft", "approved"), E.plan("executing", "executed"))), [])
    assert.deepStrictEqual(rules(root(E.plan("draft", "executed"))), [[0, "plan-transition"]])
  })

  it("reports faults in the root's own events", () => {
    assert.deepStrictEqual(rules(root(E.start, E.call(), E.text(), E.finish)), [
      [2, "text-in-step"],
      [3, "ending-calls-closed"]
    ])
  })
})
