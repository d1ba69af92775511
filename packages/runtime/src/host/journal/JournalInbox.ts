/** The inbox of a run that is executed here: its slots are answers in the store, under names that count from 1. */
import type { Event } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Inbox from "../../engine/Inbox.ts"
import * as Names from "../../run/Names.ts"
import type { JournalStore, StoredAnswer } from "./JournalStore.ts"

export class JournalInbox {
  /** The number of messages known here; another process may have accepted more. */
  known = 0
  /** The slot that the commit of the run's last event closes, by name. Absent: none. */
  closing: string | undefined
  private readonly store: JournalStore
  private readonly runId: string
  private readonly answers: Map<string, StoredAnswer>

  /** `answers`: the run's answers known here; newly found ones are added. */
  constructor(store: JournalStore, runId: string, answers: Map<string, StoredAnswer>) {
    this.store = store
    this.runId = runId
    this.answers = answers
    this.count()
  }

  /** Counts the known messages, after answers were added. */
  count(): void {
    for (let slot = this.slot(1 + this.known); slot !== undefined; slot = this.slot(1 + this.known)) {
      if (Inbox.messageIn(slot.value) === undefined) return
      this.known++
    }
  }

  private slot(position: number): StoredAnswer | undefined {
    return this.answers.get(Names.inbox(position))
  }

  message(position: number): Inbox.InboxMessage {
    const slot = this.slot(position)
    const message = slot === undefined ? undefined : Inbox.messageIn(slot.value)
    if (message === undefined) throw new Error(`Run ${this.runId}: no message at position ${position} of the inbox`)
    return message
  }

  /**
   * Takes the known messages after the first `taken`: `remember` emits and stores them. Returns the new number of taken
   * messages.
   */
  take(
    taken: number,
    remember: (known: number, events: ReadonlyArray<Event>) => Effect.Effect<void>
  ): Effect.Effect<number> {
    return Effect.suspend(() => {
      const { known } = this
      const events = Array.from({ length: known - taken }, (_, index) => {
        const position = taken + index + 1
        return Inbox.received(this.message(position), position)
      })
      return Effect.as(remember(known, events), known)
    })
  }

  /**
   * Looks for messages that another process has accepted. If they cannot be read now, they are found when the inbox is
   * closed.
   */
  readonly look: Effect.Effect<void> = Effect.suspend(() => {
    const name = Names.inbox(this.known + 1)
    if (this.answers.has(name)) return Effect.void
    return Effect.flatMap(Effect.option(this.store.find(this.runId, name)), (found) => {
      if (found._tag === "None" || found.value === undefined) return Effect.void
      this.answers.set(name, found.value)
      this.count()
      return this.look
    })
  })

  /** Closes the inbox at `position`, now or at the run's end, unless a message is there, which it returns. */
  close(position: number, at: number, now: boolean): Effect.Effect<Inbox.InboxMessage | undefined> {
    return Effect.suspend(() => {
      this.closing = undefined
      const known = this.slot(position)
      if (known !== undefined) return Effect.succeed(Inbox.messageIn(known.value))
      const name = Names.inbox(position)
      if (!now) {
        this.closing = name
        return Effect.succeed(undefined)
      }
      return Effect.map(Effect.orDie(this.store.answer(this.runId, name, Inbox.closed, at)), (answered) => {
        const value = answered._tag === "Resolved" ? answered.value : Inbox.closed
        this.answers.set(name, { value, at })
        this.count()
        return Inbox.messageIn(value)
      })
    })
  }

  /** Closes the inbox, and returns its messages after the first `taken`. */
  unread(taken: number, at: number): Effect.Effect<ReadonlyArray<Inbox.InboxMessage>> {
    return Effect.flatMap(this.close(taken + 1, at, true), (message) =>
      message === undefined ? Effect.succeed([]) : Effect.map(this.unread(taken + 1, at), (rest) => [message, ...rest])
    )
  }
}
