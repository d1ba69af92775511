/**
 * Stores threads. A thread is an append-only list of messages in which every call has its result whenever a run has
 * ended; the messages of one run are appended together, once. With them it keeps what its runs have used, summaries of
 * its beginning, and limits that span all of its runs. `MemoryThreads` keeps them in memory; database stores are in
 * `@reins/store`.
 */
import { Budget, Message, QueryRejections } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ThreadDescription from "./ThreadDescription.ts"
import type { ThreadNoteStore } from "./ThreadNotes.ts"

const SummaryStruct = Schema.Struct({ strategy: Schema.String, covers: Schema.Natural, text: Schema.String })

/**
 * A summary of the first `covers` messages of a thread, made by the compaction strategy of this name.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Summary extends Schema.Schema.Type<typeof SummaryStruct> {}
export const Summary: Schema.Codec<Summary> = SummaryStruct

const KeptStruct = Schema.Struct({ spent: Budget.Spent, summaries: Schema.Record(Schema.String, Summary) }).annotate({
  identifier: "ThreadKept"
})

/**
 * What runs store with their thread: the total of what they have used, and the latest summary by the name of its agent.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Kept extends Schema.Schema.Type<typeof KeptStruct> {}
export const Kept: Schema.Codec<Kept> = KeptStruct

/**
 * The part of `kept` that stays when a thread is cut to its first `version` messages.
 *
 * @since 0.1.0
 * @category operations
 */
export const keptAt = ({ spent, summaries }: Kept, version: number): Kept => ({
  spent,
  summaries: Object.fromEntries(Object.entries(summaries).filter(([, { covers }]) => covers <= version))
})

/**
 * A thread's metadata.
 *
 * @since 0.1.0
 * @category models
 */
export interface ThreadInfo {
  readonly threadId: string
  readonly resourceId: string
  /** The number of its messages. */
  readonly version: number
  /** The run that leases it now. */
  readonly runId: string | undefined
  /** Limits that span all of its runs. Absent: none. */
  readonly limits?: Budget.Budget | undefined
  /** What its ended runs have used. Absent: nothing yet. */
  readonly spent?: Budget.Spent | undefined
  /**
   * When it was made, in epoch milliseconds. Absent: by a release that did not keep it, and none of its runs is left.
   */
  readonly createdAt?: number | undefined
  /** When its messages, limits or description were last written, in epoch milliseconds. Absent: as `createdAt`. */
  readonly updatedAt?: number | undefined
  /** What is said of it (`describe`). Absent: nothing. */
  readonly description?: ThreadDescription.ThreadDescription | undefined
  /**
   * True when stored `limits` or `spent` cannot be read; both are absent here then, and queries are rejected with
   * `ThreadDamaged` until the row is restored or the thread deleted.
   */
  readonly isDamaged?: boolean | undefined
}

/**
 * Which messages of a thread to read, and for whom.
 *
 * @since 0.1.0
 * @category models
 */
export interface ReadOptions {
  readonly version?: number | undefined
  readonly resourceId?: string | undefined
}

/**
 * A rewrite of a thread: keep its first `keep` messages, then add `messages`. `version`: how many messages it had when
 * that was decided.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rewrite {
  readonly version: number
  readonly keep: number
  readonly messages: ReadonlyArray<Message.Message>
}

/**
 * Stores threads.
 *
 * @since 0.1.0
 * @category models
 */
