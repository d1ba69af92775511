/**
 * Random runs with hooks that rewrite, refuse, fail, end, report costs and ask models keep every guarantee, killed at any event, and
 * replay. Repeat one seed with `SEED=17 npm test -- random-runs-with-hooks`. `npm test` runs one fifth of the seeds; CI runs
 * all of them (`REINS_SEEDS=all`).
 */
import { assert, describe, it } from "@effect/vitest"
import { Scenario, ScenarioRun } from "@reins/runtime/testing"
import { Effect } from "effect"
import * as RandomRuns from "./RandomRuns.ts"
import { fifth, isAll, only, quiet, replays, seeds, sound } from "./RandomRuns.ts"

/** What hooks have brought about in a run. */
const metIn = ({ stored }: ScenarioRun.Report): ReadonlySet<string> => {
  const met = new Set<string>()
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
  return met
}

describe("random runs with hooks", () => {
  const drawn = (seed: number) => Scenario.generate(seed, { hooks: true })

  it.live(
    "are valid, settled, paired and add up in memory, by the usual way and by the general way, for up to 250 seeds",
    () =>
      RandomRuns.inMemory(drawn, fifth(250), metIn, [
        "E_HOOK_ENDED",
        "Withheld",
        "HookFailed",
        "a hook changed the answer",
        "hook outer",
        "hook inner"
      ]),
    240_000
  )

  it.live(
    "keep every invariant on a journal with a process that dies in half of them, and replay, for up to 250 seeds",
    () => RandomRuns.onJournal(drawn, fifth(250)),
    240_000
  )

  it.live(
    "keep every invariant and replay with a process that dies at each event and each reported cost, for up to 3 seeds",
    () =>
      Effect.gen(function* () {
        for (const seed of fifth(3)) {
          const scenario = drawn(seed)
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
    () => RandomRuns.onSqlite(drawn, fifth(50)),
    240_000
  )
})

/** What the questions of hooks have brought about in a run. */
const judgedIn = ({ stored, world }: ScenarioRun.Report): ReadonlySet<string> => {
  const met = new Set<string>()
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
  return met
}

describe("random runs with hooks that ask models", () => {
  const drawn = (seed: number) => Scenario.generate(seed, { hooks: true, hooksAsk: true })

  it.live(
    "charge each answer once and keep every other invariant in memory, by the usual way and by the general way",
    () =>
      RandomRuns.inMemory(drawn, fifth(250), judgedIn, [
        "asked around model",
        "asked around compact",
        "asked around hook",
        "asked around tool",
        "of a specialist",
        "Denied",
        "Withheld",
        "scripted-3"
      ]),
    240_000
  )

  it.live(
    "keep every invariant on a journal with a process that dies in half of them, and replay",
    () => RandomRuns.onJournal(drawn, seeds(40, 200, 1000)),
    240_000
  )

  it.live(
    "keep every invariant and replay with a process that dies at each event of runs whose hooks ask",
    () =>
      Effect.gen(function* () {
        let left = isAll ? 4 : 2
        for (const seed of seeds(100, 100)) {
          if (left === 0) break
          const scenario = drawn(seed)
          const whole = yield* ScenarioRun.onJournal(scenario)
          sound(whole, `seed ${seed}`)
          if (only === undefined && ((whole.world.judged ?? []).length < 3 || whole.stored.length > 50)) continue
          left -= 1
          for (const { seq } of whole.stored) {
            const both = ["before", "after"] as const
            for (const when of isAll ? both : [seq % 2 === 0 ? both[0] : both[1]]) {
              const where = `seed ${seed}, killed ${when} ${seq}`
              const report = yield* ScenarioRun.onJournal(scenario, [{ at: seq, when }])
              sound(report, where)
              yield* replays(report, where)
            }
          }
        }
        if (only === undefined) assert.strictEqual(left, 0, "seeds whose hooks ask that are missing")
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every invariant on SQLite, with a process that dies in half of them",
    () => RandomRuns.onSqlite(drawn, seeds(12, 60, 2000)),
    240_000
  )
})
