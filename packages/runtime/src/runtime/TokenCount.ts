/** Estimates the input tokens of a query's first request, without starting anything. */
import { Message, QueryRejected, QueryRejections } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { asked } from "../loop/Drive.ts"
import { AgentState } from "../run/AgentState.ts"
import type { RuntimeParts } from "./RuntimeParts.ts"
import * as RunStart from "./RunStart.ts"
import type { QueryOptions } from "./RuntimeVerbs.ts"
import * as Threads from "./Threads.ts"

/** Counts the agent's instructions and tools, the query's history, and its prompt. */
export const of = Effect.fnUntraced(function* (
  built: RuntimeParts,
  prompt: Message.Prompt,
  options: QueryOptions = {}
): Effect.fn.Return<number, QueryRejected> {
  const { instructions } = options
  const { member, model } = yield* RunStart.memberOf(built, options)
  const { messages } = yield* Effect.mapError(
    Threads.adopt(options.history ?? []),
    (issue) => new QueryRejected({ reason: new QueryRejections.InvalidInput({ agent: member.name, issue }) })
  )
  const agent = new AgentState({
    path: [],
    member: asked(member, {
      ...(instructions === undefined ? {} : { instructions }),
      ...(model === undefined ? {} : { model })
    }),
    history: messages,
    prompt: prompt.length === 0 ? undefined : Message.fromPrompt(prompt),
    repeatedCallLimit: Number.POSITIVE_INFINITY
  })
  return agent.inputTokens(built.settings.estimator)
})