export interface ThreadStore {
  /**
   * Creates a thread with these messages, or adds them to one that has only limits. False, without effect, if another
   * thread has this id.
   */
  readonly begin: (
    threadId: string,
    resourceId: string,
    messages: ReadonlyArray<Message.Message>
  ) => Effect.Effect<boolean>
  /** A thread's metadata, or `undefined` without one. */
  readonly info: (threadId: string) => Effect.Effect<ThreadInfo | undefined>
  /**
   * The first `version` messages (absent: all), or none without such a thread. With `resourceId`, a thread of another
   * tenant reads as if it did not exist; the owner is checked in the same transaction as the messages are read.
   */
  readonly read: (threadId: string, options?: ReadOptions) => Effect.Effect<ReadonlyArray<Message.Message>>
  /**
   * Appends a run's messages; a second append for the same run adds nothing. `kept` replaces what was kept, if the run
   * leases the thread.
   */
  readonly append: (
    threadId: string,
    runId: string,
    messages: ReadonlyArray<Message.Message>,
    kept?: Kept
  ) => Effect.Effect<void>
  /**
   * How many messages the thread had before those of the run; `undefined` if it has none of that run, also after a
   * rewrite.
   */
  readonly before: (threadId: string, runId: string) => Effect.Effect<number | undefined>
  /** The same for all runs that the thread has messages of. */
  readonly places: (threadId: string) => Effect.Effect<ReadonlyMap<string, number>>
  /**
   * Replaces the end of a tenant's thread in one transaction; summaries that cover more than what is kept are dropped.
   * False, without effect, if there is no such thread, it belongs to another tenant, a run leases it, or its length has
   * changed.
   */
  readonly rewrite: (threadId: string, resourceId: string, rewrite: Rewrite) => Effect.Effect<boolean>
  /**
   * Sets the limits of a thread, or removes them (`undefined`); creates the thread if needed. False, without effect, if
   * it belongs to another tenant.
   */
  readonly limit: (threadId: string, resourceId: string, limits: Budget.Budget | undefined) => Effect.Effect<boolean>
  /**
   * Changes what is said of a thread, in one transaction; creates the thread if needed. False, without effect, if it
   * belongs to another tenant.
   */
  readonly describe: (
    threadId: string,
    resourceId: string,
    change: ThreadDescription.DescriptionChange
  ) => Effect.Effect<boolean>
  /** A tenant's threads, in order of creation. */
  readonly list: (resourceId: string) => Effect.Effect<ReadonlyArray<ThreadInfo>>
  /**
   * Deletes a thread and its messages. False, without effect, if there is none, a run leases it, or it belongs to
   * another tenant than a given `resourceId`.
   */
  readonly remove: (threadId: string, resourceId?: string) => Effect.Effect<boolean>
  /** Notes of a program that outlive the process. Absent: this store keeps none. */
  readonly notes?: ThreadNoteStore
}

interface Thread {
  readonly threadId: string
  readonly resourceId: string
  readonly messages: Array<Message.Message>
  /** The runs with messages here, each with the number of messages before its own; absent before the first. */
  runs: Map<string, number> | undefined
  runId: string | undefined
  limits: Budget.Budget | undefined
  kept: Kept | undefined
  readonly createdAt: number
  updatedAt: number
  description: ThreadDescription.ThreadDescription
}

const made = (
  threadId: string,
  resourceId: string,
  at: number,
  more: { readonly messages?: ReadonlyArray<Message.Message>; readonly runId?: string } = {}
): Thread => ({
  threadId,
  resourceId,
  messages: (more.messages ?? []).map(Message.frozen),
  runs: undefined,
  runId: more.runId,
  limits: undefined,
  kept: undefined,
  createdAt: at,
  updatedAt: at,
  description: {}
})

/**
 * The threads of one memory host, with the leases that its runs take on them. They are lost when the process ends; when
 * there are too many, those that have been without a run for longest are removed.
 */
export class MemoryThreads implements ThreadStore {
  private readonly threads = new Map<string, Thread>()
  /** The threads without a run, the longest idle first. */
  private readonly idle = new Set<Thread>()
  private readonly kept: number
  private readonly forgotten: (threadId: string) => void

  /** `kept`: how many threads without a run are kept; `forgotten` is called with each deleted one. */
  constructor(kept: number, forgotten: (threadId: string) => void = () => {}) {
    this.kept = kept
    this.forgotten = forgotten
  }

