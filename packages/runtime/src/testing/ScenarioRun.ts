/**
 * Executes a random scenario on a test clock and reports everything observable: on the memory engine, or on a journal
 * whose process crashes at chosen events and is replaced.
 */
import type { Audit, CostReport, Decision, Envelope, Grant, ListedRun, Message, Quota } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Deployment } from "../runtime/Deployment.ts"
import { journalHost } from "../host/journal/JournalHost.ts"
import type { JournalStore, Mark } from "../host/journal/JournalStore.ts"
import * as MemoryJournal from "../host/journal/MemoryJournal.ts"
import { Ids, type IdSource } from "../kernel/Ids.ts"
import type { RunHostFactory } from "../engine/RunHost.ts"
import { memoryHost } from "../host/memory/MemoryHost.ts"
import type { Memory } from "../memory/Memory.ts"
import type { NotReplayed, Replayed } from "../replay/Replay.ts"
import { Runtime } from "../runtime/Runtime.ts"
import type { RuntimeShape } from "../runtime/RuntimeShape.ts"
import * as BudgetWatch from "./BudgetWatch.ts"
import { crashing, type CrashingJournal, type Death } from "./CrashingJournal.ts"
import * as GeneralWay from "./GeneralWay.ts"
import * as Scenario from "./Scenario.ts"
import * as ScenarioAgents from "./ScenarioAgents.ts"
import * as ScenarioHooks from "./ScenarioHooks.ts"
import * as ScenarioLate from "./ScenarioLate.ts"
import * as ScenarioModels from "./ScenarioModels.ts"
import * as ScenarioMemory from "./ScenarioMemory.ts"
import * as ScenarioPeople from "./ScenarioPeople.ts"
import { BudgetProbe } from "../budget/BudgetTree.ts"

/**
 * Everything observable of a scenario after its end.
 *
 * @since 0.1.0
 * @category models
 */
export interface Report {
  readonly scenario: Scenario.Scenario
  /** What a watcher saw from the first event on; with several owners, only of the last one. */
  readonly live: ReadonlyArray<Envelope.Envelope>
  /** The stored log. */
  readonly stored: ReadonlyArray<Envelope.Envelope>
  readonly thread: ReadonlyArray<Message.Message>
  readonly world: ScenarioAgents.World
  /** The audit record; absent when the report is not from this runner. */
  readonly acts?: ReadonlyArray<Audit.Act> | undefined
  readonly budget: BudgetWatch.BudgetWatch
  /** The journal's marks; empty on the memory engine. */
  readonly marks: ReadonlyArray<Mark>
  /** The run as JSON lines, as a store exports it; absent or empty when it has no journal in memory. */
  readonly exported?: ReadonlyArray<string> | undefined
  /** For each crash: what was stored, and what had been executed. */
  readonly deaths: ReadonlyArray<Remembered>
  /** The run in the store's list, and the sums of its ledger. Absent: the report is not from this runner. */
  readonly books?: { readonly run: ListedRun.ListedRun | undefined; readonly costs: CostReport.CostReport } | undefined
  /** The quotas' standings on the day on which the run ended. */
  readonly quotas: ReadonlyArray<Quota.Usage>
  /** The grants that are not used up. */
  readonly grants: ReadonlyArray<Grant.Grant>
  /** The memories of the principal. Absent: not recorded. */
  readonly memories?: ReadonlyArray<Memory> | undefined
  /** The positions of the messages that the run accepted, by id. */
  readonly accepted: ReadonlyMap<string, number>
  /** False when the run did not end in time. */
  readonly ended: boolean
}

/**
 * What the next owner finds.
 *
 * @since 0.1.0
 * @category models
 */
export interface Remembered {
  /** Names of finished activities. */
  readonly results: ReadonlySet<string>
  readonly requests: number
  readonly begun: number
  /** The calls that hooks had been asked about; absent: nobody looked. */
  readonly hooked?: number | undefined
  /** The questions of hooks that had reached a model. Absent: not recorded. */
  readonly judged?: number | undefined
}

