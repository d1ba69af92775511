/**
 * Corrections of the cost ledger: a provider reports later what a request really used that was estimated, because its
 * process died or its answer was cut. The run's summary stays as it was stated; the ledger gets a line beside it, and the
 * run's quotas and its thread's totals follow.
 */
import { AgentPath, Correction, type CostReport, type Entry, Money, Usage } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type Corrected, firstCorrection } from "../budget/CostStore.ts"
import type { Bill, RunHost } from "../engine/RunHost.ts"
import * as Runs from "./Runs.ts"

/**
 * Which row of a run's ledger: a model step of an agent (`agentPath`; absent: the root), or what was asked beside it (`purpose`).
 * `provider` and `model` are needed only where a step fell back to another model.
 *
 * @since 0.1.0
 * @category models
 */
export interface EntryKey {
  readonly agentPath?: AgentPath.AgentPath | undefined
  readonly step: number
  readonly purpose?: Entry.ModelEntry["purpose"] | undefined
  readonly provider?: string | undefined
  readonly model?: string | undefined
}

/**
 * What was really used. `usage`: of all attempts of the row, the lost ones included. `costUsd`: what the provider charged
 * in US dollars, without fees; absent: `usage` at the row's price. `resourceId`: only a run of this tenant.
 *
 * @since 0.1.0
 * @category models
 */
export interface CorrectionOptions extends EntryKey {
  readonly runId: string
  readonly usage: Usage.Usage
  readonly costUsd?: number | undefined
  readonly resourceId?: string | undefined
}

/**
 * A row of a run's ledger that is estimated, in part or as a whole. `costNanoUsd` is absent if its price is unknown.
 * `isCorrected`: the ledger has a correction of it; absent: it has none.
 *
 * @since 0.1.0
 * @category models
 */
export interface Estimate {
  readonly agentPath: AgentPath.AgentPath
  readonly step: number
  readonly purpose?: NonNullable<Entry.ModelEntry["purpose"]>
  readonly provider: string
  readonly model: string
  readonly usage: Usage.Usage
  readonly costNanoUsd?: number
  readonly startedAt: number
  readonly endedAt: number
  readonly isCorrected?: true
}

/**
 * Why nothing was corrected.
 *
 * **Details**
 * - `RunNotFound`: unknown, of another tenant, or its rows were deleted. `RunOpen`: it has not ended, and is not booked.
 * - `NotEstimated`: no estimated row matches. `Ambiguous`: several do; name the provider and the model.
 * - `AlreadyCorrected`: this row was. `ThreadBusy`: a run is active on its thread; correct it when that has ended.
 * - `NotBooked`: the ledger has no line of the run, or is of a store that corrects none.
 * - `InvalidAmount`: `usage` or `costUsd` is not valid.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotCorrected extends Schema.TaggedError<NotCorrected>()("NotCorrected", {
  runId: Schema.String,
  reason: Schema.Literals([
    "RunNotFound",
    "RunOpen",
    "NotEstimated",
    "Ambiguous",
    "AlreadyCorrected",
    "ThreadBusy",
    "NotBooked",
    "InvalidAmount"
  ])
}) {
  override get message() {
    return `Run ${JSON.stringify(this.runId)}: ${words[this.reason]}`
  }
}

const words = {
  RunNotFound: "it is unknown, or its rows were deleted",
  RunOpen: "it has not ended. Correct it when it has",
  NotEstimated: "no estimated row matches. costs.estimates lists those that are",
  Ambiguous: "several estimated rows match. Name the provider and the model",
  AlreadyCorrected: "this row is corrected already",
  ThreadBusy: "another run is active on its thread. Correct it when that has ended",
  NotBooked: "the ledger has no line of it",
  InvalidAmount: `usage needs a count of tokens (${Usage.parts.join(", ")}), and costUsd is a number from 0 on`
}

/** A model's row with its place among those of its run. */
export interface Placed {
  readonly entry: Entry.ModelEntry
  readonly place: number
  readonly isCorrected: boolean
}

const orderOf = ({ model, path, provider, purpose, startedAt, step }: Entry.ModelEntry): string =>
  [
    String(startedAt).padStart(16, "0"),
    AgentPath.key(path),
    String(step).padStart(10, "0"),
    purpose ?? "",
    provider,
    model
  ].join(" ")

/** The models' rows of a bill, in an order that is the same wherever the run is stored. */
export const placed = ({ corrected, entries }: Bill): ReadonlyArray<Placed> => {
  const done = new Set(corrected)
  return entries
    .filter((entry) => entry.kind === "model")
    .map((entry) => ({ entry, key: orderOf(entry) }))
    .toSorted((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0))
    .map(({ entry }, index) => {
      const place = firstCorrection + index
      return { entry, place, isCorrected: done.has(place) }
    })
}

