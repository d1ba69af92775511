/**
 * The runtime for programs without Effect: promises, async iterators and abort signals instead of effects and streams.
 * Each method does what the method of the same name does in the service (`RuntimeShape`).
 */
import { Budget, type Envelope, type Event, type Message, QueryRejected, QueryRejections, Quota } from "@reins/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import * as Types from "../kernel/Erased.ts"
import { Ids } from "../kernel/Ids.ts"
import { Model } from "../model/Model.ts"
import type { Completion } from "../runtime/Completion.ts"
import { Runtime } from "../runtime/Runtime.ts"
import type * as Agent from "../agent/Agent.ts"
import type * as Specialist from "../agent/Specialist.ts"
import type * as Shape from "../runtime/RuntimeShape.ts"
import { type AnyModel, type AsyncAgent, build, modelLayer } from "./AsyncAgent.ts"
import type { AsyncTool } from "./AsyncTool.ts"
import * as Iteration from "./Iteration.ts"
import type { Parameters } from "./Parameters.ts"

/** A method of the service, with a promise in place of the effect. It rejects with the error that the effect fails with. */
type Promised<Method> = Method extends (...args: infer Args) => Effect.Effect<infer A, infer _E>
  ? (...args: Args) => Promise<A>
  : never

type Threads = Shape.RuntimeShape["threads"]

/** Options of a query. */
export interface QueryOptions<AgentName extends string = string> extends Omit<
  Shape.QueryOptions,
  "agent" | "budget" | "quotas"
> {
  /** Which agent. Absent: the first. */
  readonly agent?: AgentName | undefined
  readonly budget?: Budget.Options | undefined
  readonly quotas?: ReadonlyArray<Quota.Options> | undefined
  /**
   * Cancels the run. A loop over its events continues to the last one: `finish` with reason `cancelled`, and the
   * summaries. If the run has not started by then, it never does, and the loop throws the signal's reason.
   */
  readonly signal?: AbortSignal | undefined
}

/** Options of a specialist's run. */
export type RunOptions = Omit<QueryOptions, "agent" | "history" | "instructions" | "onBusy" | "onThread" | "tools">

/** A started run, which does not depend on its readers. */
export interface RunHandle {
  readonly runId: string
  readonly threadId: string
  /** The root view from the first event; each call reads independently. */
  readonly events: () => AsyncIterableIterator<Event, undefined>
  /** Every envelope, from the first. */
  readonly envelopes: () => AsyncIterableIterator<Envelope.Envelope, undefined>
  /** Waits for the end; rejects with a `RunError`. */
  readonly result: () => Promise<Completion<string>>
  readonly cancel: () => Promise<boolean>
  /** Present when the query became a message of an existing run (`onBusy: "steer"`); absent: it started this run. */
  readonly steered?: Shape.Steered | undefined
}

/** The subject whose quotas are meant; as `QuotaSubject` of the service. */
export interface QuotaSubject extends Omit<Shape.QuotaSubject, "quotas"> {
  readonly quotas?: ReadonlyArray<Quota.Options> | undefined
}

