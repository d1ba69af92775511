/**
 * How a run spent its time: the payload of `data-latency-summary`, folded from the ledger's rows.
 *
 * The total is split: machine time while a model or a tool runs, also while a question is pending; human wait while the
 * run only waits for people; idle time while it only waits for a time or a late result; and down time while no process runs it. They add up
 * to the total, even where the clock was set.
 */
import { AgentPath, callKey, key } from "../AgentPath.ts"
import { type Attempt, type Entry, isCall, type ModelEntry, type ToolEntry, type WaitEntry } from "./Entry.ts"
import * as Schema from "effect/Schema"

/**
 * An interval, in milliseconds of one clock: it includes `from` and excludes `to`. One that ends before it starts,
 * because a clock was set back, is empty.
 *
 * @since 0.1.0
 * @category models
 */
export interface Interval {
  readonly from: number
  readonly to: number
}

/**
 * The run's own times.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Epoch milliseconds. */
  readonly startedAt: number
  /** Epoch milliseconds. */
  readonly endedAt: number
  /** Time in which no process ran the run, in milliseconds. */
  readonly downMs: number
  /**
   * The down times, if they are known: then `downMs` is computed from them, and a wait during a down time counts as
   * down. Absent: `downMs` counts in full, and what would be counted twice is subtracted from the human wait.
   */
  readonly down?: ReadonlyArray<Interval> | undefined
}

const span = (entry: Entry): Interval => ({ from: entry.startedAt, to: entry.endedAt })

const isHuman = (entry: Entry): boolean =>
  entry.kind === "wait" && (entry.reason === "approval" || entry.reason === "client-tool")

/**
 * How long, between `from` and `to`, the run only waited for people: an approval or a client tool was pending, and no
 * model step and no tool call was running. Timers do not count. A call whose handler sleeps is not running.
 *
 * **Details**: pass a row that has not ended with an `endedAt` of `to` or later. Time in `down` does not count.
 *
 * @since 0.1.0
 * @category operations
 */
export const humanWaitMs = (
  entries: ReadonlyArray<Entry>,
  from: number,
  to: number,
  down: ReadonlyArray<Interval> = []
): number => onlyWaited(entries, isHuman, from, to, down)

/**
 * How long, between `from` and `to`, the run only waited, for people or for a time; otherwise as `humanWaitMs`.
 *
 * @since 0.2.0
 * @category operations
 */
export const waitMs = (
  entries: ReadonlyArray<Entry>,
  from: number,
  to: number,
  down: ReadonlyArray<Interval> = []
): number => onlyWaited(entries, ({ kind }) => kind === "wait", from, to, down)

const onlyWaited = (
  entries: ReadonlyArray<Entry>,
  counts: (entry: Entry) => boolean,
  from: number,
  to: number,
  down: ReadonlyArray<Interval>
): number => {
  const waits: Array<Interval> = []
  for (const entry of entries) if (counts(entry)) waits.push(span(entry))
  const [only] = waits
  if (only === undefined) return 0
  // Mostly a run waits once, and does nothing meanwhile.
  if (waits.length === 1 && isAlone(only, entries, down)) {
    return Math.max(0, Math.min(only.to, to) - Math.max(only.from, from))
  }
  const sleeps = sleepsOf(entries)
  const busy: Array<Interval> = [...down]
  for (const entry of entries) {
    if (entry.kind === "wait") continue
    const asleep = entry.kind === "tool" ? sleeps?.get(callKey(entry.path, entry.callId)) : undefined
    if (asleep === undefined) busy.push(span(entry))
    else busy.push(...difference([span(entry)], asleep))
  }
  return lengthOf(difference(clip(waits, from, to), busy))
}

/** Whether no work, and no time without a process, overlaps `wait`. */
const isAlone = (wait: Interval, entries: ReadonlyArray<Entry>, down: ReadonlyArray<Interval>): boolean => {
  for (const { endedAt, kind, startedAt } of entries) {
    if (kind !== "wait" && startedAt < wait.to && endedAt > wait.from) return false
  }
  for (const { from, to } of down) if (from < wait.to && to > wait.from) return false
  return true
}

