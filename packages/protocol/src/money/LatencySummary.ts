/**
 * Where a run's time went: folds the rows of its ledger to the payload of `data-latency-summary`.
 *
 * Time is divided by what the run did: while a model or a tool works it is the machine's, also beside a pending question;
 * while it did nothing but wait for people it is theirs; while no process carried the run it is down. The three add up to
 * the total, whatever the clock did.
 */
import type { AgentPath } from "../AgentPath.ts"
import { key } from "../AgentPath.ts"
import type { Attempt, Entry, ModelEntry, ToolEntry, WaitEntry } from "./Entry.ts"
import type { Interval } from "./Intervals.ts"
import * as Intervals from "./Intervals.ts"
import type { LatencySummary, StepLatency, ToolLatency, WaitLatency } from "./LatencySummaryData.ts"

export type { Interval } from "./Intervals.ts"
export { LatencySummary } from "./LatencySummaryData.ts"
export type { StepLatency, ToolLatency, WaitLatency } from "./LatencySummaryData.ts"

/** The run's own times. */
export interface Options {
  /** Epoch milliseconds. */
  readonly startedAt: number
  /** Epoch milliseconds. */
  readonly endedAt: number
  /** Time in which no process carried the run, in milliseconds. */
  readonly downMs: number
  /**
   * When that was, where it is known: then `downMs` is read off it, and a wait that lasted while no process lived is down
   * for so long. Absent: `downMs` counts whole, and what would be counted twice is taken off the human wait.
   */
  readonly down?: ReadonlyArray<Interval> | undefined
}

const span = (entry: Entry): Interval => ({ from: entry.startedAt, to: entry.endedAt })

const isHuman = (entry: Entry): boolean => entry.kind === "wait" && entry.reason !== "timer"

/**
 * How long, between `from` and `to`, the run did nothing but wait for people: some approval or client tool was pending, and
 * no model step and no tool call was running. Timers are not people.
 *
 * **Details**: what has not ended yet is given with an `endedAt` of `to` or later. Time in `down` does not count.
 */
export const humanWaitMs = (
  entries: ReadonlyArray<Entry>,
  from: number,
  to: number,
  down: ReadonlyArray<Interval> = []
): number => {
  if (!entries.some(isHuman)) return 0
  const waits = entries.filter(isHuman).map(span)
  const busy = entries.filter((entry) => entry.kind !== "wait").map(span)
  return Intervals.length(Intervals.difference(Intervals.clip(waits, from, to), [...busy, ...down]))
}

const milliseconds = (value: number): number => (value > 0 ? Math.round(value) : 0)

const duration = (row: { readonly startedAt: number; readonly endedAt: number }): number =>
  milliseconds(row.endedAt - row.startedAt)

/** Earliest of `times`, counted from `from`. */
const firstAfter = (times: ReadonlyArray<number | undefined>, from: number): number | undefined => {
  let first: number | undefined
  for (const time of times) if (time !== undefined && (first === undefined || time < first)) first = time
  return first === undefined ? undefined : milliseconds(first - from)
}

const firsts = (attempts: ReadonlyArray<Attempt>, from: number) => {
  const token = firstAfter(
    attempts.map((attempt) => attempt.firstTokenAt),
    from
  )
  const text = firstAfter(
    attempts.map((attempt) => attempt.firstTextAt),
    from
  )
  return {
    ...(token === undefined ? {} : { timeToFirstTokenMs: token }),
    ...(text === undefined ? {} : { timeToFirstTextMs: text })
  }
}

const step = (entry: ModelEntry, from: number): StepLatency => ({
  agentPath: entry.path,
  step: entry.step,
  model: entry.model,
  startedAfterMs: milliseconds(entry.startedAt - from),
  durationMs: duration(entry),
  ...firsts(entry.attempts, entry.startedAt),
  attempts: entry.attempts.map((attempt) => ({
    durationMs: duration(attempt),
    outcome: attempt.outcome,
    ...(attempt.error === undefined ? {} : { error: attempt.error })
  }))
})

const tool = (entry: ToolEntry, from: number): ToolLatency => ({
  agentPath: entry.path,
  toolName: entry.toolName,
  toolCallId: entry.callId,
  startedAfterMs: milliseconds(entry.startedAt - from),
  durationMs: duration(entry),
  attempts: entry.attempts,
  ...(entry.status === undefined ? {} : { status: entry.status })
})

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

/** By start, then by agent path, then by the row's own name: the same order whatever order the rows came in. */
const inOrder = <R extends Row>(rows: ReadonlyArray<R>, byName: (a: R, b: R) => number): ReadonlyArray<R> =>
  rows.toSorted((a, b) => a.startedAt - b.startedAt || compare(key(a.path), key(b.path)) || byName(a, b))

const sum = (rows: ReadonlyArray<{ readonly durationMs: number }>): number => {
  let out = 0
  for (const row of rows) out += row.durationMs
  return out
}

/** The latency summary of a run's rows. The order of the rows does not matter. */
export const fold = (entries: ReadonlyArray<Entry>, options: Options): LatencySummary => {
  const { down, endedAt, startedAt } = options
  const models = inOrder(
    entries.filter((entry) => entry.kind === "model"),
    (a, b) => a.step - b.step
  )
  const tools = inOrder(
    entries.filter((entry) => entry.kind === "tool"),
    (a, b) => compare(a.callId, b.callId)
  )
  const waits = inOrder(
    entries.filter((entry) => entry.kind === "wait"),
    (a, b) => compare(a.id, b.id)
  )
  const totalMs = duration(options)
  const downMs = Math.min(
    totalMs,
    milliseconds(down === undefined ? options.downMs : Intervals.length(Intervals.clip(down, startedAt, endedAt)))
  )
  const human = Math.min(totalMs - downMs, milliseconds(humanWaitMs(entries, startedAt, endedAt, down)))
  const steps = models.map((entry) => step(entry, startedAt))
  const calls = tools.map((entry) => tool(entry, startedAt))
  return {
    totalMs,
    machineMs: totalMs - human - downMs,
    humanWaitMs: human,
    downMs,
    modelMs: sum(steps),
    toolMs: sum(calls),
    ...firsts(
      models.flatMap((entry) => entry.attempts),
      startedAt
    ),
    steps,
    tools: calls,
    waits: waits.map((entry) => wait(entry, startedAt))
  }
}
