/**
 * The parts of an agent, captured and checked when the runtime's layer is built: its models; the names of its tools and
 * specialists; their definitions as models are given them, and the hashes of these. A mistake that would fail silently
 * later is refused (`InvalidAgents`).
 *
 * A model calls tools and specialists by name, whatever their source (a toolkit, an MCP server, client tools,
 * specialists), so names must be unique; and policies and hooks are for tools by name, so a misspelt name would guard
 * nothing. A schema that has no JSON Schema, or that no object matches, is refused.
 */
import type { Json } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import type * as Hook from "../hook/Hook.ts"
import { sha256Hex } from "../kernel/Digest.ts"
import type * as Erased from "../kernel/Erased.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import type { ModelKey, ModelPort, ToolDefinition } from "../model/Model.ts"
import * as ObjectRoot from "../tool/ObjectRoot.ts"
import * as ToolSettings from "../tool/ToolSettings.ts"
import type * as Agent from "./Agent.ts"

/**
 * An agent that cannot be built; the message names it and the cure. A defect of the program, not of a query.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidAgents extends Schema.TaggedError<InvalidAgents>()("InvalidAgents", { issue: Schema.String }) {
  override get message() {
    return this.issue
  }
}

/** Stops building. */
export const refuse = (issue: string) => Effect.die(new InvalidAgents({ issue }))

/** The models of an agent: its own, its fallbacks, and those chosen by name. */
export interface AgentModels {
  readonly model: ModelPort
  /** Fallback models, in order. */
  readonly fallbacks: ReadonlyArray<ModelPort>
  /** Models that a step or a query may name. */
  readonly models: ReadonlyMap<string, ModelPort>
}

/** The models of the agent `name`, from the services. */
export const captureModels = (
  name: string,
  { fallbacks, model, models = {} }: Pick<Agent.Definition, "fallbacks" | "model" | "models">
): Erased.Needing<AgentModels> => {
  const port = (key: ModelKey) => Effect.flatMap(key, (found) => named(name, found))
  return Effect.all({
    model: port(model),
    fallbacks: Effect.forEach(fallbacks, port),
    models: Effect.map(
      Effect.forEach(Object.entries(models), ([called, key]) =>
        Effect.map(port(key), (found) => [called, found] as const)
      ),
      (all) => new Map(all)
    )
  })
}

/** The port itself, if its names are text, since each ledger row has them. An adapter without types may lack them. */
const named = (agent: string, port: ModelPort) =>
  typeof port.provider === "string" && typeof port.model === "string"
    ? Effect.succeed(port)
    : refuse(`Agent ${JSON.stringify(agent)}: its model port must have provider and model, both non-empty strings`)

/**
 * How `models` calls the model that a query names: as it is called there, as `provider:model`, or by its key; `own` for
 * the agent's own. `undefined`: it has no such model.
 */
export const findModel = (
  { definition, model, models }: AgentModels & { readonly definition: Pick<Agent.Definition, "model" | "models"> },
  asked: string | ModelKey
): { readonly name: string } | "own" | undefined => {
  if (typeof asked !== "string") {
    if (asked === definition.model) return "own"
    const found = Object.entries(definition.models ?? {}).find(([, key]) => key === asked)
    return found === undefined ? undefined : { name: found[0] }
  }
  if (models.has(asked)) return { name: asked }
  const isAsked = (port: ModelPort) =>
    asked === `${port.provider}:${port.model}` || asked === `${port.provider}/${port.model}`
  if (isAsked(model)) return "own"
  const found = Array.from(models).find(([, port]) => isAsked(port))
  return found === undefined ? undefined : { name: found[0] }
}

/** All models that an agent's requests may go to: one that resolves its steps may choose any of its own. */
export const allModels = ({ fallbacks, model, models, resolver }: AgentModels & { readonly resolver?: unknown }) =>
  resolver === undefined ? [model, ...fallbacks] : [model, ...fallbacks, ...models.values()]

interface Named {
  readonly name: string
}

