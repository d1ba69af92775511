/**
 * The shards of a cluster, as Effect Cluster assigns them: each is a singleton on the one process that holds it, and
 * moves when a process joins, leaves, dies or freezes. A run's id determines its shard.
 *
 * Processes do not talk to each other: liveness and assignments are rows and locks in the database.
 */
import type { Placement } from "@reins/runtime/journal"
import { Sharding } from "effect/cluster/Sharding"
import * as Effect from "effect/Effect"

/** The number of shards: the same for every process, so it must never change on a running cluster. */
export const count = 64

/** The shard of a run: FNV-1a over its id. */
export const shardOf = (runId: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < runId.length; index++) hash = Math.imul(hash ^ runId.charCodeAt(index), 0x01000193)
  return (hash >>> 0) % count
}

/** The shards that this process holds. */
export const make: Effect.Effect<Placement, never, Sharding> = Effect.map(Sharding, (sharding): Placement => {
  const held = new Set<number>()
  return {
    owns: (runId) => held.has(shardOf(runId)),
    begin: ({ gained, lost }) =>
      Effect.forEach(
        Array.from({ length: count }, (_, shard) => shard),
        (shard) =>
          sharding.registerSingleton(
            // Must stay the same: processes of earlier versions use this name.
            `reins/place/${shard}`,
            Effect.acquireRelease(
              Effect.andThen(
                Effect.sync(() => held.add(shard)),
                gained
              ),
              // The shard is released when this has ended, so that its next holder finds nothing in flight.
              () =>
                Effect.andThen(
                  Effect.sync(() => held.delete(shard)),
                  lost
                )
            )
          ),
        { discard: true }
      )
  }
})
