/**
 * How long a store keeps what has ended: the events of runs, the lines of the cost ledger, the audit record. What is older
 * is deleted; threads keep their messages, and ids of runs stay reserved.
 */
import type { Archive } from "@reins/store/sqlite"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { StoreFailure } from "@reins/runtime/journal"

/** How long each is kept, in milliseconds; absent: it is not deleted. */
export interface Kept {
  readonly runs?: number | undefined
  readonly costs?: number | undefined
  readonly audit?: number | undefined
}

/** How many were deleted. */
export interface Deleted {
  readonly runs: number
  readonly costs: number
  readonly acts: number
}

/** Whether anything is to be deleted at some time. */
export const isSet = ({ audit, costs, runs }: Kept): boolean =>
  runs !== undefined || costs !== undefined || audit !== undefined

const older = (
  ms: number | undefined,
  now: number,
  forget: (before: number) => Effect.Effect<number, StoreFailure>
): Effect.Effect<number, StoreFailure> => (ms === undefined ? Effect.succeed(0) : forget(Math.max(0, now - ms)))

/** Deletes what is older than it is kept, and packs what was left unpacked. */
export const apply = Effect.fnUntraced(function* (
  archive: Pick<Archive, "forgetEnded" | "forgetCosts" | "forgetActs" | "packEnded">,
  { audit, costs, runs }: Kept
) {
  const now = yield* Clock.currentTimeMillis
  const deleted: Deleted = {
    runs: yield* older(runs, now, archive.forgetEnded),
    costs: yield* older(costs, now, archive.forgetCosts),
    acts: yield* older(audit, now, archive.forgetActs)
  }
  yield* archive.packEnded(now)
  return deleted
})
