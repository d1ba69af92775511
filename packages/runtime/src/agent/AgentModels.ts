/** The models of an agent, captured when the runtime's layer is built: its own, its fallbacks, and those chosen by name. */
import * as Effect from "effect/Effect"
import type * as Erased from "../kernel/Erased.ts"
import type { ModelKey, ModelPort } from "../model/Model.ts"
import type { Definition } from "./Agent.ts"
import { refuse } from "./InvalidAgents.ts"

export interface AgentModels {
  readonly model: ModelPort
  /** Fallback models, in order. */
  readonly fallbacks: ReadonlyArray<ModelPort>
  /** Models that a step or a query may name. */
  readonly models: ReadonlyMap<string, ModelPort>
}

/** The models of the agent `name`, from the services. */
export const capture = (
  name: string,
  { fallbacks, model, models = {} }: Pick<Definition, "fallbacks" | "model" | "models">
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
export const find = (
  { definition, model, models }: AgentModels & { readonly definition: Pick<Definition, "model" | "models"> },
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
export const all = ({ fallbacks, model, models, resolver }: AgentModels & { readonly resolver?: unknown }) =>
  resolver === undefined ? [model, ...fallbacks] : [model, ...fallbacks, ...models.values()]
