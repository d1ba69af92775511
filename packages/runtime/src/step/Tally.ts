/**
 * What one model has used for a paid request: its attempts, their tokens (estimated, where its provider reports none), the
 * fees of tools that the provider ran, and the part of both that is charged already; and by which ids the provider knows
 * its responses.
 *
 * A provider charges fees for its own tools, such as a search, per call and in addition to tokens. A fee that the price
 * row does not name is unknown. Fees are not reserved, since the number of calls is unknown beforehand.
 *
 * Ids of responses are stored while they arrive, so that the provider can be asked what a response has used whose process
 * died. Only where a lookup would ask, and the engine stores anything.
 */
import { type Budget, Entry, type Message, Money, Usage } from "@reins/protocol"
import * as TokenEstimator from "../model/TokenEstimator.ts"
import * as UsageLookup from "../model/UsageLookup.ts"
import type { Answer } from "./Answer.ts"
import type { Ask, Attempted } from "./Attempt.ts"

/** What one model has used for a request. */
export interface Tally {
  readonly startedAt: number
  usage: Usage.Usage
  estimated: boolean
  /** An attempt used more than was held for it. */
  overrun: boolean
  /** The part of `usage` that is charged already: lost and retried attempts. */
  charged: Usage.Usage
  /** The hold that was last settled. */
  paid: Budget.Amount | undefined
  readonly rows: Array<Entry.Attempt>
  /** The number of provider-run calls by tool. */
  fees: Map<string, number> | undefined
  /** The part of the fees that is charged already, in nano-dollars. */
  feesCharged: number
  /** What `usage` costs at a price, as it was last computed. */
  cost: Cost | undefined
}

class Cost {
  readonly usage: Usage.Usage
  readonly price: Entry.Price
  readonly nanoUsd: number

  constructor(usage: Usage.Usage, price: Entry.Price) {
    this.usage = usage
    this.price = price
    this.nanoUsd = Money.costOf(usage, price).nanoUsd
  }
}

/** What the usage of a tally costs, without fees, in nano-dollars. Computed once for the charge and the row. */
export const costOf = (tally: Tally, price: Entry.Price): number => {
  const { cost, usage } = tally
  if (cost !== undefined && cost.usage === usage && cost.price === price) return cost.nanoUsd
  return (tally.cost = new Cost(usage, price)).nanoUsd
}

/** An empty tally. */
export const make = (startedAt: number): Tally => ({
  startedAt,
  usage: Usage.empty,
  estimated: false,
  overrun: false,
  charged: Usage.empty,
  paid: undefined,
  rows: [],
  fees: undefined,
  feesCharged: 0,
  cost: undefined
})

/** The usage and fees of a tally that are not charged yet. */
export const owed = (
  tally: Tally,
  price: Entry.Price | undefined,
  fees: number,
  steps: number | undefined
): Budget.Amount => {
  const { charged, usage } = tally
  const isFirst = charged === Usage.empty
  const inputTokens = Usage.inputTokens(usage) - (isFirst ? 0 : Usage.inputTokens(charged))
  const outputTokens = Usage.outputTokens(usage) - (isFirst ? 0 : Usage.outputTokens(charged))
  const before = price === undefined || isFirst ? 0 : Money.costOf(charged, price).nanoUsd
  const nanoUsd = fees + (price === undefined ? 0 : costOf(tally, price) - before)
  return steps === undefined ? { inputTokens, outputTokens, nanoUsd } : { inputTokens, outputTokens, nanoUsd, steps }
}

/** True if more was spent than held, of the counters that were held. */
export const exceeds = (spent: Budget.Amount, held: Budget.Amount): boolean =>
  (held.inputTokens !== undefined && (spent.inputTokens ?? 0) > held.inputTokens) ||
  (held.outputTokens !== undefined && (spent.outputTokens ?? 0) > held.outputTokens) ||
  (held.nanoUsd !== undefined && (spent.nanoUsd ?? 0) > held.nanoUsd)

/**
 * The usage of an attempt: as reported, or estimated if the report is missing or incomplete. Input and output are
 * handled separately: a report of one does not imply the other.
 */
