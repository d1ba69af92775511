/**
 * `createRuntime` with models, a store, prices, MCP servers and telemetry by name: plain values in place of the layers
 * of `@reins/models` and `@reins/store`.
 */
import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { GenaiPrices, Models, ModelTelemetry, OpenAiUsage, PriceFile, RunTelemetry } from "@reins/models"
import { McpTools } from "@reins/models/mcp"
import { Prices } from "@reins/runtime"
import * as Plain from "@reins/runtime/promise"
import { Sqlite } from "@reins/store/sqlite"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Otlp from "effect/observability/Otlp"

/**
 * A model, or its name: `provider:model`, such as `openai:gpt-5.2`. Keys come from the environment (`OPENAI_API_KEY`).
 *
 * @since 0.1.0
 * @category models
 */
export type NamedModel = string | Plain.AnyModel

/**
 * An MCP server: a program to start, or an address. Its tools are offered under their names, after `prefix`.
 *
 * @since 0.1.0
 * @category models
 */
export type McpServer<Name extends string = string, Prefix extends string = string> = (
  | Omit<McpTools.CommandSettings<Name>, "prefix" | "protocol">
  | Omit<McpTools.AddressSettings<Name>, "prefix" | "protocol">
) & { readonly prefix?: Prefix | undefined }

/** The names that tools of these servers can have. */
type ToolOf<Server> = Server extends { readonly prefix: infer Prefix extends string }
  ? `${Prefix}${string}`
  : Server extends { readonly name: string }
    ? string
    : never

/**
 * An agent whose models may be names, and which may have tools of MCP servers.
 *
 * @since 0.1.0
 * @category models
 */
export type NamedAgent<ToolName extends string, Server extends McpServer = McpServer> = Plain.AsyncAgent<
  ToolName,
  Server["name"],
  ToolOf<Server>
>

/**
 * Where runs are kept. `"memory"`: they end with the process. `sqlite`: a file, for one machine. `postgres`: an address
 * `postgres://user:password@host:port/database`, for several machines; needs the package `@effect/sql-pg`.
 *
 * @since 0.1.0
 * @category models
 */
export type StoreName = "memory" | { readonly sqlite: string } | { readonly postgres: string }

/**
 * Where traces, metrics and logs are sent.
 *
 * @since 0.1.0
 * @category models
 */
export interface Telemetry {
  /** The base address of an OpenTelemetry collector, such as `http://localhost:4318`. */
  readonly otlp: string
  /** Absent: `reins`. */
  readonly serviceName?: string | undefined
}

/**
 * The options of a runtime.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<
  Tools extends Record<string, Plain.Parameters>,
  Agents extends ReadonlyArray<Plain.AsyncAgent<string, string, string>>,
  Server extends McpServer = never
> extends Omit<Plain.Options<Tools, Agents>, "model" | "models" | "mcp"> {
  /** The model of every agent without one of its own. */
  readonly model: NamedModel
  /**
   * MCP servers whose tools agents may have. Each is started, or connected to, once. Its tools ask before they run
   * unless it says that they only read or destroy nothing; an agent's `approvals` goes before that. Absent: none.
   */
  readonly mcp?: ReadonlyArray<Server> | undefined
  /** Absent: `"memory"`, or the deployment among `services`. */
  readonly store?: StoreName | undefined
  /** A file of prices, on top of those of public models. Absent: those alone. */
  readonly prices?: string | undefined
  /** Absent: nothing is sent. */
  readonly telemetry?: Telemetry | undefined
  /**
   * Whether OpenAI is asked what a response has used whose answer was cut, so that the ledger is corrected without an operator:
   * with the key of `OPENAI_API_KEY`, or the tenant's own. Absent: false. `usageLookups` asks other providers, and takes
   * its place.
   */
  readonly reconcile?: boolean | undefined
}

/**
 * Makes a runtime. Throws where an agent or a model's name is invalid, or a model's key is missing. A store that does
 * not open, a price file that is invalid: `ready()` rejects, and so does a server's `listen`.
 *
 * **Example** (A query without Effect)
 *
 * ```ts
 * import { createRuntime } from "reins"
 *
 * const runtime = createRuntime({ model: "scripted", agents: [{ name: "desk" }] })
 * for await (const event of runtime.query("Hello")) {
 *   if (event.type === "text") process.stdout.write(event.text)
 * }
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const createRuntime = <
  const Tools extends Record<string, Plain.Parameters> = {},
  const Server extends McpServer = never,
  const Agents extends ReadonlyArray<NamedAgent<keyof Tools & string, Server>> = ReadonlyArray<
    NamedAgent<keyof Tools & string, Server>
  >
>(
  options: Options<Tools, Agents, Server>
): Plain.PromiseRuntime<Agents[number]["name"], Plain.SpecialistsOf<Agents>> => {
  Plain.requireOptions(options, rules)
  const {
    agents,
    mcp = [],
    model,
    prices,
    reconcile = false,
    services = Layer.empty,
    store = "memory",
    telemetry,
    ...rest
  } = options
  const models = (name: string): Plain.AnyModel => {
    Effect.runSync(Models.validate(name))
    const made = Models.fromConfig(name)
    return telemetry === undefined ? made : Effect.map(made, (port) => ModelTelemetry.traced(port))
  }
  const servers = mcp.map((settings) => ({ name: settings.name, toolkit: McpTools.server(settings) }))
  requireServers(agents, servers)
  return Plain.createRuntime({
    ...rest,
    agents,
    model,
    models,
    mcp: Object.fromEntries(servers.map(({ name, toolkit }) => [name, toolkit])),
    services: Layer.mergeAll(
      storeLayer(store),
      pricesLayer(prices),
      telemetryLayer(telemetry),
      reconcile ? OpenAiUsage.layerConfig : Layer.empty,
      ...servers.map(({ toolkit }) => Layer.provide(toolkit.layer, transports))
    ).pipe(Layer.provideMerge(services))
  })
}

const { cases, fields, flag, list, must, name, optional, record, secret, text } = Plain.OptionRule

const server = 'Give a server with a name and a command or a url, as in mcp: [{ name: "files", command: "node" }]'

const common = {
  name: name("Name the server"),
  prefix: optional(text()),
  only: optional(list("Give a list of names of tools", name("Name a tool")))
}

/** Whether an option has a value: `undefined` is as good as no option. */
const has = (value: unknown, name: string): boolean => Predicate.hasProperty(value, name) && value[name] !== undefined

