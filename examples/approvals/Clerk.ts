/**
 * The person, somewhere else in the process: sees no run and no stream, only the questions that are open, and answers them by
 * their ids.
 */
import { Decision, type PendingApproval, Runtime } from "@reins/runtime"
import { Effect, Schedule, Schema } from "effect"

const decodePayment = Schema.decodeUnknownSync(Schema.Struct({ supplier: Schema.String, amountUsd: Schema.Finite }))

/** What the clerk thinks of a payment. */
export const decide = ({ request }: PendingApproval): Decision => {
  const { amountUsd, supplier } = decodePayment(request.payload)
  if (supplier === "Yachts") return Decision.reject({ by: "mia", feedback: "we have no yacht" })
  // The call runs, with what the clerk says in place of what the model said.
  if (amountUsd > 60) return Decision.revise({ amountUsd: 60 }, { by: "mia" })
  // This call, and two more like it on this thread, for an hour: payments to the same supplier only.
  const matcher = { supplier }
  return Decision.approve({ by: "mia", scope: "thread", matcher, uses: 2, expiresIn: "1 hour" })
}

/** Answers all that is open now. Somebody else may have been faster: then that answer counts. */
export const answer = Effect.gen(function* () {
  const runtime = yield* Runtime
  for (const pending of yield* runtime.pendingApprovals()) {
    yield* Effect.ignore(runtime.respondToApproval(pending.request.id, decide(pending)))
  }
})

/** Looks for questions again and again, until it is interrupted. */
export const work = Effect.repeat(answer, Schedule.spaced("20 millis"))
