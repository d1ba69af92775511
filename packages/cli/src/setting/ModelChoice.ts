/** Which model a command uses: the one that is named, the one in the environment, or the scripted demo. */
import { GenaiPrices, Models } from "@reins/models"
import { Model, type ModelPort, Prices } from "@reins/runtime"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Demo from "../assistant/Demo.ts"
import * as Reply from "../assistant/Reply.ts"
import { type CommandFailed, ended, failed } from "./CommandFailed.ts"
import type { LiveModel } from "./LiveModel.ts"

/** The name of the scripted demo. */
export const demo = "demo"

/** The variable that names the model. */
export const variable = "REINS_MODEL"

/** The message when no model is set. */
export const unset =
  `No model is set. Set ${variable} or pass --model, such as openai:gpt-5.2 with OPENAI_API_KEY, or ` +
  `openai-compatible:NAME@http://localhost:8080/v1 for a local server; or try the scripted demo: --model ${demo}`

/** The name of the model: `given`, else that of the environment; absent: none is set. */
export const chosen = (given: string | undefined): Effect.Effect<string | undefined, CommandFailed> =>
  given === undefined
    ? Effect.map(
        Effect.mapError(Config.option(Config.String(variable)), () => failed(`${variable} cannot be read.`)),
        (found) => Option.getOrUndefined(Option.filter(found, (name) => name.trim() !== ""))
      )
    : Effect.succeed(given)

/** The model of that name. `watched`: whether a person sees it stream, so that the demo takes its time. */
export const make = (name: string | undefined, watched: boolean): Effect.Effect<ModelPort, CommandFailed> => {
  if (name === undefined) return Effect.fail(failed(`${unset}.`))
  if (name === demo) return Effect.succeed(watched ? Reply.paced(Demo.make(), "8 millis") : Demo.make())
  return Effect.mapError(Models.fromConfig(name), (error) => failed(ended(error.message)))
}

/** The names of a script's model. */
export const scripted = { provider: "scripted", model: "scripted-1" }

/** The names that a model has in ledgers; absent without a name. */
export const namesOf = (name: string | undefined): Pick<ModelPort, "model" | "provider"> | undefined => {
  if (name === undefined || name === demo) return name === undefined ? undefined : Demo
  const [, provider, model] = /^([^:]+):([^@]+)/.exec(name) ?? []
  if (provider === undefined || model === undefined) return scripted
  return { provider: provider.replace(/^openai-(chat|responses)$/, "openai"), model }
}

/** What stands for a model where none is set. */
export const none = { provider: "none", model: "unset" }

/** A model of that name that is never asked, and so needs no key. */
export const unasked = (name: string | undefined): ModelPort => ({
  ...(namesOf(name) ?? none),
  attempt: () => Effect.die(new Error("This command asks no model"))
})

/**
 * The model as a service: `live`, which has the one of that name until it is given another. Charged by the prices that
 * are there.
 */
export const layer = (name: string | undefined, watched: boolean, live: LiveModel): Layer.Layer<Model, CommandFailed> =>
  Layer.effect(
    Model,
    Effect.gen(function* () {
      live.set(yield* make(name, watched), yield* Prices.Prices)
      return live
    })
  )

/** Prices of public models, and the demo's invented ones. */
export const pricesLayer: Layer.Layer<never> = Layer.effect(
  Prices.Prices,
  Effect.gen(function* () {
    const table = yield* Effect.provide(Prices.Prices, Prices.layerTable(Demo.prices, "a made-up table of the demo"))
    const real = yield* Effect.provide(Prices.Prices, GenaiPrices.layer)
    return {
      find: (provider, model, at) => table.find(provider, model, at) ?? real.find(provider, model, at)
    }
  })
)
