import { assert, describe, it } from "@effect/vitest"
import { Envelope, Ordering, Transcript } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import { Result, Schema } from "effect"
import * as OrderChecker from "../ordering/OrderChecker.ts"

const seeds = Array.from({ length: 2_000 }, (_, index) => index + 1)

/** A log whose size, shape and ending hang on the seed too. */
const draw = (seed: number): ReadonlyArray<Envelope.Envelope> => {
  const random = Generated.seeded(seed)
  return Generated.generate(random, {
    events: 5 + Math.floor(random() * 45),
    depth: seed % 4,
    parallel: 1 + (seed % 5),
    ...(seed % 7 === 0 ? { ending: "open" } : {})
  })
}

const logs = seeds.map(draw)

/** Runs a property for every seed, and names the seed that breaks it. */
const forSeeds = (property: (log: ReadonlyArray<Envelope.Envelope>, seed: number) => void): void => {
  for (const [index, seed] of seeds.entries()) {
    try {
      property(logs[index] ?? draw(seed), seed)
    } catch (cause) {
      throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    }
  }
}

const mutants = (log: ReadonlyArray<Envelope.Envelope>, seed: number): ReadonlyArray<Generated.Mutant> => {
  const random = Generated.seeded(seed)
  return [Generated.mutate(random, log), Generated.mutate(random, log), Generated.mutate(random, log)]
}

describe("the log generator", () => {
  it("generates logs that both the automaton and the independent checker accept", () => {
    forSeeds((log) => {
      assert.deepStrictEqual(Ordering.check(log), [])
      assert.deepStrictEqual(OrderChecker.broken(log), [])
    })
  })

  it("generates a run to its end, unless it is to stay open", () => {
    const complete = (log: ReadonlyArray<Envelope.Envelope>) => {
      const automaton = new Ordering.Automaton()
      for (const { agentPath, event } of log) automaton.advance(agentPath, [event])
      return automaton.ended
    }
    forSeeds((log, seed) => assert.strictEqual(complete(log), seed % 7 !== 0))
    const last = (ending: "finish" | "error") => Generated.generate(Generated.seeded(1), { ending }).at(-1)?.event.type
    assert.deepStrictEqual([last("finish"), last("error")], ["data-latency-summary", "error"])
  })

  it("generates the same log for the same seed", () => {
    assert.deepStrictEqual(draw(42), draw(42))
    assert.notDeepEqual(draw(42), draw(43))
  })

  it("generates envelopes that match the schema", () => {
    const encode = Schema.encodeUnknownSync(Schema.Array(Envelope.Envelope))
    for (const seed of seeds.slice(0, 100)) assert.deepStrictEqual(encode(draw(seed)), draw(seed))
  })

  it("covers every kind of event and every outcome", () => {
    const drawn = new Set<string>()
    let deepest = 0
    forSeeds((log) => {
      for (const { agentPath, event } of log) {
        deepest = Math.max(deepest, agentPath.length)
        drawn.add("state" in event ? `${event.type} ${event.state}` : event.type)
        if (event.type === "approval-decision") drawn.add(event.data.outcome.outcome)
      }
    })
    assert.strictEqual(deepest, 3)
    // 21 types of one shape, two of two shapes, seven outcomes.
    assert.strictEqual(drawn.size, 21 + 4 + 7)
  })
})

