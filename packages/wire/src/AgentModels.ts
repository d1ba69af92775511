/**
 * The agents of a server as models, at the routes that protocols of model providers have: `GET …/models`, and
 * `GET …/models/:id` for one. An agent with models that its clients may name is several: `desk`, `desk/strong`.
 */
import * as Result from "effect/Result"
import type { Reply, Route } from "./Dialect.ts"
import type { AgentFacts, Facts } from "./Facts.ts"
import * as Refusal from "./Refusal.ts"

/** How a protocol writes models. `path`: of the list. */
export interface ModelForm<Shown> {
  readonly path: string
  readonly model: (agent: AgentFacts) => Shown
  readonly list: (models: ReadonlyArray<Shown>) => Reply["body"]
  readonly encodeError: (refusal: Refusal.Refusal) => Reply
}

/** The routes of a protocol. */
export const routes = <Shown extends object>(form: ModelForm<Shown>): ReadonlyArray<Route> => {
  const { encodeError, list, model, path } = form
  const unknown = (id: string): Reply =>
    encodeError(
      Refusal.make("not-found", "UnknownAgent", `Unknown model ${JSON.stringify(id)}. GET ${path} lists them`)
    )
  return [
    route(path, () => (agents) => ({ status: 200, body: list(agents.map(model)) })),
    route(`${path}/:id`, (id) => (agents) => {
      const found = agents.find(({ name }) => name === id)
      return found === undefined ? unknown(id) : { status: 200, body: model(found) }
    })
  ]
}

const route = (path: string, shape: (id: string) => (agents: ReadonlyArray<AgentFacts>) => Reply): Route => ({
  method: "GET",
  path,
  decode: ({ params: { id = "" } }) =>
    Result.succeed({
      command: { _tag: "Describe" },
      answer: { _tag: "Facts", shape: (facts) => shape(id)(agentsOf(facts)) }
    })
})

const agentsOf = (facts: Facts): ReadonlyArray<AgentFacts> =>
  facts._tag === "Agents" ? facts.agents.flatMap(namedOf) : []

const namedOf = (agent: AgentFacts): ReadonlyArray<AgentFacts> => [
  agent,
  ...(agent.models ?? []).map((model) => ({
    ...agent,
    name: `${agent.name}/${model}`,
    ...(agent.title === undefined ? {} : { title: `${agent.title} (${model})` })
  }))
]
