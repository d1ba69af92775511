/**
 * An agent: instructions, tools, specialists, a model and a budget under one name. A value, made once and registered
 * with `Runtime.layer`; it runs nothing by itself.
 *
 * The type says what an agent needs, and how building its tools may fail: `Agent<R, E>`. Its name, tools and schemas
 * are erased, so a hover stays one line.
 */
import type { Budget, Json } from "@reins/protocol"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import type * as Hook from "../hook/Hook.ts"
import type * as Erased from "../kernel/Erased.ts"
import type * as Compaction from "../thread/Compaction.ts"
import type { MemoryReach } from "../memory/RunMemory.ts"
import type { Approvers } from "../approval/Approvers.ts"
import type { Policy } from "../approval/Policy.ts"
import type * as ToolSearch from "./ToolSearch.ts"
import { Model, type ModelKey, type ModelPort, type ModelSettings } from "../model/Model.ts"
import type { ToolRun } from "../tool/ToolRun.ts"
import type { Resolution, ResolveContext } from "./Resolution.ts"

export type { Left, Resolution, ResolveContext, Spent } from "./Resolution.ts"

/**
 * Marks agents.
 *
 * @since 0.1.0
 * @category constants
 */
export const TypeId = "~@reins/runtime/Agent" as const

/**
 * An agent that needs the services `R`; building its tools may fail with `E`; its answer is `Out`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Agent<out R = never, out E = never, out Out = unknown> {
  readonly [TypeId]: { readonly _R: () => R; readonly _E: () => E; readonly _Out: () => Out }
  readonly name: string
  readonly definition: Definition
}

/**
 * Any agent.
 *
 * @since 0.1.0
 * @category models
 */
export type Any = Agent<Erased.Any, Erased.Any, unknown>

/**
 * An agent's definition, with its types erased. Read by the runtime, not by users.
 *
 * @since 0.1.0
 * @category models
 */
export interface Definition {
  readonly kind: "agent" | "specialist"
  readonly name: string
  readonly description: string | undefined
  readonly instructions: string | undefined
  readonly toolkits: ReadonlyArray<Effect.Effect<Erased.Kit, unknown, unknown>>
  readonly clientTools: ReadonlyArray<Tool.Any>
  readonly specialists: ReadonlyArray<Any>
  readonly model: ModelKey
  readonly fallbacks: ReadonlyArray<ModelKey>
  /** By name; absent: none. */
  readonly models?: NamedModels | undefined
  /** Absent: every step uses what is defined here. */
  readonly resolve?: ((context: ResolveContext) => Effect.Effect<unknown, unknown, Erased.Any>) | undefined
  readonly budget: Budget.Budget | undefined
  readonly input: Erased.CodecOf<Erased.Any> | undefined
  readonly output: Erased.CodecOf<Erased.Any> | undefined
  readonly approvals: { readonly [tool: string]: Policy }
  readonly approvalFloor: Policy | undefined
  readonly approvers: Approvers | undefined
  readonly unattended: "wait" | "deny" | "approve" | undefined
  readonly maxOutputTokens: number | undefined
  readonly maxParallelCalls: number | undefined
  readonly repeatedCallLimit: CallLimit | undefined
  readonly onOpenResults: "wait" | "end" | undefined
  readonly providerOptions: { readonly [provider: string]: Json } | undefined
  /** What a query asks of the model; absent: nothing. */
  readonly settings?: ModelSettings | undefined
  readonly compaction: Compaction.Strategy | undefined
  readonly hooks: ReadonlyArray<Hook.Any>
  /** Absent: it is reminded of nothing. */
  readonly recall?: Recall | undefined
  /** Absent: as `ToolSearch.Options` says. */
  readonly toolSearch?: ToolSearch.Options | false | undefined
}

/**
 * What an agent is reminded of when it starts: the memories that fit its prompt by their words, and after them the
 * latest.
 *
 * @since 0.1.0
 * @category models
 */
export interface Recall extends MemoryReach {
  /** The most memories, from 1 to 100. Absent: 10. */
  readonly limit?: number | undefined
  /** The most characters of all their texts together. Absent: 4,000. */
  readonly characters?: number | undefined
}

/**
 * How often in a row the same call may be made: a whole number of at least 1; `false` or `Infinity` for no limit.
 *
 * @since 0.1.0
 * @category models
 */
export type CallLimit = number | false

/**
 * The services that an agent needs.
 *
 * @since 0.1.0
 * @category models
 */
export type Services<A> = A extends Agent<infer R, infer _E, infer _Out> ? R : never
/**
 * How building an agent's tools may fail.
 *
 * @since 0.1.0
 * @category models
 */
