import { assert, describe, it } from "@effect/vitest"
import { type Json, Ordering } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import * as E from "./OrderEvents.ts"

/** As a store gives it back. */
const stored = (automaton: Ordering.Automaton): Json => JSON.parse(JSON.stringify(automaton.snapshot()))

describe("a snapshot of the automaton", () => {
  it("continues like the automaton it was taken from, wherever a log is cut", () => {
    for (let seed = 1; seed <= 150; seed++) {
      const random = Generated.seeded(seed)
      const log = Generated.generate(random, { events: 30, depth: seed % 4, parallel: 1 + (seed % 4) })
      const { log: wrong } = Generated.mutate(random, log)
      const automaton = new Ordering.Automaton()
      for (const [cut, { agentPath, event }] of log.entries()) {
        assert.isUndefined(automaton.accept(agentPath, [event]))
        const again = Ordering.Automaton.restore(stored(automaton))
        assert.deepStrictEqual(again, automaton.clone())
        if (again === undefined || cut % 5 !== seed % 5) continue
        const beside = automaton.clone()
        for (const next of wrong.slice(cut + 1)) {
          assert.deepStrictEqual(
            again.accept(next.agentPath, [next.event]),
            beside.accept(next.agentPath, [next.event]),
            `seed ${seed}, cut at ${cut}, event ${next.seq}`
          )
        }
        assert.strictEqual(again.ended, beside.ended)
      }
    }
  })

  it("is independent: neither changes the other", () => {
    const automaton = new Ordering.Automaton()
    automaton.advance([], [E.start, E.call()])
    const again = Ordering.Automaton.restore(automaton.snapshot())
    again?.advance([], [E.result()])
    assert.deepStrictEqual(automaton.openCalls([]), ["c1"])
    assert.deepStrictEqual(again?.openCalls([]), [])
  })

  it.each([
    ["of another version", { ...Object(new Ordering.Automaton().snapshot()), version: 2 }],
    ["that is none", { version: 1 }],
    ["that is nothing", null]
  ])("%s is rejected as a snapshot", (_, snapshot) => {
    assert.isUndefined(Ordering.Automaton.restore(snapshot))
  })
})