const { runId, threadId } = ScenarioPeople
const tickMs = 250
const patienceTicks = 400
const giveUpTicks = 800

/**
 * Executes a scenario on the memory engine; with `"general"`, by the general way only (see `GeneralWay`).
 *
 * @since 0.1.0
 * @category operations
 */
export const onMemory = (scenario: Scenario.Scenario, way: "usual" | "general" = "usual"): Effect.Effect<Report> =>
  execute(scenario, undefined, [], way)

/**
 * Executes a scenario on a journal in memory; its process crashes at each of `deaths` in turn.
 *
 * @since 0.1.0
 * @category operations
 */
export const onJournal = (scenario: Scenario.Scenario, deaths: ReadonlyArray<Death> = []): Effect.Effect<Report> =>
  Effect.suspend(() => execute(scenario, MemoryJournal.make(), deaths))

/**
 * Executes a scenario on a store whose process crashes at each of `deaths`, one owner after the other. The store's
 * operations must not wait for the clock, which is a test clock.
 *
 * @since 0.1.0
 * @category operations
 */
export const onStore = (
  scenario: Scenario.Scenario,
  store: JournalStore,
  deaths: ReadonlyArray<Death> = []
): Effect.Effect<Report> => execute(scenario, { ...store, marks: () => [], exportRun: () => [] }, deaths)

/**
 * Replays the run of a report on the agents of `scenario`: by default its own, without its defect, which counts calls.
 *
 * @since 0.1.0
 * @category operations
 */
export const replayed = (
  { exported = [], scenario: own }: Report,
  scenario: Scenario.Scenario = { ...own, defect: undefined }
): Effect.Effect<Replayed, NotReplayed> =>
  Effect.scoped(
    Effect.gen(function* () {
      const { runtime } = yield* live(
        scenario,
        memoryHost({ shutdownMs: 0 }),
        ScenarioAgents.makeWorld(),
        BudgetWatch.make(),
        counting(),
        undefined
      )
      const replaying = yield* Effect.forkScoped(runtime.replay(exported))
      // Policies that never answer.
      while (replaying.pollUnsafe() === undefined) yield* TestClock.adjust(tickMs)
      return yield* Fiber.join(replaying)
    })
  ).pipe(Effect.provide(TestClock.layer()))

/** A store, and functions that read a run from it. */
interface Journal extends JournalStore {
  readonly marks: (runId: string) => ReadonlyArray<Mark>
  readonly exportRun: (runId: string) => ReadonlyArray<string>
}

interface Life {
  readonly runtime: RuntimeShape
  readonly scope: Scope.Closeable
  readonly process: CrashingJournal | undefined
}

