/**
 * Random runs with hooks that rewrite, refuse, fail, end, report costs and ask models keep every guarantee, killed at any event, and
 * replay. Repeat one seed with `SEED=17 npm test -- random-runs-with-hooks`. `npm test` runs one fifth of the seeds; CI runs
 * all of them (`REINS_SEEDS=all`).
 */
import { assert, describe, it } from "@effect/vitest"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, References } from "effect"
import { Scenario, ScenarioChecks, ScenarioRun } from "@reins/runtime/testing"

const only = process.env["SEED"] === undefined ? undefined : Number(process.env["SEED"])
const share = process.env["REINS_SEEDS"] === "all" ? 1 : 0.2
const seeds = (count: number) =>
  only === undefined ? Array.from({ length: Math.ceil(count * share) }, (_, seed) => seed) : [only]

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const sound = (report: ScenarioRun.Report, where: string) =>
  assert.deepStrictEqual(ScenarioChecks.all(report), [], where)

/** Whether it replays: also what time limits, cancels and crashes have cut. */
const replays = Effect.fnUntraced(function* (report: ScenarioRun.Report, where: string) {
  const found = yield* ScenarioRun.replayed(report)
  assert.strictEqual(found._tag, "Identical", `${where}: ${JSON.stringify(found)}`)
})

/** What hooks have brought about in a run. */
const meet = (met: Set<string>, { stored }: ScenarioRun.Report) => {
  for (const { event } of stored) {
    if (event.type === "error") met.add(event.error.code ?? "")
    if (event.type === "step-retracted") met.add(event.reason)
    if (event.type === "tool-invocation" && event.state === "result") {
      const { error } = { error: "", ...(event.result as object) }
      met.add(error)
    }
    if (event.type === "data-cost-summary") {
      for (const { name } of event.data.root.rows) if (name.startsWith("hook ")) met.add(name)
    }
  }
}

