/**
 * Random runs whose root gives a typed answer: valid ones, invalid ones that are repaired, and some that stay invalid.
 * They keep every guarantee on both engines, killed at any event, and replay. Repeat one seed with
 * `SEED=17 npm test -- random-runs-with-typed-answers`. `npm test` runs some of the seeds; CI runs all of them
 * (`REINS_SEEDS=all`).
 */
import { assert, describe, it } from "@effect/vitest"
import { Scenario, ScenarioRun } from "@reins/runtime/testing"
import { Effect } from "effect"
import * as RandomRuns from "./RandomRuns.ts"
import { only, quiet, replays, seeds, sound } from "./RandomRuns.ts"

const drawn = (seed: number) => Scenario.generate(seed, { outputs: true })

/** How the root's answer came about. */
const endOf = ({ stored }: ScenarioRun.Report): string => {
  const root = stored.flatMap(({ agentPath, event }) => (agentPath.length === 0 ? [event] : []))
  const isRetracted = root.some((event) => event.type === "step-retracted" && event.reason === "OutputInvalid")
  if (root.some((event) => event.type === "error" && event.error.code === "E_OUTPUT_INVALID")) return "given up"
  const isGiven = root.some((event) => event.type === "finish" && event.output !== undefined)
  return `${isRetracted ? "retracted" : "not retracted"}, ${isGiven ? "given" : "not given"}`
}

describe("random runs with a typed answer of the root", () => {
  it.live(
    "are valid, settled, paired and add up in memory, by the usual way and by the general way",
    () =>
      RandomRuns.inMemory(drawn, seeds(60, 250), (report) => [endOf(report)], [
        "given up",
        "retracted, given",
        "retracted, not given",
        "not retracted, given"
      ]),
    240_000
  )

  it.live(
    "keep every invariant on a journal with a process that dies in half of them, and replay",
    () => RandomRuns.onJournal(drawn, seeds(40, 250)),
    240_000
  )

  it.live(
    "keep every invariant and replay with a process that dies at each event of runs whose first answer is invalid",
    () =>
      Effect.gen(function* () {
        let killed = 0
        for (const seed of seeds(60, 250)) {
          const scenario = drawn(seed)
          const whole = yield* ScenarioRun.onJournal(scenario)
          const end = endOf(whole)
          if (killed === 2 || whole.stored.length > 40 || !(end === "given up" || end.startsWith("retracted"))) continue
          killed += 1
          for (const { seq } of whole.stored) {
            for (const when of ["before", "after"] as const) {
              const where = `seed ${seed}, killed ${when} ${seq}`
              const report = yield* ScenarioRun.onJournal(scenario, [{ at: seq, when }])
              sound(report, where)
              yield* replays(report, where)
            }
          }
        }
        if (only === undefined) assert.strictEqual(killed, 2)
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every invariant on SQLite, with a process that dies in half of them",
    () => RandomRuns.onSqlite(drawn, seeds(12, 50)),
    240_000
  )
})
