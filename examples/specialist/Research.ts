/** Runs the specialist from code: typed input, typed output, and each failure handled by its reason. */
import { Runtime } from "@reins/runtime"
import { Effect } from "effect"
import { Researcher } from "./Researcher.ts"

/** At most `most` findings on a topic, as lines; without findings, a line that says why. */
export const research = Effect.fn("research")(function* (topic: string, most = 2) {
  const runtime = yield* Runtime
  return yield* runtime.complete(Researcher, { topic, most }).pipe(
    // `output` has the type of the schema: no casts, no checks.
    Effect.map(({ output, usage }) => [
      ...output.findings.map(({ claim, source }) => `- ${claim} (${source})`),
      `  ${usage.totalTokens} tokens`
    ]),
    // The run failed without an answer.
    Effect.catchReasons("RunError", {
      BudgetExhausted: ({ limit, max }) => Effect.succeed([`gave up at its limit: ${limit} ${max}`]),
      OutputInvalid: ({ agent }) => Effect.succeed([`${agent} did not answer in the form it promised`])
    }),
    // Nothing was started, nothing spent.
    Effect.catchReason("QueryRejected", "InvalidInput", ({ agent }) =>
      Effect.succeed([`not a question for the ${agent}: nothing was started`])
    )
  )
})
