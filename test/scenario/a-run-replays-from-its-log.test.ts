/**
 * A run that a journal has is run again from its log, without models, tools and people, and goes the same way, also one
 * whose processes died. Repeat one seed with `SEED=17 npm test -- a-run-replays`. `npm test` runs one fifth of the seeds; CI
 * runs all of them (`REINS_SEEDS=all`).
 */
import { assert, describe, it } from "@effect/vitest"
import { AgentPath, type Envelope, type Json } from "@reins/protocol"
import { Effect, Predicate, References } from "effect"
import { Scenario, ScenarioRun } from "@reins/runtime/testing"

const only = process.env["SEED"] === undefined ? undefined : Number(process.env["SEED"])
const all = (count: number, from = 0) =>
  only === undefined ? Array.from({ length: count }, (_, index) => from + index) : [only]
const share = process.env["REINS_SEEDS"] === "all" ? 1 : 0.2
const seeds = (count: number, from = 0) => all(count * share, from)

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const check = Effect.fnUntraced(function* (
  seed: number,
  options: Scenario.ScenarioOptions,
  deaths: Parameters<typeof ScenarioRun.onJournal>[1]
) {
  const report = yield* ScenarioRun.onJournal(Scenario.generate(seed, options), deaths)
  const replayed = yield* ScenarioRun.replayed(report)
  assert.deepStrictEqual(
    replayed,
    { _tag: "Identical", runId: report.stored[0]?.runId ?? "", events: report.stored.length, undigested: 0 },
    `seed ${seed}`
  )
})

/**
 * The number of the first event about a call that the policy of `denials` denies, or refuses as its arguments are
 * invalid, where the log has something else.
 */
const firstDenied = (log: ReadonlyArray<Envelope.Envelope>): number | undefined => {
  const denied = new Set<string>()
  for (const { agentPath, event, seq } of log) {
    const at = (id: string) => AgentPath.callKey(agentPath, id)
    if (event.type === "tool-progress" && event.toolCallId !== undefined && denied.has(at(event.toolCallId))) return seq
    if (event.type !== "tool-invocation" || event.toolName !== "timed") continue
    if (event.state === "call" && !isAllowed(event.args)) denied.add(at(event.toolInvocationId))
    else if (event.state === "result" && denied.has(at(event.toolInvocationId))) {
      if (!hasError(event.result, "InvalidArguments")) return seq
    }
  }
  return undefined
}

const isAllowed = (args: Json): boolean =>
  Predicate.hasProperty(args, "behaviour") &&
  Predicate.isString(args.behaviour) &&
  Predicate.hasProperty(args, "forMs") &&
  Predicate.isNumber(args.forMs) &&
  args.forMs <= 1500

const hasError = (result: Json, error: string): boolean =>
  Predicate.hasProperty(result, "error") && result.error === error

describe("a run that is replayed from its log", () => {
  it.live(
    "goes the same way, for up to 400 seeds with faults, budgets, quotas, cancels, questions, grants and messages",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds(400)) yield* check(seed, { defects: false }, [])
      }).pipe(quiet),
    240_000
  )

  it.live(
    "goes the same way although its processes died, for up to 400 seeds",
    () =>
      Effect.gen(function* () {
        for (const seed of seeds(400, 1000)) yield* check(seed, { defects: false }, Scenario.deaths(seed))
      }).pipe(quiet),
    240_000
  )

  it.live(
    "goes the same way up to the defect that stopped it, for the 60 first seeds with one",
    () =>
      Effect.gen(function* () {
        let count = 0
        for (let seed = 0; count < 60; seed++) {
          const { defect } = Scenario.generate(seed)
          // A strategy of compaction may call an estimator, and goes on where it throws.
          if (defect === undefined || (defect.of === "estimates" && seed % 4 > 1)) continue
          count++
          yield* check(seed, {}, [])
        }
      }).pipe(quiet),
    240_000
  )

  it.live(
    "goes another way at the first call that a new policy denies, and only there, for 300 seeds",
    () =>
      Effect.gen(function* () {
        let found = 0
        for (const seed of all(300, 2000)) {
          const scenario: Scenario.Scenario = { ...Scenario.generate(seed, { defects: false }), denials: false }
          const report = yield* ScenarioRun.onJournal(scenario)
          const replayed = yield* ScenarioRun.replayed(report, { ...scenario, denials: true })
          const denied = firstDenied(report.stored)
          assert.strictEqual(replayed._tag === "Diverged" ? replayed.divergence.seq : undefined, denied, `seed ${seed}`)
          if (denied !== undefined) found++
        }
        if (only === undefined) assert.isAbove(found, 30)
      }).pipe(quiet),
    240_000
  )
})
