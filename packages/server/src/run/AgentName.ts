/**
 * Which agent and which of its models a request means. Clients of model providers have one field for both: `desk` is an
 * agent, and `desk/strong` that agent with its model `strong`, where the operator lets clients name models
 * (`ServerOptions.clientModels`). The runtime decides what exists.
 */
import type { QueryRejected } from "@reins/protocol"
import type { Command } from "@reins/wire"
import * as Effect from "effect/Effect"
import type { Principal } from "../access/Authenticator.ts"
import type { ServerContext } from "./ServerContext.ts"

/** An agent (absent: the default one), and what is asked of its model. */
export interface Called {
  readonly agent: string | undefined
  readonly model: Command.StartQuery["model"]
}

/** Whether this principal may name models. */
export const mayNameModel = ({ clientModels }: ServerContext, principal: Principal): boolean =>
  typeof clientModels === "function" ? clientModels(principal) : clientModels

/** What a request may mean, in the order in which it is tried. `anyAgent`: as in `Mount`. */
const readings = (
  { agent, model }: Called,
  { anyAgent, mayName }: { readonly anyAgent: boolean; readonly mayName: boolean }
): ReadonlyArray<Called> => {
  const { name: _, ...settings } = model ?? {}
  const own: Called["model"] = mayName ? model : Object.keys(settings).length === 0 ? undefined : settings
  const split = mayName && agent !== undefined ? slashes(agent) : []
  return [
    { agent, model: own },
    ...split.map((at) => ({ agent: agent?.slice(0, at), model: { name: agent?.slice(at + 1) ?? "", ...own } })),
    ...(anyAgent && mayName && agent !== undefined && own?.name === undefined
      ? [{ agent: undefined, model: { ...own, name: agent } }]
      : []),
    ...(anyAgent ? [{ agent: undefined, model: own }] : [])
  ]
}

/** Where a name may be cut: at slashes with something on both sides. */
const slashes = (name: string): ReadonlyArray<number> =>
  Array.from(name, (character, at) => (character === "/" && at > 0 && at < name.length - 1 ? at : -1)).filter(
    (at) => at > 0
  )

/**
 * Starts `begin` with the first reading whose agent exists, and whose model, too, if only the name of an unknown agent
 * is read as one. Answers the agent that was meant besides.
 */
export const first = <A>(
  called: Called,
  manner: { readonly anyAgent: boolean; readonly mayName: boolean },
  begin: (called: Called) => Effect.Effect<A, QueryRejected>
): Effect.Effect<{ readonly value: A; readonly agent: string | undefined }, QueryRejected> => {
  const attempt = (
    reading: Called,
    rest: ReadonlyArray<Called>
  ): Effect.Effect<{ readonly value: A; readonly agent: string | undefined }, QueryRejected> => {
    const begun = Effect.map(begin(reading), (value) => ({ value, agent: reading.agent }))
    const [next, ...others] = rest
    if (next === undefined) return begun
    return Effect.catch(begun, (rejected) => {
      const { _tag } = rejected.reason
      const isGuess = reading.agent === undefined && _tag === "UnknownModel"
      if (_tag !== "UnknownAgent" && !isGuess) return Effect.fail(rejected)
      // What the request says is what it is refused by.
      return Effect.mapError(attempt(next, others), (later) =>
        later.reason._tag === "UnknownAgent" ? rejected : later
      )
    })
  }
  const [own, ...rest] = readings(called, manner)
  return attempt(own ?? called, rest)
}
