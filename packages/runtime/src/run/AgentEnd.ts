/**
 * How an agent ended, root or specialist, as its caller needs to know it.
 */
import type { Budget, Events, RunErrors, Usage } from "@reins/protocol"

/** How an agent ended. */
export interface AgentEnd {
  readonly reason: Events.FinishReason | "failed"
  /** Its last words; for a typed output, JSON that fits the schema where `reason` is `stop`. */
  readonly text: string
  /** What it used, specialists included. */
  readonly usage: Usage.Usage
  /** The limit that stopped it. */
  readonly refusal?: Budget.Refusal | undefined
  /** Why it failed. */
  readonly failure?: RunErrors.Reason | undefined
}
