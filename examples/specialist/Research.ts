/**
 * Runs the specialist from code: typed input in, typed output out, and each way that it can fail recovered by its reason.
 */
import { Runtime } from "@reins/runtime"
import { Effect } from "effect"
import { Researcher } from "./Researcher.ts"

/** At most `most` findings on a topic, as lines; where there are none, a line that says why. */
export const research = Effect.fn("research")(function* (topic: string, most = 2) {
  const runtime = yield* Runtime
  return yield* runtime.completeSpecialist(Researcher, { topic, most }).pipe(
    // `output` is what the schema says: no casts, no checks.
    Effect.map(({ output, usage }) => [
      ...output.findings.map(({ claim, source }) => `- ${claim} (${source})`),
      `  ${usage.totalTokens} tokens`
    ]),
    // The run was carried, and brought no answer.
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
