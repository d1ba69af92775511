/**
 * The runtime for programs without Effect: promises, async iterators and abort signals instead of effects and streams.
 * Each method does what the method of the same name does in the service (`RuntimeShape`). `expectReplay` is for regression
 * tests of it.
 */
import { Budget, type Event, type Message, QueryRejected, QueryRejections, Quota, type RunError } from "@reins/protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as Types from "../kernel/Erased.ts"
import * as Rule from "../kernel/OptionRule.ts"
import { Model } from "../model/Model.ts"
import { expectSame } from "../replay/Replay.ts"
import type { Completion } from "../runtime/Completion.ts"
import { Runtime } from "../runtime/Runtime.ts"
import type * as Shape from "../runtime/RuntimeShape.ts"
import { type Entered, Entering } from "../runtime/Steering.ts"
import type * as Verbs from "../runtime/RuntimeVerbs.ts"
import { methodOf } from "./MethodRules.ts"
import * as Methods from "./Methods.ts"
import { type AsyncAgent, build, modelLayer, type SpecialistsOf, unnamed } from "./AsyncAgent.ts"
import * as Iteration from "./Iteration.ts"
import { type Parameters, toOutput } from "./Parameters.ts"
import { credentialsOf, keysOf, lookupsOf, type Options, type Servers } from "./PromiseOptions.ts"
import { threads } from "./ThreadMethods.ts"
import { requireOptions } from "./PromiseRules.ts"
import { agentIssue, queryIssue, runIssue } from "./QueryRules.ts"
import type { OutputOptions, PromiseRuntime, QueryOptions, RunHandle, RunOptions, RunVerbs } from "./PromiseShape.ts"

/** An agent that may name these tools and servers. The names of the servers' tools are only known when they run. */
type AgentOf<Tools, Mcp> = AsyncAgent<
  keyof Tools & string,
  keyof Mcp & string,
  keyof Mcp extends never ? never : string
>

/**
 * Makes a runtime. Throws when an option or an agent is invalid; the message names the option, its value and the cure.
 *
 * @since 0.1.0
 * @category constructors
 */
export const createRuntime = <
  const Tools extends Record<string, Parameters> = {},
  const Mcp extends Servers = {},
  const Agents extends ReadonlyArray<AgentOf<Tools, Mcp>> = ReadonlyArray<AgentOf<Tools, Mcp>>
