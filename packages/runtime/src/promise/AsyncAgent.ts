/**
 * Agents as plain records that name their tools and specialists, what their types say of input and output, and their
 * conversion to the runtime's agents. For agents with erased types, every name may be a specialist's, with unknown input and
 * output.
 */
import { Budget, type Json } from "@reins/protocol"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Predicate from "effect/Predicate"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import * as Toolkit from "effect/ai/Toolkit"
import * as Agent from "../agent/Agent.ts"
import * as AgentRegistry from "../agent/AgentRegistry.ts"
import { InvalidAgents } from "../agent/AgentParts.ts"
import type { Hook } from "../hook/Hook.ts"
import type * as Compaction from "../thread/Compaction.ts"
import * as Types from "../kernel/Erased.ts"
import { Model, type ModelKey, type ModelPort } from "../model/Model.ts"
import * as ModelStream from "../model/ModelStream.ts"
import type { Resolution, ResolveContext } from "../agent/Resolution.ts"
import type * as ToolSearch from "../agent/ToolSearch.ts"
import * as Specialist from "../agent/Specialist.ts"
import type { Approvers } from "../approval/Approvers.ts"
import type { Denial, Policy, PolicyContext, Ruled, Ruling } from "../approval/Policy.ts"
import * as MemoryTools from "../tool/MemoryTools.ts"
import { type JsonObjectSchema, type Parameters, toInput, toSchema } from "./Parameters.ts"
import * as AsyncTool from "./AsyncTool.ts"

/**
 * A model: a port, such as those of `@reins/models`; an effect that makes one when the runtime is built; or a function
 * that streams the parts of an answer.
 *
 * @since 0.1.0
 * @category models
 */
export type AnyModel = ModelPort | Effect.Effect<ModelPort, unknown> | ModelStream.Options

/**
 * Whether a person is asked before a tool runs: never, always, or as a function of its arguments returns; `{ deny:
 * reason }` denies the call. A function that throws or takes too long means ask.
 *
 * @since 0.1.0
 * @category models
 */
export type Asks = "never" | "always" | Denial | ((args: Types.Any, context: PolicyContext) => Ruling | Promise<Ruling>)

/**
 * Whether to ask (`ask`; absent: always), and who may answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reviewed {
  readonly ask?: Asks | undefined
  readonly approvers: Approvers
}

/**
 * An agent. With a `description` it is a specialist: other agents' models call it like a tool, and code by
 * `runSpecialist`.
 *
 * @since 0.1.0
 * @category models
 */
export interface AsyncAgent<
  ToolName extends string,
  ServerName extends string = string,
  ServerTool extends string = never
