/**
 * Agents choose what each of their steps uses: models of different prices, tools that come and go. Whatever they choose,
 * the log is lawful, the ledger exact, and a run whose process dies takes the same way again.
 */
import { assert, describe, it } from "@effect/vitest"
import { type CrashingJournal, Scenario, ScenarioChecks, ScenarioRun } from "@reins/runtime/testing"
import { Effect, References } from "effect"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const faultsOf = Effect.fnUntraced(function* (
  seed: number,
  options: Scenario.ScenarioOptions,
  deaths?: ReadonlyArray<CrashingJournal.Death>
) {
  const scenario = Scenario.generate(seed, { ...options, resolves: true })
  const report = yield* deaths === undefined ? ScenarioRun.onMemory(scenario) : ScenarioRun.onJournal(scenario, deaths)
  const faults = ScenarioChecks.all(report)
  return { report, faults: faults.map((fault) => `seed ${seed}, ${JSON.stringify(deaths)}: ${fault}`) }
})

/** The models that steps were charged to, and whether a call was refused because its step did not offer its tool. */
const seen = ({ marks, stored }: ScenarioRun.Report) => ({
  models: new Set(marks.flatMap(({ spent }) => spent.flatMap((row) => (row.kind === "model" ? [row.model] : [])))),
  isRefused: JSON.stringify(stored).includes("ToolNotOffered")
})

/** What does not depend on timing. */
const steady = {
  steers: false,
  cancels: false,
  expiry: false,
  faults: false,
  budgets: false,
  grants: false,
  refusals: false,
  approvers: false,
  inputs: false
}

describe("runs whose steps are resolved", () => {
  it.live(
    "are valid, settled, paired and add up, in memory and on a journal",
    () =>
      Effect.gen(function* () {
        let refused = 0
        const models = new Set<string>()
        for (let seed = 0; seed < 30; seed++) {
          assert.deepStrictEqual((yield* faultsOf(seed, {})).faults, [])
          const { faults, report } = yield* faultsOf(seed, {}, [])
          assert.deepStrictEqual(faults, [])
          const found = seen(report)
          for (const model of found.models) models.add(model)
          if (found.isRefused) refused++
        }
        // It was drawn.
        assert.deepStrictEqual([...models].toSorted(), ["scripted-1", "scripted-2"])
        assert.isAbove(refused, 0)
      }).pipe(quiet),
    240_000
  )

  it.live(
    "end with the same log and ledger wherever their process dies, and replay from it",
    () =>
      Effect.gen(function* () {
        for (let seed = 0; seed < 2; seed++) {
          const plain = yield* faultsOf(seed, steady, [])
          const choices = ({ marks }: ScenarioRun.Report) =>
            marks.flatMap(({ kind, name, value }) =>
              kind === "result" && name.includes("resolve/") ? [JSON.stringify([name, value])] : []
            )
          for (let at = 1; at <= plain.report.stored.length; at += 2) {
            const when = at % 4 === 1 ? "before" : "after"
            const { faults, report } = yield* faultsOf(seed, steady, [{ at, when }])
            assert.deepStrictEqual(faults, [])
            assert.deepStrictEqual(ScenarioChecks.essence(report.stored), ScenarioChecks.essence(plain.report.stored))
            assert.deepStrictEqual(choices(report).toSorted(), choices(plain.report).toSorted())
          }
          assert.strictEqual((yield* ScenarioRun.replayed(plain.report))._tag, "Identical", `seed ${seed}`)
        }
      }).pipe(quiet),
    240_000
  )
})
