/**
 * Fees that providers charge for tools that they run themselves, such as a search: per call, in addition to tokens. A
 * fee that the price row does not name is unknown. Fees are not reserved, since the number of calls is unknown
 * beforehand.
 */
import { Entry, type Message, Money } from "@reins/protocol"

/** Calls of tools that a provider ran, by tool. */
export interface Counted {
  fees: Map<string, number> | undefined
}

/** Adds the calls that the provider ran. */
export const count = (tally: Counted, calls: ReadonlyArray<Message.CallPart>): void => {
  for (const { execution, name } of calls) {
    if (execution !== "provider") continue
    tally.fees ??= new Map()
    tally.fees.set(name, (tally.fees.get(name) ?? 0) + 1)
  }
}

/** The rows of the fees. */
export const rows = (fees: ReadonlyMap<string, number>, price: Entry.Price | undefined): ReadonlyArray<Entry.Fee> =>
  Array.from(fees, ([toolName, calls]) => {
    const each = feeOf(toolName, price)
    return Entry.fee(toolName, calls, each === undefined ? undefined : Money.times(each, calls))
  })

/** The sum of the known fees, in nano-dollars. */
export const known = (fees: ReadonlyMap<string, number> | undefined, price: Entry.Price | undefined): number => {
  let sum = 0
  if (fees !== undefined)
    for (const [toolName, calls] of fees) sum = Money.add(sum, Money.times(feeOf(toolName, price) ?? 0, calls))
  return sum
}

const feeOf = (toolName: string, price: Entry.Price | undefined): Money.NanoUsd | undefined => {
  const fees = price?.toolFees
  const usd = fees !== undefined && Object.hasOwn(fees, toolName) ? fees[toolName] : undefined
  return usd === undefined ? undefined : Money.fromUsd(usd)
}
