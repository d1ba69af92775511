/**
 * The tools of a query, as its client's settings would have them. Only tools that clients are told of can be named or left out:
 * specialists, and tools of agents that are not described, are the agent's own business.
 */
import type { Agent, QueryTools } from "@reins/runtime"
import type { Command } from "@reins/wire"
import * as AgentDescription from "./AgentDescription.ts"

/** A tool that the client does not trust asks first; one that it does is as its agent has it. */
export const of = (
  agents: ReadonlyArray<Agent.Any>,
  name: string | undefined,
  { clientTools, tools }: Command.Settings
): QueryTools => {
  const agent = agents.find((one) => one.name === name)
  const told = agent === undefined ? [] : AgentDescription.toolsOf(agent).map((tool) => tool.name)
  const named = tools === undefined ? told : tools.map((tool) => tool.name)
  const untrusted = (tools ?? []).filter(({ trust }) => !trust).map((tool) => tool.name)
  return {
    without: told.filter((one) => !named.includes(one)),
    ask: untrusted,
    ...(clientTools === undefined ? {} : { client: clientTools })
  }
}
