/**
 * What a run keeps beside its log while work is under way: values under names, each written once. The first one counts,
 * also where an owner wrote it that the run has left behind, so that what has happened once is known to have happened.
 */
import type { Json } from "@reins/protocol"
import * as Effect from "effect/Effect"

export interface Kept {
  /**
   * Stores a value under a name, unless it has one, and returns the stored value. Where the run has ended, nothing is
   * stored.
   */
  readonly put: (name: string, value: Json) => Effect.Effect<Json>
  /** The value stored under a name, as far as this process knows. */
  readonly get: (name: string) => Json | undefined
  /** The value stored under a name, also by another process. */
  readonly find: (name: string) => Effect.Effect<Json | undefined>
}

/** For a run in the memory of this process. */
export class MemoryKept implements Kept {
  private values: Map<string, Json> | undefined

  put(name: string, value: Json): Effect.Effect<Json> {
    return Effect.sync(() => this.first(name, value) ?? value)
  }

  /** Stores a value under a name, unless it has one, which it returns. */
  first(name: string, value: Json): Json | undefined {
    const known = this.values?.get(name)
    if (known === undefined) (this.values ??= new Map()).set(name, value)
    return known
  }

  get(name: string): Json | undefined {
    return this.values?.get(name)
  }

  find(name: string): Effect.Effect<Json | undefined> {
    return Effect.sync(() => this.get(name))
  }

  /** The values with names that begin with `prefix`. */
  under(prefix: string): ReadonlyArray<readonly [name: string, value: Json]> {
    return [...(this.values ?? [])].filter(([name]) => name.startsWith(prefix))
  }
}

/** Of work that is only tried out. */
export const nowhere: Kept = {
  put: (_name, value) => Effect.succeed(value),
  get: () => undefined,
  find: () => Effect.succeed(undefined)
}
