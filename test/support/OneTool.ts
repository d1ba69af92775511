/**
 * An agent with one tool, `work`, whose handler the test provides, and a model that calls it: once in its first step
 * for each of the given arguments, and then answers `"done"`.
 */
import type { Json } from "@reins/protocol"
import { Agent, Model, Runtime, ToolRun } from "@reins/runtime"
import type { QueryOptions, RuntimeOptions } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const Arguments = Schema.Struct({ n: Schema.optionalKey(Schema.Natural) })

/** The default tool; `annotate` it, or use `setNeedsApproval`. */
export const work = Tool.make("work", {
  description: "Work",
  parameters: Arguments,
  success: Schema.Unknown,
  failure: Schema.Unknown,
  failureMode: "return",
  dependencies: [ToolRun]
})

export type Work = typeof work
export type Handler = (args: { readonly n?: number }) => Effect.Effect<unknown, unknown, ToolRun>

export interface Options {
  readonly handler: Handler
  /** Absent: `work` unchanged. */
  readonly tool?: Work | undefined
  /** The arguments of the calls, `c1`, `c2`, …. Absent: one call without arguments. */
  readonly calls?: ReadonlyArray<Json> | undefined
  /** Bound to its handler, so that it runs through its own toolkit. Absent: false. */
  readonly bound?: boolean | undefined
  readonly model?: ScriptedModel.ScriptedModel | undefined
  readonly agent?: Omit<Agent.Options<never, [], Model>, "toolkit"> | undefined
  readonly runtime?: Omit<RuntimeOptions<[]>, "agents"> | undefined
  readonly query?: QueryOptions | undefined
  /** Further services that the runtime reads when it is built: prices, a deployment. */
  readonly services?: Layer.Layer<never> | undefined
}

/** A model that calls `work` with each of `args`, and answers `"done"`. */
export const caller = (args: ReadonlyArray<Json> = [{}]): ScriptedModel.ScriptedModel =>
  ScriptedModel.make({
    respond: (request) =>
      ScriptedModel.lastResults(request).length > 0
        ? ScriptedModel.text("done")
        : ScriptedModel.calls(args.map((one, index) => ({ id: `c${index + 1}`, name: "work", args: one })))
  })

/** A runtime of the agent `"worker"`. */
export const layer = (options: Options): Layer.Layer<Runtime> => {
  const kit = Toolkit.make(options.tool ?? work)
  const handlers = kit.toLayer({ work: options.handler })
  const worker = Agent.make("worker", {
    ...options.agent,
    toolkit: options.bound === true ? Effect.provide(kit, handlers) : kit
  })
  return Runtime.layer({ ...options.runtime, agents: [worker] }).pipe(
    Layer.provide([
      handlers,
      Layer.succeed(Model, options.model ?? caller(options.calls)),
      options.services ?? Layer.empty
    ])
  )
}

/** Starts a run of the worker in a runtime that lives as long as the test, and watches it. */
export const start = Effect.fnUntraced(function* (options: Options) {
  const runtime = Context.get(yield* Layer.build(layer(options)), Runtime)
  const handle = yield* runtime.start("work", { runId: "run", threadId: "thread", ...options.query })
  const probe = yield* Effect.provideService(Probe.watch(handle.runId), Runtime, runtime)
  return { runtime, handle, probe }
})

/** The same, when the run has ended. */
export const finished = (options: Options) =>
  Effect.tap(
    Effect.map(start(options), ({ probe }) => probe),
    (probe) => probe.end
  )

/** A value as it is stored: the same with U+FFFD for half of a character. */
export const wellFormed = (value: Json): Json =>
  typeof value === "string"
    ? value.toWellFormed()
    : Array.isArray(value)
      ? value.map(wellFormed)
      : typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name.toWellFormed(), wellFormed(one)]))
        : value
