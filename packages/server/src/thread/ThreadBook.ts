/**
 * What a server knows of threads besides their messages: who made them and when, which runs they had, what clients of other
 * protocols keep with them. The messages themselves are the runtime's.
 *
 * In memory by default, gone with the process; then a thread is still there with its messages, and its last run is the one
 * that holds it.
 */
import type { Json, Message } from "@reins/protocol"
import type { Command, Facts } from "@reins/wire"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/** Where a request took a run up again behind envelope `after`, and what it answered. */
export interface Opening {
  readonly after: number
  readonly answered: ReadonlyArray<string>
}

/** `prompt` stands here only while the run goes on; then it is a message of the thread. */
export interface RunNote {
  readonly runId: string
  readonly prompt?: Message.Prompt | undefined
  readonly openings: ReadonlyArray<Opening>
}

/** Times are epoch milliseconds. `agent` is the one that its queries go to when they name none. */
export interface ThreadNote {
  readonly tenant: string
  readonly threadId: string
  readonly agent?: string | undefined
  readonly createdAt: number
  readonly updatedAt: number
  readonly title?: string | undefined
  readonly metadata?: Json | undefined
  readonly settings?: Command.Settings | undefined
  readonly runs: ReadonlyArray<RunNote>
  readonly votes: ReadonlyArray<Facts.VoteFacts>
}

export interface ThreadBookShape {
  readonly get: (tenant: string, threadId: string) => Effect.Effect<ThreadNote | undefined>
  /** A tenant's notes, oldest first. */
  readonly list: (tenant: string) => Effect.Effect<ReadonlyArray<ThreadNote>>
  /**
   * Writes what `change` makes of the thread's note (`undefined`: there is none) in one transaction, and answers it. Nothing is written
   * where `change` returns `undefined`. `change` is pure and may be called again after a conflict.
   */
  readonly update: (
    tenant: string,
    threadId: string,
    change: (note: ThreadNote | undefined) => ThreadNote | undefined
  ) => Effect.Effect<ThreadNote | undefined>
  readonly remove: (tenant: string, threadId: string) => Effect.Effect<void>
  /** Waits until the thread has a run behind its first `count`. */
  readonly more: (tenant: string, threadId: string, count: number) => Effect.Effect<void>
}

const keyOf = (tenant: string, threadId: string): string => JSON.stringify([tenant, threadId])

/** Oldest first. Those of one moment by their ids, so that pages of them do not move. */
const byAge = (a: ThreadNote, b: ThreadNote): number => a.createdAt - b.createdAt || (a.threadId < b.threadId ? -1 : 1)

/** Notes in memory: of the `kept` threads that were last written to. Those before them are forgotten, as after a restart. */
export const makeMemory = (kept = 10_000): ThreadBookShape => {
  // In the order of their last writing: a map keeps the order in which its keys were set.
  const notes = new Map<string, ThreadNote>()
  const waiting = new Map<string, Set<() => void>>()
  return {
    get: (tenant, threadId) => Effect.sync(() => notes.get(keyOf(tenant, threadId))),
    list: (tenant) => Effect.sync(() => [...notes.values()].filter((note) => note.tenant === tenant).toSorted(byAge)),
    update: (tenant, threadId, change) =>
      Effect.sync(() => {
        const key = keyOf(tenant, threadId)
        const note = change(notes.get(key))
        if (note === undefined) return undefined
        notes.delete(key)
        notes.set(key, note)
        if (notes.size > kept) for (const oldest of notes.keys()) if (notes.delete(oldest)) break
        const woken = waiting.get(key)
        waiting.delete(key)
        for (const wake of woken ?? []) wake()
        return note
      }),
    remove: (tenant, threadId) => Effect.sync(() => void notes.delete(keyOf(tenant, threadId))),
    more: (tenant, threadId, count) => {
      const key = keyOf(tenant, threadId)
      const next: Effect.Effect<void> = Effect.callback<void>((resume) => {
        const wake = () => resume(Effect.void)
        const all = waiting.get(key) ?? new Set()
        waiting.set(key, all.add(wake))
        return Effect.sync(() => {
          all.delete(wake)
          if (all.size === 0 && waiting.get(key) === all) waiting.delete(key)
        })
      })
      const wait: Effect.Effect<void> = Effect.suspend(() =>
        (notes.get(key)?.runs.length ?? 0) > count ? Effect.void : Effect.andThen(next, () => wait)
      )
      return wait
    }
  }
}

/** The book of a server. Read when the server is built. Absent: one in memory, for that server alone. */
export const ThreadBook: Context.Reference<ThreadBookShape | undefined> = Context.Reference<
  ThreadBookShape | undefined
>("@reins/server/ThreadBook", { defaultValue: () => undefined })

/** Settings after a client gave more: options are added by their names, everything else takes the place of what was. */
export const withSettings = (
  before: Command.Settings | undefined,
  given: Command.Settings | undefined
): Command.Settings | undefined => {
  if (before === undefined || given === undefined) return given ?? before
  const options = given.options === undefined ? before.options : { ...before.options, ...given.options }
  return { ...before, ...given, ...(options === undefined ? {} : { options }) }
}

/** A note after its run `runId` has ended, at `now`. */
export const withEnd = (note: ThreadNote, runId: string, now: number): ThreadNote => ({
  ...note,
  updatedAt: now,
  runs: note.runs.map((run) => (run.runId === runId ? { runId, openings: run.openings } : run))
})

/** A note with one more way into its run `runId`. */
export const withOpening = (note: ThreadNote, runId: string, opening: Opening): ThreadNote => ({
  ...note,
  runs: note.runs.map((run) => (run.runId === runId ? { ...run, openings: [...run.openings, opening] } : run))
})
