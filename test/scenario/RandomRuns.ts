/**
 * What the tests of random runs share: which seeds they take, and what each run must keep. `SEED=17` takes one seed, `REINS_SEEDS=all`
 * all of them, as CI does.
 */
import { assert } from "@effect/vitest"
import { Scenario, ScenarioChecks, ScenarioRun } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, References } from "effect"

/** The only seed that is asked for; absent: several are taken. */
export const only = process.env["SEED"] === undefined ? undefined : Number(process.env["SEED"])

export const isAll = process.env["REINS_SEEDS"] === "all"

/** `some` seeds, or `all` of them, counted from `from`. */
export const seeds = (some: number, all: number, from = 0): ReadonlyArray<number> =>
  only === undefined ? Array.from({ length: isAll ? all : some }, (_, seed) => from + seed) : [only]

/** A fifth of `count` seeds, or all of them. */
export const fifth = (count: number): ReadonlyArray<number> => seeds(Math.ceil(count * 0.2), count)

export const quiet = Effect.provideService(References.MinimumLogLevel, "None")

export const sound = (report: ScenarioRun.Report, where: string) =>
  assert.deepStrictEqual(ScenarioChecks.all(report), [], where)

/** That it replays: also what time limits, cancels and crashes have cut. */
export const replays = Effect.fnUntraced(function* (report: ScenarioRun.Report, where: string) {
  const found = yield* ScenarioRun.replayed(report)
  assert.strictEqual(found._tag, "Identical", `${where}: ${JSON.stringify(found)}`)
})

/** The same, except where the run's estimates were broken: a replay has no defect, so a compaction that failed succeeds. */
export const replaysUnlessEstimatesBroke = (report: ScenarioRun.Report, where: string) => {
  const { defect, seed } = report.scenario
  return defect?.of === "estimates" && seed % 4 > 1 ? Effect.void : replays(report, where)
}

type Drawn = (seed: number) => ReturnType<typeof Scenario.generate>

/** Sound in memory, by the usual way and by the general way. `meet` reads each run; all that is `wanted` must be met. */
export const inMemory = Effect.fnUntraced(function* (
  drawn: Drawn,
  taken: ReadonlyArray<number>,
  meet: (report: ScenarioRun.Report) => Iterable<string>,
  wanted: ReadonlyArray<string>
) {
  const met = new Set<string>()
  for (const seed of taken) {
    for (const way of ["usual", "general"] as const) {
      const report = yield* ScenarioRun.onMemory(drawn(seed), way)
      sound(report, `seed ${seed}, ${way}`)
      for (const each of meet(report)) met.add(each)
    }
  }
  for (const each of wanted) if (only === undefined) assert.isTrue(met.has(each), `no scenario brought: ${each}`)
}, quiet)

/** Sound on a journal, with a process that dies in half of the runs, and `replayed`. */
export const onJournal = Effect.fnUntraced(function* (
  drawn: Drawn,
  taken: ReadonlyArray<number>,
  replayed: typeof replays = replays
) {
  for (const seed of taken) {
    const report = yield* ScenarioRun.onJournal(drawn(seed), Scenario.deaths(seed))
    sound(report, `seed ${seed}`)
    yield* replayed(report, `seed ${seed}`)
  }
}, quiet)

/** Sound on SQLite, with a process that dies in half of the runs. */
export const onSqlite = (drawn: Drawn, taken: ReadonlyArray<number>) =>
  Effect.forEach(
    taken,
    (seed) =>
      Effect.gen(function* () {
        const store = yield* Sqlite.journal({ filename: ":memory:" })
        sound(yield* ScenarioRun.onStore(drawn(seed), store, Scenario.deaths(seed)), `seed ${seed}`)
      }).pipe(Effect.scoped),
    { discard: true }
  ).pipe(quiet)