export type Errors<A> = A extends Agent<infer _R, infer E, infer _Out> ? E : never

/**
 * The services that model keys stand for.
 *
 * @since 0.1.0
 * @category models
 */
export type Models<K> = K extends Context.Key<infer I, ModelPort> ? I : never

/**
 * Models by the names that `resolve` and queries choose them by.
 *
 * @since 0.1.0
 * @category models
 */
export interface NamedModels {
  readonly [name: string]: ModelKey
}

/**
 * What a `resolve` returns: what the step uses, or an effect of it.
 *
 * @since 0.1.0
 * @category models
 */
export type Resolved<Name extends string, R> = Resolution<Name> | Effect.Effect<Resolution<Name>, unknown, R>

/**
 * Unions through a record, so that a hover shows the services' names and not the tools' definitions.
 *
 * @since 0.1.0
 * @category models
 */
export type Needs<R> = (R extends unknown ? { readonly one: R } : never)["one"]

/**
 * What the tools' handlers need besides the per-call `ToolRun`.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolServices<Tools extends Record<string, Tool.Any>> = Exclude<
  Tool.HandlerServices<Tools[keyof Tools]>,
  ToolRun
>

/**
 * A toolkit, whatever its tools: its handlers come as layers, or it is bound to them (`bind`, `McpTools.toolkit`).
 *
 * @since 0.1.0
 * @category models
 */
export type AnyToolkit = Effect.Effect<Erased.Kit, unknown, unknown>

/**
 * One toolkit or several. One is known by what marks effects alone: an effect can be iterated, and the compiler would
 * read the elements of an array of toolkits by that.
 *
 * @since 0.1.0
 * @category models
 */
export type Toolkits = { readonly [Effect.TypeId]: unknown } | ReadonlyArray<AnyToolkit>

/** `ReadonlyArray<AnyToolkit>`, of which nothing is known, stands for no toolkit at all. */
type Each<K> = K extends ReadonlyArray<infer One> ? One : K

/**
 * What the toolkits and their tools' handlers need.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolkitServices<K> =
  Each<K> extends infer One
    ? One extends Effect.Effect<Toolkit.WithHandler<infer Tools>, infer _E, infer R>
      ? unknown extends R
        ? never
        : Exclude<R, Scope.Scope> | ToolServices<Tools>
      : never
    : never

/**
 * How building the toolkits may fail.
 *
 * @since 0.1.0
 * @category models
 */
export type ToolkitErrors<K> =
  Each<K> extends infer One
    ? One extends Effect.Effect<infer _A, infer E, infer _R>
      ? unknown extends E
        ? never
        : E
      : never
    : never

