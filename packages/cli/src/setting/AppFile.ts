/**
 * An app: a file whose export is served, asked and chatted with. The default export (or one named `app`) is
 *
 * - a runtime made by `createRuntime`, or a layer that provides `Runtime`: it has its model and its store already;
 * - an agent, or a list of them, the first of which is the default: model and store are those of the command line. What their tools
 *   need besides comes from a layer exported as `services`.
 *
 * Whatever else it exports is an error in one sentence.
 */
import { Agent, Runtime } from "@reins/runtime"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import process from "node:process"
import { resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { type CommandFailed, failed, sentenceOf } from "./CommandFailed.ts"
import * as Presence from "./Presence.ts"

/** What an app file exports. */
export type App =
  | {
      readonly _tag: "Whole"
      /** A runtime with its model and its store. */
      readonly layer: Layer.Layer<Runtime, unknown>
      /** Its agents, as far as they are known: they are described to clients of a server. */
      readonly agents: ReadonlyArray<Agent.Any>
      /** Closes what the runtime opened when the file was loaded. Nothing, where the layer opens it. */
      readonly close: Effect.Effect<void>
    }
  | {
      readonly _tag: "Agents"
      readonly agents: readonly [Agent.Any, ...ReadonlyArray<Agent.Any>]
      readonly services: Layer.Layer<never, unknown>
    }

const isAgent = (value: unknown): value is Agent.Any => Predicate.hasProperty(value, Agent.TypeId)

const isAgents = (value: unknown): value is readonly [Agent.Any, ...ReadonlyArray<Agent.Any>] =>
  Array.isArray(value) && value.length > 0 && value.every(isAgent)

/** Whether it is a layer; that it provides a runtime shows when it is built. */
const isLayer = (value: unknown): value is Layer.Layer<Runtime, unknown> => Layer.isLayer(value)

const isServices = (value: unknown): value is Layer.Layer<never, unknown> => Layer.isLayer(value)

/** Made by `createRuntime`. */
const isPromiseRuntime = (
  value: unknown
): value is {
  readonly layer: Layer.Layer<Runtime, unknown>
  readonly agents: ReadonlyArray<Agent.Any>
  readonly [Symbol.asyncDispose]: () => Promise<void>
} =>
  Predicate.hasProperty(value, "layer") &&
  isLayer(value.layer) &&
  Predicate.hasProperty(value, "agents") &&
  Array.isArray(value.agents) &&
  Predicate.hasProperty(value, Symbol.asyncDispose) &&
  Predicate.isFunction(value[Symbol.asyncDispose])

/** Made by `agent()` of the Promise front, or written like it: it knows neither its tools nor its model. */
const isPlainAgent = (value: unknown): boolean =>
  Predicate.isObject(value) && !isAgent(value) && Predicate.hasProperty(value, "name") && Predicate.isString(value.name)

const wanted = "an agent, a list of agents, a runtime of createRuntime, or a layer that provides Runtime"

/** What kind of value it is, without its content. */
const kindOf = (value: unknown): string =>
  value === null
    ? "null"
    : Array.isArray(value)
      ? "a list"
      : Predicate.isPromiseLike(value)
        ? "a promise"
        : typeof value === "object"
          ? "an object"
          : `a ${typeof value}`

/** The app that a module exports, or why it is not one. Pure. */
export const read = (file: string, module: { readonly [name: string]: unknown }): App | CommandFailed => {
  const value = module["default"] ?? module["app"]
  if (value === undefined) {
    const names = Object.keys(module).filter((name) => name !== "default")
    const exported = names.length === 0 ? "It exports nothing" : `It exports ${names.join(", ")}`
    return failed(`${file} has no default export. Export ${wanted} as default or as "app". ${exported}.`)
  }
  const services = module["services"] ?? Layer.empty
  if (isPromiseRuntime(value)) {
    const close = Effect.ignore(Effect.tryPromise(() => value[Symbol.asyncDispose]()))
    return { _tag: "Whole", layer: value.layer, agents: value.agents, close }
  }
  if (isLayer(value)) {
    const { agents } = module
    return { _tag: "Whole", layer: value, agents: isAgents(agents) ? agents : [], close: Effect.void }
  }
  const agents: unknown = isAgent(value) ? [value] : value
  if (isPlainAgent(value)) {
    return failed(
      `${file} exports an agent of agent(). Export createRuntime({ agents: [it] }), with its model and its tools.`
    )
  }
  if (!isAgents(agents)) return failed(`${file} exports ${kindOf(value)} as its app. Export ${wanted}.`)
  if (!isServices(services)) {
    return failed(
      `${file} exports ${kindOf(services)} as "services". Export a layer that provides what the tools need.`
    )
  }
  return { _tag: "Agents", agents, services }
}

/** The major and minor number of Node from which TypeScript loads without a flag. */
const typesFrom = [22, 18] as const

const loadsTypes = (): boolean => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  return major > typesFrom[0] || (major === typesFrom[0] && minor >= typesFrom[1])
}

