/**
 * The tools that policies and hooks are for, by name: a misspelt name would guard nothing.
 */
import * as Effect from "effect/Effect"
import type * as Hook from "../hook/Hook.ts"
import type * as Agent from "./Agent.ts"
import { refuse } from "./InvalidAgents.ts"

const unknown = (where: string, what: string, tool: string, known: Iterable<string>): string =>
  `${where}: ${what} names the unknown tool ${JSON.stringify(tool)}. Its tools: ${[...known].join(", ") || "none"}`

/** Warns of hooks for tools that are not `known`. No refusal: a query may bring a tool of that name. */
export const warn = (
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
 * Refuses a policy for a tool that the agent does not have, and warns of its hooks for such tools. `own`: the names of its
 * tools and specialists.
 */
export const check = (
  { approvals, hooks, name }: Agent.Definition,
  tools: ReadonlyMap<string, unknown>,
  own: ReadonlySet<string>
): Effect.Effect<void> => {
  const where = `Agent ${JSON.stringify(name)}`
  const misspelt = Object.keys(approvals).find((tool) => !tools.has(tool))
  return misspelt === undefined ? warn(where, hooks, own) : refuse(unknown(where, "approvals", misspelt, tools.keys()))
}
