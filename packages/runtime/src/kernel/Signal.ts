/**
 * The cancel signal of a run: requested once, seen by everything that is live at that moment and by everything that begins
 * later. It says that something should end, and why; ending is `Interruptible`'s and the loop's business.
 */
export class Signal {
  requested = false
  private hooks: Set<() => void> | undefined

  /** Asks for the end. The second time does nothing. */
  request(): void {
    if (this.requested) return
    this.requested = true
    // One hook may take back another, which is then not called.
    if (this.hooks !== undefined) for (const hook of this.hooks) hook()
    this.hooks = undefined
  }

  /** Calls `hook` when the end is asked for (at once, when it was already). Returns how to take the hook back. */
  on(hook: () => void): () => void {
    if (this.requested) {
      hook()
      return () => {}
    }
    this.hooks ??= new Set()
    this.hooks.add(hook)
    return () => this.hooks?.delete(hook)
  }
}
