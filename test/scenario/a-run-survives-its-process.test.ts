/**
 * A process dies at an event, another resumes the run: finished work is not repeated, the log is valid, the ledger
 * exact. On an in-memory journal; other tests kill real processes on the SQL stores.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import { type CrashingJournal, Scenario, ScenarioChecks, ScenarioRun } from "@reins/runtime/testing"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

/** Scenarios that do not depend on timing: two executions of one must have the same log. */
const steady = {
  steers: false,
  cancels: false,
  expiry: false,
  faults: false,
  budgets: false,
  grants: false,
  refusals: false,
  approvers: false,
  // A repeated step gives its calls other ids than those whose input it has shown, and people answer by ids.
  inputs: false
}

const check = Effect.fnUntraced(function* (
  seed: number,
  options: Scenario.ScenarioOptions,
  deaths: ReadonlyArray<CrashingJournal.Death>
) {
  const report = yield* ScenarioRun.onJournal(Scenario.generate(seed, options), deaths)
  const where = `seed ${seed}, deaths ${deaths.map(({ at, when }) => `${when} ${at}`).join(", ")}`
  assert.deepStrictEqual(
    ScenarioChecks.all(report).map((fault) => `${where}: ${fault}`),
    []
  )
  return ScenarioChecks.essence(report.stored)
})

const length = (seed: number, options: Scenario.ScenarioOptions) =>
  Effect.map(ScenarioRun.onJournal(Scenario.generate(seed, options)), (report) => report.stored.length)

/** How many seeds of `count`: CI runs all of them (`REINS_SEEDS=all`), `npm test` one fifth. */
const upTo = (count: number): number => (process.env["REINS_SEEDS"] === "all" ? count : Math.ceil(count * 0.2))

describe("a run whose process dies", () => {
  it.live(
    "has the same log on a journal as in memory",
    () =>
      Effect.gen(function* () {
        for (let seed = 0; seed < upTo(60); seed++) {
          const scenario = Scenario.generate(seed, steady)
          const memory = ScenarioChecks.essence((yield* ScenarioRun.onMemory(scenario)).stored)
          assert.deepStrictEqual(yield* check(seed, steady, []), memory)
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "ends with the same log wherever it dies, and repeats no finished work",
    () =>
      Effect.gen(function* () {
        for (let seed = 0; seed < upTo(9); seed++) {
          const plain = yield* check(seed, steady, [])
          const events = yield* length(seed, steady)
          for (let at = 1; at <= events; at++) {
            for (const when of ["before", "after"] as const) {
              assert.deepStrictEqual(yield* check(seed, steady, [{ at, when }]), plain, `seed ${seed}, ${when} ${at}`)
            }
          }
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "ends with a valid log and an exact ledger, also with faults, budgets, cancels and open questions",
    () =>
      Effect.gen(function* () {
        for (let seed = 100; seed < 100 + upTo(35); seed++) {
          const events = yield* length(seed, {})
          for (let at = 1; at <= events; at++) yield* check(seed, {}, [{ at, when: at % 2 === 0 ? "before" : "after" }])
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "charges tools' reported costs once, when it dies as they are stored and again as more are reported",
    () =>
      Effect.gen(function* () {
        let died = 0
        for (let seed = 500; seed < 500 + upTo(40); seed++) {
          const scenario = Scenario.generate(seed)
          const reported = (yield* ScenarioRun.onJournal(scenario)).world.costs.length
          for (let cost = 1; cost <= reported; cost++) {
            for (const when of ["before", "after"] as const) {
              const first = { at: 0, cost, when }
              const report = yield* ScenarioRun.onJournal(scenario, [first, { at: 0, cost: 1, when: "after" }])
              assert.deepStrictEqual(ScenarioChecks.all(report), [], `seed ${seed}, ${when} cost ${cost}`)
              died += report.deaths.length
            }
          }
        }
        assert.isAbove(died, upTo(100))
      }).pipe(quiet),
    240_000
  )

  it.live(
    "receives each accepted message once, wherever it dies",
    () =>
      Effect.gen(function* () {
        let accepted = 0
        for (let seed = 400; seed < 440; seed++) {
          if (Scenario.generate(seed).messages.length === 0) continue
          const { accepted: some, stored } = yield* ScenarioRun.onJournal(Scenario.generate(seed))
          accepted += some.size
          for (let at = 1; at <= stored.length; at++)
            yield* check(seed, {}, [{ at, when: at % 2 === 0 ? "before" : "after" }])
        }
        assert.isAbove(accepted, 2)
      }).pipe(quiet),
    240_000
  )

  it.live(
    "survives a second and a third crash",
    () =>
      Effect.gen(function* () {
        for (let seed = 200; seed < 200 + upTo(15); seed++) {
          const plain = yield* check(seed, steady, [])
          const events = yield* length(seed, steady)
          for (let at = 1; at <= events; at += 3) {
            const deaths = [
              { at, when: "after" },
              { at: at + 1, when: "before" },
              { at: at + 4, when: "after" }
            ] as const
            assert.deepStrictEqual(yield* check(seed, steady, deaths), plain, `seed ${seed}, from ${at}`)
          }
        }
      }).pipe(quiet),
    240_000
  )
})
