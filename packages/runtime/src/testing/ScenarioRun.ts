/**
 * Executes a random scenario on a test clock and reports everything observable: on the memory engine, or on a journal
 * whose process crashes at chosen events and is replaced.
 */
import {
  type AgentPath,
  type Approval,
  type Audit,
  Decision,
  type Envelope,
  type Json,
  type Message,
  type Quota
} from "@reins/protocol"
import * as Context from "effect/Context"
import * as Clock from "effect/Clock"
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
import { Runtime } from "../runtime/Runtime.ts"
import type { RuntimeShape } from "../runtime/RuntimeShape.ts"
import * as BudgetWatch from "./BudgetWatch.ts"
import { crashing, type CrashingJournal, type Death } from "./CrashingJournal.ts"
import * as GeneralWay from "./GeneralWay.ts"
import * as Scenario from "./Scenario.ts"
import * as ScenarioAgents from "./ScenarioAgents.ts"
import { BudgetProbe } from "../budget/BudgetTree.ts"

/** Everything observable of a scenario after its end. */
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
  /** For each crash: what was stored, and what had been executed. */
  readonly deaths: ReadonlyArray<Remembered>
  /** The quotas' standings on the day on which the run ended. */
  readonly quotas: ReadonlyArray<Quota.Usage>
  /** The positions of the messages that the run accepted, by id. */
  readonly accepted: ReadonlyMap<string, number>
  /** False when the run did not end in time. */
  readonly ended: boolean
}

/** What the next owner finds. */
export interface Remembered {
  /** Names of finished activities. */
  readonly results: ReadonlySet<string>
  readonly requests: number
  readonly begun: number
}

const runId = "run"
const threadId = "thread"
const tickMs = 250
const patienceTicks = 400
const giveUpTicks = 800

/** Executes a scenario on the memory engine; with `"general"`, by the general way only (see `GeneralWay`). */
export const onMemory = (scenario: Scenario.Scenario, way: "usual" | "general" = "usual"): Effect.Effect<Report> =>
  execute(scenario, undefined, [], way)

/** Executes a scenario on a journal in memory; its process crashes at each of `deaths` in turn. */
export const onJournal = (scenario: Scenario.Scenario, deaths: ReadonlyArray<Death> = []): Effect.Effect<Report> =>
  Effect.suspend(() => execute(scenario, MemoryJournal.make(), deaths))

/**
 * Executes a scenario on a store in one process. The store's operations must not wait for the clock, which is a test
 * clock.
 */
export const onStore = (scenario: Scenario.Scenario, store: JournalStore): Effect.Effect<Report> =>
  execute(scenario, undefined, [], "usual", store)

interface Life {
  readonly runtime: RuntimeShape
  readonly scope: Scope.Closeable
  readonly process: CrashingJournal | undefined
}

const execute = (
  scenario: Scenario.Scenario,
  journal: MemoryJournal.MemoryJournal | undefined,
  deaths: ReadonlyArray<Death>,
  way: "usual" | "general" = "usual",
  own: JournalStore | undefined = undefined
): Effect.Effect<Report> =>
  Effect.gen(function* () {
    const world = ScenarioAgents.makeWorld()
    const budget = BudgetWatch.make()
    // One source for all owners: ids must not repeat.
    const ids = counting()
    const remembered: Array<Remembered> = []
    const schedule = new Map<string, { readonly at: number; readonly decision: Decision | undefined }>()
    const client = new Map<string, number>()
    const accepted = new Map<string, number>()
    let lives = 0
    const begin = Effect.fnUntraced(function* () {
      const process = journal === undefined ? undefined : crashing(journal, deaths[lives])
      lives++
      const store = process?.store ?? own
      const factory =
        store === undefined
          ? memoryHost({ shutdownMs: 0 })
          : journalHost(store, {
              gatherMs: 0,
              pollMs: Number.POSITIVE_INFINITY,
              // Half of all scenarios make snapshots as often as possible.
              snapshotEvery: scenario.seed % 2 === 0 ? 1 : Number.POSITIVE_INFINITY
            })
      return yield* live(scenario, way === "usual" ? factory : GeneralWay.factory(factory), world, budget, ids, process)
    })

    let life = yield* begin()
    if (scenario.givenGrant) {
      const given = { tool: "gated", scope: "thread", threadId, uses: Scenario.grantUses, by: "gil" } as const
      yield* Effect.orDie(life.runtime.grants.give(given))
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
              .filter((mark) => mark.kind === "result" && !Predicate.hasProperty(mark.value, "begunBefore"))
              .map((mark) => mark.name)
          ),
          requests: world.requests.length,
          begun: world.begun.length
        })
        budget.restart()
        life = yield* begin()
        watched = yield* watch(life, scenario, accepted)
      }
      const act = Effect.andThen(
        ticks === patienceTicks ? Effect.asVoid(life.runtime.cancel(runId)) : Effect.void,
        Effect.andThen(
          answer(life.runtime, scenario, schedule),
          answerCalls(life.runtime, scenario, watched.calls, client)
        )
      )
      // A request to a crashed process is never answered.
      yield* life.process === undefined ? act : Effect.raceFirst(act, life.process.died)
      yield* TestClock.adjust(tickMs)
    }
    const ended = watched.fiber.pollUnsafe() !== undefined
    const stored = ended ? yield* Effect.orDie(Stream.runCollect(life.runtime.watch(runId))) : watched.seen
    const thread = yield* Effect.orDie(life.runtime.threads.get(threadId))
    const quotas = yield* Effect.orDie(life.runtime.quotas.usage())
    const { acts } = yield* life.runtime.approvals.history({ limit: 10_000 })
    yield* Scope.close(life.scope, Exit.void)
    return {
      scenario,
      acts,
      live: watched.seen,
      stored: [...stored],
      thread,
      world,
      budget,
      marks: journal?.marks(runId) ?? [],
      deaths: remembered,
      quotas,
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
  const calls: Array<ClientCall> = []
  const fiber = yield* Effect.forkDetach(
    Effect.orDie(
      Stream.runForEach(life.runtime.watch(runId), (envelope) =>
        Effect.suspend(() => {
          seen.push(envelope)
          const { agentPath, event } = envelope
          if (event.type === "tool-invocation" && event.state === "call" && event.execution === "client") {
            calls.push({ agentPath, id: event.toolInvocationId })
          }
          const cancel = envelope.seq === scenario.cancelAt ? life.runtime.cancel(runId) : Effect.void
          const sent = scenario.messages.filter(({ at }) => at === envelope.seq)
          return sent.length === 0
            ? Effect.asVoid(cancel)
            : Effect.andThen(
                Effect.forEach(sent, (message) => send(life.runtime, message, accepted), { discard: true }),
                cancel
              )
        })
      )
    )
  )
  return { seen, calls, fiber }
})

