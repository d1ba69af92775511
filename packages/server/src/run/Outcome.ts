/**
 * What carrying out a command came to, where it was not refused: facts to tell, a run to watch, or that there is none.
 */
import type { Cursor, Facts } from "@reins/wire"
import type { Opening } from "../thread/ThreadBook.ts"

/**
 * A run to be told from its first envelope on.
 *
 * **Details**
 * - `threadId` is the client's name of the thread.
 * - `openings`: where requests took it up before; the answer begins behind the last of them, or with the run where there are
 *   none.
 * - `cursor`: the place behind which the reader wants to go on.
 * - `settled`: how far the run was when the request came. Before that, it is not waiting for anybody, whatever it looks like.
 * - `until`: `"stored"` ends the answer at `settled`.
 */
export interface Feed {
  readonly runId: string
  readonly threadId: string
  readonly tenant: string
  readonly openings: ReadonlyArray<Opening>
  readonly cursor: Cursor.Cursor
  readonly settled: number
  readonly until: "end" | "stored"
  /** All runs of the thread, one behind the other. */
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
