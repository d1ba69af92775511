/** The inbox of a run of the memory engine. */
import type { Event } from "@reins/protocol"
import * as Names from "../../run/Names.ts"
import { type Accepted, type InboxMessage, isSame, received } from "../../engine/Inbox.ts"

export class MemoryInbox {
  private readonly messages: Array<InboxMessage & { readonly at: number }> = []
  private isClosed = false

  /** The number of its messages. */
  get known(): number {
    return this.messages.length
  }

  /** The message at `position`, which counts from 1. */
  at(position: number): InboxMessage | undefined {
    return this.messages[position - 1]
  }

  /** The same, of a run that has taken it. */
  get(position: number, runId: string): InboxMessage {
    const message = this.at(position)
    if (message === undefined) throw new Error(`Run ${runId}: no message at position ${position} of the inbox`)
    return message
  }

  /** Whether the slot of that name has a message. */
  has(name: string): boolean {
    return this.messages.some((_, index) => Names.inbox(index + 1) === name)
  }

  /** Accepts a message at a time, unless the run is ending; the same message twice is accepted once. */
  accept(message: InboxMessage, isEnding: boolean, at: () => number): Accepted {
    const index = this.messages.findIndex(({ messageId }) => messageId === message.messageId)
    const known = this.messages[index]
    if (known !== undefined) {
      return isSame(known, message) ? { _tag: "Accepted", position: index + 1, at: known.at } : { _tag: "Clash" }
    }
    if (this.isClosed || isEnding) return { _tag: "Closed" }
    const now = at()
    return { _tag: "Accepted", position: this.messages.push({ ...message, at: now }), at: now }
  }

  /** The events of the messages after the first `taken`. */
  take(taken: number): ReadonlyArray<Event> {
    return this.messages.slice(taken).map((message, index) => received(message, taken + index + 1))
  }

  /** Closes it at `position`, unless a message is there, which it returns. */
  close(position: number): InboxMessage | undefined {
    const message = this.at(position)
    this.isClosed ||= message === undefined
    return message
  }

  /** Closes it, and returns its messages after the first `taken`. */
  unread(taken: number): ReadonlyArray<InboxMessage> {
    this.isClosed = true
    return this.messages.slice(taken)
  }
}