describe("the automaton", () => {
  it("agrees with the checker about damaged logs", () => {
    let lawful = 0
    let unlawful = 0
    forSeeds((log, seed) => {
      for (const mutant of mutants(log, seed)) {
        const faults = Ordering.check(mutant.log)
        const broken = OrderChecker.broken(mutant.log)
        const told = JSON.stringify({ mutant: mutant.kind, at: mutant.index, fault: faults[0], broken })
        if (faults.length === 0) lawful += 1
        else unlawful += 1
        if (OrderChecker.isAmbiguous(mutant.log)) continue
        assert.strictEqual(broken.length === 0, faults.length === 0, told)
      }
    })
    assert.isAbove(lawful, 1_000)
    assert.isAbove(unlawful, 2_000)
  })

  it("agrees with the checker about the valid next events, anywhere in a log", () => {
    let lawful = 0
    forSeeds((log, seed) => {
      const random = Generated.seeded(seed)
      const before = log.slice(0, Math.floor(random() * log.length))
      const automaton = new Ordering.Automaton()
      for (const { agentPath, event } of before) automaton.advance(agentPath, [event])
      for (let tries = 0; tries < 5; tries++) {
        const strange = logs[Math.floor(random() * logs.length)] ?? log
        const next = strange[Math.floor(random() * strange.length)] ?? log[0]
        const place = before[Math.floor(random() * before.length)] ?? next
        if (next === undefined || place === undefined) continue
        const line = { ...next, seq: before.length + 1, agentPath: place.agentPath }
        if (OrderChecker.isAmbiguous([...before, line])) continue
        const violation = automaton.refuses(line.agentPath, [line.event])
        if (violation === undefined) lawful += 1
        const broken = OrderChecker.broken([...before, line])
        assert.strictEqual(broken.length === 0, violation === undefined, JSON.stringify({ line, violation, broken }))
      }
    })
    assert.isAbove(lawful, 1_000)
  })

  it("reports the first event that the checker rejects", () => {
    for (const seed of seeds.slice(0, 300)) {
      for (const mutant of mutants(draw(seed), seed)) {
        const fault = Ordering.check(mutant.log)[0]
        if (fault === undefined || OrderChecker.isAmbiguous(mutant.log)) continue
        const upTo = (end: number) => OrderChecker.broken(mutant.log.slice(0, end))
        assert.deepStrictEqual(upTo(fault.index), [], `seed ${seed}`)
        assert.isNotEmpty(upTo(fault.index + 1), `seed ${seed}`)
      }
    }
  })

  it("is unchanged after a rejection", () => {
    forSeeds((log, seed) => {
      const random = Generated.seeded(seed)
      const automaton = new Ordering.Automaton()
      for (const { agentPath, event } of log) {
        if (random() < 0.1) {
          const batch = Array.from({ length: 3 }, () => log[Math.floor(random() * log.length)]?.event ?? event)
          const before = automaton.clone()
          if (automaton.refuses(agentPath, batch) !== undefined) assert.isDefined(automaton.accept(agentPath, batch))
          assert.deepStrictEqual(automaton, before)
        }
        assert.isUndefined(automaton.accept(agentPath, [event]))
      }
    })
  })

  it("accepts a batch exactly when it accepts its events one by one", () => {
    forSeeds((log, seed) => {
      const random = Generated.seeded(seed)
      const automaton = new Ordering.Automaton()
      for (const { agentPath, event } of log) {
        if (random() < 0.2) {
          const batch = Array.from({ length: 4 }, () => log[Math.floor(random() * log.length)]?.event ?? event)
          const single = automaton.clone()
          const refused = batch.map((one) => single.accept(agentPath, [one])).find((one) => one !== undefined)
          assert.deepStrictEqual(automaton.refuses(agentPath, batch), refused)
        }
        automaton.advance(agentPath, [event])
      }
    })
  })

  it("accepts batches of a valid log like the log itself", () => {
    forSeeds((log, seed) => {
      const random = Generated.seeded(seed)
      const automaton = new Ordering.Automaton()
      const single = new Ordering.Automaton()
      let batch: Array<Envelope.Envelope> = []
      const flush = () => {
        const events = batch.map(({ event }) => event)
        assert.isUndefined(automaton.accept(batch[0]?.agentPath ?? [], events))
        batch = []
      }
      for (const line of log) {
        assert.isUndefined(single.accept(line.agentPath, [line.event]))
        const other = batch[0]?.agentPath.join() !== line.agentPath.join()
        if (batch.length > 0 && (other || random() < 0.2)) flush()
        batch.push(line)
      }
      flush()
      assert.deepStrictEqual(automaton, single)
    })
  })

  it("agrees with Ordering.step on valid and on damaged logs", () => {
    forSeeds((log, seed) => {
      for (const lines of [log, Generated.mutate(Generated.seeded(seed), log).log]) {
        const automaton = new Ordering.Automaton()
        let state = Ordering.initial
        for (const { agentPath, event } of lines) {
          const stepped = Ordering.step(state, { agentPath, event })
          const violation = Result.isFailure(stepped) ? stepped.failure : undefined
          assert.deepStrictEqual(automaton.accept(agentPath, [event]), violation)
          if (Result.isSuccess(stepped)) state = stepped.success
        }
        assert.deepStrictEqual(state.toAutomaton(), automaton)
        assert.strictEqual(Ordering.isComplete(state), automaton.ended)
      }
    })
  })

  it("accepts the root view of every valid log", () => {
    forSeeds((log) => {
      assert.deepStrictEqual(Ordering.checkEvents(log.filter(Envelope.isRootView).map(({ event }) => event)), [])
    })
  })
})