const execute = (
  scenario: Scenario.Scenario,
  journal: Journal | undefined,
  deaths: ReadonlyArray<Death>,
  way: "usual" | "general" = "usual"
): Effect.Effect<Report> =>
  Effect.gen(function* () {
    const world = ScenarioAgents.makeWorld()
    const budget = BudgetWatch.make()
    // One source for all owners: ids must not repeat.
    const ids = counting()
    const remembered: Array<Remembered> = []
    const schedule = new Map<
      string,
      { readonly at: number; readonly decision: Decision | undefined; readonly isWrongFirst: boolean }
    >()
    const client = new Map<string, number>()
    const accepted = new Map<string, number>()
    let lives = 0
    const begin = Effect.fnUntraced(function* () {
      const process = journal === undefined ? undefined : crashing(journal, deaths[lives])
      lives++
      const store = process?.store
      const factory =
        store === undefined
          ? memoryHost({ shutdownMs: 0 })
          : journalHost(store, {
              gatherMs: 0,
              // Another process may deliver results and answers.
              pollMs: scenario.late || scenario.callsAsk ? 1000 : Number.POSITIVE_INFINITY,
              ...((scenario.late || scenario.callsAsk) && scenario.seed % 3 === 0 ? { hibernateMs: 2000 } : {}),
              // Half of all scenarios make snapshots as often as possible.
              snapshotEvery: scenario.seed % 2 === 0 ? 1 : Number.POSITIVE_INFINITY
            })
      return yield* live(scenario, way === "usual" ? factory : GeneralWay.factory(factory), world, budget, ids, process)
    })

    // A process that answers and does not execute.
    const elsewhere =
      (scenario.late || scenario.callsAsk) && journal !== undefined
        ? yield* live(
            scenario,
            journalHost(journal, { carries: false, gatherMs: 0, pollMs: Number.POSITIVE_INFINITY }),
            world,
            budget,
            ids,
            undefined
          )
        : undefined
    const deliver = (isDead?: boolean) =>
      world.late === undefined
        ? Effect.void
        : ScenarioLate.deliverDue(life.runtime, elsewhere?.runtime, world, world.late, isDead)
    let life = yield* begin()
    if (scenario.givenGrant) {
      const given = { tool: "gated", scope: "thread", threadId, uses: Scenario.grantUses, by: "gil" } as const
      yield* Effect.orDie(life.runtime.grants.give({ ...given, maxCostUsd: scenario.grantUsd }))
    }
    if (scenario.memory) {
      for (const [id, text] of ScenarioMemory.given)
        yield* Effect.orDie(life.runtime.memory.remember(text, { id, principal: Scenario.requester.id }))
    }
    yield* Effect.orDie(life.runtime.start("Do it.", { runId, threadId, principal: Scenario.requester.id }))
    let watched = yield* watch(life, scenario, accepted)
    let ticks = 0
    for (; ticks < giveUpTicks && watched.fiber.pollUnsafe() === undefined; ticks++) {
      if (life.process?.isDead() === true) {
        yield* life.process.bury
        yield* Scope.close(life.scope, Exit.void)
        yield* Fiber.interrupt(watched.fiber)
        remembered.push({
          results: new Set(
            journal
              ?.marks(runId)
              .filter(
                ({ kind, value }) =>
                  kind === "result" &&
                  !Predicate.hasProperty(value, "begunBefore") &&
                  !Predicate.hasProperty(value, "asleep")
              )
              // The last part of a call that has slept ends it.
              .map(({ name }) => name.replace(/\/slept\/\d+$/, ""))
          ),
          requests: world.requests.length,
          begun: world.begun.length,
          hooked: world.hooked?.length ?? 0,
          judged: world.judged?.length ?? 0
        })
        budget.restart()
        yield* deliver(true)
        if (scenario.callsAsk) {
          // While nobody executes the run, people answer all the same.
          for (let idle = 0; idle < (scenario.seed % 4) * 6; idle++) {
            yield* ScenarioPeople.answer(undefined, elsewhere?.runtime, scenario, schedule)
            yield* TestClock.adjust(tickMs)
          }
        }
        life = yield* begin()
        watched = yield* watch(life, scenario, accepted)
      }
      const act = Effect.andThen(
        ticks === patienceTicks ? Effect.asVoid(life.runtime.cancel(runId)) : Effect.void,
        Effect.andThen(
          ScenarioPeople.answer(life.runtime, scenario.callsAsk ? elsewhere?.runtime : undefined, scenario, schedule),
          Effect.andThen(
            ScenarioPeople.answerCalls(life.runtime, scenario, watched.calls, client),
            Effect.suspend(() => deliver())
          )
        )
      )
      // A request to a crashed process is never answered.
      yield* life.process === undefined ? act : Effect.raceFirst(act, life.process.died)
      yield* TestClock.adjust(tickMs)
    }
    const ended = watched.fiber.pollUnsafe() !== undefined
    if (ended && world.late !== undefined) yield* ScenarioLate.deliverAfterEnd(life.runtime, world, world.late)
    const stored = ended ? yield* Effect.orDie(Stream.runCollect(life.runtime.watch(runId))) : watched.seen
    const thread = yield* Effect.orDie(life.runtime.threads.get(threadId))
    const quotas = yield* Effect.orDie(life.runtime.quotas.usage())
    const grants = yield* life.runtime.grants.list()
    const { memories } = yield* life.runtime.memory.list({ principal: Scenario.requester.id, limit: 1000 })
    const { acts } = yield* life.runtime.approvals.history({ limit: 10_000 })
    const [run] = (yield* life.runtime.runs.list({ principal: Scenario.requester.id })).runs
    const costs = yield* life.runtime.costs.by({ dimensions: ["agent", "model", "tool", "provider"] })
    yield* Scope.close(life.scope, Exit.void)
    if (elsewhere !== undefined) yield* Scope.close(elsewhere.scope, Exit.void)
    return {
      scenario,
      acts,
      books: { run, costs },
      live: watched.seen,
      stored: [...stored],
      thread,
      world,
      budget,
      marks: journal?.marks(runId) ?? [],
      exported: journal?.exportRun(runId) ?? [],
      deaths: remembered,
      quotas,
      grants,
      memories,
      accepted,
      ended
    }
  }).pipe(Effect.provide(TestClock.layer()))

