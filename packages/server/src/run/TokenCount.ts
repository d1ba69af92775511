/** Counts the input tokens of a request, without starting anything. */
import { Refusal, type Command } from "@reins/wire"
import * as Effect from "effect/Effect"
import type { Principal } from "../access/Authenticator.ts"
import * as AgentDescription from "./AgentDescription.ts"
import type { Manner } from "./RunStart.ts"
import type { ServerContext } from "./ServerContext.ts"

/** Counts what a query would send to its agent's model. */
export const of = (
  serving: ServerContext,
  principal: Principal,
  { agent, instructions, model, prompt, seed = [], settings = {} }: Command.StartQuery,
  { anyAgent }: Manner
) => {
  const { agents, runtime } = serving
  const counted = ({ agent: name, model }: AgentDescription.Called) =>
    runtime.countTokens(prompt, {
      history: seed,
      tools: AgentDescription.toolsFor(agents, name, settings),
      ...(name === undefined ? {} : { agent: name }),
      ...(model === undefined ? {} : { model }),
      ...(instructions === undefined ? {} : { instructions })
    })
  const mayName = AgentDescription.mayNameModel(serving, principal)
  return AgentDescription.firstKnown({ agent, model }, { anyAgent, mayName }, counted).pipe(
    Effect.map(({ value }) => value),
    Effect.mapError(({ reason }) => Refusal.fromQueryRejected(reason))
  )
}