export const usageOf = (
  ask: Ask,
  attempted: Pick<Attempted, "answer" | "ending">,
  ofUnknown: TokenEstimator.Estimator = ask.run.settings.estimator
): { readonly usage: Usage.Usage; readonly estimated: boolean } => {
  const { answer, ending } = attempted
  const reported = answer.usage ?? Usage.empty
  // No provider charges for a request that failed without output or report.
  if (answer.isIdle && answer.usage === undefined && ending._tag === "Failed") {
    return { usage: Usage.empty, estimated: false }
  }
  // Usage reported with a finish is complete, even if the answer is unusable.
  const whole = ending._tag === "Completed" || answer.stop !== undefined
  const hasInput = hasInputIn(reported)
  const hasOutput = whole && (reported.outputText !== undefined || reported.outputReasoning !== undefined)
  if (hasInput && hasOutput) return { usage: reported, estimated: false }
  const estimator = TokenEstimator.forModel(ofUnknown, ask.agent.model)
  const outputReasoning = Math.max(reported.outputReasoning ?? 0, Math.ceil(answer.reasoned / 3))
  return {
    usage: {
      ...reported,
      ...(hasInput ? {} : { inputUncached: ask.inputTokens(estimator) }),
      ...(hasOutput
        ? {}
        : {
            outputText: Math.max(reported.outputText ?? 0, estimator.text(spoken(answer)), unfinished(answer)),
            ...(outputReasoning === 0 ? {} : { outputReasoning })
          })
    },
    estimated: true
  }
}

const hasInputIn = (usage: Usage.Usage): boolean =>
  usage.inputUncached !== undefined ||
  usage.inputCacheRead !== undefined ||
  usage.inputCacheWrite !== undefined ||
  usage.inputCacheWriteLong !== undefined

/** What was written of calls that were not made, in tokens. */
const unfinished = ({ calls, inputs }: Answer): number =>
  inputs === undefined || calls.length > 0 ? 0 : Math.ceil(inputs.said / 3)

const spoken = (answer: Answer): string => {
  let out = ""
  for (const part of answer.content) {
    if (part.type === "text") out += part.text
    else if (part.type === "tool-call") out += part.name + JSON.stringify(part.args)
  }
  return out
}

/** Adds the calls that the provider ran. */
export const countFees = (tally: Tally, calls: ReadonlyArray<Message.CallPart>): void => {
  for (const { execution, name } of calls) {
    if (execution !== "provider") continue
    tally.fees ??= new Map()
    tally.fees.set(name, (tally.fees.get(name) ?? 0) + 1)
  }
}

/** The rows of the fees. */
export const feeRows = (fees: ReadonlyMap<string, number>, price: Entry.Price | undefined): ReadonlyArray<Entry.Fee> =>
  Array.from(fees, ([toolName, calls]) => {
    const each = feeOf(toolName, price)
    return Entry.fee(toolName, calls, each === undefined ? undefined : Money.times(each, calls))
  })

/** The sum of the known fees, in nano-dollars. */
export const knownFees = (fees: ReadonlyMap<string, number> | undefined, price: Entry.Price | undefined): number => {
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

/** The ids of one paid request. */
export class ResponseIds {
  private readonly ask: Ask
  /** By the count of its stored requests; empty where one is unknown. */
  private ids: Array<string> = []
  private begun = 0

  constructor(ask: Ask) {
    this.ask = ask
  }

  /** What was stored of requests that were lost in a crash. */
  recover(ids: ReadonlyArray<string>): void {
    this.ids = [...ids]
  }

  /** A request is stored, as the one after `before` others. */
  readonly begin = (before: number): number => {
    this.begun = before
    return before
  }

  /** Stores the id of the response to the request that was begun last. */
  readonly take = (id: string): void => {
    const { agent, name, work } = this.ask
    // A lost row is that of the first model, whose provider does not know the responses of a fallback.
    if (agent.model !== agent.member.model) return
    while (this.ids.length <= this.begun) this.ids.push("")
    this.ids[this.begun] = id
    work.identify?.(agent.path, { step: name, ids: this.ids.slice() })
  }
}

/** The ids of a request; `undefined`: nobody would ask by them. */
export const idsOf = (ask: Ask): ResponseIds | undefined => {
  const { agent, isShown, run, work } = ask
  if (!isShown || work.identify === undefined || run.settings.lookups === undefined) return undefined
  return UsageLookup.of(run.settings.lookups, agent.member.model) === undefined ? undefined : new ResponseIds(ask)
}

/** The row of an attempt whose process died. `id`: of its response; absent or empty: unknown. */
export const lost = (startedAt: number, estimated: Usage.Usage, id: string | undefined): Entry.Attempt => {
  const responseId = id === "" ? undefined : id
  return Entry.attempt({ startedAt, endedAt: startedAt, outcome: "lost", estimated, responseId })
}