> {
  readonly name: string
  readonly description?: string | undefined
  /** The schema of a specialist's input. The caller gets an error for invalid input. Absent: one string, `prompt`. */
  readonly input?: Parameters | undefined
  /**
   * The schema of its answer, which must be JSON then. An answer that is invalid is retracted and asked for once more,
   * as one more step; a second one ends the run with `OutputInvalid`. Absent: the answer is text.
   */
  readonly output?: Parameters | undefined
  /** The system prompt. */
  readonly instructions?: string | undefined
  /** Its tools, by name. Absent: none. */
  readonly tools?: ReadonlyArray<ToolName> | undefined
  /** MCP servers of the runtime whose tools it has, by name. Absent: none. */
  readonly mcp?: ReadonlyArray<ServerName> | undefined
  /**
   * Whether it has the tools `remember`, `recall` and `forget`, over the memories of the run's principal, or over those
   * that its options name (`{ scope: "tenant" }`). Absent: it has none of them.
   */
  readonly memory?: boolean | MemoryTools.Options | undefined
  /** Other agents of the runtime that its model may call, by name. */
  readonly specialists?: ReadonlyArray<string> | undefined
  /** Its own model. Absent: the runtime's. */
  readonly model?: AnyModel | string | undefined
  /** Fallback models, in order, for when the one before cannot answer; each attempt is charged to its own model. */
  readonly fallbacks?: ReadonlyArray<AnyModel | string> | undefined
  /** Further models, by name: those that `resolve` may choose, and a query for its run. Absent: none. */
  readonly models?: { readonly [name: string]: AnyModel | string } | undefined
  /**
   * Chooses what a step uses, before each step: one of `models`, instructions, tools, provider options and settings.
   * Its choice is stored with the run. It narrows: it adds no tools. A rejection, a throw or an invalid choice ends the
   * agent with `ResolveFailed`. Absent: every step uses the same.
   */
  readonly resolve?: ((context: ResolveContext) => Resolution | undefined | Promise<Resolution | undefined>) | undefined
  /**
   * By tool name: whether to ask before it runs, and who may answer. Overrides the tool's own setting. Absent: the
   * tools' settings.
   */
  readonly approvals?: { readonly [Name in ToolName | ServerTool | MemoryTool]?: Asks | Reviewed } | undefined
  /** Who may answer its questions, unless `approvals` or the tool names others. Absent: anybody of the tenant. */
  readonly approvers?: Approvers | undefined
  /** Limits for it and everything below it. Absent: the runtime's. */
  readonly budget?: Budget.Options | undefined
  /** The maximum of output tokens per step. */
  readonly maxOutputTokens?: number | undefined
  /** How many calls of one step run at the same time. Absent: 16. */
  readonly maxParallelCalls?: number | undefined
  /**
   * How often in a row its model may make the same call. Absent: its coordinator's limit; for the root agent, the
   * runtime's.
   */
  readonly repeatedCallLimit?: Agent.CallLimit | undefined
  /**
   * Whether it waits for the results of calls that answered with a receipt, when it has answered itself. Absent:
   * `wait`.
   */
  readonly onOpenResults?: "wait" | "end" | undefined
  /** How a thread that grows too long is shortened: `Compaction.slidingWindow(…)`, `Compaction.summarise(…)`. */
  readonly compaction?: Compaction.Strategy | undefined
  /**
   * Code around its model steps and its calls, the outermost first, inside of the runtime's; see `hook`. Absent: none.
   */
  readonly hooks?: ReadonlyArray<Hook> | undefined
  /**
   * The most tools whose definitions are all sent to the model; an agent with more lets the model search them. `false`:
   * all are always sent. Absent: 40.
   */
  readonly toolSearch?: ToolSearch.Options | false | undefined
  /** The memories that are added to its instructions when a run of it starts. Absent: none. */
  readonly recall?: Agent.Recall | undefined
  /** Options passed to the provider unchanged, by provider name. */
  readonly providerOptions?: { readonly [provider: string]: Json } | undefined
}

/** The tools of `memory`. */
type MemoryTool = "remember" | "recall" | "forget"

/**
 * An agent as a value, for `createRuntime` and for the verbs of its runtime, which are typed by it.
 *
 * @since 0.1.0
 * @category operations
 */
export const agent = <const A extends AsyncAgent<string, string, string>>(definition: A): A => definition

/** The parts that agents are built from. */
export interface Parts {
  readonly agents: ReadonlyArray<AsyncAgent<string>>
  readonly tools: { readonly [name: string]: AsyncTool.Erased }
  readonly mcp: { readonly [name: string]: Agent.AnyToolkit }
  readonly models: (name: string) => AnyModel
  readonly budget: Budget.Options | undefined
}

/** Agents, built. */
export interface Built {
  readonly agents: ReadonlyArray<Agent.Any>
  /** Those among them that have a description, by name. */
  readonly specialists: ReadonlyMap<string, Specialist.Any>
  /** Their tools' handlers and their own models. */
  readonly layer: Layer.Layer<never, unknown>
  /**
   * Why the runtime cannot be built with them, before anything is opened for it; `undefined` if it can. Not known, and
   * `undefined`, where a tool is one of an MCP server's: only the server knows them.
   */
  readonly invalid: (floor: Policy, hooks: ReadonlyArray<Hook>) => InvalidAgents | undefined
}

