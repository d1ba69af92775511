/**
 * Random runs whose tools sleep and answer later keep every guarantee: on both engines, with a process that dies at any
 * event, and with results that are delivered at random moments, twice, by another process, after a cancel, or never.
 * `npm test` runs some of the seeds; CI runs all of them (`REINS_SEEDS=all`).
 */
import { assert, describe, it } from "@effect/vitest"
import type { Event } from "@reins/protocol"
import { type CrashingJournal, Scenario, ScenarioChecks, ScenarioRun } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Effect } from "effect"
import * as OrderChecker from "../protocol/ordering/OrderChecker.ts"
import { isAll, only, quiet, replays, seeds, sound } from "./RandomRuns.ts"

const late = { late: true }
/** A seed with one ticket, whose result is delivered. */
const withTicket = 142

const keeps = (report: ScenarioRun.Report, where: string) => {
  sound(report, where)
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
    "are checked: after a death as well, a result that nobody delivered and one that no call waits for are faults",
    () =>
      Effect.gen(function* () {
        const report = yield* ScenarioRun.onJournal(Scenario.generate(withTicket, late), [{ at: 3, when: "after" }])
        const [ticket = assert.fail("no ticket")] = report.world.late?.tickets.values() ?? []
        assert.deepStrictEqual([ticket.accepted.length, report.deaths.length], [1, 1])
        /** Those about late results, of the same run with other tickets or another log. */
        const faults = (tickets: ReadonlyArray<typeof ticket>, stored = report.stored) => {
          const late = { once: new Map<string, number>(), tickets: new Map(tickets.map((one) => [one.id, one])) }
          const all = ScenarioChecks.all({ ...report, stored, world: { ...report.world, late } })
          return all.filter((fault) => /late result|ticket/.test(fault))
        }
        const change = (type: Event["type"], to: Partial<Event>) =>
          report.stored.map((one) =>
            one.event.type === type ? { ...one, event: Object.assign({}, one.event, to) } : one
          )
        assert.deepStrictEqual(faults([ticket]), [])
        const other = change("late-result", { result: { done: "other" } })
        assert.match(faults([ticket], other).join(), /is not what was delivered$/)
        assert.match(faults([{ ...ticket, accepted: [] }]).join(), /: accepted was \[\], the late result is /)
        assert.deepStrictEqual(faults([{ ...ticket, accepted: [], unanswered: ticket.accepted }]), [])
        assert.match(faults([]).join(), /has a receipt for a ticket that no handler got$/)
        const without = report.stored.filter(({ event }) => event.type !== "tool-invocation")
        assert.match(faults([ticket], without).join(), /has a late result, and no receipt$/)
      }).pipe(quiet)
  )

  for (const when of ["before", "after"] as const) {
    it.live(
      `keep every guarantee where their process dies ${when} any event, for up to 10 seeds with tickets, and replay`,
      () =>
        Effect.gen(function* () {
          let left = isAll ? 10 : 2
          for (const seed of seeds(100, 100)) {
            if (left === 0) break
            const scenario = Scenario.generate(seed, late)
            const whole = yield* ScenarioRun.onJournal(scenario)
            keeps(whole, `seed ${seed}`)
            if (only === undefined && (whole.world.late?.tickets.size === 0 || whole.stored.length > 90)) continue
            left--
            const isReplayed = scenario.defect === undefined
            if (isReplayed) yield* replays(whole, `seed ${seed}`)
            for (let at = 1; at <= whole.stored.length; at++) {
              // Some of the seeds die before each second event, and after the others.
              if (!isAll && (at % 2 === 0) !== (when === "before")) continue
              const deaths = [{ at, when }, ...(at % 3 === 0 ? [{ at: at + 2, when: "after" } as const] : [])]
              const where = `seed ${seed}, deaths ${nameOf(deaths)}`
              const report = yield* ScenarioRun.onJournal(scenario, deaths)
              keeps(report, where)
              if (isReplayed && at % 5 === 0) yield* replays(report, where)
            }
          }
          if (only === undefined) assert.strictEqual(left, 0, "seeds with tickets that are missing")
        }).pipe(quiet),
      240_000
    )
  }

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