  /** Leases the thread at this time to a run of its tenant, creating it if needed; returns the reason if it cannot. */
  lease(
    threadId: string,
    resourceId: string,
    runId: string,
    at: number
  ): QueryRejections.ThreadBusy | QueryRejections.ThreadForbidden | undefined {
    const thread = this.threads.get(threadId)
    if (thread === undefined) {
      this.threads.set(threadId, made(threadId, resourceId, at, { runId }))
      return undefined
    }
    if (thread.resourceId !== resourceId) return new QueryRejections.ThreadForbidden({ threadId })
    if (thread.runId !== undefined) return new QueryRejections.ThreadBusy({ threadId, runId: thread.runId })
    thread.runId = runId
    this.idle.delete(thread)
    return undefined
  }

  /** Releases the thread. One without messages, limits and description is removed. */
  release(threadId: string, runId: string): void {
    const thread = this.threads.get(threadId)
    if (thread?.runId !== runId) return
    thread.runId = undefined
    if (isEmpty(thread)) this.drop(thread)
    else this.rest(thread)
  }

  /** Marks a thread as idle, and removes the oldest idle ones above the limit. */
  private rest(thread: Thread): void {
    this.idle.add(thread)
    for (const oldest of this.idle) {
      if (this.idle.size <= this.kept) return
      this.drop(oldest)
    }
  }

  private drop(thread: Thread): void {
    this.idle.delete(thread)
    this.threads.delete(thread.threadId)
    this.forgotten(thread.threadId)
  }

  /** The messages as they are now, not a copy. */
  history(threadId: string): ReadonlyArray<Message.Message> {
    return this.threads.get(threadId)?.messages ?? []
  }

  /** What a run starts with besides the messages. */
  standing(threadId: string): { readonly thread?: { readonly limits?: Budget.Budget; readonly kept?: Kept } } {
    const thread = this.threads.get(threadId)
    if (thread?.limits === undefined && thread?.kept === undefined) return {}
    const { kept, limits } = thread
    return { thread: { ...(limits === undefined ? {} : { limits }), ...(kept === undefined ? {} : { kept }) } }
  }

  /** Stores at this time what a run leaves with its thread; its messages once. */
  leave(
    threadId: string,
    runId: string,
    messages: ReadonlyArray<Message.Message>,
    kept: Kept | undefined,
    at: number
  ): void {
    const thread = this.threads.get(threadId)
    if (thread === undefined) return
    if (kept !== undefined && thread.runId === runId) thread.kept = kept
    if (thread.runs?.has(runId) === true) return
    thread.runs ??= new Map()
    thread.runs.set(runId, thread.messages.length)
    if (messages.length > 0) thread.updatedAt = at
    for (const message of messages) thread.messages.push(Message.frozen(message))
  }

  readonly begin = (
    threadId: string,
    resourceId: string,
    messages: ReadonlyArray<Message.Message>
  ): Effect.Effect<boolean> =>
    now((at) => {
      const there = this.threads.get(threadId)
      if (there !== undefined) {
        const isOpen = there.resourceId === resourceId && there.runId === undefined && there.messages.length === 0
        if (isOpen) {
          there.messages.push(...messages.map(Message.frozen))
          there.updatedAt = at
        }
        return isOpen
      }
      const thread = made(threadId, resourceId, at, { messages })
      this.threads.set(threadId, thread)
      this.rest(thread)
      return true
    })

  readonly info = (threadId: string): Effect.Effect<ThreadInfo | undefined> =>
    Effect.sync(() => {
      const thread = this.threads.get(threadId)
      return thread === undefined ? undefined : about(thread)
    })

  readonly read = (
    threadId: string,
    { resourceId, version }: ReadOptions = {}
  ): Effect.Effect<ReadonlyArray<Message.Message>> =>
    Effect.sync(() => {
      const thread = this.threads.get(threadId)
      return thread === undefined || isOfAnother(thread, resourceId) ? [] : thread.messages.slice(0, version)
    })

  readonly append = (
    threadId: string,
    runId: string,
    messages: ReadonlyArray<Message.Message>,
    kept?: Kept
  ): Effect.Effect<void> => now((at) => this.leave(threadId, runId, messages, kept, at))

