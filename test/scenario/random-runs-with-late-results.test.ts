/**
 * Random runs whose tools sleep and answer later keep every guarantee: on both engines, with a process that dies at any
 * event, and with results that are delivered at random moments, twice, by another process, after a cancel, or never.
 * `npm test` runs some of the seeds; CI runs all of them (`REINS_SEEDS=all`).
 */
import { assert, describe, it } from "@effect/vitest"
import { type CrashingJournal, Scenario, ScenarioChecks, ScenarioRun } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, References } from "effect"
import * as OrderChecker from "../protocol/ordering/OrderChecker.ts"

const only = process.env["SEED"] === undefined ? undefined : Number(process.env["SEED"])
const seeds = (some: number, all: number, from = 0) =>
  only === undefined
    ? Array.from({ length: process.env["REINS_SEEDS"] === "all" ? all : some }, (_, seed) => from + seed)
    : [only]

const quiet = Effect.provideService(References.MinimumLogLevel, "None")
const late = { late: true }

const keeps = (report: ScenarioRun.Report, where: string) => {
  assert.deepStrictEqual(ScenarioChecks.all(report), [], where)
  assert.deepStrictEqual(OrderChecker.broken(report.stored), [], where)
}

const nameOf = (deaths: ReadonlyArray<CrashingJournal.Death>) =>
  deaths.map(({ at, when }) => `${when} ${at}`).join(", ")

describe("random runs whose tools take their time", () => {
  it.live(
    "keep every guarantee on the memory engine, by both ways, for up to 500 seeds, and cover what may happen",
    () =>
      Effect.gen(function* () {
        const met = new Set<string>()
        for (const seed of seeds(150, 500)) {
          const report = yield* ScenarioRun.onMemory(
            Scenario.generate(seed, { ...late, hooks: seed % 4 === 0 }),
            seed % 2 === 0 ? "usual" : "general"
          )
          keeps(report, `seed ${seed}`)
          const reports = new Set<string>()
          for (const { agentPath, event } of report.stored) {
            if (event.type === "tool-invocation" && event.state === "result") {
              if (event.later !== undefined) met.add(`receipt at depth ${agentPath.length}`)
              if (event.toolName === "nap") met.add(`nap ${event.status ?? "succeeded"}`)
            }
            if (event.type === "late-result") {
              const { error = "none" } = { error: undefined, ...(event.result as { readonly error?: string }) }
              met.add(`late ${event.status ?? "succeeded"}, error ${error}`)
              reports.add(event.toolInvocationId)
            }
            if (event.type === "finish" && reports.size > 0) met.add(`finish ${event.finishReason}`)
            if (event.type === "error" && reports.size > 0) met.add(`error ${event.error.code}`)
          }
        }
        for (const each of [
          "receipt at depth 0",
          "receipt at depth 1",
          "nap succeeded",
          "nap failed",
          "nap cancelled",
          "nap denied",
          "late succeeded, error none",
          "late failed, error none",
          "late failed, error Expired",
          "late cancelled, error Closed",
          "finish stop",
          "finish budget",
          "finish cancelled",
          "error E_INTERNAL_FAILURE"
        ]) {
          if (only === undefined) assert.isTrue(met.has(each), `no scenario brought: ${each}`)
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every guarantee wherever their process dies, for up to 10 seeds with tickets, and replay",
    () =>
      Effect.gen(function* () {
        let left = process.env["REINS_SEEDS"] === "all" ? 10 : 2
        for (const seed of seeds(100, 100)) {
          if (left === 0) break
          const scenario = Scenario.generate(seed, late)
          const whole = yield* ScenarioRun.onJournal(scenario)
          keeps(whole, `seed ${seed}`)
          if (only === undefined && (whole.world.late?.tickets.size === 0 || whole.stored.length > 90)) continue
          left--
          if (scenario.defect === undefined) {
            assert.strictEqual((yield* ScenarioRun.replayed(whole))._tag, "Identical", `seed ${seed}`)
          }
          for (let at = 1; at <= whole.stored.length; at++) {
            const deaths = [
              { at, when: at % 2 === 0 ? "before" : "after" },
              ...(at % 3 === 0 ? [{ at: at + 2, when: "after" } as const] : [])
            ] as const
            const report = yield* ScenarioRun.onJournal(scenario, deaths)
            keeps(report, `seed ${seed}, deaths ${nameOf(deaths)}`)
            if (at % 5 === 0 && scenario.defect === undefined) {
              const replayed = yield* ScenarioRun.replayed(report)
              assert.strictEqual(replayed._tag, "Identical", `seed ${seed}, deaths ${nameOf(deaths)}`)
            }
          }
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every guarantee on SQLite, with a process that dies in half of them, for up to 100 seeds",
    () =>
      Effect.forEach(
        seeds(25, 100, 1000),
        (seed) =>
          Effect.gen(function* () {
            const store = yield* Sqlite.journal({ filename: ":memory:" })
            const scenario = Scenario.generate(seed, { ...late, hooks: seed % 4 === 0 })
            keeps(yield* ScenarioRun.onStore(scenario, store, Scenario.deaths(seed)), `seed ${seed}`)
          }).pipe(Effect.scoped),
        { discard: true }
      ).pipe(quiet),
    240_000
  )
})
