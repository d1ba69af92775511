/**
 * The interface of the runtime for programs without Effect: its methods and their options. Each method does what the
 * method of the same name does in `RuntimeShape`.
 */
import type { Budget, Envelope, Event, Json, Message, Quota } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Agent from "../agent/Agent.ts"
import type { Preview } from "../runtime/PreviewShape.ts"
import type { Completion } from "../runtime/Completion.ts"
import type { Runtime } from "../runtime/Runtime.ts"
import type * as Shape from "../runtime/RuntimeShape.ts"
import type * as Verbs from "../runtime/RuntimeVerbs.ts"
import type { AgentValue, AnySpecialists, InputOf, OutputOf, SpecialistValue } from "./AsyncAgent.ts"
import type { Parameters } from "./Parameters.ts"

/**
 * A method of the service, with a promise in place of the effect. It rejects with the error that the effect fails with.
 */
type Promised<Method> = Method extends (...args: infer Args) => Effect.Effect<infer A, infer _E>
  ? (...args: Args) => Promise<A>
  : never

type Threads = Shape.RuntimeShape["threads"]

/**
 * Options of a query.
 *
 * @since 0.1.0
 * @category models
 */
export interface QueryOptions<AgentName extends string = string> extends Omit<
  Verbs.QueryOptions,
  "agent" | "budget" | "quotas"
> {
  /** Which agent. Absent: the first. */
  readonly agent?: AgentName | undefined
  readonly budget?: Budget.Options | undefined
  readonly quotas?: ReadonlyArray<Quota.Options> | undefined
  /**
   * Cancels the run, also one that `start` has begun. A loop over its events continues to the last one: `finish` with
   * reason `cancelled`, and the summaries. If the run has not started by then, it never does, and the loop throws the
   * signal's reason; a promise rejects with it. It is not for the run that a query steers (`onBusy: "steer"`).
   */
  readonly signal?: AbortSignal | undefined
}

/**
 * Options of a query with its agent as the first argument.
 *
 * @since 0.1.0
 * @category models
 */
export type AgentOptions = Omit<QueryOptions, "agent">

/**
 * Options of a specialist's run.
 *
 * @since 0.1.0
 * @category models
 */
export type RunOptions = Omit<
  QueryOptions,
  "agent" | "branch" | "history" | "instructions" | "model" | "onBusy" | "onThread" | "replaces" | "tools"
>

/**
 * The answer that a query asks for, of an agent without an `output` of its own: a schema of some library, or JSON
 * Schema. The model gets it in its request, and the answer is checked by what its JSON Schema says and then decoded by
 * it. An invalid answer is asked for once more. Rules that JSON Schema cannot say are only checked for the caller: give
 * them to an agent.
 *
 * @since 0.2.0
 * @category models
 */
export interface OutputOptions<P extends Parameters = Parameters> {
  readonly output: P
}

/** The events of a query, of an agent and what it is asked, or of a specialist and its typed input. */
export interface Query<AgentName extends string> {
  (
    agent: AgentValue<AgentName>,
    prompt: Message.Prompt,
    options?: AgentOptions & Partial<OutputOptions>
  ): AsyncIterableIterator<Event, undefined>
  <const A extends SpecialistValue<AgentName>>(
    specialist: A,
    input: InputOf<A>,
    options?: RunOptions
  ): AsyncIterableIterator<Event, undefined>
  (
    prompt: Message.Prompt,
    options?: QueryOptions<AgentName> & Partial<OutputOptions>
  ): AsyncIterableIterator<Event, undefined>
}

