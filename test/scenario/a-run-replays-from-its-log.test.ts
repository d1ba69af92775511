/**
 * A run that a journal has is run again from its log, without models, tools and people, and goes the same way, also one
 * whose processes died. Repeat one seed with `SEED=17 npm test -- a-run-replays`.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import { Scenario, ScenarioRun } from "@reins/runtime/testing"

const only = process.env["SEED"] === undefined ? undefined : Number(process.env["SEED"])
const seeds = (count: number, from = 0) =>
  only === undefined ? Array.from({ length: count }, (_, index) => from + index) : [only]

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const check = Effect.fnUntraced(function* (
  seed: number,
  options: Scenario.ScenarioOptions,
  deaths: Parameters<typeof ScenarioRun.onJournal>[1]
) {
  const report = yield* ScenarioRun.onJournal(Scenario.generate(seed, options), deaths)
  const replayed = yield* ScenarioRun.replayed(report)
  assert.deepStrictEqual(
    replayed,
    { _tag: "Identical", runId: report.stored[0]?.runId ?? "", events: report.stored.length, undigested: 0 },
    `seed ${seed}`
  )
})

describe("a run that is replayed from its log", () => {
  it.live(
    "goes the same way, for 400 seeds with faults, budgets, quotas, cancels, questions, grants and messages",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds(400)) yield* check(seed, { defects: false }, [])
      }).pipe(quiet),
    240_000
  )

  it.live(
    "goes the same way although its processes died, for 400 seeds",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds(400, 1000)) yield* check(seed, { defects: false }, Scenario.deaths(seed))
      }).pipe(quiet),
    240_000
  )

  it.live(
    "goes the same way up to the defect that stopped it, for the 60 first seeds with one",
    () =>
      Effect.gen(function* () {
        let count = 0
        for (let seed = 0; count < 60; seed++) {
          const { defect } = Scenario.generate(seed)
          // A strategy of compaction may call an estimator, and goes on where it throws.
          if (defect === undefined || (defect.of === "estimates" && seed % 4 > 1)) continue
          count++
          yield* check(seed, {}, [])
        }
      }).pipe(quiet),
    240_000
  )
})
