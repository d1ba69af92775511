/**
 * The runtime service: runs queries, runs specialists from code, and watches, answers and cancels runs, in this process
 * or, with a durable deployment, from others. Each method is thin: it validates, passes the work to the host, and
 * converts the result. A run belongs to the runtime, not to the reader of its stream; only `query` cancels its run when
 * the reader stops reading.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type * as Agent from "../agent/Agent.ts"
import type * as Hook from "../hook/Hook.ts"
import type { HistoryOptions, RuntimeOptions, RuntimeShape, RunVerbs } from "./RuntimeShape.ts"
import * as RuntimeVerbs from "./RuntimeVerbs.ts"
import { StartedRun } from "./StartedRun.ts"
import { Decision, Quota } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Composition from "./Composition.ts"
import * as Corrections from "./Corrections.ts"
import { Deployment } from "./Deployment.ts"
import { Ids } from "../kernel/Ids.ts"
import * as Rule from "../kernel/OptionRule.ts"
import * as EventLog from "../engine/EventLog.ts"
import type * as Observer from "../run/Observer.ts"
import { Alarms } from "../kernel/Alarm.ts"
import * as Answers from "./Answers.ts"
import * as GivenGrant from "./GivenGrant.ts"
import { type RuntimeParts, defaultResource } from "./RuntimeParts.ts"
import { drive } from "../loop/Drive.ts"
import { RunNotFound, failDamaged } from "./NotFound.ts"
import * as AgentRegistry from "../agent/AgentRegistry.ts"
import { refuse } from "../agent/AgentParts.ts"
import * as Erasures from "./Erasures.ts"
import * as Memories from "./Memories.ts"
import * as Preview from "./Preview.ts"
import * as Reconciliation from "./Reconciliation.ts"
import * as Replay from "../replay/Replay.ts"
import * as Quotas from "./Quotas.ts"
import * as Runs from "./Runs.ts"
import * as RunMetrics from "../run/RunMetrics.ts"
import * as Results from "./Results.ts"
import * as RunStart from "./RunStart.ts"
import * as RuntimeSettings from "./RuntimeSettings.ts"
import * as Threads from "./Threads.ts"
import * as ToolCall from "./ToolCall.ts"
import * as Steering from "./Steering.ts"
import * as Webhooks from "./Webhooks.ts"
import { ThreadQueue } from "./ThreadQueue.ts"

/**
 * The runtime as a service. `Runtime.layer({ agents })` makes it; `RuntimeShape` has its methods.
 *
 * **Example** (A query as a stream of events)
 *
 * ```ts
 * import { Agent, Runtime } from "@reins/runtime"
 * import { ScriptedModel } from "@reins/runtime/testing"
 * import { Console, Effect, Layer, Stream } from "effect"
 *
 * const Desk = Agent.make("desk", {})
 * const model = ScriptedModel.layer({ replies: [ScriptedModel.text("Hello.")] })
 * const RuntimeLive = Runtime.layer({ agents: [Desk] }).pipe(Layer.provide(model))
 *
 * export const program = Effect.gen(function* () {
 *   const runtime = yield* Runtime
 *   yield* Stream.runForEach(runtime.query("Hi"), (event) => Console.log(event.type))
 * }).pipe(Effect.provide(RuntimeLive))
 * ```
 *
 * @since 0.1.0
 * @category services
 */
export class Runtime extends Context.Service<Runtime, RuntimeShape>()("@reins/runtime/Runtime") {
  /**
   * A runtime with these agents. Needs what they need: tool handlers and models. Read when it is built: `Deployment`,
   * `Prices`, `Ids`, `TokenEstimator`.
   *
   * **Gotchas**: each call makes a new layer, and layers are shared by reference: keep it in a constant. Invalid agents
   * (two with one name, clashing tools, an invalid budget) are a defect of the program: building the layer dies with
   * `InvalidAgents`, with the cure in its message.
   */
  static layer<const Agents extends ReadonlyArray<Agent.Any>, const Hooks extends ReadonlyArray<Hook.Any> = []>(
    options: RuntimeOptions<Agents, Hooks>
  ): Layer.Layer<Runtime, Agent.Errors<Agents[number]>, Agent.Services<Agents[number]> | Hook.Services<Hooks[number]>> {
    return Layer.effect(Runtime, make(options))
  }
}

