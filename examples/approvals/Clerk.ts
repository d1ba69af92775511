/**
 * The person who answers, elsewhere in the process: sees no run and no stream, only the pending approvals, and answers
 * them by id.
 */
import { Decision, type PendingApproval, Runtime } from "@reins/runtime"
import { Effect, Schedule, Schema } from "effect"

const decodePayment = Schema.decodeUnknownSync(Schema.Struct({ supplier: Schema.String, amountUsd: Schema.Finite }))

/** What the clerk decides about a payment, or answers to the agent's question. */
export const decide = ({ request }: PendingApproval): Decision => {
  // An answer that does not fit the form would be refused, and the question stay open.
  if (request.kind === "question") return Decision.answer({ amountUsd: 45, costCentre: "workshop" }, { by: "mia" })
  const { amountUsd, supplier } = decodePayment(request.payload)
  if (supplier === "Yachts") return Decision.reject({ by: "mia", feedback: "we have no yacht" })
  // The call runs with the clerk's amount in place of the model's.
  if (amountUsd > 60) return Decision.revise({ amountUsd: 60 }, { by: "mia" })
  // This call, and two more to the same supplier on this thread, for an hour.
  const matcher = { supplier }
  return Decision.approve({ by: "mia", scope: "thread", matcher, uses: 2, expiresIn: "1 hour" })
}

/** Answers all pending approvals. If somebody else was faster, that answer counts. */
export const answer = Effect.gen(function* () {
  const runtime = yield* Runtime
  for (const pending of yield* runtime.approvals.pending()) {
    yield* Effect.ignore(runtime.approvals.respond(pending.request.id, decide(pending)))
  }
})

/** Polls for approvals until it is interrupted. */
export const work = Effect.repeat(answer, Schedule.spaced("20 millis"))
