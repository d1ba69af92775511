/**
 * What the loop gets of a call that was brought to its end.
 */
import type { Budget, Message, Usage } from "@reins/protocol"

/** A settled call. */
export interface CallEnd {
  readonly part: Message.ResultPart
  /** A limit refused it, or cut it short. */
  readonly refusal?: Budget.Refusal | undefined
  /** The run's cancel ended it. */
  readonly cancelled?: boolean | undefined
  /** What a specialist used, everything below it included. */
  readonly usage?: Usage.Usage | undefined
}
