/**
 * What a server stores about threads besides their messages: who created them and when, their runs, and what clients of
 * other protocols keep with them. The messages are the runtime's.
 *
 * By default they are in the runtime's store (`StoredBook`), if that keeps notes, and otherwise in memory and lost with
 * the process; then a thread still exists with its messages, and its last run is its active one.
 */
import type { Json, Message } from "@reins/protocol"
import type { Command, ModelOptions } from "@reins/wire"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * Where a request resumed a run, after envelope `after`, and what it answered. `messageId`: the request became a
 * message of the run, and resumes it after the `message-received` of this id. `given`: a digest of the answers, to
 * recognize a repeated request. `follows`: the id of the last message that came with the answers, which the answer
 * follows.
 *
 * @since 0.1.0
 * @category models
 */
export interface Opening {
  readonly after: number
  readonly answered: ReadonlyArray<string>
  readonly messageId?: string | undefined
  readonly given?: string | undefined
  readonly follows?: string | undefined
  readonly echo?: Json | undefined
}

/**
 * `prompt` is kept only while the run is active; afterwards it is a message of the thread. `messageId` is its id in the
 * client's words. `model`: what the request asked of the model; absent: nothing. `isAlone`: its thread was made for it,
 * and the client has no name for the thread. `echo`, here and of an opening: what the dialect wants to know of the
 * request later.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunNote {
  readonly runId: string
  readonly messageId?: string | undefined
  readonly prompt?: Message.Prompt | undefined
  readonly model?: ModelOptions.ModelOptions | undefined
  readonly isAlone?: boolean | undefined
  readonly echo?: Json | undefined
  readonly openings: ReadonlyArray<Opening>
}

/**
 * Times are epoch milliseconds. `agent` receives the queries that name no agent. `firstId`: of the first user's
 * message, in the client's words, where clients show their messages.
 *
 * @since 0.1.0
 * @category models
 */
export interface ThreadNote {
  readonly tenant: string
  readonly threadId: string
  readonly agent?: string | undefined
  readonly firstId?: string | undefined
  readonly createdAt: number
  readonly updatedAt: number
  readonly title?: string | undefined
  readonly metadata?: Json | undefined
  readonly settings?: Command.Settings | undefined
  readonly runs: ReadonlyArray<RunNote>
}

/**
 * Keeps the server's notes on threads: their runs, requests, settings and answers.
 *
 * @since 0.1.0
 * @category models
 */
export interface ThreadBookShape {
  readonly get: (tenant: string, threadId: string) => Effect.Effect<ThreadNote | undefined>
  /** The threads of a tenant that have notes, oldest first. */
  readonly list: (tenant: string) => Effect.Effect<ReadonlyArray<Pick<ThreadNote, "threadId" | "createdAt">>>
  /** A tenant's notes that were used lately, oldest first. Repeated answers are looked for in these. */
  readonly recent: (tenant: string) => Effect.Effect<ReadonlyArray<ThreadNote>>
  /**
   * Updates the thread's note by `change` (which gets `undefined` without a note) in one transaction, and returns it.
   * Nothing is written when `change` returns `undefined`. `change` must be pure: it may be called again after a
   * conflict.
   */
  readonly update: (
    tenant: string,
    threadId: string,
    change: (note: ThreadNote | undefined) => ThreadNote | undefined
  ) => Effect.Effect<ThreadNote | undefined>
  readonly remove: (tenant: string, threadId: string) => Effect.Effect<void>
  /** Waits until the thread has more than `count` runs. */
  readonly more: (tenant: string, threadId: string, count: number) => Effect.Effect<void>
}

const keyOf = (tenant: string, threadId: string): string => JSON.stringify([tenant, threadId])

/** Oldest first. Notes of the same millisecond are ordered by id, so that pages are stable. */
const byAge = (a: ThreadNote, b: ThreadNote): number => a.createdAt - b.createdAt || (a.threadId < b.threadId ? -1 : 1)

