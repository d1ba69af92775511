/** Counts the HTTP readers of each run, and the active runs of each tenant that were started here. */
export class Watchers {
  readonly #watching = new Map<string, number>()
  readonly #running = new Map<string, Set<string>>()

  /** The number of open answers. */
  get open(): number {
    let count = 0
    for (const watching of this.#watching.values()) count += watching
    return count
  }

  join(runId: string): void {
    this.#watching.set(runId, (this.#watching.get(runId) ?? 0) + 1)
  }

  /** Returns the number of readers that remain. */
  leave(runId: string): number {
    const left = (this.#watching.get(runId) ?? 1) - 1
    if (left > 0) this.#watching.set(runId, left)
    else this.#watching.delete(runId)
    return left
  }

  isWatched(runId: string): boolean {
    return this.#watching.has(runId)
  }

  began(tenant: string, runId: string): void {
    this.#running.set(tenant, (this.#running.get(tenant) ?? new Set()).add(runId))
  }

  ended(tenant: string, runId: string): void {
    const running = this.#running.get(tenant)
    running?.delete(runId)
    if (running?.size === 0) this.#running.delete(tenant)
  }

  /** Active runs of a tenant that were started here, latest first. */
  running(tenant: string): ReadonlyArray<string> {
    return [...(this.#running.get(tenant) ?? [])].toReversed()
  }

  get runs(): number {
    let count = 0
    for (const running of this.#running.values()) count += running.size
    return count
  }
}
