/**
 * What clients may see of agents, their names and their tools with their schemas, and which of those tools a client
 * selects.
 */
import type { Json } from "@reins/protocol"
import type { Agent, QueryTools } from "@reins/runtime"
import type { Facts, Command } from "@reins/wire"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as Tool from "effect/ai/Tool"
import type { Description } from "../options/ServerOptions.ts"
import type { Principal } from "../access/Authenticator.ts"
import { mayNameModel } from "./AgentName.ts"
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
