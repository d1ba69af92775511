/**
 * Random runs keep every guarantee: order, one result per call, settled budgets, costs that add up, a log that folds to
 * what was seen, a paired thread. Repeat one seed with `SEED=17 npm test -- random-runs`. `npm test` runs one fifth of the
 * seeds; CI runs all of them (`REINS_SEEDS=all`).
 */
import { assert, describe, it } from "@effect/vitest"
import { Sqlite } from "@reins/store/sqlite"
import { Effect } from "effect"
import { Scenario, ScenarioChecks, ScenarioRun } from "@reins/runtime/testing"
import { fifth, only, quiet } from "./RandomRuns.ts"

/** Without anything that depends on the relative timing of siblings. */
const steady = {
  steers: false,
  cancels: false,
  expiry: false,
  faults: false,
  budgets: false,
  grants: false,
  refusals: false,
  approvers: false
}

const faultsOf = Effect.fnUntraced(function* (seed: number) {
  const report = yield* ScenarioRun.onMemory(Scenario.generate(seed))
  return ScenarioChecks.all(report).map((fault) => `seed ${seed}: ${fault}`)
})

describe("random runs on the memory engine", () => {
  it.live(
    "are valid, settled, paired and add up, for up to 3,500 seeds",
    () =>
      Effect.gen(function* () {
        for (const seed of fifth(3500)) assert.deepStrictEqual(yield* faultsOf(seed), [])
      }).pipe(quiet),
    240_000
  )

  it.live(
    "keep every invariant by the general way, too, for up to 1,000 seeds",
    () =>
      Effect.gen(function* () {
        for (const seed of fifth(1000)) {
          const report = yield* ScenarioRun.onMemory(Scenario.generate(seed), "general")
          assert.deepStrictEqual(ScenarioChecks.all(report), [], `seed ${seed}`)
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "have the same log by the usual way and by the general way, for up to 500 seeds whose calls do not race",
    () =>
      Effect.gen(function* () {
        for (const seed of fifth(500)) {
          const scenario = Scenario.generate(seed, steady)
          const usual = yield* ScenarioRun.onMemory(scenario)
          const general = yield* ScenarioRun.onMemory(scenario, "general")
          const essence = ScenarioChecks.essence(usual.stored)
          assert.deepStrictEqual(ScenarioChecks.essence(general.stored), essence, `seed ${seed}`)
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "receive a message once, at whatever event it is sent, on both engines",
    () =>
      Effect.gen(function* () {
        const answered = new Set<string>()
        for (const seed of fifth(6)) {
          const plain = Scenario.generate(seed, steady)
          const { stored } = yield* ScenarioRun.onMemory(plain)
          for (let at = 1; at <= Math.min(stored.length, 40); at++) {
            const messages = [{ at, messageId: "m1", text: "And 1.", withdraws: at % 2 === 0 }]
            for (const engine of [ScenarioRun.onMemory, ScenarioRun.onJournal]) {
              const report = yield* engine({ ...plain, messages })
              assert.deepStrictEqual(ScenarioChecks.all(report), [], `seed ${seed}, event ${at}`)
              answered.add(report.accepted.has("m1") ? "accepted" : "refused")
            }
          }
        }
        if (only === undefined) assert.deepStrictEqual([...answered].toSorted(), ["accepted", "refused"])
      }).pipe(quiet),
    240_000
  )

  it.live(
    "are reproducible for a seed",
    () =>
      Effect.gen(function* () {
        for (const seed of fifth(50)) {
          const first = yield* ScenarioRun.onMemory(Scenario.generate(seed))
          const second = yield* ScenarioRun.onMemory(Scenario.generate(seed))
          assert.deepStrictEqual(second.stored, first.stored)
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "cover every kind of event, ending and decision",
    () =>
      Effect.gen(function* () {
        const met = new Set<string>()
        for (const seed of fifth(1800)) {
          const { stored, world } = yield* ScenarioRun.onMemory(Scenario.generate(seed))
          for (const { agentPath, event } of stored) {
            met.add(event.type)
            if (event.type === "finish") met.add(`finish ${event.finishReason}`)
            if (event.type === "approval-decision") met.add(`decision ${event.data.outcome.outcome}`)
            if (event.type === "tool-invocation" && event.state === "result" && event.toolName === "AskPerson") {
              const { error } = { error: "", ...(event.result as object) }
              if (error === "Declined") met.add("question declined")
              if (error === "Unanswered") met.add("question expired")
              if (error === "InvalidArguments") met.add("question refused")
            }
            if ("status" in event && event.status !== undefined) met.add(`result ${event.status}`)
            if (event.type === "custom") met.add(`custom ${event.event_type}`)
            if (event.type === "tool-invocation" && event.execution === "client") {
              met.add(`client ${event.state} ${event.state === "result" ? (event.status ?? "succeeded") : ""}`.trim())
            }
            if (event.type === "tool-agent" && event.agentName === "gamma" && event.state === "result") {
              met.add(`typed ${event.status ?? "succeeded"}`)
            }
            met.add(`depth ${agentPath.length}`)
          }
          if (world.requests.some(({ model }) => model === "scripted-2")) met.add("fallback")
        }
        for (const each of [
          "text",
          "reasoning",
          "tool-progress",
          "tool-input-delta",
          "source",
          "data-tool-agent",
          "budget_exhausted",
          "plan-status-change",
          "error",
          "finish stop",
          "finish length",
          "finish budget",
          "finish cancelled",
          "decision approve",
          "decision reject",
          "decision revise",
          "decision expired",
          "decision cancelled",
          "decision superseded",
          "decision answer",
          "question declined",
          "question expired",
          "question refused",
          "message-received",
          "result failed",
          "result denied",
          "result cancelled",
          "data-file-registered",
          "custom hint",
          "custom scenario_fact",
          "custom approval_granted",
          "custom compacted",
          "custom compaction_failed",
          "client call",
          "client result succeeded",
          "client result failed",
          "client result cancelled",
          "typed succeeded",
          "typed failed",
          "fallback",
          "step-retracted",
          "depth 2"
        ]) {
          if (only === undefined) assert.isTrue(met.has(each), `no scenario brought: ${each}`)
        }
      }).pipe(quiet),
    240_000
  )
})

describe("random runs on SQLite", () => {
  it.live(
    "keep every invariant, with all options and a process that dies in half of them, for up to 200 seeds",
    () =>
      Effect.forEach(
        fifth(200),
        (seed) =>
          Effect.gen(function* () {
            const store = yield* Sqlite.journal({ filename: ":memory:" })
            const report = yield* ScenarioRun.onStore(Scenario.generate(seed), store, Scenario.deaths(seed))
            assert.deepStrictEqual(ScenarioChecks.all(report), [], `seed ${seed}`)
          }).pipe(Effect.scoped),
        { discard: true }
      ).pipe(quiet),
    240_000
  )
})