/** A runtime. Close it with `await using`, or `await runtime[Symbol.asyncDispose]()`. */
export interface PromiseRuntime<AgentName extends string = string> {
  /** The events of a query. The first read may throw `QueryRejected`; leaving the loop early cancels the run. */
  readonly query: (prompt: Message.Prompt, options?: QueryOptions<AgentName>) => AsyncIterableIterator<Event, undefined>
  readonly complete: (prompt: Message.Prompt, options?: QueryOptions<AgentName>) => Promise<Completion<string>>
  readonly start: (prompt: Message.Prompt, options?: QueryOptions<AgentName>) => Promise<RunHandle>
  /** Runs a specialist from code, as a run with its own history. Its input is validated before anything runs. */
  readonly runSpecialist: (
    specialist: AgentName,
    input: unknown,
    options?: RunOptions
  ) => AsyncIterableIterator<Event, undefined>
  /** The answer of a specialist: its final text as decoded by `output`, or the text itself. */
  readonly completeSpecialist: (
    specialist: AgentName,
    input: unknown,
    options?: RunOptions
  ) => Promise<Completion<unknown>>
  readonly watch: (
    runId: string,
    options?: { readonly after?: number | undefined; readonly signal?: AbortSignal | undefined }
  ) => AsyncIterableIterator<Envelope.Envelope, undefined>
  readonly status: Promised<Shape.RuntimeShape["status"]>
  readonly respondToApproval: Promised<Shape.RuntimeShape["respondToApproval"]>
  readonly raiseBudget: Promised<Shape.RuntimeShape["raiseBudget"]>
  readonly pendingApprovals: Promised<Shape.RuntimeShape["pendingApprovals"]>
  readonly submitToolResult: Promised<Shape.RuntimeShape["submitToolResult"]>
  readonly steer: Promised<Shape.RuntimeShape["steer"]>
  readonly cancel: Promised<Shape.RuntimeShape["cancel"]>
  readonly approvals: { readonly history: Promised<Shape.RuntimeShape["approvals"]["history"]> }
  readonly grants: {
    readonly [Name in keyof Shape.RuntimeShape["grants"]]: Promised<Shape.RuntimeShape["grants"][Name]>
  }
  readonly quotas: {
    readonly usage: (options?: QuotaSubject) => Promise<ReadonlyArray<Quota.Usage>>
    readonly limit: (name: string, limits: Quota.LimitOptions | undefined, options?: QuotaSubject) => Promise<void>
  }
  readonly files: {
    readonly [Name in keyof Shape.RuntimeShape["files"]]: Promised<Shape.RuntimeShape["files"][Name]>
  }
  readonly threads: {
    readonly [Name in Exclude<keyof Threads, "limit">]: Promised<Threads[Name]>
  } & {
    readonly limit: (
      threadId: string,
      budget: Budget.Options | undefined,
      options?: { readonly resourceId?: string | undefined }
    ) => Promise<void>
  }
  /**
   * Resolves when the runtime is built; rejects with the error of a layer that cannot be built, such as a database that
   * cannot be opened.
   */
  readonly ready: () => Promise<void>
  /**
   * This runtime for programs in Effect and for `@reins/server`. It is built once, so all programs that provide it
   * share its runs.
   */
  readonly layer: Layer.Layer<Runtime, unknown>
  /** Its agents for Effect programs. */
  readonly agents: ReadonlyArray<Agent.Any>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** Options of a runtime. */
export interface Options<Tools extends Record<string, Parameters>, AgentName extends string> extends Omit<
  Shape.RuntimeOptions<[]>,
  "agents" | "quotas"
> {
  /** The default model of agents. */
  readonly model: AnyModel
  /** The first is the default. */
  readonly agents: ReadonlyArray<AsyncAgent<keyof Tools & string> & { readonly name: AgentName }>
  /** Tools that agents may name. */
  readonly tools?: { readonly [Name in keyof Tools]: AsyncTool<Tools[Name]> } | undefined
  /**
   * Toolkits of `effect/ai` that agents may name, such as the tools of an MCP server; what they need comes from `services`.
   */
  readonly toolkits?: { readonly [name: string]: Agent.AnyToolkit } | undefined
  /** The default budget of agents. */
  readonly budget?: Budget.Options | undefined
  /** Limits of every tenant, or of every principal of one, over all its runs within a window. Absent: none. */
  readonly quotas?: ReadonlyArray<Quota.Options> | undefined
  /** Layers of other packages that replace defaults: prices, a deployment, ids. If one fails, `ready` rejects. */
  readonly services?: Layer.Layer<never, unknown> | undefined
}

/** Makes a runtime. Throws when its agents are invalid; the message says how to fix them. */
export const createRuntime = <
  const Tools extends Record<string, Parameters> = {},
  const AgentName extends string = string
>(
  options: Options<Tools, AgentName>
): PromiseRuntime<AgentName> => {
  const { agents, budget, model, quotas, services, toolkits = {}, tools = {}, ...rest } = options
  const built = build({ agents, tools, toolkits, budget })
  // The services that the agents need were just built.
  const managed = ManagedRuntime.make(
    Types.as<Layer.Layer<Runtime, unknown>>(
      Runtime.layer({ ...rest, agents: built.agents, quotas: quotas?.map(Quota.make) })
    ).pipe(Layer.provide([built.layer, modelLayer(Model, model)]), Layer.provideMerge(services ?? Layer.empty))
  )
  const failed = managed.runFork(Effect.void).pollUnsafe()
  if (failed !== undefined && Exit.isFailure(failed)) throw Cause.squash(failed.cause)

  const promise = <A, E>(effect: (runtime: Shape.RuntimeShape) => Effect.Effect<A, E>): Promise<A> =>
    managed.runPromise(Effect.flatMap(Runtime, effect))
  const method =
    <Args extends ReadonlyArray<unknown>, A, E>(
      pick: (runtime: Shape.RuntimeShape) => (...args: Args) => Effect.Effect<A, E>
    ) =>
    (...args: Args): Promise<A> =>
      promise((runtime) => pick(runtime)(...args))
  const iterate = <A, E, E2 = never>(
    stream: (runtime: Shape.RuntimeShape) => Stream.Stream<A, E> | Effect.Effect<Stream.Stream<A, E>, E2>,
    on: Pick<Iteration.Options<Runtime>, "signal" | "onAbort"> = {}
  ) => {
    const opened = Effect.flatMap(Runtime, (runtime) => {
      const made = stream(runtime)
      return Effect.isEffect(made) ? made : Effect.succeed(made)
    })
    return new Iteration.Iteration<A, Runtime>(opened, { fork: managed.runFork, ...on })
  }
  /** Cancels a run; without a run, interrupts what waits for it. */
  const cancelOr = (runId: string | undefined, stop: () => void) =>
    runId === undefined
      ? stop()
      : void promise((runtime) => runtime.cancel(runId)).then((cancelled) => (cancelled ? undefined : stop()), stop)

  /** The events of a run that is cancelled when its reader leaves or the signal aborts. */
  const read = <O extends RunOptions>(
    asked: O,
    begin: (runtime: Shape.RuntimeShape, options: Plain<O>) => Stream.Stream<Event, QueryRejected>
  ) => {
    const { options, signal } = plain(asked)
    if (signal === undefined) return iterate((runtime) => begin(runtime, options))
    let { runId } = asked
    const stream = (runtime: Shape.RuntimeShape) =>
      Effect.map(Ids, (ids) => {
        runId ??= ids.make("run")
        return begin(runtime, { ...options, runId })
      })
    return iterate(stream, { signal, onAbort: (stop) => cancelOr(runId, stop) })
  }
  /** The same for the answer alone. */
  const answer = <O extends RunOptions, A, E>(
    asked: O,
    begin: (runtime: Shape.RuntimeShape, options: Plain<O>) => Effect.Effect<A, E>
  ) => {
    const { options, signal } = plain(asked)
    if (signal === undefined) return promise((runtime) => begin(runtime, options))
    if (signal.aborted) return Promise.reject(signal.reason)
    return promise((runtime) =>
      Effect.flatMap(Ids, (ids) => {
        const runId = asked.runId ?? ids.make("run")
        return untilAborted(begin(runtime, { ...options, runId }), signal, (stop) => cancelOr(runId, stop))
      })
    )
  }
  const specialist = (name: string): Effect.Effect<Specialist.Any, QueryRejected> => {
    const found = built.specialists.get(name)
    if (found !== undefined) return Effect.succeed(found)
    const reason = new QueryRejections.UnknownAgent({ name, known: [...built.specialists.keys()] })
    return Effect.fail(new QueryRejected({ reason }))
  }

  return {
    query: (prompt, asked = {}) => read(asked, (runtime, options) => runtime.query(prompt, options)),
    complete: (prompt, asked = {}) => answer(asked, (runtime, options) => runtime.complete(prompt, options)),
    runSpecialist: (name, input, asked = {}) =>
      read(asked, (runtime, options) =>
        Stream.unwrap(
          // Its own schema validates the input.
          Effect.map(specialist(name), (found) => runtime.runSpecialist(found, Types.as<never>(input), options))
        )
      ),
    completeSpecialist: (name, input, asked = {}) =>
      answer(asked, (runtime, options) =>
        Effect.flatMap(specialist(name), (found) => runtime.completeSpecialist(found, Types.as<never>(input), options))
      ),
    start: (prompt, asked = {}) =>
      promise((runtime) =>
        Effect.map(runtime.start(prompt, plain(asked).options), (run): RunHandle => ({
          runId: run.runId,
          threadId: run.threadId,
          events: () => iterate(() => run.events),
          envelopes: () => iterate(() => run.envelopes),
          result: () => managed.runPromise(run.result),
          cancel: () => managed.runPromise(run.cancel),
          ...(run.steered === undefined ? {} : { steered: run.steered })
        }))
      ),
    watch: (runId, { after, signal } = {}) => iterate((runtime) => runtime.watch(runId, { after }), { signal }),
    status: method((runtime) => runtime.status),
    respondToApproval: method((runtime) => runtime.respondToApproval),
    raiseBudget: method((runtime) => runtime.raiseBudget),
    pendingApprovals: method((runtime) => runtime.pendingApprovals),
    submitToolResult: method((runtime) => runtime.submitToolResult),
    steer: method((runtime) => runtime.steer),
    cancel: method((runtime) => runtime.cancel),
    approvals: { history: method((runtime) => runtime.approvals.history) },
    grants: {
      give: method((runtime) => runtime.grants.give),
      list: method((runtime) => runtime.grants.list),
      revoke: method((runtime) => runtime.grants.revoke)
    },
    quotas: {
      usage: (subject) => promise((runtime) => runtime.quotas.usage(quotasOf(subject))),
      limit: (name, limits, subject) => promise((runtime) => runtime.quotas.limit(name, limits, quotasOf(subject)))
    },
    files: { get: method((runtime) => runtime.files.get), list: method((runtime) => runtime.files.list) },
    threads: {
      get: method((runtime) => runtime.threads.get),
      info: method((runtime) => runtime.threads.info),
      list: method((runtime) => runtime.threads.list),
      import: method((runtime) => runtime.threads.import),
      fork: method((runtime) => runtime.threads.fork),
      limit: (threadId, budget, options) =>
        promise((runtime) =>
          runtime.threads.limit(threadId, budget === undefined ? undefined : Budget.make(budget), options)
        ),
      before: method((runtime) => runtime.threads.before),
      delete: method((runtime) => runtime.threads.delete)
    },
    ready: () => managed.runPromise(Effect.void),
    layer: Layer.effectContext(managed.contextEffect),
    agents: built.agents,
    [Symbol.asyncDispose]: () => managed.dispose()
  }
}

type Plain<O> = Omit<O, "signal" | "budget" | "quotas"> & {
  readonly runId?: string | undefined
  readonly budget?: Budget.Budget
  readonly quotas?: ReadonlyArray<Quota.Quota>
}

/** The options with budget and quotas as the runtime's, and the signal separately. */
const plain = <O extends RunOptions>({ budget, quotas, signal, ...rest }: O) => {
  const options: Plain<O> = {
    ...rest,
    ...(budget === undefined ? {} : { budget: Budget.make(budget) }),
    ...(quotas === undefined ? {} : { quotas: quotas.map(Quota.make) })
  }
  return { options, signal }
}

const quotasOf = ({ quotas, ...subject }: QuotaSubject = {}): Shape.QuotaSubject => ({
  ...subject,
  ...(quotas === undefined ? {} : { quotas: quotas.map(Quota.make) })
})

/** Runs the effect; an abort of `signal` runs `onAbort`, or interrupts it. */
const untilAborted = <A, E>(
  effect: Effect.Effect<A, E>,
  signal: AbortSignal,
  onAbort: (stop: () => void) => void
): Effect.Effect<A, E> =>
  Effect.callback((resume) => {
    const fiber = Effect.runFork(effect)
    const aborted = () => onAbort(() => fiber.interruptUnsafe())
    signal.addEventListener("abort", aborted, { once: true })
    fiber.addObserver((exit) => {
      signal.removeEventListener("abort", aborted)
      resume(exit)
    })
    return Fiber.interrupt(fiber)
  })
