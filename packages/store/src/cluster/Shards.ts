/**
 * The shards of a cluster, as Effect Cluster assigns them: each is a singleton that runs on the one process which holds it, and is
 * moved when a process joins, leaves, dies or freezes. A run lives in the shard that its id falls to.
 *
 * No process speaks to another: who is alive and who holds what are rows and locks in the database.
 */
import type { Placement } from "@reins/runtime/journal"
import { Sharding } from "effect/cluster/Sharding"
import * as Effect from "effect/Effect"

/** How many shards there are: the same for every process, so never changed on a running cluster. */
export const count = 64

/** The shard of a run: FNV-1a over its id. */
export const shardOf = (runId: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < runId.length; index++) hash = Math.imul(hash ^ runId.charCodeAt(index), 0x01000193)
  return (hash >>> 0) % count
}

/** The shards that this process is given. */
export const make: Effect.Effect<Placement, never, Sharding> = Effect.map(Sharding, (sharding): Placement => {
  const held = new Set<number>()
  return {
    owns: (runId) => held.has(shardOf(runId)),
    begin: ({ gained, lost }) =>
      Effect.forEach(
        Array.from({ length: count }, (_, shard) => shard),
        (shard) =>
          sharding.registerSingleton(
            // The name that processes of earlier versions know, too.
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
