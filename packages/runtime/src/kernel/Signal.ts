/**
 * The cancel signal of a run: requested once, and received by everything that is running then or starts later. It says
 * that work should stop; `Interruptible` and the loop stop it.
 */

/**
 * Notified when the signal is requested. An object, because closures would be a large part of the memory of a parked
 * run.
 */
export interface SignalListener {
  readonly signalled: () => void
}

export class Signal {
  requested = false
  /** A single listener, which is the usual case, needs no set. */
  private listeners: SignalListener | Set<SignalListener> | undefined

  /** Requests the end. A second request does nothing. */
  request(): void {
    if (this.requested) return
    this.requested = true
    const { listeners } = this
    // One listener may remove another, which is then not notified.
    if (listeners instanceof Set) for (const listener of listeners) listener.signalled()
    else listeners?.signalled()
    this.listeners = undefined
  }

  /** Notifies `listener` when the end is requested; at once, if it was already. */
  add(listener: SignalListener): void {
    const { listeners } = this
    if (this.requested) listener.signalled()
    else if (listeners === undefined) this.listeners = listener
    else if (listeners instanceof Set) listeners.add(listener)
    else this.listeners = new Set([listeners, listener])
  }

  remove(listener: SignalListener): void {
    const { listeners } = this
    if (listeners === listener) this.listeners = undefined
    else if (listeners instanceof Set) listeners.delete(listener)
  }
}
