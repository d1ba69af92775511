/**
 * Random runs whose tools ask a person while they run: one question after the other or several together, waited for
 * without end or left behind, and answered, declined, withdrawn and expired, by any process. They keep every guarantee on
 * both engines, killed at any event, and replay. Repeat one seed with `SEED=17 npm test -- random-runs-with-questions`.
 * `npm test` runs some of the seeds; CI runs all of them (`REINS_SEEDS=all`).
 */
import { assert, describe, it } from "@effect/vitest"
import { Scenario, ScenarioRun } from "@reins/runtime/testing"
import { Effect } from "effect"
import * as RandomRuns from "./RandomRuns.ts"
import { isAll, only, quiet, replaysUnlessEstimatesBroke, seeds, sound } from "./RandomRuns.ts"

/** Of every third, calls sleep and answer later, too; around those of every fifth there are hooks, which ask models. */
const drawn = (seed: number) =>
  Scenario.generate(seed, { callsAsk: true, late: seed % 3 === 2, hooks: seed % 5 === 4, hooksAsk: true })

/** How the questions of running calls ended. */
const metIn = ({ stored, world }: ScenarioRun.Report): ReadonlySet<string> => {
  const met = new Set<string>()
  const asked = new Set<string>()
  const repeated = new Set<string>()
  for (const { agentPath, event } of stored) {
    if (event.type === "approval-required" && event.data.kind === "question") {
      const { id, target } = event.data
      if (target !== "quiz" && target !== "survey") continue
      asked.add(id)
      met.add(`${target} at depth ${agentPath.length}`)
      if (event.data.approvals !== undefined) met.add("approvers")
    } else if (event.type === "approval-required" && event.data.begunBefore !== undefined) {
      repeated.add(event.data.target)
    } else if (event.type === "approval-decision" && asked.has(event.data.id)) {
      met.add(`decided ${event.data.outcome.outcome}`)
    }
  }
  for (const { answer } of world.told ?? []) met.add(`told ${answer._tag}`)
  if (repeated.has("quiz")) met.add("asked whether it is repeated")
  return met
}

const wanted = [
  "quiz at depth 0",
  "quiz at depth 1",
  "survey at depth 0",
  "survey at depth 1",
  "approvers",
  "decided answer",
  "decided reject",
  "decided expired",
  "decided superseded",
  "decided cancelled",
  "told Answered",
  "told Declined",
  "told Expired",
  "told Withdrawn"
]

describe("random runs whose tools ask a person", () => {
  it.live(
    "are valid, settled, paired and add up in memory, by the usual way and by the general way",
    () => RandomRuns.inMemory(drawn, seeds(80, 400), metIn, wanted),
    240_000
  )

  it.live(
    "keep every invariant on a journal with a process that dies in half of them, and replay",
    () => RandomRuns.onJournal(drawn, seeds(40, 200, 1000), replaysUnlessEstimatesBroke),
    240_000
  )

  it.live(
    "keep every invariant and replay with a process that dies at each event of runs that ask",
    () =>
      Effect.gen(function* () {
        let killed = 0
        const met = new Set<string>()
        for (const seed of seeds(100, 100)) {
          if (killed === (isAll ? 5 : 2)) break
          const scenario = drawn(seed)
          const whole = yield* ScenarioRun.onJournal(scenario)
          sound(whole, `seed ${seed}`)
          const has = metIn(whole)
          if (only === undefined && (!has.has("decided answer") || whole.stored.length > 60)) continue
          killed += 1
          for (const { seq } of whole.stored) {
            const both = ["before", "after"] as const
            for (const when of isAll ? both : [seq % 2 === 0 ? both[0] : both[1]]) {
              const where = `seed ${seed}, killed ${when} ${seq}`
              const report = yield* ScenarioRun.onJournal(scenario, [{ at: seq, when }])
              sound(report, where)
              if (isAll || seq % 3 === 0) yield* replaysUnlessEstimatesBroke(report, where)
              for (const each of metIn(report)) met.add(each)
            }
          }
        }
        if (only === undefined) assert.isTrue(met.has("asked whether it is repeated"))
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every invariant on SQLite, with a process that dies in half of them",
    () => RandomRuns.onSqlite(drawn, seeds(15, 60, 2000)),
    240_000
  )
})
