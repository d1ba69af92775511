/**
 * Requests to a model besides an agent's steps: a compaction's and a hook's. Reserved, charged in any case and in the
 * ledger as those of steps are; nothing of their answers is in events.
 */
import { type Entry, type Message, Usage } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { Work } from "../engine/Engine.ts"
import type { Spender } from "../engine/Spending.ts"
import * as TokenEstimator from "../model/TokenEstimator.ts"
import type { AgentState } from "../run/AgentState.ts"
import type { Run } from "../run/Run.ts"
import type { Ask } from "./Attempt.ts"
import { PaidRequest, type Sent } from "./PaidRequest.ts"

/** What the requests of one activity have used. */
export class Bill implements Spender {
  usage = Usage.empty
  readonly rows: Array<Entry.ModelEntry> = []
  private readonly asking = new Set<PaidRequest>()

  open(paid: PaidRequest): void {
    this.asking.add(paid)
  }

  /** The request has ended, or was interrupted. */
  close(paid: PaidRequest): void {
    this.rows.push(...paid.settle())
    this.asking.delete(paid)
    this.usage = Usage.add(this.usage, paid.usage)
  }

  spent(): ReadonlyArray<Entry.ModelEntry> {
    return [...this.rows, ...Array.from(this.asking).flatMap((paid) => paid.spent())]
  }
}

export interface SideRequest {
  readonly run: Run
  readonly work: Work
  readonly agent: AgentState
  /** The agent's step that it is for. */
  readonly step: number
  readonly purpose: NonNullable<Ask["purpose"]>
  /** The name under which it is stored before it is sent. */
  readonly name: string
  readonly instructions: string | undefined
  readonly messages: ReadonlyArray<Message.Message>
  readonly maxOutputTokens: number | undefined
}

/** Sends a request; returns its text, or fails with the reason why there is none. */
export const send = Effect.fnUntraced(function* (bill: Bill, request: SideRequest) {
  const { agent, instructions, maxOutputTokens, messages, name, purpose, run, step, work } = request
  const paid = new PaidRequest({
    run,
    work,
    agent,
    step,
    purpose,
    name,
    steps: 0,
    isShown: false,
    showsInput: false,
    maxOutputTokens,
    inputTokens: (estimator) => {
      const counted = TokenEstimator.forModel(estimator, agent.model)
      return tokensOf(run, agent)(messages) + counted.text(instructions ?? "")
    },
    request: (most, attempt) => ({
      instructions,
      messages,
      tools: [],
      maxOutputTokens: most ?? maxOutputTokens,
      output: undefined,
      providerOptions: undefined,
      metadata: {
        runId: work.runId,
        threadId: work.threadId,
        agent: agent.member.name,
        agentPath: agent.path,
        step,
        attempt
      }
    })
  })
  bill.open(paid)
  const sent = yield* Effect.onInterrupt(paid.send(), () =>
    Effect.sync(() => {
      paid.stop()
      bill.close(paid)
    })
  )
  bill.close(paid)
  const issue = issueOf(sent)
  if (issue !== undefined || sent._tag !== "Completed") return yield* Effect.fail(issue ?? "no answer")
  return sent.answer.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")
})

/** Estimates messages as the agent's model counts them. */
export const tokensOf = (run: Run, agent: AgentState) => {
  const estimator = TokenEstimator.forModel(run.settings.estimator, agent.member.model)
  return (messages: ReadonlyArray<Message.Message>): number =>
    messages.reduce((sum, message) => sum + TokenEstimator.message(estimator, message), 0)
}

/** Why there is no whole answer; `undefined` if there is one. */
const issueOf = (sent: Sent): string | undefined => {
  switch (sent._tag) {
    case "Completed": {
      const { stop } = sent.answer
      if (stop !== "stop" && stop !== "other") return `the model's answer is incomplete: it stopped with ${stop}`
      return sent.answer.hasText ? undefined : "the model returned no text"
    }
    case "Cancelled":
      return "the run was cancelled"
    case "Refused":
      return `the budget does not allow it: ${sent.refusal.limit}`
    case "Failed":
      return `the model failed: ${sent.failure._tag}`
  }
}