/** What is not a command is an address. */
const serverRule = cases(
  (value) => has(value, "command"),
  fields<Omit<McpTools.CommandSettings, "protocol">>(server, {
    ...common,
    command: name("Name the program, such as npx"),
    args: optional(list("Give a list of arguments", text())),
    env: optional(record("Give an object of texts by variable", text())),
    cwd: optional(text())
  }),
  fields<Omit<McpTools.AddressSettings, "protocol">>(server, {
    ...common,
    url: name("Give the address"),
    headers: optional(record("Give an object of texts by header", text()))
  })
)

const stored = 'Use "memory", { sqlite: "runs.db" } or { postgres: "postgres://…" }'

/** The options that this package adds or replaces. */
type Own = Omit<Options<{}, []>, Exclude<keyof Plain.Options<{}, []>, "mcp">>

const rules: Plain.OptionRule.Rules<Own> = {
  // It may have keys, in the environment, the headers, the arguments or the address.
  mcp: secret(optional(list('Give a list of servers, as in mcp: [{ name: "files", command: "node" }]', serverRule))),
  // It may have a password.
  store: secret(
    optional(
      cases(
        (value) => has(value, "sqlite") !== has(value, "postgres"),
        cases(
          (value) => has(value, "sqlite"),
          fields<Extract<StoreName, { readonly sqlite: string }>>(stored, { sqlite: name("Give the path of a file") }),
          fields<Extract<StoreName, { readonly postgres: string }>>(stored, {
            postgres: name("Give the address of a database")
          })
        ),
        must(stored, (value) => value === "memory")
      )
    )
  ),
  prices: optional(name("Give the path of a file of prices")),
  reconcile: optional(flag),
  // The address may have a token.
  telemetry: secret(
    optional(
      fields<Telemetry>('Give an object such as { otlp: "http://localhost:4318", serviceName: "desk" }', {
        otlp: name("Give the address of a collector"),
        serviceName: optional(text())
      })
    )
  )
}

const transports = Layer.merge(
  NodeChildProcessSpawner.layer.pipe(Layer.provide([NodeFileSystem.layer, NodePath.layer])),
  FetchHttpClient.layer
)

/** Throws where a server is used by no agent, or is not the only one of its name. */
const requireServers = (
  agents: ReadonlyArray<{ readonly mcp?: ReadonlyArray<string> | undefined }>,
  servers: ReadonlyArray<{ readonly name: string }>
): void => {
  for (const [index, { name }] of servers.entries()) {
    if (servers.findIndex((one) => one.name === name) !== index)
      throw new Error(`Two MCP servers are named ${JSON.stringify(name)}. Rename one`)
    if (!agents.some(({ mcp }) => mcp?.includes(name)))
      throw new Error(`No agent uses MCP server ${JSON.stringify(name)}. Name it in an agent's \`mcp\``)
  }
}

const isPostgres = (store: Exclude<StoreName, "memory">): store is { readonly postgres: string } =>
  has(store, "postgres")

const storeLayer = (store: StoreName): Layer.Layer<never, unknown> => {
  if (store === "memory") return Layer.empty
  if (!isPostgres(store)) return Sqlite.layer({ filename: store.sqlite })
  const url = Redacted.make(store.postgres)
  return Layer.unwrap(
    Effect.map(
      Effect.promise(() => import("@reins/store/postgres")),
      ({ Postgres }) => Postgres.layer({ url })
    )
  )
}

/** A scripted model costs nothing, so that its price is known. */
const free: PriceFile.Rows = new Map([
  [
    "scripted/scripted-1",
    { model: "scripted-1", match: "exact", source: "scripted", inputPerMillionUsd: 0, outputPerMillionUsd: 0 }
  ]
])

const publicPrices = Layer.effect(
  Prices.Prices,
  Effect.map(Prices.Prices, (book) => PriceFile.over(free, book))
).pipe(Layer.provide(GenaiPrices.layer))

const pricesLayer = (file: string | undefined): Layer.Layer<never, unknown> =>
  file === undefined
    ? publicPrices
    : Layer.provide(PriceFile.layer(file), Layer.merge(publicPrices, NodeFileSystem.layer))

const telemetryLayer = (telemetry: Telemetry | undefined): Layer.Layer<never> =>
  telemetry === undefined
    ? Layer.empty
    : Layer.merge(
        RunTelemetry.layer,
        Otlp.layerJson({
          baseUrl: telemetry.otlp,
          resource: { serviceName: telemetry.serviceName ?? "reins" }
        }).pipe(Layer.provide(FetchHttpClient.layer))
      )
