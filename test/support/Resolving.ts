/** An agent that chooses what its steps use, over two models of different prices: it looks twice, then answers. */
import { assert } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import { Agent, Deployment, Model, type ModelPort, Prices, Runtime, Specialist } from "@reins/runtime"
import { journalHost, type MemoryJournal } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, References, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

export const quiet = Effect.provideService(References.MinimumLogLevel, "None")

export class Strong extends Context.Service<Strong, ModelPort>()("test/Strong") {}
export class Flags extends Context.Service<Flags, { readonly isCautious: boolean }>()("test/Flags") {}

const Look = Tool.make("look", { parameters: Schema.Struct({}), success: Schema.String }).annotate(Tool.Readonly, true)
const Drop = Tool.make("drop", { parameters: Schema.Struct({}), success: Schema.String })
class Kit extends Toolkit.make(Look, Drop) {}

const Helper = Specialist.make("helper", { description: "Helps" })

const prices = Prices.layerTable({
  "scripted/cheap": { inputPerMillionUsd: 1, outputPerMillionUsd: 1 },
  "scripted/strong": { inputPerMillionUsd: 100, outputPerMillionUsd: 100 }
})

const usage = { inputUncached: 1000, outputText: 1000 }

/** Looks in its first two steps, then answers. */
const model = (name: string, tool = "look") =>
  ScriptedModel.make({
    model: name,
    respond: ({ metadata: { step } }) =>
      step <= 2
        ? ScriptedModel.calls([{ id: `c${step}`, name: tool, args: {} }], { usage })
        : ScriptedModel.text(`${name} answers.`, { usage })
  })

export interface World {
  readonly seen: Array<Agent.ResolveContext>
  readonly ran: Array<string>
  readonly cheap: ScriptedModel.ScriptedModel
  readonly strong: ScriptedModel.ScriptedModel
}

export type Options = Omit<
  Agent.Options<[], [], Model, [], { readonly strong: typeof Strong }, Flags>,
  "toolkit" | "models" | "specialists" | "model" | "fallbacks"
>

export const make = (options: Options, tool?: string) => {
  const { resolve, ...rest } = options
  const world: World = { seen: [], ran: [], cheap: model("cheap", tool), strong: model("strong", tool) }
  const desk = Agent.make("desk", {
    ...rest,
    toolkit: Kit,
    specialists: [Helper],
    models: { strong: Strong },
    ...(resolve === undefined
      ? {}
      : {
          resolve: (context: Agent.ResolveContext) => {
            world.seen.push(context)
            return resolve(context)
          }
        })
  })
  const ran = (name: string) => () => Effect.sync(() => `saw ${world.ran.push(name)}`)
  const layer = (deployment: Layer.Layer<never>, first: ModelPort = world.cheap) =>
    Runtime.layer({ agents: [desk] }).pipe(
      Layer.provide([
        Kit.toLayer({ look: ran("look"), drop: ran("drop") }),
        Layer.succeed(Model, first),
        Layer.succeed(Strong, world.strong),
        Layer.succeed(Flags, { isCautious: true }),
        prices,
        deployment
      ])
    )
  return { world, layer }
}

export type Made = ReturnType<typeof make>

export const ask = (
  { layer }: Made,
  journal: MemoryJournal.MemoryJournal | undefined,
  options: Parameters<Runtime["Service"]["start"]>[1] = {},
  deployment: Layer.Layer<never> = journal === undefined
    ? Layer.empty
    : Layer.succeed(Deployment.Deployment, journalHost(journal))
) =>
  Effect.gen(function* () {
    const runtime = yield* Runtime
    const { result, runId } = yield* runtime.start("Go.", options)
    const probe = yield* Probe.watch(runId)
    yield* TestClock.adjust("1 minute")
    yield* probe.end
    assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    return { probe, runId, result: yield* Effect.result(result) }
  }).pipe(Effect.scoped, Effect.provide(layer(deployment)))

export const reasonOf = ({ result }: Effect.Success<ReturnType<typeof ask>>) =>
  result._tag === "Success" ? result.success.output : result.failure.reason

/** The models of a run's steps, as its ledger has them, with their costs in dollars. */
export const bill = ({ probe }: Effect.Success<ReturnType<typeof ask>>) =>
  probe
    .of("data-cost-summary")
    .flatMap(({ data }) =>
      data.root.rows.flatMap(({ calls, costUsd, kind, name }) => (kind === "model" ? [[name, calls, costUsd]] : []))
    )

/** Cheap for the first step, strong from the second on. */
export const stronger = ({ step }: Agent.ResolveContext): Agent.Resolution<"strong"> =>
  step === 1 ? {} : { model: "strong" }
