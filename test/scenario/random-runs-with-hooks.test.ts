/** Random runs with hooks that rewrite, refuse, fail and end keep every guarantee, killed at any event. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, References } from "effect"
import { Scenario, ScenarioChecks, ScenarioRun } from "@reins/runtime/testing"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

describe("random runs with hooks", () => {
  it.live(
    "are valid, settled and paired, ask hooks once for a call, and replay, for 24 seeds on both engines",
    () =>
      Effect.gen(function* () {
        const met = new Set<string>()
        for (let seed = 0; seed < 24; seed++) {
          const scenario = Scenario.generate(seed, { hooks: true, defects: false })
          const death = { at: 2 + seed, when: seed % 2 === 0 ? "before" : "after", cost: undefined } as const
          const journal = yield* ScenarioRun.onJournal(scenario, [death])
          const memory = yield* ScenarioRun.onMemory(scenario, seed % 2 === 0 ? "usual" : "general")
          for (const report of [journal, memory]) {
            assert.deepStrictEqual(ScenarioChecks.all(report), [], `seed ${seed}`)
            for (const { event } of report.stored) {
              if (event.type === "error") met.add(event.error.code ?? "")
              if (event.type === "step-retracted") met.add(event.reason)
              if (event.type === "tool-invocation" && event.state === "result") {
                const { error } = { error: "", ...(event.result as object) }
                met.add(error)
              }
            }
          }
          assert.strictEqual((yield* ScenarioRun.replayed(journal))._tag, "Identical", `seed ${seed}`)
        }
        for (const each of ["E_HOOK_ENDED", "Withheld", "HookFailed", "a hook changed the answer"]) {
          assert.isTrue(met.has(each), `no scenario brought: ${each}`)
        }
      }).pipe(quiet),
    120_000
  )
})