describe("random runs with hooks", () => {
  it.live(
    "are valid, settled, paired and add up in memory, by the usual way and by the general way, for up to 250 seeds",
    () =>
      Effect.gen(function* () {
        const met = new Set<string>()
        for (const seed of seeds(250)) {
          for (const way of ["usual", "general"] as const) {
            const report = yield* ScenarioRun.onMemory(Scenario.generate(seed, { hooks: true }), way)
            sound(report, `seed ${seed}, ${way}`)
            meet(met, report)
          }
        }
        const wanted = [
          "E_HOOK_ENDED",
          "Withheld",
          "HookFailed",
          "a hook changed the answer",
          "hook outer",
          "hook inner"
        ]
        for (const each of wanted) if (only === undefined) assert.isTrue(met.has(each), `no scenario brought: ${each}`)
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every invariant on a journal with a process that dies in half of them, and replay, for up to 250 seeds",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds(250)) {
          const report = yield* ScenarioRun.onJournal(Scenario.generate(seed, { hooks: true }), Scenario.deaths(seed))
          sound(report, `seed ${seed}`)
          yield* replays(report, `seed ${seed}`)
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every invariant and replay with a process that dies at each event and each reported cost, for up to 3 seeds",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds(3)) {
          const scenario = Scenario.generate(seed, { hooks: true })
          const { stored, world } = yield* ScenarioRun.onJournal(scenario)
          const events = stored.map(({ seq }) => ({ at: seq }))
          const costs = world.costs.map((_, index) => ({ at: 1, cost: index + 1 }))
          for (const death of [...events, ...costs]) {
            for (const when of ["before", "after"] as const) {
              const report = yield* ScenarioRun.onJournal(scenario, [{ ...death, when }])
              const where = `seed ${seed}, ${JSON.stringify({ ...death, when })}`
              sound(report, where)
              yield* replays(report, where)
            }
          }
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every invariant on SQLite, with a process that dies in half of them, for up to 50 seeds",
    () =>
      Effect.forEach(
        seeds(50),
        (seed) =>
          Effect.gen(function* () {
            const store = yield* Sqlite.journal({ filename: ":memory:" })
            const scenario = Scenario.generate(seed, { hooks: true })
            sound(yield* ScenarioRun.onStore(scenario, store, Scenario.deaths(seed)), `seed ${seed}`)
          }).pipe(Effect.scoped),
        { discard: true }
      ).pipe(quiet),
    240_000
  )
})

/** What the questions of hooks have brought about in a run. */
const meetJudged = (met: Set<string>, { stored, world }: ScenarioRun.Report) => {
  for (const { works } of world.judged ?? []) met.add(`asked around ${/(?:^|\/)(\w+)\//.exec(works[0] ?? "")?.[1]}`)
  for (const { agentPath, event } of stored) {
    if (agentPath.length > 0 && (world.judged ?? []).some(({ works }) => works[0]?.includes("#")))
      met.add("of a specialist")
    if (event.type === "error") met.add(event.error.code ?? "")
    if (event.type === "step-retracted") met.add(event.reason)
    if (event.type === "tool-invocation" && event.state === "result") {
      const { error, message } = { error: "", message: "", ...(event.result as object) }
      if (message.includes("judged")) met.add(error)
    }
    if (event.type === "data-cost-summary") {
      for (const { name } of event.data.root.rows) met.add(name)
    }
  }
}

describe("random runs with hooks that ask models", () => {
  const drawn = (seed: number) => Scenario.generate(seed, { hooks: true, hooksAsk: true })

  it.live(
    "charge each answer once and keep every other invariant in memory, by the usual way and by the general way",
    () =>
      Effect.gen(function* () {
        const met = new Set<string>()
        for (const seed of seeds(250)) {
          for (const way of ["usual", "general"] as const) {
            const report = yield* ScenarioRun.onMemory(drawn(seed), way)
            sound(report, `seed ${seed}, ${way}`)
            meetJudged(met, report)
          }
        }
        const wanted = [
          "asked around model",
          "asked around compact",
          "asked around hook",
          "asked around tool",
          "of a specialist",
          "Denied",
          "Withheld",
          "scripted-3"
        ]
        for (const each of wanted) if (only === undefined) assert.isTrue(met.has(each), `no scenario brought: ${each}`)
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every invariant on a journal with a process that dies in half of them, and replay",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds(200)) {
          const report = yield* ScenarioRun.onJournal(drawn(1000 + seed), Scenario.deaths(seed))
          sound(report, `seed ${1000 + seed}`)
          yield* replays(report, `seed ${1000 + seed}`)
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every invariant and replay with a process that dies at each event of runs whose hooks ask",
    () =>
      Effect.gen(function* () {
        let left = share === 1 ? 4 : 2
        for (const seed of only === undefined ? Array.from({ length: 100 }, (_, seed) => seed) : [only]) {
          if (left === 0) break
          const scenario = drawn(seed)
          const whole = yield* ScenarioRun.onJournal(scenario)
          sound(whole, `seed ${seed}`)
          if (only === undefined && ((whole.world.judged ?? []).length < 3 || whole.stored.length > 50)) continue
          left -= 1
          for (const { seq } of whole.stored) {
            const both = ["before", "after"] as const
            for (const when of share === 1 ? both : [seq % 2 === 0 ? both[0] : both[1]]) {
              const where = `seed ${seed}, killed ${when} ${seq}`
              const report = yield* ScenarioRun.onJournal(scenario, [{ at: seq, when }])
              sound(report, where)
              yield* replays(report, where)
            }
          }
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every invariant on SQLite, with a process that dies in half of them",
    () =>
      Effect.forEach(
        seeds(60),
        (seed) =>
          Effect.gen(function* () {
            const store = yield* Sqlite.journal({ filename: ":memory:" })
            sound(yield* ScenarioRun.onStore(drawn(2000 + seed), store, Scenario.deaths(seed)), `seed ${2000 + seed}`)
          }).pipe(Effect.scoped),
        { discard: true }
      ).pipe(quiet),
    240_000
  )
})
