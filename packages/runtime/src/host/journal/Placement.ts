/**
 * Which of several processes carries which runs. A placement assigns shards to processes; a run belongs to one shard, by its id, and
 * is carried by the process that has the shard.
 *
 * It says where runs live and holds nothing of them: what a run did is in the journal, and the epoch fences whoever is late.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** What a host does when its shards change. */
export interface ShardListener {
  /** Shards were gained: opens the runs in them that have not ended. */
  readonly gained: Effect.Effect<void>
  /**
   * Shards were lost: gives up the runs that are no longer ours, once what they have in flight has ended, or has taken too long.
   * Done when nothing of them goes on here.
   */
  readonly lost: Effect.Effect<void>
}

/** Places runs; see the header of this file. */
export interface Placement {
  /** Whether a run is this process's to carry, now. */
  readonly owns: (runId: string) => boolean
  /** Tells of shards that come and go, until the scope closes. `owns` has changed before the listener is told. */
  readonly begin: (listener: ShardListener) => Effect.Effect<void, never, Scope.Scope>
}

/** Tells a placement from the other ways to say what a process carries. */
export const isPlacement = (value: unknown): value is Placement =>
  typeof value === "object" && value !== null && "owns" in value
