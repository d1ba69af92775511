/** The agent card: who serves, where, and what its agents can do. */
import type { Reply } from "../Dialect.ts"
import type { AgentFacts, Facts } from "../Facts.ts"

export const protocolVersion = "1.0"

const modes = ["text/plain", "application/json", "image/*", "application/pdf"]

const skillOf = ({ description, name, title, tools }: AgentFacts): object => ({
  id: name,
  name: title ?? name,
  description: description ?? `Answers as ${title ?? name}`,
  tags: tools.length === 0 ? ["agent"] : tools.map((tool) => tool.name)
})

/**
 * `url`: the dialect's base path; absent: not known, and the card has no interface. `agent`: the card is of this agent
 * alone. Nothing where there is no such agent. `pushes`: whether web hooks are sent.
 */
export const card =
  (url: string | undefined, agent: string | undefined, pushes: boolean) =>
  (facts: Facts): Reply => {
    const all = facts._tag === "Agents" ? facts.agents : []
    const skilled = agent === undefined ? all : all.filter(({ name }) => name === agent)
    const [first] = skilled
    if (agent !== undefined && first === undefined) return { status: 404, body: { error: "Unknown agent" } }
    const at = agent === undefined ? "" : `/agents/${encodeURIComponent(agent)}`
    return {
      status: 200,
      body: {
        name: first?.title ?? first?.name ?? "reins",
        description: first?.description ?? "An agent served by Reins",
        supportedInterfaces:
          url === undefined ? [] : [{ url: `${url}${at}/rpc`, protocolBinding: "JSONRPC", protocolVersion }],
        version: first?.version ?? "1",
        capabilities: { streaming: true, pushNotifications: pushes, extendedAgentCard: false },
        securitySchemes: { bearer: { httpAuthSecurityScheme: { scheme: "Bearer" } } },
        securityRequirements: [{ schemes: { bearer: { list: [] } } }],
        defaultInputModes: modes,
        defaultOutputModes: ["text/plain", "application/json"],
        skills: skilled.map(skillOf)
      },
      headers: { "cache-control": "no-store" }
    }
  }