/** Loads the app of a file. */
export const load = (file: string): Effect.Effect<App, CommandFailed> =>
  Effect.gen(function* () {
    const path = resolve(file)
    if (!(yield* Presence.isFile(path)))
      return yield* failed(`There is no app file ${JSON.stringify(file)}. Name one: --app agent.ts`)
    if (/\.[cm]?tsx?$/.test(path) && !loadsTypes()) {
      return yield* failed(
        `${file} is TypeScript, which this Node ${process.versions.node} does not load. Use Node 22.18 or later, or JavaScript.`
      )
    }
    const module: { readonly [name: string]: unknown } = yield* Effect.tryPromise({
      try: () => import(pathToFileURL(path).href),
      catch: (cause) => failed(unloaded(file, cause), cause)
    })
    const app = read(file, module)
    return app._tag === "CommandFailed" ? yield* app : app
  })

const readTools = Schema.decodeUnknownOption(
  Schema.Struct({ tools: Schema.Record(Schema.String, Schema.Struct({ id: Schema.String, name: Schema.String })) })
)

/** A tool of the agents, or of specialists below them, whose handler is not among the services. Pure. */
export const withoutHandler = (
  agents: ReadonlyArray<Agent.Any>,
  services: Context.Context<never>
): string | undefined => {
  for (const { definition } of agents) {
    // A toolkit that is bound already has its handlers, and no tools to read.
    const tools = definition.toolkits.flatMap((toolkit) => {
      const kit = Predicate.isFunction(toolkit) ? { ...toolkit } : toolkit
      return Option.match(readTools(kit), { onNone: () => [], onSome: (read) => Object.values(read.tools) })
    })
    const missing = tools.find(({ id }) => !services.mapUnsafe.has(id))?.name
    const below = missing ?? withoutHandler(definition.specialists, services)
    if (below !== undefined) return below
  }
  return undefined
}

const firstLine = (text: string): string => (text.split("\n")[0] ?? "").slice(0, 200).replace(/\.$/, "")

/** Why a file did not load, with the cure where it is known. Pure. */
export const unloaded = (file: string, cause: unknown): string => {
  const message = cause instanceof Error ? cause.message : ""
  const code = Predicate.hasProperty(cause, "code") ? cause.code : undefined
  const missing = /^Cannot find package '([^']+)'/.exec(message)?.[1]
  if (code === "ERR_MODULE_NOT_FOUND" && missing !== undefined) {
    return `${file} needs the package ${missing}, which is not installed. Run in its folder: npm install ${missing}`
  }
  if (code === "ERR_UNKNOWN_FILE_EXTENSION")
    return `${file} is neither TypeScript nor JavaScript. Name a .ts or .js file.`
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
    return `${file} does not load: ${firstLine(message)}. Node only removes types: use syntax without enum and namespace, or compile it first.`
  }
  return `${file} does not load: ${reasonOf(cause)}`
}

/** The sentence of an error that a module threw, on one line. */
const reasonOf = (cause: unknown): string => {
  const sentence = sentenceOf("it", Cause.fail(cause))
  return sentence.startsWith("it failed with ") ? sentence.slice("it failed with ".length) : sentence
}

/** The layer of a whole app: what it cannot be built for is a sentence. `close` runs when the layer is closed. */
export const wholeLayer = (
  file: string,
  layer: Layer.Layer<Runtime, unknown>,
  close: Effect.Effect<void> = Effect.void
): Layer.Layer<Runtime, CommandFailed> =>
  Layer.effect(
    Runtime,
    Effect.gen(function* () {
      const scope = yield* Effect.scope
      yield* Effect.addFinalizer(() => close)
      const context = yield* Layer.buildWithScope(layer, scope)
      return yield* Effect.provideContext(Runtime, context)
    }).pipe(Effect.catchCause((cause) => Effect.fail(failed(sentenceOf(file, cause), Cause.squash(cause)))))
  )