const make = <const Agents extends ReadonlyArray<Agent.Any>, const Hooks extends ReadonlyArray<Hook.Any>>(
  options: RuntimeOptions<Agents, Hooks>
): Effect.Effect<
  RuntimeShape,
  Agent.Errors<Agents[number]>,
  Agent.Services<Agents[number]> | Hook.Services<Hooks[number]> | Scope.Scope
> =>
  Effect.gen(function* () {
    const invalidOption = Rule.problemOf("of the runtime", options, RuntimeSettings.rule)
    if (invalidOption !== undefined) return yield* refuse(invalidOption)
    const roster: AgentRegistry.AgentRegistry = yield* AgentRegistry.build(
      options.agents,
      options.approvals ?? "never",
      options.hooks
    )
    const quotas = options.quotas ?? []
    const invalid = Quota.validateAll(quotas)
    if (invalid !== undefined) return yield* Effect.die(invalid)
    const settings = yield* RuntimeSettings.make(options)
    if (!(yield* Effect.context<never>()).mapUnsafe.has(Deployment.key)) {
      yield* Composition.runtimeInMemory(roster.first.name)
    }
    const factory = yield* Deployment
    const common = { roster, settings, alarms: new Alarms() }
    const starting = new Set<string>()
    const made = factory.make((record, history, engine, stores) => {
      const driven = drive(common, stores, record, history, engine)
      const observed =
        settings.observer !== undefined && starting.delete(record.runId)
          ? Effect.andThen(settings.observer.started(factsOf(record)), driven)
          : driven
      const carried = record.keyed === undefined ? observed : settings.keys.during(record.runId, observed)
      // Hosts log that a run failed. The cause may contain content, so it is logged only with content capture.
      return settings.captureContent
        ? Effect.tapCause(carried, (cause) => Effect.logError(`Cause of the failure of run ${record.runId}`, cause))
        : carried
    })
    const host = yield* made.pipe(
      RuntimeSettings.told(settings),
      Effect.provideService(Replay.Replayer, (exported) => Replay.replayExported(common, exported))
    )
    const parts = { roster, settings, host, ids: yield* Ids, quotas, starting }
    if (settings.lookups !== undefined) yield* Effect.forkScoped(Reconciliation.run(parts))
    return service(parts)
  })

/** A decision by its type alone. Any other text is refused. */
const inFull = (decision: Decision | "approve" | "reject"): Decision => {
  if (decision === "approve") return Decision.approve()
  return decision === "reject" ? Decision.reject() : decision
}

