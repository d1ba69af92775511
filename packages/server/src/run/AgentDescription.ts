/**
 * Agents as clients see them: their names and their tools with their schemas, which of those tools a client selects, and
 * which agent and which of its models a request means. Clients of model providers have one field for both: `desk` is an
 * agent, and `desk/strong` that agent with its model `strong`, where the operator lets clients name models
 * (`ServerOptions.clientModels`). The runtime decides what exists.
 */
import type { Json, QueryRejected } from "@reins/protocol"
import type { Agent, QueryTools } from "@reins/runtime"
import type { Facts, Command } from "@reins/wire"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import type { Description } from "../options/ServerOptions.ts"
import type { Principal } from "../access/Authenticator.ts"
import * as Outcome from "./Outcome.ts"
import type { ServerContext } from "./ServerContext.ts"

const isJson = Schema.is(Schema.Json)

const parametersOf = (tool: Tool.Any): Json => {
  const schema: unknown = Tool.getJsonSchema(tool)
  return isJson(schema) ? schema : {}
}

const toolOf = (tool: Tool.Any): Facts.ToolFacts => ({
  name: tool.name,
  ...(tool.description === undefined ? {} : { description: tool.description }),
  parameters: parametersOf(tool)
})

const isTool = (value: unknown): value is Tool.Any => Predicate.hasProperty(value, "parametersSchema")

/**
 * The tools that can be listed without building them: those of a toolkit. One that is already bound to its handlers
 * keeps its own.
 */
export const toolsOf = ({ definition }: Agent.Any): ReadonlyArray<Facts.ToolFacts> => {
  const kits: ReadonlyArray<unknown> = definition.toolkits
  const own = kits.flatMap((kit) =>
    Predicate.hasProperty(kit, "tools") && Predicate.isObject(kit.tools) ? Object.values(kit.tools) : []
  )
  return own.filter(isTool).map(toolOf)
}

const agentOf = (
  agent: Agent.Any,
  { options = [], title, version = "1" }: Description = {},
  mayName = false
): Facts.AgentFacts => ({
  name: agent.name,
  ...(title === undefined ? {} : { title }),
  ...(agent.definition.description === undefined ? {} : { description: agent.definition.description }),
  version,
  tools: toolsOf(agent),
  ...(mayName ? { models: Object.keys(agent.definition.models ?? {}) } : {}),
  options
})

export const agents = (serving: ServerContext, principal: Principal): Effect.Effect<Outcome.Outcome> =>
  Effect.map(Clock.currentTimeMillis, (now) =>
    Outcome.facts({
      _tag: "Agents",
      agents: serving.agents.map((agent) =>
        agentOf(agent, serving.descriptions[agent.name], mayNameModel(serving, principal))
      ),
      at: now,
      upMs: Math.max(0, now - serving.startedAt)
    })
  )

/** A tool that the client does not trust asks for approval; otherwise the agent's own policy applies. */
export const toolsFor = (
  agents: ReadonlyArray<Agent.Any>,
  name: string | undefined,
  { clientTools, tools }: Command.Settings
): QueryTools => {
  const agent = agents.find((one) => one.name === name)
  const told = agent === undefined ? [] : toolsOf(agent).map((tool) => tool.name)
  const named = tools === undefined ? told : tools.map((tool) => tool.name)
  const untrusted = (tools ?? []).filter(({ trust }) => !trust).map((tool) => tool.name)
  return {
    without: told.filter((one) => !named.includes(one)),
    ask: untrusted,
    ...(clientTools === undefined ? {} : { client: clientTools })
  }
}

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
export const firstKnown = <A>(
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
