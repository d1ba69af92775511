/**
 * Stores threads. A thread is an append-only list of messages in which every call has its result whenever a run has
 * ended; the messages of one run are appended together, once. With them it keeps what its runs have used, summaries of
 * its beginning, and limits that span all of its runs. `MemoryThreads` keeps them in memory; database stores are in
 * `@reins/store`.
 */
import { type Budget, Message, QueryRejections } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ListedBranch } from "./Branch.ts"
import { type Kept, keptAt } from "./Kept.ts"
import { apply, isEmpty, lay, made, read, type Thread } from "./MemoryThread.ts"
import * as ThreadChanges from "./ThreadChange.ts"
import type { Changed, StartChange, ThreadChange } from "./ThreadChange.ts"
import * as ThreadDescription from "./ThreadDescription.ts"
import * as ThreadShare from "./ThreadShare.ts"
import type { ThreadNoteStore } from "./ThreadNotes.ts"

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
  /**
   * Who began it: the principal of its first run, or the one it was imported or forked for. Absent: nobody with a name,
   * or a release that did not keep it.
   */
  readonly principal?: string | undefined
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
  /** The thread's branch of this id in place of the thread as it is now. */
  readonly branch?: string | undefined
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
 * What is forked: the first `version` messages (absent: all) of a thread, or of its branch.
 *
 * @since 0.2.0
 * @category models
 */
export interface ForkedFrom {
  readonly threadId: string
  readonly branch?: string | undefined
  readonly version?: number | undefined
}

/**
 * Stores threads.
 *
 * @since 0.1.0
 * @category models
 */
export interface ThreadStore {
  /**
   * Creates a thread with these messages, or adds them to one that has none. False, without effect, if another
   * thread has this id. `principal`: whose it is; absent: of the principal whose run is the first on it.
   */
  readonly begin: (
    threadId: string,
    resourceId: string,
    messages: ReadonlyArray<Message.Message>,
    principal?: string
  ) => Effect.Effect<boolean>
  /**
   * As `begin`, with copies of the messages of another thread of the tenant, or of a branch of it, as far as every call has
   * its result. Each copy counts as its author's when a principal is erased. One transaction.
   */
  readonly fork: (threadId: string, resourceId: string, from: ForkedFrom, principal?: string) => Effect.Effect<boolean>
  /** A thread's metadata, or `undefined` without one. */
  readonly info: (threadId: string) => Effect.Effect<ThreadInfo | undefined>
  /**
   * The first `version` messages (absent: all), or none without such a thread. With `resourceId`, a thread of another
   * tenant reads as if it did not exist; the owner is checked in the same transaction as the messages are read.
   */
  readonly read: (threadId: string, options?: ReadOptions) => Effect.Effect<ReadonlyArray<Message.Message>>
  /**
   * Appends a run's messages; a second append for the same run adds nothing, also when the first are in a branch. `kept` replaces what was kept, if the run
   * leases the thread.
   */
  readonly append: (
    threadId: string,
    runId: string,
    messages: ReadonlyArray<Message.Message>,
    kept?: Kept
  ) => Effect.Effect<void>
  /**
   * How many messages the thread had before those of the run; `undefined` if it has none of that run, also because they
   * were replaced.
   */
  readonly before: (threadId: string, runId: string) => Effect.Effect<number | undefined>
  /** The same for all runs that the thread has messages of. */
  readonly places: (threadId: string) => Effect.Effect<ReadonlyMap<string, number>>
  /**
   * Rewinds a tenant's free thread, or returns to one of its branches, in one transaction: what is replaced becomes a
   * branch. Summaries that cover more than what is kept stay with the branch; what was spent stays spent.
   */
  readonly change: (threadId: string, resourceId: string, change: ThreadChange) => Effect.Effect<Changed>
  /** The branches of a thread, in the order in which they were replaced. */
  readonly branches: (threadId: string) => Effect.Effect<ReadonlyArray<ListedBranch>>
  /**
   * Replaces the end of a tenant's thread in one transaction, and deletes it, with the branches that depart from it;
   * summaries that cover more than what is kept are dropped. False, without effect, if there is no such thread, it belongs to another tenant, a run leases it, or its length has
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
   * Deletes a thread, its messages and its branches. False, without effect, if there is none, a run leases it, or it belongs to
   * another tenant than a given `resourceId`.
   */
  readonly remove: (threadId: string, resourceId?: string) => Effect.Effect<boolean>
  /** Notes of a program that outlive the process. Absent: this store keeps none. */
  readonly notes?: ThreadNoteStore
}

