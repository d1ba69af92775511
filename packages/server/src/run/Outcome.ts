/** The result of a command that was not refused: facts to return, a run to watch, or nothing. */
import type { Cursor, Facts } from "@reins/wire"
import type { OnDisconnect } from "../options/ServerOptions.ts"
import type { Opening } from "../thread/ThreadBook.ts"

/**
 * A run to stream from its first envelope.
 *
 * **Details**
 * - `threadId` is the client's name of the thread.
 * - `openings`: where requests resumed the run; the answer begins after the last of them, or at the start of the run
 *   when there are none.
 * - `cursor`: the position after which the reader wants to continue.
 * - `settled`: the length of the log when the request arrived. Before that point the run is never treated as waiting,
 *   whatever its events look like.
 * - `until`: `"stored"` ends the answer at `settled`.
 * - `upTo`: the run's last envelope that belongs to the answer; absent: all that come.
 */
export interface Feed {
  readonly runId: string
  readonly threadId: string
  readonly tenant: string
  readonly openings: ReadonlyArray<Opening>
  readonly cursor: Cursor.Cursor
  readonly settled: number
  readonly until: "end" | "stored"
  readonly upTo?: number | undefined
  /** What happens to the run when its last reader disconnects. Absent: it is kept. */
  readonly onDisconnect?: OnDisconnect | undefined
  /** As `Answer.open` takes it. */
  readonly inputTokens?: number | undefined
  /** The reader sees which events there are, and nothing of what was said in them (`ContentFree`). Absent: it sees all. */
  readonly hidesContent?: boolean | undefined
  /** All runs of the thread, in order. */
  readonly isThread: boolean
}

export interface Found {
  readonly _tag: "Facts"
  readonly facts: Facts.Facts
}

export interface Watching {
  readonly _tag: "Run"
  readonly feed: Feed
}

export type Outcome = Found | Watching | { readonly _tag: "NothingToResume" }

export const facts = (found: Facts.Facts): Found => ({ _tag: "Facts", facts: found })
export const run = (feed: Feed): Watching => ({ _tag: "Run", feed })
