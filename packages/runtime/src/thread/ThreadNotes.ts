/**
 * Notes that a program keeps with threads and their runs, such as what a server remembers of its clients' requests. The
 * runtime does not read them. They are deleted with the thread, and those of a run with the run's data.
 */
import type * as Effect from "effect/Effect"

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
 * Keeps notes. A tenant's notes are not seen by others, also under the same id of a thread.
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