/** Builds the agents. Throws when one names an unknown tool or agent. */
export const build = (parts: Parts): Built => {
  const tools = new Map(Object.entries(parts.tools).map(([name, one]) => [name, AsyncTool.define(name, one)]))
  const handlers = Object.entries(parts.tools).flatMap(([name, one]) => {
    const run = AsyncTool.handler(one)
    return run === undefined ? [] : [[name, run] as const]
  })
  const made = new Map<string, Agent.Any>()
  const described = new Map<string, Specialist.Any>()
  const models: Array<Layer.Layer<never, unknown>> = []
  const standIns = [Layer.succeed(Model, standIn)]

  const toolsOf = (agent: AsyncAgent<string>, runs: boolean) =>
    (agent.tools ?? []).flatMap((name) => {
      const tool = tools.get(name)
      if (tool === undefined)
        throw new Error(`Agent ${quoted(agent.name)} uses tool ${quoted(name)}, which is not among \`tools\``)
      return (parts.tools[name]?.execute !== undefined) === runs ? [tool] : []
    })
  const toolkitsOf = (agent: AsyncAgent<string>): ReadonlyArray<Agent.AnyToolkit> => [
    ...(agent.memory === undefined || agent.memory === false
      ? []
      : [MemoryTools.make(agent.memory === true ? {} : agent.memory)]),
    ...(agent.mcp ?? []).map((name): Agent.AnyToolkit => {
      const toolkit = Object.hasOwn(parts.mcp, name) ? parts.mcp[name] : undefined
      if (toolkit === undefined)
        throw new Error(`Agent ${quoted(agent.name)} uses MCP server ${quoted(name)}, which is not among \`mcp\``)
      return toolkit
    })
  ]
  const keyOf = (name: string, named: AnyModel | string): ModelKey => {
    const model = typeof named === "string" ? parts.models(named) : named
    const key = Context.Service<ModelPort>(`@reins/runtime/promise/Model/${name}`)
    models.push(Types.as(modelLayer(key, model))) // Only one agent requires its key.
    standIns.push(Layer.succeed(Types.as<typeof Model>(key), standIn))
    return key
  }
  const agent = (name: string, above: ReadonlyArray<string>): Agent.Any => {
    const known = made.get(name)
    if (known !== undefined) return known
    const written = parts.agents.find((one) => one.name === name)
    if (written === undefined) throw new Error(`Unknown agent ${quoted(name)}. Add it to \`agents\``)
    if (above.includes(name))
      throw new Error(
        `Agent ${quoted(name)} is its own specialist, directly or through others. Remove one of the links`
      )
    const { budget = parts.budget, description, specialists = [] } = written
    requireDescriptions(written, parts.agents)
    const options = {
      instructions: written.instructions,
      // The handlers of its tools are in the layer below, what its toolkits need among the services.
      toolkit: Types.as<ReadonlyArray<Effect.Effect<Types.Kit>>>([
        Object.defineProperty(Toolkit.make(...toolsOf(written, true)), "name", { value: "tools" }),
        ...toolkitsOf(written)
      ]),
      clientTools: Toolkit.make(...toolsOf(written, false)),
      specialists: specialists.map((one) => agent(one, [...above, name])),
      model: written.model === undefined ? Model : keyOf(name, written.model),
      fallbacks: (written.fallbacks ?? []).map((model, index) => keyOf(`${name}#${index + 1}`, model)),
      models: Object.fromEntries(
        Object.entries(written.models ?? {}).map(([called, model]) => [called, keyOf(`${name}/${called}`, model)])
      ),
      resolve: resolvedBy(written.resolve),
      approvals: Object.fromEntries(Object.entries(written.approvals ?? {}).flatMap(policyOf)),
      approvers: written.approvers,
      budget: budget === undefined ? undefined : Budget.make(budget),
      maxOutputTokens: written.maxOutputTokens,
      maxParallelCalls: written.maxParallelCalls,
      repeatedCallLimit: written.repeatedCallLimit,
      onOpenResults: written.onOpenResults,
      providerOptions: written.providerOptions,
      hooks: written.hooks,
      compaction: written.compaction,
      recall: written.recall,
      toolSearch: written.toolSearch
    }
    const output =
      written.output === undefined ? undefined : toSchema(`the output of agent ${quoted(name)}`, written.output)
    if (description === undefined) {
      if (written.input !== undefined) {
        throw new Error(`Agent ${quoted(name)} has an input, which only a specialist can have. Give it a description`)
      }
      const one = Agent.make(name, { ...options, output })
      made.set(name, one)
      return one
    }
    const one: Specialist.Any = Specialist.make(name, {
      ...options,
      description,
      input: written.input === undefined ? undefined : toInput(`the input of agent ${quoted(name)}`, written.input),
      output
    })
    described.set(name, one)
    made.set(name, one)
    return one
  }

  const agents = parts.agents.map((written, index) => {
    const first = parts.agents.findIndex(({ name }) => name === written.name)
    if (first !== index) throw new Error(`Two agents are named ${quoted(written.name)}. Rename one`)
    return agent(written.name, [])
  })
  const run = Toolkit.make(...handlers.flatMap(([name]) => tools.get(name) ?? []))
  const handled = Types.as<Layer.Layer<never>>(run.toLayer(Types.as<Types.Any>(Object.fromEntries(handlers))))
  const isAlone = parts.agents.every(({ mcp = [] }) => mcp.length === 0)
  return {
    agents,
    specialists: described,
    layer: Layer.mergeAll(handled, ...models),
    invalid: (floor, hooks) => {
      if (!isAlone) return undefined
      // What it logs is logged when the runtime is built.
      const made = AgentRegistry.build(agents, floor, hooks).pipe(
        Effect.provide([handled, ...standIns, Logger.layer([])])
      )
      const exit = Effect.runSyncExit(Types.as<Effect.Effect<unknown>>(made))
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      return error instanceof InvalidAgents ? error : undefined
    }
  }
}