/** Sends a message to the run. The next owner's watcher sends it again; a run that is ending refuses it. */
const send = (
  runtime: RuntimeShape,
  { messageId, text, withdraws }: Scenario.SentMessage,
  accepted: Map<string, number>
): Effect.Effect<void> =>
  Effect.ignore(
    Effect.map(runtime.steer(runId, text, { messageId, questions: withdraws ? "withdraw" : "keep" }), ({ position }) =>
      accepted.set(messageId, position)
    )
  )

/** A call that the client has to run. */
interface ClientCall {
  readonly agentPath: AgentPath.AgentPath
  readonly id: string
}

/** Plays the client: submits each call's result when it is due, until it is accepted. `due`: the time, by call. */
const answerCalls = Effect.fnUntraced(function* (
  runtime: RuntimeShape,
  scenario: Scenario.Scenario,
  calls: ReadonlyArray<ClientCall>,
  due: Map<string, number>
) {
  const now = yield* Clock.currentTimeMillis
  for (const { agentPath, id } of calls) {
    const place = `${agentPath.join("/")} ${id}`
    const drawn = Scenario.clientAnswer(scenario, place)
    const at = due.get(place) ?? now + (drawn?.afterMs ?? Number.POSITIVE_INFINITY)
    due.set(place, at)
    if (drawn === undefined || now < at) continue
    // Refused with a typed error, which is ignored, before a person allows the call and after it is closed.
    yield* Effect.ignore(
      runtime.submitToolResult(runId, id, { result: { seen: "a cat" }, isFailure: drawn.isFailure, agentPath })
    )
  }
})

const limitOf = (payload: Json): number =>
  Predicate.hasProperty(payload, "max") && typeof payload.max === "number" ? payload.max : 0

const answer = Effect.fnUntraced(function* (
  runtime: RuntimeShape,
  scenario: Scenario.Scenario,
  schedule: Map<string, { readonly at: number; readonly decision: Decision | undefined }>
) {
  const now = yield* Clock.currentTimeMillis
  for (const { agentPath, request } of yield* runtime.pendingApprovals()) {
    const planned = schedule.get(request.id)
    if (planned === undefined) {
      const isAgain = request.begunBefore !== undefined
      const about = `${agentPath.join("/")} ${request.toolInvocationId ?? request.id}${isAgain ? ` ${request.id}` : ""}`
      const drawn =
        isAgain && !scenario.refusals
          ? ({ afterMs: 0, says: "approve", scope: "call" } as const)
          : Scenario.answer(scenario, about)
      schedule.set(request.id, { at: now + (drawn?.afterMs ?? 0), decision: decision(request, drawn) })
    } else if (planned.decision !== undefined && now >= planned.at) {
      // Refused with a typed error, which is ignored, when another answer came first: expiry or cancel.
      if (request.approvals === undefined) {
        yield* Effect.ignore(runtime.respondToApproval(request.id, planned.decision))
        continue
      }
      // Approvals by principals who may not answer must have no effect.
      const { decision = planned.decision } = planned.decision.type === "revise" ? { decision: Decision.approve() } : {}
      for (const principal of Scenario.people) {
        yield* Effect.ignore(runtime.respondToApproval(request.id, decision, { principal }))
      }
    }
  }
})

const decision = (request: Approval.Request, drawn: ReturnType<typeof Scenario.answer>): Decision | undefined => {
  const says = drawn?.says
  if (request.kind === "budget" && says !== undefined && says !== "reject") {
    return Decision.raise({ [request.target]: 2 * limitOf(request.payload) + 1 })
  }
  switch (says) {
    case "approve":
      return drawn === undefined ||
        drawn.scope === "call" ||
        request.kind !== "tool" ||
        request.begunBefore !== undefined
        ? Decision.approve({ by: "mia" })
        : Decision.approve({ by: "mia", scope: drawn.scope, uses: Scenario.grantUses })
    case "reject":
      return Decision.reject({ feedback: "not today" })
    case "revise":
      return Decision.revise(ScenarioAgents.revision)
    case undefined:
      return undefined
  }
}
