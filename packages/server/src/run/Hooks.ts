/** The web hooks of active runs: where each is sent, and the fiber that tells it. */
import type { Command } from "@reins/wire"
import type * as Fiber from "effect/Fiber"

interface Hook {
  readonly push: Command.PushTo
  readonly fiber: Fiber.Fiber<unknown, unknown>
}

/** The hooks of the active runs, by run and by their own ids. Mutable; one for each server. */
export class Hooks {
  readonly #runs = new Map<string, Map<string, Hook>>()

  of(runId: string): ReadonlyArray<Command.PushTo> {
    return Array.from(this.#runs.get(runId)?.values() ?? [], ({ push }) => push)
  }

  has(runId: string, id: string): boolean {
    return this.#runs.get(runId)?.has(id) === true
  }

  add(runId: string, hook: Hook): void {
    const hooks = this.#runs.get(runId) ?? new Map<string, Hook>()
    this.#runs.set(runId, hooks.set(hook.push.id, hook))
  }

  take(runId: string, id: string): Hook | undefined {
    const hooks = this.#runs.get(runId)
    const hook = hooks?.get(id)
    hooks?.delete(id)
    if (hooks?.size === 0) this.#runs.delete(runId)
    return hook
  }
}