/** The times in which the handlers of calls slept, by call; `undefined` where none did. */
const sleepsOf = (entries: ReadonlyArray<Entry>): ReadonlyMap<string, ReadonlyArray<Interval>> | undefined => {
  let sleeps: Map<string, Array<Interval>> | undefined
  for (const entry of entries) {
    if (entry.kind !== "wait" || entry.reason !== "timer") continue
    sleeps ??= new Map()
    const call = callKey(entry.path, entry.id)
    const before = sleeps.get(call)
    if (before === undefined) sleeps.set(call, [span(entry)])
    else before.push(span(entry))
  }
  return sleeps
}

/** A difference of two times, as a summary has it: whole, and 0 where a clock was set back. */
const milliseconds = (value: number): number => (value > 0 ? Math.round(value) : 0)

const duration = (row: { readonly startedAt: number; readonly endedAt: number }): number =>
  milliseconds(row.endedAt - row.startedAt)

/** The times of the first token and the first text, in epoch milliseconds; `Infinity` where there is none yet. */
interface Firsts {
  token: number
  text: number
}

const see = (firsts: Firsts, attempts: ReadonlyArray<Attempt>): void => {
  for (const { firstTextAt, firstTokenAt } of attempts) {
    if (firstTokenAt !== undefined && firstTokenAt < firsts.token) firsts.token = firstTokenAt
    if (firstTextAt !== undefined && firstTextAt < firsts.text) firsts.text = firstTextAt
  }
}

/** The two fields of a step or a run, counted from `from`; each absent where there is no such time. */
const timesTo = (
  { text, token }: Firsts,
  from: number
): Pick<StepLatency, "timeToFirstTokenMs" | "timeToFirstTextMs"> => {
  if (token === Infinity) return text === Infinity ? {} : { timeToFirstTextMs: milliseconds(text - from) }
  const timeToFirstTokenMs = milliseconds(token - from)
  return text === Infinity
    ? { timeToFirstTokenMs }
    : { timeToFirstTokenMs, timeToFirstTextMs: milliseconds(text - from) }
}

const attempt = (one: Attempt): StepLatency["attempts"][number] => {
  const durationMs = duration(one)
  const { error, outcome } = one
  return error === undefined ? { durationMs, outcome } : { durationMs, outcome, error }
}

const step = (entry: ModelEntry, from: number): StepLatency => {
  const firsts: Firsts = { token: Infinity, text: Infinity }
  see(firsts, entry.attempts)
  return {
    agentPath: entry.path,
    step: entry.step,
    model: entry.model,
    startedAfterMs: milliseconds(entry.startedAt - from),
    durationMs: duration(entry),
    ...timesTo(firsts, entry.startedAt),
    attempts: entry.attempts.map(attempt)
  }
}

/** How long the call ran, without its handler's sleeps. */
const ranMs = (entry: ToolEntry, sleeps: ReturnType<typeof sleepsOf>): number => {
  const asleep = sleeps?.get(callKey(entry.path, entry.callId))
  return asleep === undefined ? duration(entry) : milliseconds(lengthOf(difference([span(entry)], asleep)))
}

const tool = (entry: ToolEntry, from: number, durationMs: number): ToolLatency => {
  const { attempts, callId, path, status, toolName } = entry
  const startedAfterMs = milliseconds(entry.startedAt - from)
  return status === undefined
    ? { agentPath: path, toolName, toolCallId: callId, startedAfterMs, durationMs, attempts }
    : { agentPath: path, toolName, toolCallId: callId, startedAfterMs, durationMs, attempts, status }
}

const wait = (entry: WaitEntry, from: number): WaitLatency => ({
  agentPath: entry.path,
  reason: entry.reason,
  id: entry.id,
  startedAfterMs: milliseconds(entry.startedAt - from),
  durationMs: duration(entry)
})

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

interface Row {
  readonly startedAt: number
  readonly path: AgentPath
}

const byPath = (a: AgentPath, b: AgentPath): number => (a === b ? 0 : compare(key(a), key(b)))

/**
 * Sorts by start, then by agent path, then by the row's own name, so that the order of the input does not matter. The
 * input is nearly always sorted already.
 */
