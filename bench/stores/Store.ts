/**
 * A store under measurement: the deployment over it, and the journal alone.
 */
import type { JournalStore } from "@reins/runtime/journal"
import type { Effect, Layer, Scope } from "effect"

/** An empty store, which is deleted with its scope. */
export interface Place {
  /** Executes runs in it, with the default settings. */
  readonly deployment: (options?: { readonly hibernateMs: number }) => Layer.Layer<never>
  /** Its journal; a database's is opened at each use. Do not use it together with the deployment. */
  readonly journal: Effect.Effect<JournalStore, never, Scope.Scope>
  /** The same appends as one bare statement each, if the database has that. */
  readonly bare?: Effect.Effect<Bare, never, Scope.Scope>
}

/** Starts a run; returns a function that appends a number of events to it. */
export type Bare = (runId: string) => Effect.Effect<(count: number) => Effect.Effect<unknown>>

export interface Store {
  readonly place: Effect.Effect<Place, never, Scope.Scope>
}
