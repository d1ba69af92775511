/**
 * Stores threads. A thread is an append-only list of messages in which every call has its result whenever a run has
 * ended; the messages of one run are appended together, once. With them it keeps what its runs have used, summaries of
 * its beginning, limits that span all of its runs, and notes of a program. `MemoryThreads` keeps them in memory; database
 * stores are in `@reins/store`.
 */
import { Budget, type Message } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Branch from "./Branch.ts"
import type { Changed, ThreadChange } from "./ThreadChange.ts"
import type * as ThreadDescription from "./ThreadDescription.ts"

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

const KeptStruct = Schema.Struct({ spent: Budget.Spent, summaries: Branch.Summaries }).annotate({
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
 * The part of `kept` that stays when a thread is cut to its first `version` messages: what was spent stays spent.
 *
 * @since 0.1.0
 * @category operations
 */
export const keptAt = ({ spent, summaries }: Kept, version: number): Kept => ({
  spent,
  summaries: Branch.within(summaries, version)
})

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
  readonly branches: (threadId: string) => Effect.Effect<ReadonlyArray<Branch.ListedBranch>>
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

/**
 * A thread's note, and those of its runs in the order in which they were first written. The texts are the program's
 * own. `version`: rises with each write, also after the notes were deleted.
 *
 * @since 0.1.0
 * @category models
 */
export interface ThreadNotes {
  readonly version: number
  readonly thread: string
  readonly runs: ReadonlyArray<{ readonly runId: string; readonly note: string }>
}

/**
 * A thread, and whose it is.
 *
 * @since 0.1.0
 * @category models
 */
export interface NotedThread {
  readonly threadId: string
  readonly resourceId: string
}

/**
 * Keeps notes of a program with threads and their runs, such as what a server remembers of its clients' requests. The
 * runtime does not read them. They are deleted with the thread, and those of a run with the run's data. A tenant's notes
 * are not seen by others, also under the same id of a thread.
 *
 * @since 0.1.0
 * @category models
 */
export interface ThreadNoteStore {
  /** The version of a thread's notes; 0 if it has none. */
  readonly version: (thread: NotedThread) => Effect.Effect<number>
  /** The notes of a thread; `undefined` if it has none. */
  readonly get: (thread: NotedThread) => Effect.Effect<ThreadNotes | undefined>
  /**
   * Replaces the thread's note and those of `runs`; notes of other runs stay. `version`: of the notes that this change
   * is based on, 0 if there were none. One transaction. Returns the new version; 0, without effect, if they have changed
   * since.
   */
  readonly put: (thread: NotedThread, notes: ThreadNotes) => Effect.Effect<number>
  /** The threads of a tenant that have notes, and when the first was written in epoch milliseconds; oldest first. */
  readonly list: (
    resourceId: string
  ) => Effect.Effect<ReadonlyArray<{ readonly threadId: string; readonly createdAt: number }>>
  /** Deletes the notes of a thread and of its runs. */
  readonly remove: (thread: NotedThread) => Effect.Effect<void>
}