/** The used names of one agent, each with its source. */
export class ToolNames {
  /** The first name with two sources, and the cure; absent: none. */
  clash: string | undefined = undefined
  private readonly taken = new Map<string, string>()
  private readonly agent: string

  constructor(agent: string) {
    this.agent = agent
  }

  /** Adds a tool or specialist of a source. Returns its name. */
  add({ name }: Named, source: string): string {
    const other = this.taken.get(name)
    if (other !== undefined) {
      this.clash ??=
        `Agent ${JSON.stringify(this.agent)} has two tools or specialists named ${JSON.stringify(name)}: ` +
        `one of ${other} and one of ${source}. Rename one, or give an MCP server a prefix`
    }
    this.taken.set(name, source)
    return name
  }

  /** Adds a tool of the toolkit at `index`, with the toolkit's class name, given name or position as the source. */
  of(tool: Named, toolkits: ReadonlyArray<unknown>, index: number): string {
    const toolkit = toolkits[index]
    const given = Predicate.hasProperty(toolkit, "name") && Predicate.isString(toolkit.name) ? toolkit.name : ""
    const place = toolkits.length === 1 ? "toolkit" : `toolkit[${index}]`
    return this.add(tool, given === "" ? place : given)
  }
}

/** The message for a tool that a policy or a hook names and that is not `known`. */
const unknown = (where: string, what: string, tool: string, known: Iterable<string>): string =>
  `${where}: ${what} names the unknown tool ${JSON.stringify(tool)}. Its tools: ${[...known].join(", ") || "none"}`

/** Warns of hooks for tools that are not `known`. No refusal: a query may bring a tool of that name. */
export const warnOfHooks = (
  where: string,
  hooks: ReadonlyArray<Hook.Any>,
  known: ReadonlySet<string>
): Effect.Effect<void> => {
  const warnings = hooks.flatMap(({ definition: { tools = [] }, name }) =>
    tools.filter((tool) => !known.has(tool)).map((tool) => unknown(where, `hook ${JSON.stringify(name)}`, tool, known))
  )
  return Effect.forEach(warnings, (warning) => Effect.logWarning(warning), { discard: true })
}

/**
 * Refuses an invalid hook and a policy for a tool that the agent does not have, and warns of its hooks for such tools.
 * `own`: the names of its tools and specialists.
 */
export const checkGuards = (
  { approvals, hooks, name }: Agent.Definition,
  tools: ReadonlyMap<string, unknown>,
  own: ReadonlySet<string>
): Effect.Effect<void> => {
  const where = `Agent ${JSON.stringify(name)}`
  const issue = hooks.find((hook) => hook.issue !== undefined)?.issue
  if (issue !== undefined) return refuse(`${where}: ${issue}`)
  const misspelt = Object.keys(approvals).find((tool) => !tools.has(tool))
  return misspelt === undefined
    ? warnOfHooks(where, hooks, own)
    : refuse(unknown(where, "approvals", misspelt, tools.keys()))
}

/** A specialist's definition for its coordinator's model. */
export const offerOf = Effect.fnUntraced(function* (
  coordinator: string,
  { definition, name }: { readonly definition: Agent.Definition; readonly name: string }
): Effect.fn.Return<ToolDefinition> {
  const { description, input } = definition
  if (input === undefined) return Object.freeze({ name, description, parameters: promptParameters, strict: undefined })
  const what = `the input parameters of specialist ${JSON.stringify(name)}`
  const written = yield* jsonSchema(coordinator, what, () => Tool.getJsonSchemaFromSchema(input))
  const parameters = yield* offeredParameters(coordinator, what, written)
  return Object.freeze({ name, description, parameters, strict: undefined })
})

const promptParameters: Json = {
  type: "object",
  properties: { prompt: { type: "string", description: "What to do, with everything needed to do it" } },
  required: ["prompt"],
  additionalProperties: false
}

