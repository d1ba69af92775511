/**
 * The names of an agent's tools and specialists. A model calls all of them by name, whatever their source (a toolkit, an
 * MCP server, client tools, specialists), so names must be unique; and policies and hooks are for tools by name, so a
 * misspelt name would guard nothing.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Hook from "../hook/Hook.ts"
import type * as Agent from "./Agent.ts"
import { refuse } from "./InvalidAgents.ts"

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
