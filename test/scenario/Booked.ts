/**
 * Random runs of several tenants on one store, whose processes die at random, and then what an operator does with them:
 * old ones are forgotten, erased, archived and taken back, and taken into another store. All drawn from a seed. After
 * every step the ledger and the list say of each run what its own summary said, to the nano-dollar.
 */
import { assert } from "@effect/vitest"
import type { CostReport, CostSummary } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import { Agent, Deployment, Model, Prices, Runtime, Specialist, ToolRun } from "@reins/runtime"
import { type JournalStore, journalHost } from "@reins/runtime/journal"
import { CrashingJournal, ScriptedModel } from "@reins/runtime/testing"
import type { Archive } from "@reins/store/sqlite"
import { Context, Effect, Exit, Fiber, Layer, References, Schema, Scope, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"

/** A database: as runs use it, and its administration. */
export interface Place {
  readonly store: JournalStore
  readonly archive: Archive
}

const tenants = ["shop", "bank"] as const
const people = ["ana", "ben", undefined] as const

const Buy = Tool.make("buy", {
  description: "Buys",
  parameters: Schema.Struct({ usd: Schema.Number }),
  success: Schema.String,
  dependencies: [ToolRun]
}).annotate(Tool.Idempotent, true)
const Kit = Toolkit.make(Buy)
const tools = Kit.toLayer({
  buy: ({ usd }) =>
    Effect.gen(function* () {
      const run = yield* ToolRun
      yield* run.reportCost(usd)
      // A defect of a tool fails its call, and what it has reported stays on the bill.
      return usd > 0.8 ? yield* Effect.die(new Error("broken")) : "bought"
    })
})
const Helper = Specialist.make("helper", { description: "Helps", toolkit: Kit })
const Desk = Agent.make("desk", { toolkit: Kit, specialists: [Helper], budget: { maxSteps: 6 } })
const Clerk = Agent.make("clerk", { toolkit: Kit })

/** Prices with decimals that no float adds up exactly. */
const price = {
  model: "scripted",
  match: "prefix",
  source: "test",
  inputPerMillionUsd: 1.234567,
  outputPerMillionUsd: 9.876543
} as const

/** What a model says depends on its request alone, so that a step which is repeated says the same. */
const model = ScriptedModel.make({
  respond: (request) => {
    const { agent, runId, step } = request.metadata
    const draw = Generated.seeded(
      [...`${runId}${agent}${step}`].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) | 0, 7)
    )
    const usage = { inputUncached: Math.floor(draw() * 1000), outputText: Math.floor(draw() * 300) }
    const calls = Array.from({ length: Math.floor(draw() * 3) }, (_, index) => ({ id: `c${step}-${index}` }))
    if (step > 3 || calls.length === 0) {
      return draw() < 0.1 ? { parts: [], throws: true } : ScriptedModel.text("Done.", { usage })
    }
    return ScriptedModel.calls(
      calls.map(({ id }) =>
        agent === "desk" && draw() < 0.4
          ? { id, name: "helper", args: { prompt: "Go on." } }
          : { id, name: "buy", args: { usd: Math.round(draw() * 1e9) / 1e9 } }
      ),
      { usage }
    )
  }
})

const life = Effect.fnUntraced(function* (store: JournalStore) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const host = journalHost(store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY, reopenMs: 10 })
  const layer = Runtime.layer({ agents: [Desk, Clerk], modelRetries: 0 }).pipe(
    Layer.provide([
      tools,
      Layer.succeed(Model, model),
      // Some of what is used has no price.
      Layer.succeed(Prices.Prices, { find: () => price }),
      Layer.succeed(Deployment.Deployment, host)
    ])
  )
  const runtime = Context.get(yield* Layer.buildWithScope(layer, scope), Runtime)
  return { runtime, end: Scope.close(scope, Exit.void) }
})

/** What a run's own summary said. */
interface Bill {
  readonly tenant: string
  readonly principal: string | undefined
  readonly root: string
  readonly summary: CostSummary.CostSummary
}

type Bills = Map<string, Bill>