const inOrder = <R extends Row>(rows: Array<R>, byName: (a: R, b: R) => number): ReadonlyArray<R> => {
  const order = (a: R, b: R): number => a.startedAt - b.startedAt || byPath(a.path, b.path) || byName(a, b)
  let before: R | undefined
  for (const row of rows) {
    if (before !== undefined && order(before, row) > 0) return sorted(rows, byName)
    before = row
  }
  return rows
}

const sorted = <R extends Row>(rows: ReadonlyArray<R>, byName: (a: R, b: R) => number): ReadonlyArray<R> =>
  rows
    .map((row) => ({ row, path: key(row.path) }))
    .sort((a, b) => a.row.startedAt - b.row.startedAt || compare(a.path, b.path) || byName(a.row, b.row))
    .map(({ row }) => row)

const byStep = (a: ModelEntry, b: ModelEntry): number => a.step - b.step
const byCall = (a: ToolEntry, b: ToolEntry): number => compare(a.callId, b.callId)
const byId = (a: WaitEntry, b: WaitEntry): number => compare(a.id, b.id)

/**
 * The latency summary of a run's rows. The order of the rows does not matter.
 *
 * @since 0.1.0
 * @category operations
 */
export const fold = (entries: ReadonlyArray<Entry>, options: Options): LatencySummary => {
  const { down, endedAt, startedAt } = options
  const models: Array<ModelEntry> = []
  const tools: Array<ToolEntry> = []
  const waits: Array<WaitEntry> = []
  const firsts: Firsts = { token: Infinity, text: Infinity }
  const sleeps = sleepsOf(entries)
  let modelMs = 0
  let toolMs = 0
  for (const entry of entries) {
    if (entry.kind === "model") {
      models.push(entry)
      modelMs += duration(entry)
      see(firsts, entry.attempts)
    } else if (entry.kind === "tool") {
      if (!isCall(entry)) continue
      tools.push(entry)
      toolMs += ranMs(entry, sleeps)
    } else if (entry.kind === "wait") {
      waits.push(entry)
    }
  }
  const totalMs = duration(options)
  const downMs = Math.min(
    totalMs,
    milliseconds(down === undefined ? options.downMs : lengthOf(clip(down, startedAt, endedAt)))
  )
  const human = Math.min(totalMs - downMs, milliseconds(humanWaitMs(entries, startedAt, endedAt, down)))
  const idle = waits.every(isHuman)
    ? 0
    : Math.min(totalMs - downMs - human, milliseconds(waitMs(entries, startedAt, endedAt, down)) - human)
  return {
    totalMs,
    machineMs: totalMs - human - downMs - Math.max(0, idle),
    humanWaitMs: human,
    ...(idle > 0 ? { idleMs: idle } : {}),
    downMs,
    modelMs,
    toolMs,
    ...timesTo(firsts, startedAt),
    steps: inOrder(models, byStep).map((entry) => step(entry, startedAt)),
    tools: inOrder(tools, byCall).map((entry) => tool(entry, startedAt, ranMs(entry, sleeps))),
    waits: inOrder(waits, byId).map((entry) => wait(entry, startedAt))
  }
}

const StepStruct = Schema.Struct({
  agentPath: AgentPath,
  step: Schema.Natural,
  model: Schema.String,
  startedAfterMs: Schema.Natural,
  durationMs: Schema.Natural,
  timeToFirstTokenMs: Schema.optionalKey(Schema.Natural),
  timeToFirstTextMs: Schema.optionalKey(Schema.Natural),
  attempts: Schema.Array(
    Schema.Struct({
      durationMs: Schema.Natural,
      outcome: Schema.Literals(["completed", "failed", "cancelled", "lost"]),
      error: Schema.optionalKey(Schema.String)
    })
  )
}).annotate({ identifier: "StepLatency" })

/**
 * One model step. `attempts` holds every request, retries included, in order.
 *
 * @since 0.1.0
 * @category models
 */
export interface StepLatency extends Schema.Schema.Type<typeof StepStruct> {}

const ToolStruct = Schema.Struct({
  agentPath: AgentPath,
  toolName: Schema.String,
  toolCallId: Schema.String,
  startedAfterMs: Schema.Natural,
  durationMs: Schema.Natural,
  attempts: Schema.Natural,
  status: Schema.optionalKey(Schema.Literals(["failed", "denied", "cancelled"]))
}).annotate({ identifier: "ToolLatency" })

