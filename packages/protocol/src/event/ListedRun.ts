/**
 * A run in a list: who started what, when, how it ended and what it cost, without its log and without content. A store
 * writes these fields in the commit of the run's last events, so that a list reads no log.
 */
import * as Schema from "effect/Schema"
import type { CostSummary } from "../money/CostSummary.ts"
import type { Envelope } from "./Envelope.ts"
import { finishReasons } from "./EventData.ts"

/**
 * Every `EndReason`.
 *
 * @since 0.1.0
 * @category constants
 */
export const endReasons = [...finishReasons, "failed", "abandoned"] as const

/**
 * How a run ended: its finish reason, or `failed` with an error, or `abandoned`: its stored rows could not be read, so
 * that it was ended without being executed.
 *
 * @since 0.1.0
 * @category schemas
 */
export type EndReason = (typeof endReasons)[number]
export const EndReason: Schema.Codec<EndReason> = Schema.Literals(endReasons)

const states = ["running", "waiting", "ended"] as const

/**
 * The state of a run in a list. `waiting`: something of it waits (`waitsFor`); other parts of it may go on meanwhile.
 *
 * @since 0.1.0
 * @category schemas
 */
export type State = (typeof states)[number]
export const State: Schema.Codec<State> = Schema.Literals(states)

const waits = ["approval", "client-tool", "result", "timer"] as const

/**
 * What a run waits for: a person who answers a question (`approval`), a caller who runs a call (`client-tool`), late
 * results of calls (`result`), or the time at which a call has slept enough (`timer`).
 *
 * @since 0.2.0
 * @category schemas
 */
export type WaitsFor = (typeof waits)[number]
export const WaitsFor: Schema.Codec<WaitsFor> = Schema.Literals(waits)

const words: { readonly [reason in WaitsFor]: string } = {
  approval: "a person",
  "client-tool": "its client",
  result: "late results",
  timer: "a time"
}

/**
 * What a run waits for, as lists show it to a person: `a person, late results`. Empty for a run that does not wait.
 *
 * @since 0.2.0
 * @category conversions
 */
export const inWords = (waitsFor: ReadonlyArray<WaitsFor> = []): string => waitsFor.map((one) => words[one]).join(", ")

/**
 * Whether a run waits for a time or for what comes by itself: nothing but the wait says so, as a question or a client's
 * call does.
 *
 * @since 0.2.0
 * @category guards
 */
export const isTimed = (reason: WaitsFor): boolean => reason === "timer" || reason === "result"

/**
 * The state of a run that has not ended and waits for these, in the order in which lists have them.
 *
 * @since 0.2.0
 * @category operations
 */
export const waiting = (
  reasons: Iterable<WaitsFor>
): { readonly state: "waiting" | "running"; readonly waitsFor?: ReadonlyArray<WaitsFor> } => {
  const all = new Set(reasons)
  return all.size === 0 ? { state: "running" } : { state: "waiting", waitsFor: waits.filter((one) => all.has(one)) }
}

const outcome = {
  endReason: Schema.optionalKey(EndReason),
  errorCode: Schema.optionalKey(Schema.String),
  costNanoUsd: Schema.optionalKey(Schema.Natural),
  unpriced: Schema.optionalKey(Schema.Natural),
  promptTokens: Schema.optionalKey(Schema.Natural),
  completionTokens: Schema.optionalKey(Schema.Natural)
}

/**
 * The fields of `ListedRun`, for schemas that have more.
 *
 * @since 0.1.0
 * @category schemas
 */
export const fields = {
  runId: Schema.String,
  threadId: Schema.String,
  resourceId: Schema.String,
  agent: Schema.String,
  principal: Schema.optionalKey(Schema.String),
  state: State,
  waitsFor: Schema.optionalKey(Schema.Array(WaitsFor)),
  startedAt: Schema.Natural,
  lastAt: Schema.Natural,
  endedAt: Schema.optionalKey(Schema.Natural),
  lastSeq: Schema.Natural,
  isForgotten: Schema.optionalKey(Schema.Literal(true)),
  ...outcome
}

const ListedRunStruct = Schema.Struct(fields).annotate({ identifier: "ListedRun" })

/**
 * One run of a list. Times are epoch milliseconds.
 *
 * **Details**
 * - `principal`: the id of who started it; absent: the run has no principal.
 * - `waitsFor`: present while its state is `waiting`.
 * - `lastAt`: when it last did something. `lastSeq`: the number of its last event so far.
 * - `isForgotten`: its events were deleted.
 * - `endReason`, `errorCode`: absent while it has not ended; the code only if it failed.
 * - `costNanoUsd`, `unpriced`, `promptTokens`, `completionTokens`: the sums of its cost summary, and how many of its calls
 *   have no known price. Absent while it has not ended, and if it ended without a summary.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface ListedRun extends Schema.Schema.Type<typeof ListedRunStruct> {}
export const ListedRun: Schema.Codec<ListedRun> = ListedRunStruct

const PageStruct = Schema.Struct({
  runs: Schema.Array(ListedRunStruct),
  next: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "RunPage" })

/**
 * A page of runs, the latest first. `next`: the cursor of the next page (`after`); absent: there was none when it was
 * read.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Page extends Schema.Schema.Type<typeof PageStruct> {}
export const Page: Schema.Codec<Page> = PageStruct

/**
 * How a run ended, and when.
 *
 * @since 0.1.0
 * @category models
 */
export interface End extends Pick<
  ListedRun,
  "errorCode" | "costNanoUsd" | "unpriced" | "promptTokens" | "completionTokens"
> {
  readonly endedAt: number
  readonly endReason: EndReason
}

/**
 * How a run ended, from a part of its log; `undefined` if the part does not end it. The last events of a run are in one
 * commit, so that one commit is sufficient.
 *
 * @since 0.1.0
 * @category operations
 */
export const endOf = (envelopes: ReadonlyArray<Envelope>): End | undefined => {
  const last = envelopes.at(-1)
  if (last === undefined) return undefined
  const { at: endedAt, event } = last
  if (event.type === "error") {
    return { endedAt, endReason: "failed", errorCode: event.error.code, ...summaryOf(envelopes.slice(-3)) }
  }
  const finish = envelopes.at(-3)?.event
  if (event.type !== "data-latency-summary" || finish?.type !== "finish") return undefined
  return { endedAt, endReason: finish.finishReason, ...summaryOf(envelopes.slice(-3)) }
}

/**
 * The cost summary among events; `undefined` if there is none.
 *
 * @since 0.1.0
 * @category operations
 */
export const summaryIn = (
  envelopes: ReadonlyArray<Envelope>
): { readonly summary: CostSummary; readonly at: number } | undefined => {
  for (const { at, event } of envelopes) if (event.type === "data-cost-summary") return { summary: event.data, at }
  return undefined
}

const summaryOf = (last: ReadonlyArray<Envelope>) => {
  const found = summaryIn(last)
  return found === undefined ? {} : costOf(found.summary)
}

/**
 * The fields of a cost summary that a list shows.
 *
 * @since 0.1.0
 * @category operations
 */
export const costOf = ({
  costNanoUsd,
  root,
  unpriced
}: CostSummary): Pick<End, "costNanoUsd" | "unpriced" | "promptTokens" | "completionTokens"> => {
  const { completionTokens, promptTokens } = root.usage
  return { costNanoUsd, ...(unpriced === 0 ? {} : { unpriced }), promptTokens, completionTokens }
}