>(
  options: Options<Tools, Agents, Mcp>
): PromiseRuntime<Agents[number]["name"], SpecialistsOf<Agents>> => {
  requireOptions(options)
  const {
    agents,
    budget,
    credentials,
    mcp = {},
    model,
    models = unnamed,
    providerKeys,
    quotas,
    services,
    tools = {},
    usageLookups,
    ...rest
  } = options
  const built = build({ agents, budget, mcp, models, tools })
  const invalid = built.invalid(rest.approvals ?? "never", rest.hooks ?? [])
  if (invalid !== undefined) throw invalid
  // The services that the agents need were just built.
  const managed = ManagedRuntime.make(
    Types.as<Layer.Layer<Runtime, unknown>>(
      Runtime.layer({
        ...rest,
        providerKeys: keysOf(providerKeys),
        agents: built.agents,
        quotas: quotas?.map(Quota.make)
      })
    ).pipe(
      Layer.provide([built.layer, modelLayer(Model, typeof model === "string" ? models(model) : model)]),
      Layer.provide([credentialsOf(credentials), lookupsOf(usageLookups)]),
      Layer.provideMerge(services ?? Layer.empty)
    )
  )
  const failed = managed.runFork(Effect.void).pollUnsafe()
  if (failed !== undefined && Exit.isFailure(failed)) throw Cause.squash(failed.cause)

  let isClosed = false
  const fork = <A, E>(effect: Effect.Effect<A, E, Runtime>) =>
    isClosed ? Effect.runFork(closed) : managed.runFork(effect)
  const promise = <A, E>(effect: (runtime: Shape.RuntimeShape) => Effect.Effect<A, E>): Promise<A> =>
    isClosed ? Effect.runPromise(closed) : managed.runPromise(Effect.flatMap(Runtime, effect))
  const method = methodOf(promise)
  const iterate = <A, E, E2 = never>(
    stream: (runtime: Shape.RuntimeShape) => Stream.Stream<A, E> | Effect.Effect<Stream.Stream<A, E>, E2>,
    on: Partial<Iteration.Options<Runtime>> = {}
  ) => {
    const opened = Effect.flatMap(Runtime, (runtime) => {
      const made = stream(runtime)
      return Effect.isEffect(made) ? made : Effect.succeed(made)
    })
    return new Iteration.Iteration<A, Runtime>(opened, { fork, ...on })
  }
  /**
   * What an abort does: it cancels the run once that is stored, and before ends the wait for it, which cancels what was
   * being stored. Not by the id of the caller, which may be another run's; and not a run that got the query as a message.
   */
  const aborting = () => {
    let begun: Entered | undefined
    const tell = (run: Entered) => void (begun ??= run)
    return {
      entering: Effect.provideService(Entering, tell),
      onAbort: (stop: () => void) => {
        if (begun === undefined || begun.steered !== undefined) return stop()
        const { runId } = begun
        void promise((runtime) => runtime.cancel(runId)).then((cancelled) => (cancelled ? undefined : stop()), stop)
      }
    }
  }

  /** The events of a run that is cancelled when its reader leaves or the signal aborts. */
  const read = <O extends RunOptions>(
    asked: O,
    begin: (runtime: Shape.RuntimeShape, options: Plain<O>) => Stream.Stream<Event, QueryRejected>
  ) => {
    const { options, signal } = plain(asked)
    if (signal === undefined) return iterate((runtime) => begin(runtime, options))
    const { entering, onAbort } = aborting()
    return iterate((runtime) => begin(runtime, options), { fork: (effect) => fork(entering(effect)), signal, onAbort })
  }
  /** The same for the answer alone. */
  const answer = <O extends RunOptions, A, E>(
    asked: O,
    begin: (runtime: Shape.RuntimeShape, options: Plain<O>) => Effect.Effect<A, E>
  ) => {
    const { options, signal } = plain(asked)
    if (signal === undefined) return promise((runtime) => begin(runtime, options))
    if (signal.aborted) return Promise.reject(signal.reason)
    const { entering, onAbort } = aborting()
    return promise((runtime) => Iteration.untilAborted(entering(begin(runtime, options)), signal, onAbort))
  }
  const unknown = (name: string) =>
    new QueryRejected({ reason: new QueryRejections.UnknownAgent({ name, known: [...built.specialists.keys()] }) })
  const refused = (agent: unknown, issue: string) => {
    const name = typeof agent === "string" ? agent : (built.agents[0]?.name ?? "")
    return new QueryRejected({ reason: new QueryRejections.InvalidInput({ agent: name, issue }) })
  }
  /** The arguments of a verb as those of the runtime's verb. A specialist's own schema validates its input. */
  const told = (first: First, second: unknown, third: AnyOptions | undefined): Told => {
    const named = Predicate.isObject(first) && "name" in first ? first : undefined
    const [prompt, options] = named === undefined ? [first, second] : [second, third]
    const isRun = named?.description !== undefined
    const issue =
      (named === undefined ? undefined : agentIssue(named)) ?? (isRun ? runIssue(options) : queryIssue(prompt, options))
    if (issue !== undefined) return { asked: {}, given: () => refused(named?.name, issue) }
    const asked = Types.as<AnyOptions | undefined>(options) ?? {}
    if (named === undefined) return { asked, given: (options) => [Types.as<Message.Prompt>(prompt), options] }
    const { name } = named
    const found = built.specialists.get(name)
    const given = (options: Verbs.Asks): Verbs.Given | QueryRejected => {
      const agent = built.agents.find((one) => one.name === name)
      if (isRun) return found === undefined ? unknown(name) : [found, prompt, options]
      const said = Types.as<Message.Prompt>(prompt)
      return agent === undefined ? [said, { ...options, agent: name }] : [agent, said, options]
    }
    return { asked, given }
  }
  /** The arguments of a verb, with the schema of its answer converted for the runtime. */
  const typed = ({ given }: Told, { output, ...options }: Plain<AnyOptions>): Verbs.Given | QueryRejected => {
    const made = toOutput(options.agent ?? built.agents[0]?.name ?? "", output)
    return made instanceof QueryRejected ? made : given({ ...options, ...made })
  }
  const query = (told: Told) =>
    read(told.asked, (runtime, options) => {
      const all = typed(told, options)
      return all instanceof QueryRejected ? Stream.fail(all) : Types.as<ErasedVerbs>(runtime).query(...all)
    })
  const complete = (told: Told) =>
    answer(told.asked, (runtime, options) => {
      const all = typed(told, options)
      return all instanceof QueryRejected ? Effect.fail(all) : Types.as<ErasedVerbs>(runtime).complete(...all)
    })
  const start = (told: Told) => {
    const { options, signal } = plain(told.asked)
    const begin = (runtime: Shape.RuntimeShape) => {
      const all = typed(told, options)
      return all instanceof QueryRejected ? Effect.fail(all) : Types.as<ErasedVerbs>(runtime).start(...all)
    }
    if (signal === undefined) return promise(begin).then(handleOf)
    if (signal.aborted) return Promise.reject(signal.reason)
    return promise((runtime) => startBy(signal, begin(runtime))).then((run) => {
      // A message of another's run does not cancel it.
      if (run.steered === undefined) cancelBy(signal, run)
      return handleOf(run)
    })
  }
  /**
   * An abort ends a wait for the thread. While the run is being stored it stops nothing, and the run is cancelled then: not by
   * its id before that, which may be another run's.
   */
  const startBy = <E>(signal: AbortSignal, started: Effect.Effect<Verbs.RunHandle<Types.Any>, E>) =>
    Effect.suspend(() => {
      let begun: Verbs.RunHandle<Types.Any> | undefined
      const kept = Effect.uninterruptible(Effect.tap(started, (run) => Effect.sync(() => void (begun = run))))
      return Effect.onError(
        Iteration.untilAborted(kept, signal, (stop) => stop()),
        () => (begun === undefined || begun.steered !== undefined ? Effect.void : begun.cancel)
      )
    })
  /** Cancels a started run when `signal` is aborted. */
  const cancelBy = (signal: AbortSignal, { cancel, result }: Verbs.RunHandle<Types.Any>) => {
    const aborted = () => void managed.runFork(cancel)
    if (signal.aborted) return aborted()
    signal.addEventListener("abort", aborted, { once: true })
    managed.runFork(result).addObserver(() => signal.removeEventListener("abort", aborted))
  }
  const handleOf = (run: Verbs.RunHandle<Types.Any>): RunHandle<Types.Any> => ({
    runId: run.runId,
    threadId: run.threadId,
    events: () => iterate(() => run.events),
    envelopes: () => iterate(() => run.envelopes),
    partialOutput: () => iterate(() => run.partialOutput),
    result: () => promise(() => run.result),
    cancel: () => promise(() => run.cancel),
    ...(run.steered === undefined ? {} : { steered: run.steered })
  })
  const verbs: RunVerbs = {
    ...Methods.verbs(method),
    watch: (...args) => {
      const issue = Methods.watchIssue(args)
      if (issue !== undefined) return iterate(() => Stream.die(new Error(issue)))
      const [runId, { after, signal } = {}] = args
      return iterate((runtime) => runtime.watch(runId, { after }), { signal })
    }
  }
  const approvals = Methods.approvals(method)

  return {
    query: (first: First, second?: unknown, third?: AnyOptions) => query(told(first, second, third)),
    complete: (first: First, second?: unknown, third?: AnyOptions) => complete(told(first, second, third)),
    start: (first: First, second?: unknown, third?: AnyOptions) => start(told(first, second, third)),
    runSpecialist: (name, input, asked) => query(told({ name, description: name }, input, asked)),
    completeSpecialist: (name, input, asked) => complete(told({ name, description: name }, input, asked)),
    ...verbs,
    runs: { ...verbs, ...Methods.runs(method) },
    approvals,
    results: Methods.results(method),
    respondToApproval: approvals.respond,
    pendingApprovals: approvals.pending,
    grants: Methods.grants(method),
    webhooks: Methods.webhooks(method),
    costs: Methods.costs(method),
    quotas: Methods.quotas(method),
    memory: Methods.memory(method),
    erase: Methods.erase(method),
    files: Methods.files(method),
    threads: threads(method),
    preview: (prompt, asked = {}) => {
      const issue = queryIssue(prompt, asked)
      if (issue !== undefined)
        return Promise.reject(refused(Predicate.isObject(asked) ? asked.agent : undefined, issue))
      return promise((runtime) => runtime.preview(prompt, plain(asked).options))
    },
    replay: Methods.replay(method),
    ready: () => promise(() => Effect.void),
    layer: Layer.effectContext(managed.contextEffect),
    agents: built.agents,
    [Symbol.asyncDispose]: () => {
      isClosed = true
      return managed.dispose()
    }
  }
}

