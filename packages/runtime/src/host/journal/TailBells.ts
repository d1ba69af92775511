/**
 * The bells of those who follow runs in this process, by run.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Bell } from "./Tail.ts"

export class TailBells {
  private readonly hung = new Map<string, Set<Bell>>()

  /** There is news of the run. */
  ring(runId: string): void {
    for (const bell of this.hung.get(runId) ?? []) bell.ring()
  }

  /** Rings `bell` at news of the run, until the scope closes. */
  hang(runId: string, bell: Bell): Effect.Effect<void, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => {
        const bells = this.hung.get(runId) ?? new Set()
        this.hung.set(runId, bells.add(bell))
      }),
      () =>
        Effect.sync(() => {
          const bells = this.hung.get(runId)
          if (bells?.delete(bell) === true && bells.size === 0) this.hung.delete(runId)
        })
    )
  }
}