const service = (built: RuntimeParts): RuntimeShape => {
  const { host } = built
  const queue = new ThreadQueue(host)
  const { observer } = built.settings

  /** Starts a run and returns it. */
  const start = (run: RunStart.NewRun): Effect.Effect<Steering.Entered, RunStart.Rejected> =>
    Effect.as(observer === undefined ? RunStart.start(built, run) : observedStart(built, observer, run), run)

  /** Starts a query, with a busy thread handled by its options. Waiting can be interrupted, starting cannot. */
  const enter =
    (onBusy: RuntimeVerbs.QueryOptions["onBusy"]) =>
    (record: RunStart.NewRun): Effect.Effect<Steering.Entered, RunStart.Rejected> => {
      if (onBusy === undefined || onBusy === "reject") return start(record)
      return Effect.suspend(() => {
        // Until then the id may belong to another run.
        let began = false
        const now = Effect.map(
          Effect.flatMap(Clock.currentTimeMillis, (startedAt) => start({ ...record, startedAt })),
          (run) => {
            began = true
            return run
          }
        )
        const begin = Effect.uninterruptible(now)
        const turn =
          onBusy === "steer"
            ? Steering.steerOr(built, begin, record)
            : queue.pass(record.threadId, begin, RunStart.busy, onBusy === "cancel-previous")
        return Effect.onInterrupt(Effect.interruptible(turn), () => (began ? host.cancel(record.runId) : Effect.void))
      })
    }

  /** The caller of a run stops reading. */
  const leave = ({ runId, steered }: Steering.Entered): Effect.Effect<unknown> =>
    steered === undefined ? host.cancel(runId) : Effect.void

  /** Starts what was asked, as its options say about a thread that is busy. */
  const entered = (asked: RuntimeVerbs.Asked): Effect.Effect<Steering.Entered, RunStart.Rejected> =>
    Effect.withFiber((fiber) => {
      const tell = fiber.getRef(Steering.Entering)
      const run = observed(asked)
      return tell === undefined ? run : Effect.tap(run, (one) => Effect.sync(() => tell(one)))
    })

  const observed = (asked: RuntimeVerbs.Asked): Effect.Effect<Steering.Entered, RunStart.Rejected> => {
    const run =
      asked._tag === "Query"
        ? Effect.flatMap(RunStart.query(built, asked.prompt, asked.options), enter(asked.options?.onBusy))
        : Effect.flatMap(RunStart.specialist(built, asked.specialist, asked.input, asked.options), start)
    if (observer === undefined) return run
    const { resourceId = defaultResource, runId, threadId } = asked.options ?? {}
    return Effect.tapError(run, ({ reason }) => observer.refused({ reason: reason._tag, resourceId, runId, threadId }))
  }

  /**
   * The root view of a run that is cancelled when its reader leaves, also between the run's start and the first read.
   */
  const query = (asked: RuntimeVerbs.Asked) => {
    const view = asked._tag === "Query" ? (asked.options?.view ?? "root") : "root"
    // A reader that only joined a run does not block it.
    const place = ({ steered }: Steering.Entered) => ({ after: steered?.after ?? 0, bounded: steered === undefined })
    const { readRootView } = host
    if (readRootView !== undefined && view === "root") {
      return EventLog.streamOf(
        Effect.map(entered(asked), (run) => readRootView(run.runId, { ...place(run), onLeave: leave(run) }))
      )
    }
    return Stream.suspend(() => {
      let isOver = false
      const left = (run: Steering.Entered) => (isOver ? Effect.void : leave(run))
      const over = Effect.sync(() => {
        isOver = true
      })
      return Stream.unwrap(
        Effect.map(Effect.acquireRelease(entered(asked), left), (run) =>
          Stream.onEnd(EventLog.viewOf(host.watch(run.runId, place(run)), view), over)
        )
      )
    })
  }

  const complete = (asked: RuntimeVerbs.Asked) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(entered(asked), (run) =>
        Effect.onInterrupt(restore(new StartedRun(host, run, RuntimeVerbs.typedOf(asked)).result), () => leave(run))
      )
    )

  const verbs: RunVerbs = {
    watch: (runId, options) =>
      Stream.unwrap(
        Effect.flatMap(host.status(runId), (status) =>
          status === undefined
            ? Effect.fail(new RunNotFound({ runId }))
            : Effect.succeed(RunMetrics.watched(host.watch(runId, { after: options?.after ?? 0, bounded: false })))
        )
      ),
    status: host.status,
    steer: (runId, message, options) => Steering.steer(built, runId, message, options),
    cancel: host.cancel,
    submitToolResult: (runId, callId, answer) => Results.submit(built, runId, callId, answer),
    raiseBudget: (runId, limits, options) => Answers.raise(built, runId, limits, options)
  }
  const approvals: RuntimeShape["approvals"] = {
    respond: (id, decision, options) => Answers.respond(built, id, inFull(decision), options),
    pending: (filter) => Answers.pending(host, filter),
    history: (options) => Runs.within("approvals.history", options, () => host.audit.read(historyOf(options)))
  }

  return {
    query: (...given: RuntimeVerbs.Given) => query(RuntimeVerbs.asked(given)),
    complete: (...given: RuntimeVerbs.Given) => complete(RuntimeVerbs.asked(given)),
    start: (...given: RuntimeVerbs.Given) => {
      const asked = RuntimeVerbs.asked(given)
      return Effect.map(entered(asked), (run) => new StartedRun(host, run, RuntimeVerbs.typedOf(asked)))
    },
    callTool: (options) =>
      Effect.map(Effect.flatMap(ToolCall.record(built, options), start), (run) => new StartedRun(host, run, undefined)),
    runSpecialist: (specialist, input, options) => query({ _tag: "Specialist", specialist, input, options }),
    completeSpecialist: (specialist, input, options) => complete({ _tag: "Specialist", specialist, input, options }),
    countTokens: (prompt, options) => Preview.countTokens(built, prompt, options),
    preview: (prompt, options) => Preview.of(built, prompt, options),
    replay: (exported) => Replay.replayExported(built, exported),
    ...verbs,
    runs: {
      ...verbs,
      list: (filter) => Runs.within("runs.list", filter, () => host.list(Runs.queryOf(filter))),
      waiting: () => host.waiting,
      get: (runId, options) => Runs.get(host, runId, options?.resourceId),
      export: (runId, options) => Runs.exported(host, runId, options?.resourceId)
    },
    approvals,
    results: {
      deliver: (ticketId, result, options) => Results.deliver(built, ticketId, result, options),
      get: (ticketId, options) => Results.get(built, ticketId, options)
    },
    respondToApproval: approvals.respond,
    pendingApprovals: approvals.pending,
    webhooks: Webhooks.make(built),
    costs: Corrections.costs(host),
    isCarried: host.isCarried ?? Effect.succeed(true),
    quotas: {
      usage: (options) => Quotas.usage(built, options),
      limit: (name, limits, options) => Quotas.limit(built, name, limits, options)
    },
    memory: Memories.verbs(built),
    erase: (options) => Erasures.erase(built, options),
    files: {
      get: (fileId, options) =>
        Effect.map(failDamaged("file", fileId)(host.files.get(fileId)), (file) =>
          file !== undefined && isOf(file, options) ? file : undefined
        ),
      list: (threadId, options) =>
        Effect.map(host.files.list(threadId), (files) => files.filter((file) => isOf(file, options)))
    },
    grants: GivenGrant.verbs(built),
    threads: {
      ...(host.threads.notes === undefined ? {} : { notes: host.threads.notes }),
      get: Threads.reading(built),
      info: (threadId, options) =>
        Effect.map(host.threads.info(threadId), (info) =>
          info !== undefined && isOf(info, options) ? info : undefined
        ),
      list: (options) => host.threads.list(options?.resourceId ?? defaultResource),
      import: (history, options) => Threads.importHistory(built, history, options),
      replace: (threadId, history, options) =>
        failDamaged("thread", threadId)(Threads.replace(built, threadId, history, options)),
      fork: (threadId, options) => failDamaged("thread", threadId)(Threads.fork(built, threadId, options)),
      rewind: (threadId, options) => failDamaged("thread", threadId)(Threads.rewind(built, threadId, options)),
      branches: (threadId, options) => Threads.branches(built, threadId, options),
      returnTo: (threadId, branchId, options) =>
        failDamaged("thread", threadId)(Threads.returnTo(built, threadId, branchId, options)),
      limit: (threadId, budget, options) => Threads.limit(built, threadId, budget, options),
      describe: (threadId, change, options) => Threads.describe(built, threadId, change, options),
      before: (threadId, runId, options) =>
        Effect.flatMap(host.threads.info(threadId), (info) =>
          info !== undefined && isOf(info, options) ? host.threads.before(threadId, runId) : Effect.succeed(undefined)
        ),
      places: (threadId, options) => Threads.places(built, threadId, options),
      delete: (threadId, options) => host.threads.remove(threadId, options?.resourceId)
    }
  }
}

