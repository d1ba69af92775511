/** Random runs of two principals under quotas that they share, and what must hold of them in the end. */
import { assert } from "@effect/vitest"
import { Ordering, type Quota as Quotas } from "@reins/protocol"
import { Deployment, Quota, Runtime, type RunHandle } from "@reins/runtime"
import { type JournalStore, journalHost } from "@reins/runtime/journal"
import { BudgetWatch, Scenario, ScenarioAgents } from "@reins/runtime/testing"
import { Effect, Layer, References, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"

/** Makes a store for the runs of a seed; `undefined`: they live in memory. */
export type Store = Effect.Effect<JournalStore | undefined, unknown, Scope.Scope>

/** Without people, and without faults that end a run before it has used anything. */
const options = { cancels: true, expiry: true, faults: true, quotas: false, grants: false }

interface Drawn {
  readonly quotas: ReadonlyArray<Quota.Quota>
  readonly runs: number
}

const draw = (seed: number): Drawn => {
  const random = Scenario.draw(seed, "shared quota")
  const upTo = (max: number) => Math.floor(random() * max)
  return {
    quotas: [
      Quota.make({ per: "tenant", window: "month", maxCostUsd: (1 + upTo(400)) / 1e5, maxRuns: 3 + upTo(8) }),
      Quota.make({ per: "principal", window: "30 days", maxTotalTokens: 100 + upTo(4000) })
    ],
    runs: 2 + upTo(6)
  }
}

const principals = ["mia", "tom"]

/** Runs the scenarios of so many seeds, and checks each. */
export const check = (store: Store, seeds: number) =>
  Effect.gen(function* () {
    let refused = 0
    let stopped = 0
    for (let seed = 0; seed < seeds; seed++) {
      const ended = yield* Effect.scoped(runs(seed, store))
      refused += ended.refused
      stopped += ended.stopped
    }
    // So many that each kind of end is seen.
    if (seeds >= 30) assert.isTrue(refused > 0 && stopped > 0, `${refused} refused, ${stopped} stopped`)
  }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))

const runs = Effect.fnUntraced(function* (seed: number, store: Store) {
  const scenario = Scenario.generate(seed, options)
  const drawn = draw(seed)
  const journal = yield* store
  const watch = BudgetWatch.make()
  const host =
    journal === undefined
      ? Layer.empty
      : Layer.succeed(Deployment.Deployment, journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY }))
  const layer = Runtime.layer({
    agents: ScenarioAgents.agents(scenario),
    quotas: drawn.quotas,
    unattended: "approve",
    cancelGrace: 500
  }).pipe(Layer.provide([ScenarioAgents.layer(scenario, ScenarioAgents.makeWorld()), host, BudgetWatch.layer(watch)]))
  return yield* Effect.gen(function* () {
    const runtime = yield* Runtime
    const started: Array<RunHandle> = []
    let refused = 0
    const begin = (index: number) =>
      runtime.start("Do it.", { runId: `run${index}`, principal: principals[index % 2] }).pipe(
        Effect.match({
          onFailure: ({ reason }) => {
            assert.strictEqual(reason._tag, "QuotaExhausted", `seed ${seed}`)
            refused++
          },
          onSuccess: (run) => void started.push(run)
        })
      )
    for (let index = 0; index < drawn.runs; index++) {
      yield* begin(index)
      yield* TestClock.adjust(500)
      yield* within(runtime, seed)
    }
    for (let tick = 0; tick < 120; tick++) {
      yield* TestClock.adjust(500)
      if (tick % 20 === 19) yield* within(runtime, seed)
    }
    // Questions of the scenario's client are never answered.
    yield* Effect.forEach(started, (run) => run.cancel, { discard: true })
    for (const run of started) {
      // A store on a server answers in its own time.
      while ((yield* runtime.status(run.runId))?.state === "running") yield* TestClock.adjust(500)
    }
    let nanoUsd = 0
    let stopped = 0
    const tokens = new Map<string, number>()
    for (const [index, run] of started.entries()) {
      const log = yield* Stream.runCollect(run.envelopes)
      assert.deepStrictEqual(Ordering.check(log), [], `seed ${seed}, run ${index}`)
      const principal = principals[Number(run.runId.slice(3)) % 2] ?? ""
      for (const { event } of log) {
        if (event.type === "finish" && event.finishReason === "budget") stopped++
        if (event.type !== "data-cost-summary") continue
        nanoUsd += event.data.costNanoUsd
        tokens.set(principal, (tokens.get(principal) ?? 0) + event.data.root.usage.totalTokens)
      }
    }
    for (const principal of principals) {
      const [tenants, own] = yield* runtime.quotas.usage({ principal })
      if (tenants === undefined || own === undefined) return yield* Effect.die("a quota is missing")
      assert.strictEqual(tenants.costNanoUsd.used, nanoUsd, `seed ${seed}`)
      assert.strictEqual(tenants.runs.used, started.length, `seed ${seed}`)
      assert.strictEqual(own.totalTokens.used, tokens.get(principal) ?? 0, `seed ${seed}`)
      for (const quota of [tenants, own]) {
        assert.deepStrictEqual([quota.costNanoUsd.reserved, quota.totalTokens.reserved], [0, 0], `seed ${seed}`)
      }
    }
    assert.deepStrictEqual(watch.faults, [], `seed ${seed}`)
    return { refused, stopped }
  }).pipe(Effect.provide(Layer.provideMerge(layer, TestClock.layer())))
})

/** What is used and held is never more than a limit, but by what a tool reported and did not declare. */
const within = Effect.fnUntraced(function* (runtime: Runtime["Service"], seed: number) {
  const past = ({ limit = Infinity, reserved, used }: Quotas.Usage["costNanoUsd"]) => used + reserved - limit
  const [tenants] = yield* runtime.quotas.usage()
  // The tools of the scenario cost a few thousand nano-dollars a call.
  if (tenants !== undefined) assert.isAtMost(past(tenants.costNanoUsd), 100_000, `seed ${seed}`)
})
