/**
 * What is measured of a store: the deployment over it, and the journal alone.
 */
import type { JournalStore } from "@reins/runtime/journal"
import type { Effect, Layer, Scope } from "effect"

/** One empty store. It is gone with the scope it was made in. */
export interface Place {
  /** Carries runs in it, with the settings that users have unless they say otherwise. */
  readonly deployment: (options?: { readonly hibernateMs: number }) => Layer.Layer<never>
  /** Its journal, opened anew at each use where it is a database's. Do not use it beside the deployment. */
  readonly journal: Effect.Effect<JournalStore, never, Scope.Scope>
  /** The same appends as one bare statement each, as far as that was measured for this database. */
  readonly bare?: Effect.Effect<Bare, never, Scope.Scope>
}

/** Begins a run; answers an append of so many events to it. */
export type Bare = (runId: string) => Effect.Effect<(count: number) => Effect.Effect<unknown>>

export interface Store {
  readonly place: Effect.Effect<Place, never, Scope.Scope>
}
