/**
 * Which of several processes carries which runs. A placement gives this process places and takes them away; a run belongs to one
 * place, and is carried where that place is.
 *
 * It says where runs live and holds nothing of them: what a run did is in the journal, and the epoch fences whoever is late.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** What a host does when its places change. */
export interface Hands {
  /** Places were gained: takes up the runs that have not ended in them. */
  readonly takeUp: Effect.Effect<void>
  /**
   * Places were lost: gives up the runs that are no longer ours, once what they have in flight has ended, or has taken too long.
   * Done when nothing of them goes on here.
   */
  readonly giveUp: Effect.Effect<void>
}

/** Places runs; see the header of this file. */
export interface Placement {
  /** Whether a run is this process's to carry, now. */
  readonly owns: (runId: string) => boolean
  /** Tells of places that come and go, until the scope closes. `owns` has changed before a hand is called. */
  readonly begin: (hands: Hands) => Effect.Effect<void, never, Scope.Scope>
}

/** Tells a placement from the other ways to say what a process carries. */
export const isPlacement = (value: unknown): value is Placement =>
  typeof value === "object" && value !== null && "owns" in value