const counting = (): IdSource => {
  let count = 0
  return { make: (prefix) => `${prefix}_${++count}` }
}

const live = Effect.fnUntraced(function* (
  scenario: Scenario.Scenario,
  factory: RunHostFactory,
  world: ScenarioAgents.World,
  budget: BudgetWatch.BudgetWatch,
  ids: IdSource,
  process: CrashingJournal | undefined
) {
  const scope = yield* Scope.make()
  const layer = Runtime.layer({
    agents: ScenarioAgents.agents(scenario),
    hooks: ScenarioHooks.make(scenario, world, ScenarioModels.modelOf(scenario, world, "scripted-3")),
    quotas: scenario.quotas,
    approvalExpiresIn: scenario.expires ? 10_000 : undefined,
    cancelGrace: 500,
    midStreamFailure: scenario.seed % 3 === 0 ? "retract" : "error"
  }).pipe(
    Layer.provide([
      ScenarioAgents.layer(scenario, world),
      Layer.succeed(Deployment, factory),
      Layer.succeed(BudgetProbe, budget.look),
      Layer.succeed(Ids, ids)
    ])
  )
  const context = yield* Layer.buildWithScope(layer, scope)
  return { runtime: Context.get(context, Runtime), scope, process } satisfies Life
})

const watch = Effect.fnUntraced(function* (life: Life, scenario: Scenario.Scenario, accepted: Map<string, number>) {
  const seen: Array<Envelope.Envelope> = []
  const calls: Array<ScenarioPeople.ClientCall> = []
  const fiber = yield* Effect.forkDetach(
    Effect.orDie(
      Stream.runForEach(life.runtime.watch(runId), (envelope) =>
        Effect.suspend(() => {
          seen.push(envelope)
          const { agentPath, event } = envelope
          if (
            event.type === "tool-invocation" &&
            event.state === "call" &&
            event.execution === "client" &&
            event.asks !== true
          ) {
            calls.push({ agentPath, id: event.toolInvocationId })
          }
          const cancel = envelope.seq === scenario.cancelAt ? life.runtime.cancel(runId) : Effect.void
          const sent = scenario.messages.filter(({ at }) => at === envelope.seq)
          return sent.length === 0
            ? Effect.asVoid(cancel)
            : Effect.andThen(
                Effect.forEach(sent, (message) => ScenarioPeople.send(life.runtime, message, accepted), {
                  discard: true
                }),
                cancel
              )
        })
      )
    )
  )
  return { seen, calls, fiber }
})
