/**
 * The cancel signal of a run: requested once, seen by everything that is live at that moment and by everything that begins
 * later. It says that something should end, and why; ending is `Interruptible`'s and the loop's business.
 */

/** Who is told that the end was asked for: an object, because a closure for each is a large part of what a parked run keeps. */
export interface SignalListener {
  readonly signalled: () => void
}

export class Signal {
  requested = false
  /** One listener, which is the usual case, has no set around it. */
  private listeners: SignalListener | Set<SignalListener> | undefined

  /** Asks for the end. The second time does nothing. */
  request(): void {
    if (this.requested) return
    this.requested = true
    const { listeners } = this
    // One listener may remove another, which is then not told.
    if (listeners instanceof Set) for (const listener of listeners) listener.signalled()
    else listeners?.signalled()
    this.listeners = undefined
  }

  /** Tells `listener` when the end is asked for; at once, when it was already. */
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
