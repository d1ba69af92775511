/**
 * Random runs whose root gives a typed answer: valid ones, invalid ones that are repaired, and some that stay invalid.
 * They keep every guarantee on both engines, killed at any event, and replay. Repeat one seed with
 * `SEED=17 npm test -- random-runs-with-typed-answers`. `npm test` runs some of the seeds; CI runs all of them
 * (`REINS_SEEDS=all`).
 */
import { assert, describe, it } from "@effect/vitest"
import { Scenario, ScenarioChecks, ScenarioRun } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, References } from "effect"

const only = process.env["SEED"] === undefined ? undefined : Number(process.env["SEED"])
const seeds = (some: number, all: number) =>
  only === undefined
    ? Array.from({ length: process.env["REINS_SEEDS"] === "all" ? all : some }, (_, seed) => seed)
    : [only]

const quiet = Effect.provideService(References.MinimumLogLevel, "None")
const drawn = (seed: number) => Scenario.generate(seed, { outputs: true })

const sound = (report: ScenarioRun.Report, where: string) =>
  assert.deepStrictEqual(ScenarioChecks.all(report), [], where)

const replays = Effect.fnUntraced(function* (report: ScenarioRun.Report, where: string) {
  const found = yield* ScenarioRun.replayed(report)
  assert.strictEqual(found._tag, "Identical", `${where}: ${JSON.stringify(found)}`)
})

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
      Effect.gen(function* () {
        const met = new Set<string>()
        for (const seed of seeds(60, 250)) {
          for (const way of ["usual", "general"] as const) {
            const report = yield* ScenarioRun.onMemory(drawn(seed), way)
            sound(report, `seed ${seed}, ${way}`)
            met.add(endOf(report))
          }
        }
        const wanted = ["given up", "retracted, given", "retracted, not given", "not retracted, given"]
        for (const each of wanted) if (only === undefined) assert.isTrue(met.has(each), `no scenario brought: ${each}`)
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every invariant on a journal with a process that dies in half of them, and replay",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds(40, 250)) {
          const report = yield* ScenarioRun.onJournal(drawn(seed), Scenario.deaths(seed))
          sound(report, `seed ${seed}`)
          yield* replays(report, `seed ${seed}`)
        }
      }).pipe(quiet),
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
    () =>
      Effect.forEach(
        seeds(12, 50),
        (seed) =>
          Effect.gen(function* () {
            const store = yield* Sqlite.journal({ filename: ":memory:" })
            sound(yield* ScenarioRun.onStore(drawn(seed), store, Scenario.deaths(seed)), `seed ${seed}`)
          }).pipe(Effect.scoped),
        { discard: true }
      ).pipe(quiet),
    240_000
  )
})
