/** The agents of a server as models. */
import * as Result from "effect/Result"
import type { Reply, Route } from "../Dialect.ts"
import type { Facts } from "../Facts.ts"
import { make } from "../Refusal.ts"
import { encodeError } from "./Refused.ts"

export const modelRoutes: ReadonlyArray<Route> = [
  {
    method: "GET",
    path: "/v1/models",
    decode: () =>
      Result.succeed({
        command: { _tag: "Describe" },
        answer: {
          _tag: "Facts",
          shape: (facts) => {
            const data = agentsOf(facts).map(modelOf)
            const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
            return { status: 200, body: { data, has_more: false, ...ends } }
          }
        }
      })
  },
  {
    method: "GET",
    path: "/v1/models/:id",
    decode: ({ params: { id = "" } }) =>
      Result.succeed({
        command: { _tag: "Describe" },
        answer: {
          _tag: "Facts",
          shape: (facts) => {
            const found = agentsOf(facts).find(({ name }) => name === id)
            return found === undefined ? unknownModel(id) : { status: 200, body: modelOf(found) }
          }
        }
      })
  }
]

const agentsOf = (facts: Facts) => (facts._tag === "Agents" ? facts.agents : [])

const modelOf = ({ name, title = name }: { readonly name: string; readonly title?: string | undefined }) => ({
  type: "model",
  id: name,
  display_name: title,
  created_at: "1970-01-01T00:00:00Z",
  capabilities: null,
  deprecated_at: null,
  lifecycle: "active",
  line: null,
  max_input_tokens: null,
  max_tokens: null,
  retires_at: null
})

const unknownModel = (id: string): Reply =>
  encodeError(make("not-found", "UnknownAgent", `Unknown model ${JSON.stringify(id)}. GET /v1/models lists them`))
