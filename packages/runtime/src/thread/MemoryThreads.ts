/**
 * The threads of one memory host, with the leases that its runs take on them: the port `ThreadStore` in memory.
 */
import { type Budget, Message, QueryRejections } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { ListedBranch } from "./Branch.ts"
import { type Kept, keptAt } from "./ThreadStore.ts"
import * as MemoryThread from "./MemoryThread.ts"
import type { Thread } from "./MemoryThread.ts"
import * as ThreadChanges from "./ThreadChange.ts"
import type { Changed, StartChange, ThreadChange } from "./ThreadChange.ts"
import * as ThreadDescription from "./ThreadDescription.ts"
import type { ThreadInfo, ThreadStore } from "./ThreadStore.ts"

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
  lease(run: MemoryThread.Leasing, change?: StartChange): Refusal | undefined {
    const { principal, resourceId, runId, startedAt: at, threadId } = run
    let thread = this.threads.get(threadId)
    if (thread !== undefined && thread.resourceId !== resourceId)
      return new QueryRejections.ThreadForbidden({ threadId })
    if (thread?.runId !== undefined) return new QueryRejections.ThreadBusy({ threadId, runId: thread.runId })
    thread ??= MemoryThread.made(threadId, resourceId, at)
    if (change !== undefined && !MemoryThread.lay(thread, change, at, runId)) {
      return ThreadChanges.placeNotFound(threadId, change)
    }
    this.threads.set(threadId, thread)
    thread.runId = runId
    if (principal !== undefined) MemoryThread.joined(thread, runId, principal)
    this.idle.delete(thread)
    return undefined
  }

  /** Releases the thread. One without messages, branches, limits and description is removed. */
  release(threadId: string, runId: string): void {
    const thread = this.threads.get(threadId)
    if (thread?.runId !== runId) return
    thread.runId = undefined
    if (MemoryThread.isEmpty(thread)) this.drop(thread)
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
    for (const message of messages) MemoryThread.signed(thread, runId, Message.frozen(message))
  }

  /** The principal's runs on threads, and the threads that it has to do with. */
  of(principal: string, resourceId: string): MemoryThread.Shares {
    return MemoryThread.sharesOf(this.threads.values(), principal, resourceId)
  }

  /** Deletes the principal's own threads, and its messages in those of others; all are free. Returns the number of messages. */
  erase(erasing: Record<"principal" | "pseudonym" | "resourceId", string>): number {
    let count = 0
    for (const { isShared, threadId } of this.of(erasing.principal, erasing.resourceId).threads) {
      const thread = this.threads.get(threadId)
      if (thread === undefined) continue
      if (isShared) count += MemoryThread.redact(thread, erasing)
      else {
        count += MemoryThread.partsOf(thread).reduce((sum, { length }) => sum + length, 0)
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
      const thread = MemoryThread.made(threadId, resourceId, at, messages, principal)
      this.threads.set(threadId, thread)
      this.rest(thread)
      return true
    })

  readonly fork: ThreadStore["fork"] = (threadId, resourceId, { branch, threadId: of, version }, principal) =>
    Effect.suspend(() => {
      const from = this.threads.get(of)
      if (from === undefined || isOfAnother(from, resourceId)) return this.begin(threadId, resourceId, [], principal)
      const messages = ThreadChanges.whole(MemoryThread.read(from, branch).slice(0, version))
      return Effect.map(this.begin(threadId, resourceId, messages, principal), (isBegun) => {
        if (isBegun) MemoryThread.copied(from, messages, this.threads.get(threadId))
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
      return thread === undefined || isOfAnother(thread, resourceId)
        ? []
        : MemoryThread.read(thread, branch).slice(0, version)
    })

  /** What a run started from, wherever it is now. */
  historyOf({ historyVersion, runId, threadId }: Record<"runId" | "threadId", string> & { historyVersion: number }) {
    const thread = this.threads.get(threadId)
    return thread === undefined ? [] : MemoryThread.read(thread, thread.branches?.ofRun(runId)).slice(0, historyVersion)
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
      return ThreadChanges.changed(MemoryThread.apply(thread, change, at), change)
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
      const thread = this.threads.get(threadId) ?? MemoryThread.made(threadId, resourceId, at)
      if (thread.resourceId !== resourceId) return false
      change(thread)
      thread.updatedAt = at
      if (thread.runId !== undefined) return true
      if (MemoryThread.isEmpty(thread)) this.drop(thread)
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