/** Throws where an agent's specialist has no description: models choose by it. */
const requireDescriptions = (
  { name, specialists = [] }: AsyncAgent<string>,
  agents: ReadonlyArray<AsyncAgent<string>>
): void => {
  const silent = agents.find((one) => specialists.includes(one.name) && one.description === undefined)
  if (silent === undefined) return
  throw new Error(
    `Agent ${quoted(name)} has the specialist ${quoted(silent.name)}, which has no description. Give it one: models choose by it`
  )
}

/** A model that is never asked, for agents that are only checked. */
const standIn: ModelPort = { provider: "none", model: "none", attempt: () => Effect.never }

/** A rejection is a failure of the function, and a throw a defect of it. */
const resolvedBy = (resolve: AsyncAgent<string>["resolve"]) =>
  resolve === undefined
    ? undefined
    : (context: ResolveContext) =>
        Effect.suspend(() => {
          const chosen = resolve(context)
          return Predicate.isPromiseLike(chosen)
            ? Effect.tryPromise(() => chosen).pipe(
                Effect.mapError(({ cause }) => cause),
                Effect.map((late) => late ?? {})
              )
            : Effect.succeed(chosen ?? {})
        })

/** An agent's policy for one tool, as the runtime's; `undefined` stays `undefined`. */
const policyOf = ([name, asks]: [string, Asks | Reviewed | undefined]) =>
  asks === undefined ? [] : [[name, isReviewed(asks) ? reviewed(asks) : ruledBy(asks)] as const]

const ruledBy = (asks: Asks): Ruled => (typeof asks === "function" ? AsyncTool.predicate(asks) : asks)

const isReviewed = (asks: Asks | Reviewed): asks is Reviewed => typeof asks === "object" && "approvers" in asks

const reviewed = ({ approvers, ask }: Reviewed): Policy => ({
  approvers,
  ...(ask === undefined ? {} : { ask: ruledBy(ask) })
})

/** Provides the model under a key. */
export const modelLayer = (key: ModelKey, model: AnyModel): Layer.Layer<Model, unknown> => {
  if (Effect.isEffect(model)) return Layer.effect(key, model)
  return Layer.succeed(key, "attempt" in model ? model : ModelStream.fromAsyncIterable(model))
}

const quoted = (name: string): string => JSON.stringify(name)

/** A model's name is invalid where the runtime has no `models`. An address in it may have a password. */
export const unnamed = (name: string): never => {
  const shown = JSON.stringify(name.includes("@") ? `${name.slice(0, name.indexOf("@"))}@…` : name)
  throw new Error(`Model ${shown} is a name. Pass a model port, or use createRuntime of package reins`)
}

/**
 * The input of a specialist's schema, and the output of its output schema.
 *
 * @since 0.1.0
 * @category models
 */
export interface SpecialistTypes {
  readonly input: unknown
  readonly output: unknown
}

/**
 * The specialists of a runtime, by name.
 *
 * @since 0.1.0
 * @category models
 */
export interface AnySpecialists {
  readonly [name: string]: SpecialistTypes
}

/**
 * A caller's input for a specialist: text if it has no `input`.
 *
 * @since 0.1.0
 * @category models
 */
export type InputOf<A> = "input" extends keyof A
  ? A["input"] extends StandardSchemaV1<infer In, infer _Out>
    ? In
    : Loose<A["input"]>
  : string

/**
 * An agent's answer for a caller: text if it has no `output`.
 *
 * @since 0.1.0
 * @category models
 */
export type OutputOf<A> = "output" extends keyof A
  ? A["output"] extends StandardSchemaV1<infer _In, infer Out>
    ? Out
    : Loose<A["output"]>
  : string

type Loose<P> = P extends JsonObjectSchema ? { readonly [name: string]: unknown } : unknown

/**
 * The specialists among agents.
 *
 * @since 0.1.0
 * @category models
 */
export type SpecialistsOf<Agents extends ReadonlyArray<{ readonly name: string }>> = {
  readonly [A in Agents[number] as "description" extends keyof A ? A["name"] : never]: {
    readonly input: InputOf<A>
    readonly output: OutputOf<A>
  }
}

/** An agent's value that is not a specialist's. */
export interface AgentValue<Name extends string> {
  readonly name: Name
  readonly description?: undefined
  readonly output?: Parameters | undefined
}

/** A specialist's value. */
export interface SpecialistValue<Name extends string> {
  readonly name: Name
  readonly description: string
}
