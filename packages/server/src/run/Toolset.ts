/**
 * The tools of a query under its client's settings. Only described tools can be selected or disabled: specialists, and
 * tools of agents that are not described, are not affected.
 */
import type { Agent, QueryTools } from "@reins/runtime"
import type { Command } from "@reins/wire"
import * as AgentDescription from "./AgentDescription.ts"

/** A tool without the client's trust asks for approval; with it the agent's own gate applies. */
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