/** The leaves of a summary: the agent, the model or tool, and what was spent on it. */
const leavesOf = (bill: Bill, node: CostSummary.CostNode = bill.summary.root): ReadonlyArray<Leaf> => [
  ...node.rows.map(({ costNanoUsd, kind, name }) => ({
    agent: node.agentPath.at(-1)?.split("#")[0] ?? bill.root,
    kind,
    name,
    costNanoUsd
  })),
  ...node.children.flatMap((child) => leavesOf(bill, child))
]

interface Leaf {
  readonly agent: string
  readonly kind: "model" | "tool"
  readonly name: string
  readonly costNanoUsd: number
}

const keyOf = (runId: string, { principal, root, tenant }: Bill, leaf: Leaf) => ({
  run: runId,
  tenant,
  principal,
  root,
  agent: leaf.agent,
  model: leaf.kind === "model" ? leaf.name : undefined,
  tool: leaf.kind === "tool" ? leaf.name : undefined
})

const dimensions = ["run", "tenant", "principal", "root", "agent", "model", "tool"] as const

/** Fails unless the ledger has these bills, in whatever grouping, and nothing else. */
const holds = Effect.fnUntraced(function* (runtime: Runtime["Service"], bills: Bills, when: string) {
  const leaves = Array.from(bills).flatMap(([runId, bill]) =>
    leavesOf(bill).map((leaf) => ({ key: keyOf(runId, bill, leaf), costNanoUsd: leaf.costNanoUsd }))
  )
  const groupings: ReadonlyArray<ReadonlyArray<(typeof dimensions)[number]>> = [
    dimensions,
    ...dimensions.map((dimension) => [dimension] as const)
  ]
  for (const grouping of groupings) {
    const wanted = new Map<string, number>()
    for (const { costNanoUsd, key } of leaves) {
      const group = JSON.stringify(grouping.map((dimension) => key[dimension] ?? null))
      wanted.set(group, (wanted.get(group) ?? 0) + costNanoUsd)
    }
    const { sum, totals } = yield* runtime.costs.by({ dimensions: grouping })
    const found = totals.map((total): readonly [string, number] => [
      JSON.stringify(grouping.map((dimension) => total[dimension] ?? null)),
      total.costNanoUsd
    ])
    assert.deepStrictEqual(found.toSorted(byGroup), [...wanted].toSorted(byGroup), `${when}, by ${grouping.join()}`)
    const all = Array.from(bills.values()).reduce((money, { summary }) => money + summary.costNanoUsd, 0)
    assert.strictEqual(sum.costNanoUsd, all, when)
  }
  for (const [runId, { summary, tenant }] of bills) {
    const run = yield* runtime.runs.get(runId, { resourceId: tenant })
    assert.deepStrictEqual(
      [run?.state, run?.costNanoUsd, run?.unpriced ?? 0],
      ["ended", summary.costNanoUsd, summary.unpriced],
      `${when}: ${runId}`
    )
    if (run?.isForgotten !== true) assert.deepStrictEqual(run?.cost, summary, `${when}: ${runId}`)
  }
})

const byGroup = ([a]: readonly [string, number], [b]: readonly [string, number]): number => (a < b ? -1 : a > b ? 1 : 0)

const logOf = (runtime: Runtime["Service"], runId: string) =>
  Effect.timeout(Stream.runCollect(runtime.watch(runId)), "20 seconds")

