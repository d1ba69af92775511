/**
 * Kills runs on an in-memory journal: hosts that stop, in this process, under a test clock. Many scenarios at many
 * events in little time, with the same promises.
 */
import { type CrashingJournal, Scenario, ScenarioChecks, ScenarioRun } from "@reins/runtime/testing"
import { Effect } from "effect"
import type * as Scenarios from "./Scenarios.ts"

/** The scenarios of some seeds, each killed at every event, as `deaths` says. */
const everywhere = (
  seeds: ReadonlyArray<number>,
  options: Scenario.ScenarioOptions,
  deaths: (at: number) => ReadonlyArray<CrashingJournal.Death>
) =>
  Effect.gen(function* () {
    const faults: Array<string> = []
    for (const seed of seeds) {
      const scenario = Scenario.generate(seed, options)
      const { stored } = yield* ScenarioRun.onJournal(scenario)
      for (let at = 1; at <= stored.length; at++) {
        const report = yield* ScenarioRun.onJournal(scenario, deaths(at))
        faults.push(...ScenarioChecks.all(report).map((fault) => `seed ${seed}, event ${at}: ${fault}`))
      }
    }
    return faults
  })

const seeds = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index)

export const scenarios: ReadonlyArray<Scenarios.Scenario> = [
  {
    name: "after",
    says: "died after the commit of every event",
    short: false,
    run: everywhere(seeds(300, 10), {}, (at) => [{ at, when: "after" }])
  },
  {
    name: "before",
    says: "died before the commit of every event",
    short: false,
    run: everywhere(seeds(310, 10), {}, (at) => [{ at, when: "before" }])
  },
  {
    name: "twice",
    says: "died at every event, and soon again",
    short: false,
    run: everywhere(seeds(320, 10), {}, (at) => [
      { at, when: "after" },
      { at: at + 3, when: "before" }
    ])
  }
]
