/**
 * What one model has done for a paid request: its attempts, what they used, and what of that is on the budget already.
 */
import { type Budget, type Entry, Money, Usage } from "@reins/protocol"

/** What one model has done for a request. */
export interface Tally {
  readonly startedAt: number
  usage: Usage.Usage
  estimated: boolean
  /** Some attempt used more than was held for it. */
  overrun: boolean
  /** What of `usage` is on the budget already: lost attempts, and those that were tried again. */
  charged: Usage.Usage
  /** The hold that was last settled. */
  paid: Budget.Amount | undefined
  readonly rows: Array<Entry.Attempt>
  /** How often the provider ran which tool itself. */
  fees: Map<string, number> | undefined
  /** What of the fees is on the budget already. */
  feesCharged: number
}

/** One that has done nothing yet. */
export const make = (startedAt: number): Tally => ({
  startedAt,
  usage: Usage.empty,
  estimated: false,
  overrun: false,
  charged: Usage.empty,
  paid: undefined,
  rows: [],
  fees: undefined,
  feesCharged: 0
})

/** What of a tally is not on the budget yet, and the fees that are not. */
export const owed = (
  { charged, usage }: Tally,
  price: Entry.Price | undefined,
  fees: number,
  steps: number | undefined
): Budget.Amount => {
  const inputTokens = Usage.inputTokens(usage) - Usage.inputTokens(charged)
  const outputTokens = Usage.outputTokens(usage) - Usage.outputTokens(charged)
  const before = price === undefined || charged === Usage.empty ? 0 : Money.costOf(charged, price).nanoUsd
  const nanoUsd = fees + (price === undefined ? 0 : Money.costOf(usage, price).nanoUsd - before)
  return steps === undefined ? { inputTokens, outputTokens, nanoUsd } : { inputTokens, outputTokens, nanoUsd, steps }
}

/** True where more was spent than had been held, of what was held at all. */
export const exceeds = (spent: Budget.Amount, held: Budget.Amount): boolean =>
  (held.inputTokens !== undefined && (spent.inputTokens ?? 0) > held.inputTokens) ||
  (held.outputTokens !== undefined && (spent.outputTokens ?? 0) > held.outputTokens) ||
  (held.nanoUsd !== undefined && (spent.nanoUsd ?? 0) > held.nanoUsd)