/**
 * One tool call that ran, without the wait for its approval.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolLatency extends Schema.Schema.Type<typeof ToolStruct> {}

const WaitStruct = Schema.Struct({
  agentPath: AgentPath,
  reason: Schema.Literals(["approval", "client-tool", "timer", "result"]),
  id: Schema.String,
  startedAfterMs: Schema.Natural,
  durationMs: Schema.Natural
}).annotate({ identifier: "WaitLatency" })

/**
 * One wait, from the stored request to the stored answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface WaitLatency extends Schema.Schema.Type<typeof WaitStruct> {}

const LatencySummaryStruct = Schema.Struct({
  totalMs: Schema.Natural,
  machineMs: Schema.Natural,
  humanWaitMs: Schema.Natural,
  idleMs: Schema.optionalKey(Schema.Natural),
  downMs: Schema.Natural,
  modelMs: Schema.Natural,
  toolMs: Schema.Natural,
  timeToFirstTokenMs: Schema.optionalKey(Schema.Natural),
  timeToFirstTextMs: Schema.optionalKey(Schema.Natural),
  steps: Schema.Array(StepStruct),
  tools: Schema.Array(ToolStruct),
  waits: Schema.Array(WaitStruct)
}).annotate({ identifier: "LatencySummary" })

/**
 * How a run spent its time, in milliseconds.
 *
 * **Details**
 * - `totalMs`: from the run's start to its end, `totalMs = machineMs + humanWaitMs + idleMs + downMs`.
 * - `humanWaitMs`: time in which the run only waited for people (approvals, client tools). While a tool or a model runs
 *   beside a pending request, the time counts as machine time.
 * - `idleMs`: time in which the run only waited for a time (`ToolRun.sleep`) or a late result; absent: none.
 * - `downMs`: time in which no process ran the run.
 * - `modelMs`, `toolMs`: sums over all steps and calls; each of several parallel ones counts, so they may exceed
 *   `machineMs`.
 * - `timeToFirstTokenMs`, `timeToFirstTextMs`: from the run's start to the first token, and the first text, of any
 *   agent; absent when there was none.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface LatencySummary extends Schema.Schema.Type<typeof LatencySummaryStruct> {}
export const LatencySummary: Schema.Codec<LatencySummary> = LatencySummaryStruct

/** The same time as disjoint intervals in ascending order. */
const union = (intervals: ReadonlyArray<Interval>): ReadonlyArray<Interval> => {
  const sorted = intervals.filter(({ from, to }) => from < to).toSorted((a, b) => a.from - b.from)
  const out: Array<Interval> = []
  for (const { from, to } of sorted) {
    const last = out.at(-1)
    if (last === undefined || from > last.to) out.push({ from, to })
    else if (to > last.to) out[out.length - 1] = { from: last.from, to }
  }
  return out
}

/** The time of `intervals` between `from` and `to`. */
const clip = (intervals: ReadonlyArray<Interval>, from: number, to: number): ReadonlyArray<Interval> =>
  intervals.map((interval) => ({ from: Math.max(interval.from, from), to: Math.min(interval.to, to) }))

/** The time of `intervals` that `others` do not cover, as disjoint intervals in ascending order. */
const difference = (intervals: ReadonlyArray<Interval>, others: ReadonlyArray<Interval>): ReadonlyArray<Interval> => {
  const cuts = union(others)
  const out: Array<Interval> = []
  let first = 0
  for (const { from, to } of union(intervals)) {
    // Both are sorted, so cuts that end before this interval are not needed again.
    while ((cuts[first]?.to ?? Infinity) <= from) first++
    let at = from
    for (let index = first; index < cuts.length; index++) {
      const cut = cuts[index]
      if (cut === undefined || cut.from >= to) break
      if (cut.from > at) out.push({ from: at, to: cut.from })
      at = cut.to
    }
    if (at < to) out.push({ from: at, to })
  }
  return out
}

/** The time that the intervals cover; overlaps count once. */
const lengthOf = (intervals: ReadonlyArray<Interval>): number => {
  let sum = 0
  for (const { from, to } of union(intervals)) sum += to - from
  return sum
}