/** The answer of a query, of an agent, or of a specialist: text, or as typed by its `output` or the query's. */
export interface Complete<AgentName extends string> {
  <const P extends Parameters>(
    agent: AgentValue<AgentName>,
    prompt: Message.Prompt,
    options: AgentOptions & OutputOptions<P>
  ): Promise<Completion<OutputOf<OutputOptions<P>>>>
  <const A extends AgentValue<AgentName>>(
    agent: A,
    prompt: Message.Prompt,
    options?: AgentOptions
  ): Promise<Completion<OutputOf<A>>>
  <const A extends SpecialistValue<AgentName>>(
    specialist: A,
    input: InputOf<A>,
    options?: RunOptions
  ): Promise<Completion<OutputOf<A>>>
  <const P extends Parameters>(
    prompt: Message.Prompt,
    options: QueryOptions<AgentName> & OutputOptions<P>
  ): Promise<Completion<OutputOf<OutputOptions<P>>>>
  (prompt: Message.Prompt, options?: QueryOptions<AgentName>): Promise<Completion<string>>
}

/** Starts a run that continues without readers: of a query, of an agent, or of a specialist, with a typed result. */
export interface Start<AgentName extends string> {
  <const P extends Parameters>(
    agent: AgentValue<AgentName>,
    prompt: Message.Prompt,
    options: AgentOptions & OutputOptions<P>
  ): Promise<RunHandle<OutputOf<OutputOptions<P>>>>
  <const A extends AgentValue<AgentName>>(
    agent: A,
    prompt: Message.Prompt,
    options?: AgentOptions
  ): Promise<RunHandle<OutputOf<A>>>
  <const A extends SpecialistValue<AgentName>>(
    specialist: A,
    input: InputOf<A>,
    options?: RunOptions
  ): Promise<RunHandle<OutputOf<A>>>
  <const P extends Parameters>(
    prompt: Message.Prompt,
    options: QueryOptions<AgentName> & OutputOptions<P>
  ): Promise<RunHandle<OutputOf<OutputOptions<P>>>>
  (prompt: Message.Prompt, options?: QueryOptions<AgentName>): Promise<RunHandle>
}

/**
 * A started run, which does not depend on its readers.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunHandle<out Out = string> {
  readonly runId: string
  readonly threadId: string
  /** The root view from the first event; each call reads independently. */
  readonly events: () => AsyncIterableIterator<Event, undefined>
  /** Every envelope, from the first. */
  readonly envelopes: () => AsyncIterableIterator<Envelope.Envelope, undefined>
  /**
   * A typed answer as it is written, as JSON that is not checked yet, and then the checked one; it starts anew after an
   * answer that was retracted. Each call reads independently.
   */
  readonly partialOutput: () => AsyncIterableIterator<Json, undefined>
  /** Waits for the end; rejects with a `RunError`. */
  readonly result: () => Promise<Completion<Out>>
  readonly cancel: () => Promise<boolean>
  /** Present when the query became a message of an existing run (`onBusy: "steer"`); absent: it started this run. */
  readonly steered?: Verbs.Steered | undefined
}

/** The subject whose quotas are meant; as `QuotaSubject` of the service. */
export interface QuotaSubject extends Omit<Shape.QuotaSubject, "quotas"> {
  readonly quotas?: ReadonlyArray<Quota.Options> | undefined
}

/** Operations on a run by its id. */
export type RunVerbs = Pick<
  PromiseRuntime,
  "status" | "watch" | "steer" | "cancel" | "submitToolResult" | "raiseBudget"
>

/**
 * A runtime. Close it with `await using`, or `await runtime[Symbol.asyncDispose]()`.
 *
 * @since 0.1.0
 * @category models
 */
export interface PromiseRuntime<
  AgentName extends string = string,
  Specialists extends AnySpecialists = AnySpecialists