type Refusal = QueryRejections.PlaceNotFound | QueryRejections.ThreadBusy | QueryRejections.ThreadForbidden

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

  /**
   * Leases the thread to a run of its tenant when it starts, creating it if needed, and does to it what the run's query
   * says; returns the reason if it cannot.
   */
  lease(run: ThreadShare.Leasing, change?: StartChange): Refusal | undefined {
    const { principal, resourceId, runId, startedAt: at, threadId } = run
    let thread = this.threads.get(threadId)
    if (thread !== undefined && thread.resourceId !== resourceId)
      return new QueryRejections.ThreadForbidden({ threadId })
    if (thread?.runId !== undefined) return new QueryRejections.ThreadBusy({ threadId, runId: thread.runId })
    thread ??= made(threadId, resourceId, at)
    if (change !== undefined && !lay(thread, change, at, runId)) {
      return ThreadChanges.placeNotFound(threadId, change)
    }
    this.threads.set(threadId, thread)
    thread.runId = runId
    if (principal !== undefined) ThreadShare.joined(thread, runId, principal)
    this.idle.delete(thread)
    return undefined
  }

  /** Releases the thread. One without messages, branches, limits and description is removed. */
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
    if (thread.runs?.has(runId) === true || thread.branches?.ofRun(runId) !== undefined) return
    thread.runs ??= new Map()
    thread.runs.set(runId, thread.messages.length)
    if (messages.length > 0) thread.updatedAt = at
    for (const message of messages) ThreadShare.signed(thread, runId, Message.frozen(message))
  }

  /** The principal's runs on threads, and the threads that it has to do with. */
  of(principal: string, resourceId: string): ThreadShare.Shares {
    return ThreadShare.of(this.threads.values(), principal, resourceId)
  }

  /** Deletes the principal's own threads, and its messages in those of others; all are free. Returns the number of messages. */
  erase(erasing: Record<"principal" | "pseudonym" | "resourceId", string>): number {
    let count = 0
    for (const { isShared, threadId } of this.of(erasing.principal, erasing.resourceId).threads) {
      const thread = this.threads.get(threadId)
      if (thread === undefined) continue
      if (isShared) count += ThreadShare.redact(thread, erasing)
      else {
        count += ThreadShare.partsOf(thread).reduce((sum, { length }) => sum + length, 0)
        this.drop(thread)
      }
    }
    return count
  }

  /** Whether a run is active on it, which will overwrite its totals. */
  isBusy(threadId: string, resourceId: string): boolean {
    const thread = this.threads.get(threadId)
    return thread?.resourceId === resourceId && thread.runId !== undefined
  }

  /** Changes what is kept. */
  correct(threadId: string, resourceId: string, corrected: (kept: Kept) => Kept): void {
    const thread = this.threads.get(threadId)
    if (thread?.resourceId === resourceId && thread.kept !== undefined) thread.kept = corrected(thread.kept)
  }

  readonly begin: ThreadStore["begin"] = (threadId, resourceId, messages, principal) =>
    now((at) => {
      const there = this.threads.get(threadId)
      if (there !== undefined) {
        const isOpen = there.resourceId === resourceId && there.runId === undefined && there.messages.length === 0
        if (isOpen) {
          there.messages.push(...messages.map(Message.frozen))
          there.principal ??= principal
          there.updatedAt = at
        }
        return isOpen
      }
      const thread = made(threadId, resourceId, at, messages, principal)
      this.threads.set(threadId, thread)
      this.rest(thread)
      return true
    })

  readonly fork: ThreadStore["fork"] = (threadId, resourceId, { branch, threadId: of, version }, principal) =>
    Effect.suspend(() => {
      const from = this.threads.get(of)
      if (from === undefined || isOfAnother(from, resourceId)) return this.begin(threadId, resourceId, [], principal)
      const messages = ThreadChanges.whole(read(from, branch).slice(0, version))
      return Effect.map(this.begin(threadId, resourceId, messages, principal), (isBegun) => {
        if (isBegun) ThreadShare.copied(from, messages, this.threads.get(threadId))
        return isBegun
      })
    })

  readonly info = (threadId: string): Effect.Effect<ThreadInfo | undefined> =>
    Effect.sync(() => {
      const thread = this.threads.get(threadId)
      return thread === undefined ? undefined : about(thread)
    })

  readonly read: ThreadStore["read"] = (threadId, { branch, resourceId, version } = {}) =>
    Effect.sync(() => {
      const thread = this.threads.get(threadId)
      return thread === undefined || isOfAnother(thread, resourceId) ? [] : read(thread, branch).slice(0, version)
    })

  /** What a run started from, wherever it is now. */
  historyOf({ historyVersion, runId, threadId }: Record<"runId" | "threadId", string> & { historyVersion: number }) {
    const thread = this.threads.get(threadId)
    return thread === undefined ? [] : read(thread, thread.branches?.ofRun(runId)).slice(0, historyVersion)
  }

  readonly append: ThreadStore["append"] = (threadId, runId, messages, kept) =>
    now((at) => this.leave(threadId, runId, messages, kept, at))

  readonly before = (threadId: string, runId: string): Effect.Effect<number | undefined> =>
    Effect.sync(() => this.threads.get(threadId)?.runs?.get(runId))

  readonly places = (threadId: string): Effect.Effect<ReadonlyMap<string, number>> =>
    Effect.sync(() => new Map(this.threads.get(threadId)?.runs))

  readonly change = (threadId: string, resourceId: string, change: ThreadChange): Effect.Effect<Changed> =>
    now((at): Changed => {
      const thread = this.threads.get(threadId)
      if (thread === undefined || thread.resourceId !== resourceId) return { _tag: "Unknown" }
      if (thread.runId !== undefined) return { _tag: "Busy", runId: thread.runId }
      return ThreadChanges.changed(apply(thread, change, at), change)
    })

  readonly branches = (threadId: string): Effect.Effect<ReadonlyArray<ListedBranch>> =>
    Effect.sync(() => this.threads.get(threadId)?.branches?.listed() ?? [])

  readonly rewrite: ThreadStore["rewrite"] = (threadId, resourceId, { keep, messages, version }) =>
    now((at) => {
      const thread = this.threads.get(threadId)
      if (thread === undefined || thread.resourceId !== resourceId || thread.runId !== undefined) return false
      if (thread.messages.length !== version) return false
      thread.messages.splice(keep, version - keep, ...messages.map(Message.frozen))
      thread.branches?.prune(keep)
      for (const [runId, before] of thread.runs ?? []) if (before >= keep) thread.runs?.delete(runId)
      if (thread.kept !== undefined) thread.kept = keptAt(thread.kept, keep)
      thread.updatedAt = at
      return true
    })

  readonly limit = (threadId: string, resourceId: string, limits: Budget.Budget | undefined): Effect.Effect<boolean> =>
    this.update(threadId, resourceId, (thread) => {
      thread.limits = limits
    })

  readonly describe: ThreadStore["describe"] = (threadId, resourceId, change) =>
    this.update(threadId, resourceId, (thread) => {
      thread.description = ThreadDescription.changed(thread.description, change)
    })

  /** Changes a tenant's thread, creating it if needed; one that is empty then is removed. */
  private update(threadId: string, resourceId: string, change: (thread: Thread) => void): Effect.Effect<boolean> {
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

const now = <A>(work: (at: number) => A): Effect.Effect<A> => Effect.map(Clock.currentTimeMillis, work)

const about = ({ createdAt, description, principal, updatedAt, ...thread }: Thread): ThreadInfo => ({
  ...standingOf(thread),
  createdAt,
  updatedAt,
  ...(principal === undefined ? {} : { principal }),
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
