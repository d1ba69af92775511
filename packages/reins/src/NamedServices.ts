/**
 * `createRuntime` with models, a store, prices and telemetry by name: plain values in place of the layers of
 * `@reins/models` and `@reins/store`.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { GenaiPrices, Models, ModelTelemetry, PriceFile, RunTelemetry } from "@reins/models"
import * as Plain from "@reins/runtime/promise"
import { Sqlite } from "@reins/store/sqlite"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Otlp from "effect/observability/Otlp"

/** A model, or its name: `provider:model`, such as `openai:gpt-5.2`. Keys come from the environment (`OPENAI_API_KEY`). */
export type NamedModel = string | Plain.AnyModel

/** An agent whose models may be names. */
export interface NamedAgent<ToolName extends string> extends Omit<Plain.AsyncAgent<ToolName>, "model" | "fallbacks"> {
  /** Absent: the runtime's. */
  readonly model?: NamedModel | undefined
  readonly fallbacks?: ReadonlyArray<NamedModel> | undefined
}

/**
 * Where runs are kept. `"memory"`: they end with the process. `sqlite`: a file, for one machine. `postgres`: an address
 * `postgres://user:password@host:port/database`, for several machines; needs the package `@effect/sql-pg`.
 */
export type StoreName = "memory" | { readonly sqlite: string } | { readonly postgres: string }

/** Where traces, metrics and logs are sent. */
export interface Telemetry {
  /** The base address of an OpenTelemetry collector, such as `http://localhost:4318`. */
  readonly otlp: string
  /** Absent: `reins`. */
  readonly serviceName?: string | undefined
}

/** What a runtime is made from. */
export interface Options<Tools extends Record<string, Plain.Parameters>, AgentName extends string> extends Omit<
  Plain.Options<Tools, AgentName>,
  "model" | "agents"
> {
  /** The model of every agent without one of its own. */
  readonly model: NamedModel
  /** The first is the default. */
  readonly agents: ReadonlyArray<NamedAgent<keyof Tools & string> & { readonly name: AgentName }>
  /** Absent: `"memory"`, or the deployment among `services`. */
  readonly store?: StoreName | undefined
  /** A file of prices, on top of those of public models. Absent: those alone. */
  readonly prices?: string | undefined
  /** Absent: nothing is sent. */
  readonly telemetry?: Telemetry | undefined
}

/** `@effect/sql-pg` is not installed, or does not load. */
export class DriverMissing extends Data.TaggedError("DriverMissing")<{ readonly cause: unknown }> {
  override get message() {
    return "A Postgres store needs package @effect/sql-pg. Run: npm install @effect/sql-pg"
  }
}

/**
 * Makes a runtime. Throws where an agent or a model's name is invalid, or a model's key is missing. A store that does not
 * open, a price file that is invalid: `ready()` rejects, and so does a server's `listen`.
 */
export const createRuntime = <
  const Tools extends Record<string, Plain.Parameters> = {},
  const AgentName extends string = string
>({
  agents,
  model,
  prices,
  services = Layer.empty,
  store = "memory",
  telemetry,
  ...rest
}: Options<Tools, AgentName>): Plain.PromiseRuntime<AgentName> => {
  const named = (one: NamedModel): Plain.AnyModel => {
    if (typeof one !== "string") return one
    Effect.runSync(Models.validate(one))
    const made = Models.fromConfig(one)
    return telemetry === undefined ? made : Effect.map(made, (port) => ModelTelemetry.traced(port))
  }
  return Plain.createRuntime<Tools, AgentName>({
    ...rest,
    model: named(model),
    agents: agents.map((agent) => ({
      ...agent,
      model: agent.model === undefined ? undefined : named(agent.model),
      fallbacks: agent.fallbacks?.map(named)
    })),
    services: Layer.mergeAll(storeLayer(store), pricesLayer(prices), telemetryLayer(telemetry)).pipe(
      Layer.provideMerge(services)
    )
  })
}

const storeLayer = (store: StoreName): Layer.Layer<never, unknown> => {
  if (store === "memory") return Layer.empty
  if ("sqlite" in store) return Sqlite.layer({ filename: store.sqlite })
  const url = Redacted.make(store.postgres)
  return Layer.unwrap(
    Effect.map(
      Effect.tryPromise({ try: () => import("@reins/store/postgres"), catch: (cause) => new DriverMissing({ cause }) }),
      ({ Postgres }) => Postgres.layer({ url })
    )
  )
}

const pricesLayer = (file: string | undefined): Layer.Layer<never, unknown> =>
  file === undefined
    ? GenaiPrices.layer
    : Layer.provide(PriceFile.layer(file), Layer.merge(GenaiPrices.layer, NodeFileSystem.layer))

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