/**
 * Notes in memory: those of the `kept` most recently written threads. Older ones are dropped, as after a restart.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeMemory = (kept = 10_000): ThreadBookShape => {
  // In order of their last write: a map keeps the order in which its keys were set.
  const notes = new Map<string, ThreadNote>()
  const waiting = new Map<string, Set<() => void>>()
  const ofTenant = (tenant: string) =>
    Effect.sync(() => [...notes.values()].filter((note) => note.tenant === tenant).toSorted(byAge))
  return {
    get: (tenant, threadId) => Effect.sync(() => notes.get(keyOf(tenant, threadId))),
    list: ofTenant,
    recent: ofTenant,
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

/**
 * The server's thread notes. Read when the server is built. Absent: a book in the runtime's store, or in memory where
 * that keeps no notes.
 *
 * @since 0.1.0
 * @category services
 */
export const ThreadBook: Context.Reference<ThreadBookShape | undefined> = Context.Reference<
  ThreadBookShape | undefined
>("@reins/server/ThreadBook", { defaultValue: () => undefined })

/**
 * Merges new settings of a client: options are merged by name, everything else is replaced.
 *
 * @since 0.1.0
 * @category operations
 */
export const withSettings = (
  before: Command.Settings | undefined,
  given: Command.Settings | undefined
): Command.Settings | undefined => {
  if (before === undefined || given === undefined) return given ?? before
  const options = given.options === undefined ? before.options : { ...before.options, ...given.options }
  return { ...before, ...given, ...(options === undefined ? {} : { options }) }
}

/**
 * A note after its run `runId` has ended, at `now`.
 *
 * @since 0.1.0
 * @category operations
 */
export const withEnd = (note: ThreadNote, runId: string, now: number): ThreadNote => ({
  ...note,
  updatedAt: now,
  runs: note.runs.map((run) => (run.runId === runId ? { ...run, prompt: undefined } : run))
})

/**
 * A note with one more opening of its run `runId`.
 *
 * @since 0.1.0
 * @category operations
 */
export const withOpening = (note: ThreadNote, runId: string, opening: Opening): ThreadNote => ({
  ...note,
  runs: note.runs.map((run) => (run.runId === runId ? { ...run, openings: [...run.openings, opening] } : run))
})

/**
 * A note without that opening, after its answers were refused.
 *
 * @since 0.1.0
 * @category operations
 */
export const withoutOpening = (note: ThreadNote, runId: string, opening: Opening): ThreadNote => ({
  ...note,
  runs: note.runs.map((run) =>
    run.runId === runId
      ? {
          ...run,
          openings: run.openings.filter(({ after, given }) => after !== opening.after || given !== opening.given)
        }
      : run
  )
})

/**
 * A thread's default title: the first line of its first prompt.
 *
 * @since 0.1.0
 * @category operations
 */
export const titleOf = ({ prompt }: Command.StartQuery): string => {
  const first = typeof prompt === "string" ? prompt : (prompt.find((part) => part.type === "text")?.text ?? "")
  const line = first.trim().split("\n")[0] ?? ""
  return line.length > 80 ? `${line.slice(0, 79)}…` : line
}

/**
 * The thread's note with a run that this query starts.
 *
 * @since 0.1.0
 * @category operations
 */
export const withRun = (made: {
  readonly asked: Command.StartQuery
  readonly note: ThreadNote | undefined
  readonly now: number
  readonly runId: string
  readonly tenant: string
  readonly threadId: string
  readonly agent: string | undefined
}): ThreadNote => {
  const { agent, asked, note, now, runId, tenant, threadId } = made
  const { echo, messageId, model, prompt } = asked
  const run = { runId, messageId, prompt, model, echo, isAlone: asked.threadId === undefined, openings: [] }
  return {
    tenant,
    threadId,
    agent,
    createdAt: note?.createdAt ?? now,
    updatedAt: now,
    title: note?.title ?? titleOf(asked),
    metadata: asked.metadata ?? note?.metadata,
    firstId: (asked.seed === undefined ? note?.firstId : undefined) ?? asked.firstId ?? note?.firstId,
    settings: withSettings(note?.settings, asked.settings),
    runs: [...(note?.runs ?? []), run]
  }
}