const closed = Effect.die(new Error("The runtime is closed. Make a new one with createRuntime"))

type AnyOptions = QueryOptions & Partial<OutputOptions>

/** The first argument of a verb: a prompt, or an agent's value. */
type First = Message.Prompt | { readonly name: string; readonly description?: string | undefined }

/** A verb's options, converted for the runtime's verb. */
interface Told {
  readonly asked: AnyOptions
  readonly given: (options: Verbs.Asks) => Verbs.Given | QueryRejected
}

/** The runtime's verbs, with their argument types erased. */
interface ErasedVerbs {
  readonly query: (...given: Verbs.Given) => Stream.Stream<Event, QueryRejected>
  readonly complete: (...given: Verbs.Given) => Effect.Effect<Completion<Types.Any>, QueryRejected | RunError>
  readonly start: (...given: Verbs.Given) => Effect.Effect<Verbs.RunHandle<Types.Any>, QueryRejected>
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

/**
 * Replays an exported run, its text or its lines, on `runtime`, and rejects with both sides of the first difference
 * (`ReplayDiffers`), or if it cannot be replayed (`NotReplayed`).
 *
 * **Example** (A regression test from production)
 *
 * ```ts
 * import { createRuntime, expectReplay } from "@reins/runtime/promise"
 * import { readFileSync } from "node:fs"
 *
 * export const test = async (runtime: ReturnType<typeof createRuntime>) => {
 *   await expectReplay(readFileSync("test/runs/refund.jsonl", "utf8"), runtime)
 * }
 * ```
 *
 * @since 0.1.0
 * @category operations
 */
export const expectReplay = (
  exported: string | ReadonlyArray<string>,
  runtime: Pick<PromiseRuntime, "replay">
): Promise<void> => {
  const issue = Rule.argumentIssue("expectReplay", "runtime", runtime, runtimeRule)
  if (issue !== undefined) return Promise.reject(new Error(issue))
  return runtime.replay(exported).then((replayed) => Effect.runPromise(expectSame(replayed)))
}

const runtimeRule = Rule.must("Give the runtime that createRuntime has made", (value) =>
  Predicate.hasProperty(value, "replay")
)
