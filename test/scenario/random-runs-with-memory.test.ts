/**
 * Random runs of agents that remember, recall and forget, and that search for their tools. They keep every guarantee on
 * both engines, killed at any event, and replay: a call that is repeated remembers once, what was remembered is there at
 * the end, and what was loaded stays loaded. Repeat one seed with `SEED=17 npm test -- random-runs-with-memory`.
 * `npm test` runs some of the seeds; CI runs all of them (`REINS_SEEDS=all`).
 */
import { assert, describe, it } from "@effect/vitest"
import { Scenario, ScenarioRun } from "@reins/runtime/testing"
import { Effect, Predicate } from "effect"
import * as RandomRuns from "./RandomRuns.ts"
import { isAll, only, quiet, replaysUnlessEstimatesBroke, seeds, sound } from "./RandomRuns.ts"

const drawn = (seed: number) => Scenario.generate(seed, { memory: true, searches: true })

const shelved = ["invoice_create", "invoice_cancel", "ticket_create", "ticket_merge", "refund_approve", "parcel_track"]

/** What the calls of a run met. */
const metIn = ({ memories = [], stored, world }: ScenarioRun.Report): ReadonlySet<string> => {
  const met = new Set<string>()
  if (memories.some(({ runId }) => runId !== undefined)) met.add("remembered at the end")
  for (const { agentPath, event } of stored) {
    const where = agentPath.length === 0 ? "the root" : "a specialist"
    if (event.type === "custom" && event.event_type === "memory_recalled") met.add(`${where} is reminded`)
    if (event.type !== "tool-invocation" || event.state !== "result") continue
    const { result, toolName } = event
    if (Predicate.hasProperty(result, "isNew")) met.add(`remember: ${result.isNew === true ? "new" : "known"}`)
    if (Predicate.hasProperty(result, "memories")) {
      met.add(`recall: ${Array.isArray(result.memories) && result.memories.length > 0 ? "found" : "nothing"}`)
    }
    if (Predicate.hasProperty(result, "forgotten")) met.add(`forget: ${String(result.forgotten)}`)
    if (toolName === "search_tools" && Predicate.hasProperty(result, "tools")) {
      met.add(`search: ${Array.isArray(result.tools) && result.tools.length > 0 ? "found" : "nothing"}`)
    }
    if (shelved.includes(toolName)) met.add(`searched tool: ${event.status ?? "succeeded"}`)
  }
  if (world.offers?.some(({ loaded }) => loaded.some((name) => shelved.includes(name))) === true) met.add("loaded")
  return met
}

/** The ids that calls to remember returned, as new ones or as known ones. */
const remembered = ({ stored }: ScenarioRun.Report, isNew: boolean): ReadonlyArray<unknown> =>
  stored.flatMap(({ event }) =>
    event.type === "tool-invocation" &&
    event.state === "result" &&
    Predicate.hasProperty(event.result, "isNew") &&
    event.result.isNew === isNew &&
    Predicate.hasProperty(event.result, "id")
      ? [event.result.id]
      : []
  )

const wanted = [
  "remembered at the end",
  "the root is reminded",
  "a specialist is reminded",
  "remember: new",
  "remember: known",
  "recall: found",
  "recall: nothing",
  "forget: true",
  "forget: false",
  "search: found",
  "search: nothing",
  "searched tool: succeeded",
  "searched tool: failed",
  "loaded"
]

describe("random runs with memory and searched tools", () => {
  it.live(
    "are settled, paired and add up in memory, by the usual way and by the general way",
    () => RandomRuns.inMemory(drawn, seeds(24, 250), metIn, wanted),
    240_000
  )

  it.live(
    "keep every invariant on a journal with a process that dies in half of them, and replay",
    () => RandomRuns.onJournal(drawn, seeds(20, 250), replaysUnlessEstimatesBroke),
    240_000
  )

  it.live(
    "keep every invariant and replay with a process that dies at each event of runs that remember and load tools",
    () =>
      Effect.gen(function* () {
        let killed = 0
        let repeated = 0
        for (const seed of seeds(60, 250)) {
          if (killed === 2) break
          const scenario = drawn(seed)
          const whole = yield* ScenarioRun.onJournal(scenario)
          const met = metIn(whole)
          const fits = met.has("remember: new") && met.has("loaded") && whole.stored.length <= 40
          if (only === undefined && !fits) continue
          killed += 1
          for (const { seq } of whole.stored) {
            const both = ["before", "after"] as const
            for (const when of isAll ? both : [seq % 2 === 0 ? both[0] : both[1]]) {
              const where = `seed ${seed}, killed ${when} ${seq}`
              const report = yield* ScenarioRun.onJournal(scenario, [{ at: seq, when }])
              sound(report, where)
              if (isAll || seq % 5 === 0) yield* replaysUnlessEstimatesBroke(report, where)
              // A call that had remembered when its process died finds its own memory: no call of this run made it anew.
              const [made, known] = [remembered(report, true), remembered(report, false)]
              if (remembered(whole, true).some((id) => known.includes(id) && !made.includes(id))) repeated += 1
            }
          }
        }
        if (only === undefined) assert.deepStrictEqual([killed, repeated > 0], [2, true])
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every invariant on SQLite, with a process that dies in half of them",
    () => RandomRuns.onSqlite(drawn, seeds(8, 50)),
    240_000
  )
})