/**
 * Options that agents and specialists share.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<
  K extends Toolkits,
  S extends ReadonlyArray<Any>,
  M,
  F extends ReadonlyArray<ModelKey> = [],
  N extends NamedModels = {},
  C = never,
  H extends ReadonlyArray<Hook.Any> = ReadonlyArray<Hook.Hook>
> {
  /** The system instructions. Absent: none. */
  readonly instructions?: string | undefined
  /**
   * Tools that the runtime runs: a toolkit (its handlers come as layers), one bound to its handlers (`bind`), the tools
   * of an MCP server (`McpTools.server`), or an array of such. Two tools of one name are refused when the runtime's
   * layer is built.
   */
  readonly toolkit?: K | undefined
  /** Tools that the caller runs: the run waits for `Runtime.submitToolResult`. */
  readonly clientTools?: Toolkit.Any | undefined
  /** Specialists that the model may call as tools, by their names. */
  readonly specialists?: S | undefined
  /** The service key of this agent's own model. Absent: `Model`. */
  readonly model?: Context.Key<M, ModelPort> | undefined
  /**
   * Fallback models, in order, for when the one before cannot answer: its retries are used up, or its credentials or
   * quota are invalid; not when the request or the content was rejected. Each attempt is charged to its own model.
   */
  readonly fallbacks?: F | undefined
  /**
   * Further models, by name: those that `resolve` may choose for a step, and a query for its run
   * (`QueryOptions.model`). Absent: none.
   */
  readonly models?: N | undefined
  /**
   * Chooses what a step uses, before each step: one of `models`, instructions, tools, provider options and settings, by
   * the run, the step and the conversation so far. Its choice is stored with the run: after a crash it is not called
   * again for a step whose choice is stored. It narrows: tools that it leaves out cannot be called in that step, and
   * none are added. Absent: every step uses the same.
   *
   * **Details**: a message that a model paused within (`pause_turn`) is continued as it began. The model of a step is
   * also that of the compaction before it; `fallbacks` follow on a chosen model, too. Called again in a replay, to
   * compare. **Errors**: a failure, a defect or an invalid choice ends the agent with `ResolveFailed`. **Gotchas**: a
   * cross-cutting rule for many agents (redaction, guardrails) belongs around the step, not into what it is.
   */
  readonly resolve?: ((context: ResolveContext) => Resolved<Extract<keyof NoInfer<N>, string>, C>) | undefined
  /**
   * Limits for a run of this agent and everything below it; under a coordinator, within what the coordinator has left.
   */
  readonly budget?: Budget.Budget | undefined
  /** The policy by tool name; overrides the tool's own `needsApproval` and the runtime's default policy. */
  readonly approvals?: { readonly [tool: string]: Policy } | undefined
  /** The policy for tools that declare nothing and are not in `approvals`. Absent: the runtime's default policy. */
  readonly approvalFloor?: Policy | undefined
  /**
   * Who may answer this agent's questions, including those about plans and budgets, unless `approvals` or the tool
   * itself (`ToolSettings.Approvers`) names others. Absent: anybody of the tenant.
   */
  readonly approvers?: Approvers | undefined
  /** What happens to this agent's questions when nobody can answer. Absent: the runtime's setting. */
  readonly unattended?: "wait" | "deny" | "approve" | undefined
  /**
   * The maximum of output tokens per step; clamped further by the budget. Absent: the provider's own limit, or 8,192 if
   * a budget limits output tokens or money, since that amount is reserved.
   */
  readonly maxOutputTokens?: number | undefined
  /**
   * How many calls of one step run at the same time; those that wait for a person or a client do not count. Absent: 16.
   */
  readonly maxParallelCalls?: number | undefined
  /**
   * How often in a row its model may make the same call. Absent: its coordinator's limit; for the root agent, the
   * runtime's (`RuntimeOptions.repeatedCallLimit`, which defines what counts).
   */
  readonly repeatedCallLimit?: CallLimit | undefined
  /**
   * What the agent does when it has answered while calls of its have only given a receipt (`ToolRun.later`): `wait` for
   * their results and go on with them, without a fiber and machine time, or `end`, which closes them. A query can say it
   * for its run. Absent: `wait`.
   */
  readonly onOpenResults?: "wait" | "end" | undefined
  /**
   * How a conversation that grows too long is shortened before a step. The thread keeps all of it. Absent: it is sent
   * completely, and the provider may reject it.
   */
  readonly compaction?: Compaction.Strategy | undefined
  /**
   * What the agent is reminded of when a run of it starts: memories of the run's principal and tenant, added to its
   * instructions, with a `custom` event of type `memory_recalled` that has their ids. The run keeps them: a replay has
   * the same. A run that names no principal is reminded of what its tenant shares. Absent: nothing.
   */
  readonly recall?: Recall | undefined
  /**
   * Up to how many tools and specialists their definitions are all sent to the model. Above it, the model gets a tool
   * that finds the others by words, `search_tools`; what it finds or calls is sent from the next step of the run on.
   * What a query brings is always sent. `false`: everything is always sent. Absent: above 40.
   *
   * **Errors**: an invalid number, and a name in `alwaysLoaded` that the agent does not have, are `InvalidAgents` when
   * the layer is built.
   */
  readonly toolSearch?: ToolSearch.Options | false | undefined
  /** Options passed to the provider unchanged, by provider name. */
  readonly providerOptions?: { readonly [provider: string]: Json } | undefined
  /**
   * Code around its model steps and its calls, the outermost first; inside of the runtime's hooks, outside of its tools'
   * (`ToolSettings.Hooks`). Its specialists have their own. Absent: none.
   */
  readonly hooks?: H | undefined
}