describe("the fast check for valid events", () => {
  it("never accepts what the rules reject, and leaves the same state, on valid and on damaged logs", () => {
    let plain = 0
    let all = 0
    forSeeds((lawful, seed) => {
      for (const log of [lawful, ...mutants(lawful, seed).map((mutant) => mutant.log)]) {
        const audit = Generated.audit(log)
        assert.deepStrictEqual(audit.slips, [])
        const automaton = new Ordering.Automaton()
        const violations = log.map(({ agentPath, event }) => automaton.accept(agentPath, [event]))
        assert.deepStrictEqual(violations, audit.violations)
        assert.deepStrictEqual(automaton.snapshot(), audit.state)
        plain += audit.plain
        all += log.length
      }
    })
    // Most of what is said goes the quick way: otherwise this test would say nothing.
    assert.isAbove(plain / all, 0.4)
  })

  it("never accepts what the rules reject, for any event of the log anywhere in the log", () => {
    for (const seed of seeds.slice(0, 150)) {
      const log = draw(seed)
      const others = [
        ...log,
        ...mutants(log, seed).flatMap((mutant) => mutant.log.slice(mutant.index, mutant.index + 1))
      ]
      assert.deepStrictEqual(Generated.audit(log, others).slips, [])
    }
  })
})

describe("a transcript", () => {
  it("has paired calls and results for every agent at every prefix of a log", () => {
    forSeeds((log) => {
      let transcript = Transcript.make("do it")
      for (const line of log) {
        transcript = Transcript.step(transcript, line)
        for (const path of Transcript.paths(transcript)) {
          assert.isTrue(Transcript.isPairComplete(Transcript.messages(transcript, path)))
        }
      }
      assert.deepStrictEqual(transcript, Transcript.fold(log, "do it"))
    })
  })

  it("has the same open calls and pending approvals as the automaton", () => {
    forSeeds((log) => {
      const automaton = new Ordering.Automaton()
      let transcript = Transcript.initial
      for (const [index, line] of log.entries()) {
        automaton.advance(line.agentPath, [line.event])
        transcript = Transcript.step(transcript, line)
        if (index % 5 !== 0) continue
        const agents = Transcript.paths(transcript).map((path) => Transcript.agent(transcript, path))
        for (const agent of agents) {
          const open = agent?.pendingCalls.map(({ call }) => call.id)
          assert.deepStrictEqual(open, automaton.openCalls(agent?.path ?? []))
        }
        const pending = agents.flatMap((agent) => agent?.pendingApprovals.map(({ id }) => id) ?? [])
        assert.deepStrictEqual(pending.toSorted(), automaton.pendingApprovals.toSorted())
      }
    })
  })
})
