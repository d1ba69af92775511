/**
 * How an agent ended, root or specialist, for its caller; and the totals of it and its specialists, as sums over the
 * run's ledger, for observers.
 */
import {
  AgentPath,
  type Budget,
  Entry,
  type Events,
  type Json,
  Money,
  type RunErrors,
  type Usage
} from "@reins/protocol"

/**
 * How an agent ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentEnd {
  readonly reason: Events.FinishReason | "failed"
  /** Its final text. */
  readonly text: string
  /** The JSON of its typed answer, which fits the schema; absent: it has no typed answer, or gave none that fits. */
  readonly output?: Json | undefined
  /** What it used, specialists included. */
  readonly usage: Usage.Usage
  /** The stop sequence that ended its last answer; absent: none did, or its provider does not name it. */
  readonly stopSequence?: string | undefined
  /** The limit that stopped it. */
  readonly refusal?: Budget.Refusal | undefined
  /** Why it failed. */
  readonly failure?: RunErrors.Reason | undefined
  /** Whether a hook ends the whole run, and not this agent alone. */
  readonly endsRun?: boolean | undefined
}

/**
 * Money in whole nano-dollars, time in milliseconds. Each with all specialists below.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentTotals {
  readonly costNanoUsd: number
  /** Model requests and provider-run calls without a known price: the real cost is higher. */
  readonly unpriced: number
  readonly modelCalls: number
  readonly toolCalls: number
  /** Questions to people, and the total waiting time for them. */
  readonly approvals: number
  readonly approvalWaitMs: number
}

/** The sums over `entries` of the agent at `path`. */
export const totalsOf = (entries: ReadonlyArray<Entry.Entry>, path: AgentPath.AgentPath): AgentTotals => {
  const sums = { costNanoUsd: 0, unpriced: 0, modelCalls: 0, toolCalls: 0, approvals: 0, approvalWaitMs: 0 }
  for (const entry of entries) {
    if (!AgentPath.isWithin(entry.path, path)) continue
    switch (entry.kind) {
      case "model":
        sums.modelCalls += 1
        sums.costNanoUsd = Money.add(sums.costNanoUsd, Money.add(entry.costNanoUsd ?? 0, Entry.feesOf(entry)))
        if (entry.costNanoUsd === undefined) sums.unpriced += 1
        for (const fee of entry.fees ?? []) if (fee.costNanoUsd === undefined) sums.unpriced += fee.calls
        break
      case "tool":
        sums.toolCalls += 1
        sums.costNanoUsd = Money.add(sums.costNanoUsd, entry.costNanoUsd ?? 0)
        break
      case "wait":
        if (entry.reason !== "approval") break
        sums.approvals += 1
        sums.approvalWaitMs += entry.endedAt - entry.startedAt
        break
      case "agent":
        break
    }
  }
  return sums
}