/** Starts a run and reports it: at its first event if this process executes it, otherwise once it is stored. */
const observedStart = (
  built: RuntimeParts,
  observer: Observer.Observer,
  run: RunStart.NewRun
): Effect.Effect<void, RunStart.Rejected> =>
  Effect.suspend(() => {
    built.starting.add(run.runId)
    return RunStart.start(built, run).pipe(
      Effect.andThen(
        Effect.suspend(() => (built.starting.has(run.runId) ? observer.started(factsOf(run)) : Effect.void))
      ),
      Effect.ensuring(Effect.sync(() => built.starting.delete(run.runId)))
    )
  })

const factsOf = ({ agent, resourceId, runId, threadId }: Observer.RunFacts): Observer.RunFacts => ({
  runId,
  threadId,
  resourceId,
  agent
})

const historyOf = ({ limit = 1000, resourceId, since, until, ...rest }: HistoryOptions = {}) => ({
  ...rest,
  resourceId: resourceId ?? defaultResource,
  since: Runs.millisOf(since),
  until: Runs.millisOf(until),
  limit: Runs.limitOf(limit, 10_000)
})

type Owned = { readonly resourceId?: string | undefined }
const isOf = ({ resourceId }: { readonly resourceId: string }, options: Owned = {}): boolean =>
  options.resourceId === undefined || resourceId === options.resourceId