const isMeant =
  ({ agentPath = AgentPath.root, model, provider, purpose, step }: EntryKey) =>
  ({ entry }: Placed): boolean =>
    entry.estimated &&
    entry.step === step &&
    entry.purpose === purpose &&
    AgentPath.key(entry.path) === AgentPath.key(agentPath) &&
    (provider === undefined || entry.provider === provider) &&
    (model === undefined || entry.model === model)

const billOf = (host: RunHost, runId: string, resourceId: string | undefined) =>
  Effect.map(host.bill(runId), (bill) =>
    resourceId === undefined || bill?.record.resourceId === resourceId ? bill : undefined
  )

/** See `RuntimeShape.costs.estimates`. */
const estimates = (
  host: RunHost,
  runId: string,
  resourceId: string | undefined
): Effect.Effect<ReadonlyArray<Estimate> | undefined> =>
  Effect.map(billOf(host, runId, resourceId), (bill) =>
    bill === undefined ? undefined : placed(bill).flatMap((row) => (row.entry.estimated ? [estimateOf(row)] : []))
  )

const estimateOf = ({ entry, isCorrected }: Placed): Estimate => {
  const { costNanoUsd, endedAt, model, path, provider, purpose, startedAt, step, usage } = entry
  return {
    agentPath: path,
    step,
    ...(purpose === undefined ? {} : { purpose }),
    provider,
    model,
    usage,
    ...(costNanoUsd === undefined ? {} : { costNanoUsd }),
    startedAt,
    endedAt,
    ...(isCorrected ? { isCorrected } : {})
  }
}

/** Books the change of a row. */
export const book = (
  host: RunHost,
  { record }: Bill,
  { entry, place }: Placed,
  change: Correction.Change
): Effect.Effect<Corrected> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const { agent, isolated, quotas = [], resourceId, runId, threadId } = record
    return host.correct({
      runId,
      place,
      agent: AgentPath.nameOf(entry.path) ?? agent,
      provider: entry.provider,
      model: entry.model,
      change,
      threadId: isolated ? undefined : threadId,
      resourceId,
      charges: quotas,
      usedAt: entry.endedAt,
      now
    })
  })

const readUsage = Schema.decodeUnknownOption(Usage.Usage, { onExcessProperty: "error" })

/** Counts of tokens by known parts, at least one: a misspelt part would correct a row to nothing, for good. */
const isUsage = (usage: Usage.Usage): boolean =>
  Option.match(readUsage(usage), { onNone: () => false, onSome: (read) => !Usage.isUnknown(read) })

/** See `RuntimeShape.costs.correct`. */
const correct = Effect.fnUntraced(function* (
  host: RunHost,
  options: CorrectionOptions
): Effect.fn.Return<Correction.Change, NotCorrected> {
  const { costUsd, resourceId, runId, usage } = options
  const refused = (reason: NotCorrected["reason"]) => new NotCorrected({ runId, reason })
  const cost = costUsd === undefined ? undefined : Money.parseUsd("costUsd", costUsd)
  if (!isUsage(usage) || (cost !== undefined && Result.isFailure(cost))) return yield* refused("InvalidAmount")
  const bill = yield* billOf(host, runId, resourceId)
  if (bill === undefined) return yield* refused("RunNotFound")
  if (!bill.isOver) return yield* refused("RunOpen")
  const [found, ...others] = placed(bill).filter(isMeant(options))
  if (found === undefined) return yield* refused("NotEstimated")
  if (others.length > 0) return yield* refused("Ambiguous")
  const change = Correction.of(found.entry, usage, cost?.success)
  switch (yield* book(host, bill, found, change)) {
    case "corrected":
      return change
    case "known":
      return yield* refused("AlreadyCorrected")
    case "busy":
      return yield* refused("ThreadBusy")
    case "unbooked":
      return yield* refused("NotBooked")
  }
})

/** See `RuntimeShape.costs`. */
export const costs = (host: RunHost) => ({
  by: (options?: Runs.CostOptions): Effect.Effect<CostReport.CostReport> =>
    Runs.within("costs.by", options, () => host.costs.report(Runs.costsOf(options))),
  estimates: (runId: string, options?: { readonly resourceId?: string | undefined }) =>
    estimates(host, runId, options?.resourceId),
  correct: (options: CorrectionOptions) => correct(host, options)
})
