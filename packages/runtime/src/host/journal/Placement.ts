/**
 * Decides which of several processes executes a run. A placement assigns shards to processes; a run belongs to one
 * shard, by its id, and is executed by the process that holds the shard.
 *
 * It stores nothing of a run: the journal does, and the epoch fences a late owner.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/**
 * What a host does when its shards change.
 *
 * @since 0.1.0
 * @category models
 */
export interface ShardListener {
  /** Shards were gained: opens the runs in them that have not ended. */
  readonly gained: Effect.Effect<void>
  /**
   * Shards were lost: releases the runs that are no longer ours, after their work in flight has ended or timed out.
   * Completes when none of them is executed here any more.
   */
  readonly lost: Effect.Effect<void>
}

/**
 * Places runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Placement {
  /** Whether this process currently owns a run. */
  readonly owns: (runId: string) => boolean
  /** Notifies the listener of gained and lost shards until the scope closes. `owns` changes before the notification. */
  readonly begin: (listener: ShardListener) => Effect.Effect<void, never, Scope.Scope>
}

/** Distinguishes a placement from the other values of `executes`. */
export const isPlacement = (value: unknown): value is Placement =>
  typeof value === "object" && value !== null && "owns" in value
