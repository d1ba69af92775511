/** The agents of a server as models, in the form that both OpenAI protocols have. */
import * as Result from "effect/Result"
import type { Reply, Route } from "../Dialect.ts"
import type { Facts } from "../Facts.ts"
import * as Refusal from "../Refusal.ts"
import { encodeError } from "./Encoder.ts"

export const modelRoutes: ReadonlyArray<Route> = [
  {
    method: "GET",
    path: "/models",
    decode: () =>
      Result.succeed({
        command: { _tag: "Describe" },
        answer: {
          _tag: "Facts",
          shape: (facts) => ({ status: 200, body: { object: "list", data: agentsOf(facts).map(modelOf) } })
        }
      })
  },
  {
    method: "GET",
    path: "/models/:id",
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

const modelOf = ({ name }: { readonly name: string }) => ({ id: name, object: "model", created: 0, owned_by: "reins" })

const unknownModel = (id: string): Reply =>
  encodeError(Refusal.make("not-found", "UnknownAgent", `Unknown model ${JSON.stringify(id)}. GET /models lists them`))