/**
 * Makes an agent.
 *
 * **Gotchas**: tool handlers are looked up by tool name. Two toolkits with a tool of one name and different definitions
 * are refused when the runtime's layer is built; bind one of them: `toolkit: Agent.bind(Search, Search.layer)`.
 *
 * **Details**
 * - `output`: the schema of its answer, which must be JSON then. An answer that is invalid is retracted and asked for
 *   once more, as one more step; a second one ends the run with `OutputInvalid`. Absent: the answer is text.
 *
 * **Example** (An agent with a limit)
 *
 * ```ts
 * import { Agent, Budget } from "@reins/runtime"
 *
 * export const Desk = Agent.make("desk", {
 *   instructions: "You answer for a shop.",
 *   budget: Budget.make({ maxSteps: 20 })
 * })
 * ```
 *
 * **Example** (A typed answer)
 *
 * ```ts
 * import { Agent, Runtime } from "@reins/runtime"
 * import { Effect, Schema } from "effect"
 *
 * const Clerk = Agent.make("clerk", {
 *   instructions: "You read invoices.",
 *   output: Schema.Struct({ total: Schema.Number, currency: Schema.String })
 * })
 *
 * export const total = Effect.gen(function* () {
 *   const runtime = yield* Runtime
 *   const { output } = yield* runtime.complete(Clerk, "Invoice 17: 12.50 EUR")
 *   return output.total
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <
  const K extends Toolkits = ReadonlyArray<AnyToolkit>,
  const S extends ReadonlyArray<Any> = [],
  M = Model,
  const F extends ReadonlyArray<ModelKey> = [],
  const N extends NamedModels = {},
  C = never,
  const H extends ReadonlyArray<Hook.Any> = [],
  Out = string
>(
  name: string,
  options: Options<K, S, M, F, N, C, H> & { readonly output?: Erased.CodecOf<Out> | undefined }
): Agent<
  Needs<ToolkitServices<K> | M | Models<F[number] | N[keyof N]> | Services<S[number]> | C | Hook.Services<H[number]>>,
  ToolkitErrors<K> | Errors<S[number]>,
  Out
> => fromDefinition(define("agent", name, options, { output: options.output }))

/**
 * A toolkit bound to its own handlers, for an agent with tools that must not be looked up by name. The resources of the
 * handlers' layer live as long as the runtime. **Gotchas**: `Effect.provide(Search, Search.layer)` also binds, but
 * releases the layer's resources as soon as it is bound.
 *
 * @since 0.1.0
 * @category constructors
 */
export const bind = <Tools extends Record<string, Tool.Any>, Handlers, E, R>(
  toolkit: Effect.Effect<Toolkit.WithHandler<Tools>, never, Handlers>,
  layer: Layer.Layer<Handlers, E, R>
): Effect.Effect<Toolkit.WithHandler<Tools>, E, R | Scope.Scope> =>
  Effect.flatMap(Layer.build(layer), (handlers) => Effect.provide(toolkit, handlers))

type AnyOptions = Options<Erased.Any, Erased.Any, Erased.Any, Erased.Any, Erased.Any, Erased.Any, Erased.Any>

/** A `resolve` whose choice is always an effect. */
const effectful = (resolve: AnyOptions["resolve"]): Definition["resolve"] =>
  resolve === undefined
    ? undefined
    : (context) => {
        const chosen = resolve(context)
        return Effect.isEffect(chosen) ? chosen : Effect.succeed(chosen)
      }

const listed = (toolkit: Erased.Any): ReadonlyArray<AnyToolkit> => {
  if (toolkit === undefined) return []
  return Array.isArray(toolkit) ? toolkit : [toolkit]
}

/**
 * Erases the options' types. Shared with `Specialist.make`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const define = (
  kind: Definition["kind"],
  name: string,
  options: AnyOptions,
  own: Partial<Pick<Definition, "description" | "input">> & Pick<Definition, "output">
): Definition => ({
  kind,
  name,
  description: own.description,
  instructions: options.instructions,
  toolkits: listed(options.toolkit),
  clientTools: options.clientTools === undefined ? [] : Object.values(options.clientTools.tools),
  specialists: options.specialists ?? [],
  model: options.model ?? Model,
  fallbacks: options.fallbacks ?? [],
  models: options.models,
  resolve: effectful(options.resolve),
  budget: options.budget,
  input: own.input,
  output: own.output,
  approvals: options.approvals ?? {},
  approvalFloor: options.approvalFloor,
  approvers: options.approvers,
  unattended: options.unattended,
  maxOutputTokens: options.maxOutputTokens,
  maxParallelCalls: options.maxParallelCalls,
  repeatedCallLimit: options.repeatedCallLimit,
  onOpenResults: options.onOpenResults,
  providerOptions: options.providerOptions,
  compaction: options.compaction,
  hooks: options.hooks ?? [],
  ...(options.recall === undefined ? {} : { recall: options.recall }),
  ...(options.toolSearch === undefined ? {} : { toolSearch: options.toolSearch })
})

const phantom = (): never => {
  throw new Error("Agent variance members exist only for types and cannot be called")
}

const variance = { _R: phantom, _E: phantom, _In: phantom, _Out: phantom }

/**
 * An agent over its definition. Shared with `Specialist.make`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromDefinition = (definition: Definition): Agent<never, never, never> => ({
  [TypeId]: variance,
  name: definition.name,
  definition
})