/** Starts runs, and carries them to their ends through as many processes as die of it. */
const carried = Effect.fnUntraced(function* (
  { store }: Place,
  draw: () => number,
  round: number,
  runs: ReadonlyArray<string>,
  bills: Bills
) {
  const at = 1 + Math.floor(draw() * 14)
  const dying = CrashingJournal.crashing(store, { at, when: draw() < 0.5 ? "before" : "after" })
  const first = yield* life(dying.store)
  const asked: Array<Fiber.Fiber<unknown, unknown>> = []
  // What a dead process was asked is never answered, and cannot be interrupted before it is buried.
  const unlessDead = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.flatMap(Effect.forkDetach(effect), (fiber) => {
      asked.push(fiber)
      return Effect.raceFirst(Effect.asVoid(Fiber.await(fiber)), dying.died)
    })
  const begun = new Map<string, Omit<Bill, "summary">>()
  for (const [index, runId] of runs.entries()) {
    const root = draw() < 0.7 ? "desk" : "clerk"
    const tenant = tenants[index % 2] ?? "shop"
    const principal = people[Math.floor(draw() * 3)]
    begun.set(runId, { root, tenant, principal })
    const options = { agent: root, runId, threadId: `${tenant}/${round}/${index}`, resourceId: tenant, principal }
    yield* unlessDead(first.runtime.start("Buy.", options))
    if (draw() < 0.15) yield* unlessDead(first.runtime.cancel(runId))
  }
  const all = Effect.forEach(runs, (runId) => Effect.exit(Stream.runDrain(first.runtime.watch(runId))), {
    concurrency: "unbounded",
    discard: true
  })
  yield* Effect.raceFirst(all, dying.died)
  yield* dying.bury
  // What had reached the database before the death is done, before the next process looks.
  yield* Effect.forEach(asked, (fiber) => Fiber.await(fiber), { discard: true })
  yield* first.end
  const second = yield* life(store)
  for (const [runId, about] of begun) {
    // A start that died with its process was never stored.
    if ((yield* second.runtime.status(runId)) === undefined) continue
    const log = yield* logOf(second.runtime, runId)
    const cost = log.flatMap(({ event }) => (event.type === "data-cost-summary" ? [event.data] : []))
    assert.strictEqual(cost.length, 1, runId)
    const [summary] = cost
    if (summary !== undefined) bills.set(runId, { ...about, summary })
  }
  yield* second.end
  return dying.isDead()
})

/** What a seed has met, so that a test can say that all of it happens. */
export interface Met {
  readonly died: boolean
  readonly failed: boolean
  readonly cancelled: boolean
  readonly taken: boolean
}

/** Executes the scenario of a seed, and fails if a sum is not what the runs' summaries said. */
export const check = (own: Place, other: Place, seed: number): Effect.Effect<Met, unknown> =>
  Effect.gen(function* () {
    const draw = Generated.seeded(seed)
    const bills: Bills = new Map()
    const taken: Bills = new Map()
    let died = false
    for (const round of [0, 1]) {
      const runs = Array.from({ length: 4 }, (_, index) => `${seed}-${round}-${index}`)
      if (yield* carried(own, draw, round, runs, bills)) died = true
    }
    const reader = yield* life(own.store)
    const { runtime } = reader
    const elsewhere = yield* life(other.store)
    yield* holds(runtime, bills, "after the runs")
    for (const [runId, bill] of bills) {
      const { archive } = own
      switch (Math.floor(draw() * 6)) {
        case 0:
          yield* archive.forgetEnded(Number.MAX_SAFE_INTEGER)
          break
        case 1:
          yield* Effect.ignore(archive.erase({ runId }, { audit: true }))
          break
        case 2:
          yield* Effect.ignore(archive.erase({ threadId: `${bill.tenant}/0/${draw() < 0.5 ? 0 : 1}` }))
          break
        case 3: {
          const lines = yield* archive.exportRun(runId)
          if (lines.length === 0) break
          yield* Effect.ignore(archive.erase({ runId }))
          assert.strictEqual(yield* archive.importRun(lines), runId)
          break
        }
        case 4: {
          const lines = yield* archive.exportRun(runId)
          if (lines.length === 0 || taken.has(runId)) break
          yield* other.archive.importRun(lines)
          assert.strictEqual((yield* Effect.exit(other.archive.importRun(lines)))._tag, "Failure")
          taken.set(runId, bill)
          break
        }
        default:
          yield* archive.packEnded(Number.MAX_SAFE_INTEGER)
      }
      yield* holds(runtime, bills, `after ${runId}`)
    }
    yield* holds(elsewhere.runtime, taken, "in the other store")
    const mine: CostReport.CostReport = yield* runtime.costs.by({ dimensions: ["tenant"], resourceId: "shop" })
    assert.isTrue(mine.totals.every(({ tenant }) => tenant === "shop"))
    const { runs } = yield* reader.runtime.runs.list({ state: "ended" })
    const ends = runs.map(({ endReason }) => endReason)
    return { died, failed: ends.includes("failed"), cancelled: ends.includes("cancelled"), taken: taken.size > 0 }
  }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