/** The JSON Schema that `write` makes. Rejects a schema that has none. */
export const jsonSchema = (agent: string, what: string, write: () => unknown): Effect.Effect<Json> =>
  Effect.try({ try: () => PlainJson.copy(write()), catch: String }).pipe(
    Effect.catch((error) => refuse(`Agent ${JSON.stringify(agent)}: ${what} has no JSON Schema: ${error}`)),
    Effect.flatMap((written) =>
      written === undefined
        ? refuse(`Agent ${JSON.stringify(agent)}: ${what}: not a JSON Schema; ${ObjectRoot.cure}`)
        : Effect.succeed(written)
    )
  )

/** The model's schema of parameters. Rejects those that no object matches. */
export const offeredParameters = (agent: string, what: string, written: Json): Effect.Effect<Json> => {
  const told = ObjectRoot.make(written)
  return told._tag === "Told"
    ? Effect.succeed(PlainJson.copy(told.schema) ?? told.schema)
    : refuse(`Agent ${JSON.stringify(agent)}: ${what} ${told.problem}; ${ObjectRoot.cure}`)
}

/** The definition of a tool as its model gets it, and the hash of it. */
export interface DescribedTool {
  readonly definition: ToolDefinition
  readonly hash: string
}

/** By tool: a tool and its schemas do not change, and its JSON Schema is most of the time that a runtime takes to build. */
const describedTools = new WeakMap<Tool.Any, DescribedTool>()

/** Describes a tool. Rejects parameters that have no JSON Schema. */
export const describeTool = (agent: string, tool: Tool.Any): Effect.Effect<DescribedTool> => {
  const known = describedTools.get(tool)
  return known === undefined ? describe(agent, tool) : Effect.succeed(known)
}

const describe = Effect.fnUntraced(function* (agent: string, tool: Tool.Any): Effect.fn.Return<DescribedTool> {
  const what = `the parameters of tool ${JSON.stringify(tool.name)}`
  const written = yield* jsonSchema(agent, what, () => Tool.getJsonSchema(tool))
  const described = {
    // Frozen, because all requests share it: an adapter must not change the next request's tools.
    definition: Object.freeze({
      name: tool.name,
      description: Tool.getDescription(tool),
      parameters: yield* offeredParameters(agent, what, written),
      strict: Tool.getStrictMode(tool)
    }),
    hash: hashOf(tool, written)
  }
  // Raw JSON Schema is an object of the program, which may change it before it builds the next runtime.
  if (!Tool.isDynamic(tool)) describedTools.set(tool, described)
  return described
})

/**
 * The hash of a tool's definition, to detect that the definition that a person approved has changed: the SHA-256 of the
 * tool's name, description, parameters, annotations and server. The handler is not part of it. Absent annotations are
 * left out, so that a definition without any has the same hash as in releases that ignored annotations.
 */
const hashOf = (tool: Tool.Any, parameters: Json): string => {
  const told = annotations(tool)
  const definition = [tool.name, Tool.getDescription(tool), parameters]
  return sha256Hex(JSON.stringify(Object.keys(told).length === 0 ? definition : [...definition, told]))
}

/** The annotations that differ from their defaults. */
const annotations = ({ annotations }: Tool.Any): { readonly [name: string]: Json } => {
  const title = Context.getOption(annotations, Tool.Title)
  const server = Context.get(annotations, ToolSettings.Server)
  return {
    ...(title._tag === "None" ? {} : { title: title.value }),
    ...differing("readonly", annotations, Tool.Readonly),
    ...differing("destructive", annotations, Tool.Destructive),
    ...differing("idempotent", annotations, Tool.Idempotent),
    ...differing("openWorld", annotations, Tool.OpenWorld),
    ...differing("plan", annotations, ToolSettings.IsPlan),
    ...(server === undefined ? {} : { server })
  }
}

const differing = (
  name: string,
  annotations: Context.Context<never>,
  key: Context.Reference<boolean>
): { readonly [name: string]: boolean } => {
  const value = Context.get(annotations, key)
  return value === key.defaultValue() ? {} : { [name]: value }
}
