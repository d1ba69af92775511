/**
 * The service that the rest of an application sees: tickets, questions and decisions. The layer below decides which
 * agent and model answer.
 */
import type { ApprovalError, Decision, Event, PendingApproval, QueryRejected } from "@reins/runtime"
import { Runtime } from "@reins/runtime"
import { Context, Effect, Layer, type Stream } from "effect"
import { Desk, model } from "./Desk.ts"
import { Refunds } from "./Refunds.ts"

/** The runtime behind the service. A constant, because layers are shared by reference. */
export const RuntimeLive = Runtime.layer({ agents: [Desk] }).pipe(Layer.provide([Refunds.layer, model]))

export class SupportDesk extends Context.Service<
  SupportDesk,
  {
    /**
     * Answers a question on a ticket, as events. Fails before the first of them, or not at all. Interrupting it cancels
     * the run.
     */
    readonly answer: (ticket: string, question: string) => Stream.Stream<Event, QueryRejected>
    /** The pending approvals, the oldest first. */
    readonly pending: Effect.Effect<ReadonlyArray<PendingApproval>>
    /** Accepts a decision, once. */
    readonly decide: (approval: string, decision: Decision) => Effect.Effect<void, ApprovalError>
  }
>()("acme/SupportDesk") {
  /** Over any runtime: a test provides its own. */
  static readonly layerNoDeps = Layer.effect(
    SupportDesk,
    Effect.gen(function* () {
      const runtime = yield* Runtime
      return SupportDesk.of({
        // One ticket is one thread: the agent remembers its conversation.
        answer: (ticket, question) => runtime.query(question, { threadId: `ticket-${ticket}` }),
        pending: runtime.approvals.pending(),
        decide: (approval, decision) => runtime.approvals.respond(approval, decision)
      })
    })
  )

  static readonly layer = this.layerNoDeps.pipe(Layer.provide(RuntimeLive))
}