  readonly before = (threadId: string, runId: string): Effect.Effect<number | undefined> =>
    Effect.sync(() => this.threads.get(threadId)?.runs?.get(runId))

  readonly places = (threadId: string): Effect.Effect<ReadonlyMap<string, number>> =>
    Effect.sync(() => new Map(this.threads.get(threadId)?.runs))

  readonly rewrite = (
    threadId: string,
    resourceId: string,
    { keep, messages, version }: Rewrite
  ): Effect.Effect<boolean> =>
    now((at) => {
      const thread = this.threads.get(threadId)
      if (thread === undefined || thread.resourceId !== resourceId || thread.runId !== undefined) return false
      if (thread.messages.length !== version) return false
      thread.messages.splice(keep, version - keep, ...messages.map(Message.frozen))
      for (const [runId, before] of thread.runs ?? []) if (before >= keep) thread.runs?.delete(runId)
      if (thread.kept !== undefined) thread.kept = keptAt(thread.kept, keep)
      thread.updatedAt = at
      return true
    })

  readonly limit = (threadId: string, resourceId: string, limits: Budget.Budget | undefined): Effect.Effect<boolean> =>
    this.change(threadId, resourceId, (thread) => {
      thread.limits = limits
    })

  readonly describe = (
    threadId: string,
    resourceId: string,
    change: ThreadDescription.DescriptionChange
  ): Effect.Effect<boolean> =>
    this.change(threadId, resourceId, (thread) => {
      thread.description = ThreadDescription.changed(thread.description, change)
    })

  /** Changes a tenant's thread, creating it if needed; one that is empty then is removed. */
  private change(threadId: string, resourceId: string, change: (thread: Thread) => void): Effect.Effect<boolean> {
    return now((at) => {
      const thread = this.threads.get(threadId) ?? made(threadId, resourceId, at)
      if (thread.resourceId !== resourceId) return false
      change(thread)
      thread.updatedAt = at
      if (thread.runId !== undefined) return true
      if (isEmpty(thread)) this.drop(thread)
      else {
        this.threads.set(threadId, thread)
        this.rest(thread)
      }
      return true
    })
  }

  readonly list = (resourceId: string): Effect.Effect<ReadonlyArray<ThreadInfo>> =>
    Effect.sync(() =>
      Array.from(this.threads.values())
        .filter((thread) => thread.resourceId === resourceId)
        .map(about)
    )

  readonly remove = (threadId: string, resourceId?: string): Effect.Effect<boolean> =>
    Effect.sync(() => {
      const thread = this.threads.get(threadId)
      if (thread === undefined || thread.runId !== undefined || isOfAnother(thread, resourceId)) return false
      this.drop(thread)
      return true
    })
}

/** Whether the thread belongs to another tenant than a given one. */
const isOfAnother = (thread: Thread, resourceId: string | undefined): boolean =>
  resourceId !== undefined && thread.resourceId !== resourceId

const isEmpty = ({ description, limits, messages }: Thread): boolean =>
  messages.length === 0 && limits === undefined && ThreadDescription.isEmpty(description)

const now = <A>(work: (at: number) => A): Effect.Effect<A> => Effect.map(Clock.currentTimeMillis, work)

const about = ({ createdAt, description, updatedAt, ...thread }: Thread): ThreadInfo => ({
  ...standingOf(thread),
  createdAt,
  updatedAt,
  ...(ThreadDescription.isEmpty(description) ? {} : { description })
})

const standingOf = ({
  kept,
  limits,
  messages,
  resourceId,
  runId,
  threadId
}: Pick<Thread, "kept" | "limits" | "messages" | "resourceId" | "runId" | "threadId">): ThreadInfo => ({
  threadId,
  resourceId,
  version: messages.length,
  runId,
  ...(limits === undefined ? {} : { limits }),
  ...(kept === undefined ? {} : { spent: kept.spent })
})