> {
  /** The events of a query. The first read may throw `QueryRejected`; leaving the loop early cancels the run. */
  readonly query: Query<AgentName>
  /** The answer of a query: text, or what the agent's or the query's `output` decodes. */
  readonly complete: Complete<AgentName>
  /** Starts a run that continues without readers. */
  readonly start: Start<AgentName>
  /**
   * Runs a specialist from code, as a run with its own history; as `query` with its value. Its input is validated
   * before anything runs.
   */
  readonly runSpecialist: <const Name extends keyof Specialists & string>(
    specialist: Name,
    input: Specialists[Name]["input"],
    options?: RunOptions
  ) => AsyncIterableIterator<Event, undefined>
  /**
   * The answer of a specialist: its final text as decoded by `output`, or the text itself; as `complete` with its
   * value.
   */
  readonly completeSpecialist: <const Name extends keyof Specialists & string>(
    specialist: Name,
    input: Specialists[Name]["input"],
    options?: RunOptions
  ) => Promise<Completion<Specialists[Name]["output"]>>
  readonly watch: (
    runId: string,
    options?: { readonly after?: number | undefined; readonly signal?: AbortSignal | undefined }
  ) => AsyncIterableIterator<Envelope.Envelope, undefined>
  readonly preview: (prompt: Message.Prompt, options?: Omit<QueryOptions<AgentName>, "signal">) => Promise<Preview>
  readonly replay: Promised<Shape.RuntimeShape["replay"]>
  readonly status: Promised<Shape.RuntimeShape["status"]>
  readonly respondToApproval: Promised<Shape.RuntimeShape["respondToApproval"]>
  readonly raiseBudget: Promised<Shape.RuntimeShape["raiseBudget"]>
  readonly pendingApprovals: Promised<Shape.RuntimeShape["pendingApprovals"]>
  readonly submitToolResult: Promised<Shape.RuntimeShape["submitToolResult"]>
  readonly steer: Promised<Shape.RuntimeShape["steer"]>
  readonly cancel: Promised<Shape.RuntimeShape["cancel"]>
  readonly approvals: {
    readonly [Name in keyof Shape.RuntimeShape["approvals"]]: Promised<Shape.RuntimeShape["approvals"][Name]>
  }
  readonly results: {
    readonly [Name in keyof Shape.RuntimeShape["results"]]: Promised<Shape.RuntimeShape["results"][Name]>
  }
  /** Operations on a run by its id, as the methods of these names; and lists of runs. */
  readonly runs: RunVerbs & {
    readonly list: Promised<Shape.RuntimeShape["runs"]["list"]>
    readonly waiting: Promised<Shape.RuntimeShape["runs"]["waiting"]>
    readonly get: Promised<Shape.RuntimeShape["runs"]["get"]>
    readonly export: Promised<Shape.RuntimeShape["runs"]["export"]>
  }
  readonly grants: {
    readonly [Name in keyof Shape.RuntimeShape["grants"]]: Promised<Shape.RuntimeShape["grants"][Name]>
  }
  readonly webhooks: {
    readonly [Name in Exclude<keyof Shape.RuntimeShape["webhooks"], "outbox">]: Promised<
      Shape.RuntimeShape["webhooks"][Name]
    >
  }
  readonly costs: {
    readonly by: Promised<Shape.RuntimeShape["costs"]["by"]>
    readonly estimates: Promised<Shape.RuntimeShape["costs"]["estimates"]>
    readonly correct: Promised<Shape.RuntimeShape["costs"]["correct"]>
  }
  readonly quotas: {
    readonly usage: (options?: QuotaSubject) => Promise<ReadonlyArray<Quota.Usage>>
    readonly limit: (name: string, limits: Quota.LimitOptions | undefined, options?: QuotaSubject) => Promise<void>
  }
  readonly memory: {
    readonly [Name in keyof Shape.RuntimeShape["memory"]]: Promised<Shape.RuntimeShape["memory"][Name]>
  }
  /** See `RuntimeShape.erase`. Rejects with `PrincipalBusy` while runs have not ended. */
  readonly erase: Promised<Shape.RuntimeShape["erase"]>
  readonly files: {
    readonly [Name in keyof Shape.RuntimeShape["files"]]: Promised<Shape.RuntimeShape["files"][Name]>
  }
  readonly threads: {
    readonly [Name in Exclude<keyof Threads, "limit" | "notes">]: Promised<Threads[Name]>
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
