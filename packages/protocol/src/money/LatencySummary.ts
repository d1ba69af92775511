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
  const waits: Array<Interval> = []
  for (const entry of entries) if (isHuman(entry)) waits.push(span(entry))
  if (waits.length === 0) return 0
  const busy: Array<Interval> = [...down]
  for (const entry of entries) if (entry.kind !== "wait") busy.push(span(entry))
  return Intervals.length(Intervals.difference(Intervals.clip(waits, from, to), busy))
}

const milliseconds = (value: number): number => (value > 0 ? Math.round(value) : 0)

const duration = (row: { readonly startedAt: number; readonly endedAt: number }): number =>
  milliseconds(row.endedAt - row.startedAt)

/** When the first token and the first text came, in epoch milliseconds; `Infinity` while none did. */
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

/** The two fields of a step or a run, counted from `from`; each absent where nothing came. */
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

const tool = (entry: ToolEntry, from: number): ToolLatency => {
  const { attempts, callId, path, status, toolName } = entry
  const startedAfterMs = milliseconds(entry.startedAt - from)
  const durationMs = duration(entry)
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
 * By start, then by agent path, then by the row's own name: the same order whatever order the rows came in. They nearly always come
 * in it.
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

/** The latency summary of a run's rows. The order of the rows does not matter. */
export const fold = (entries: ReadonlyArray<Entry>, options: Options): LatencySummary => {
  const { down, endedAt, startedAt } = options
  const models: Array<ModelEntry> = []
  const tools: Array<ToolEntry> = []
  const waits: Array<WaitEntry> = []
  const firsts: Firsts = { token: Infinity, text: Infinity }
  let modelMs = 0
  let toolMs = 0
  for (const entry of entries) {
    if (entry.kind === "model") {
      models.push(entry)
      modelMs += duration(entry)
      see(firsts, entry.attempts)
    } else if (entry.kind === "tool") {
      tools.push(entry)
      toolMs += duration(entry)
    } else if (entry.kind === "wait") {
      waits.push(entry)
    }
  }
  const totalMs = duration(options)
  const downMs = Math.min(
    totalMs,
    milliseconds(down === undefined ? options.downMs : Intervals.length(Intervals.clip(down, startedAt, endedAt)))
  )
  const human = Math.min(totalMs - downMs, milliseconds(humanWaitMs(entries, startedAt, endedAt, down)))
  return {
    totalMs,
    machineMs: totalMs - human - downMs,
    humanWaitMs: human,
    downMs,
    modelMs,
    toolMs,
    ...timesTo(firsts, startedAt),
    steps: inOrder(models, byStep).map((entry) => step(entry, startedAt)),
    tools: inOrder(tools, byCall).map((entry) => tool(entry, startedAt)),
    waits: inOrder(waits, byId).map((entry) => wait(entry, startedAt))
  }
}
