/**
 * The log of one run in memory: envelopes in order, and the readers that follow it.
 *
 * It only grows, and knows nothing of order rules: its owner has checked what it appends. Readers are woken once per turn of
 * the microtask queue, after the append, so that a reader never runs inside its writer. A bounded reader that falls far
 * behind makes `full` true. It may begin behind events that its owner has not read: who wants those reads the store.
 */
import { Envelope } from "@reins/protocol"
import * as Trimmed from "../kernel/Trimmed.ts"

/** How far a bounded reader may fall behind before the run waits for it, in events. */
const highWater = 4096

/** A reader's place in the log. */
export interface Reader {
  readonly bounded: boolean
  /** Index of the next envelope to read. */
  next: number
  /** Called once when there is something new or the log has ended. */
  wake: (() => void) | undefined
}

const nobody: ReadonlyArray<Reader> = []

export class EventLog {
  envelopes: Array<Envelope.Envelope> = []
  /** How many events of the run come before the first of these. */
  readonly before: number
  ended = false
  abandoned = false
  private readers: ReadonlyArray<Reader> = nobody
  private waking = false
  private roomWaiters: Array<() => void> | undefined

  constructor(before = 0) {
    this.before = before
  }

  /** A reader that starts behind `after`: what is no place in the log counts as its start, a place beyond its end as that. */
  reader(after: number, bounded: boolean): Reader {
    const reader: Reader = { bounded, next: after > this.before ? Math.floor(after) - this.before : 0, wake: undefined }
    this.readers = [...this.readers, reader]
    return reader
  }

  leave(reader: Reader): void {
    const left = this.readers.filter((one) => one !== reader)
    this.readers = left.length === 0 ? nobody : left
    this.makeRoom()
  }

  /** All that is new for `reader`, and moves it on. What the reader does to it is not seen by the log or by other readers. */
  take(reader: Reader): ReadonlyArray<Envelope.Envelope> {
    const { envelopes } = this
    const news: Array<Envelope.Envelope> = []
    for (let index = reader.next; index < envelopes.length; index++) {
      const envelope = envelopes[index]
      if (envelope !== undefined) news.push(Envelope.toReader(envelope))
    }
    if (reader.next < envelopes.length) reader.next = envelopes.length
    if (this.roomWaiters !== undefined) this.makeRoom()
    return news
  }

  /** Tells the readers that the owner has appended. */
  wake(): void {
    if (this.waking || this.readers.length === 0) return
    this.waking = true
    queueMicrotask(() => {
      this.waking = false
      for (const reader of this.readers) {
        const wake = reader.wake
        if (wake !== undefined && (this.ended || reader.next < this.envelopes.length)) {
          reader.wake = undefined
          wake()
        }
      }
    })
  }

  /** Frees what an array that has grown keeps for more: nothing may be written for long. */
  trim(): void {
    this.envelopes = Trimmed.copy(this.envelopes)
  }

  end(): void {
    this.ended = true
    this.wake()
  }

  /** Its owner has gone before the run's end: readers are let go and must look elsewhere. */
  abandon(): void {
    this.abandoned = true
    this.end()
  }

  get full(): boolean {
    for (const reader of this.readers) {
      if (reader.bounded && this.envelopes.length - reader.next > highWater) return true
    }
    return false
  }

  room(): Promise<void> {
    return this.full ? new Promise((resolve) => (this.roomWaiters ??= []).push(resolve)) : Promise.resolve()
  }

  private makeRoom(): void {
    const waiters = this.roomWaiters
    if (waiters === undefined || this.full) return
    this.roomWaiters = undefined
    for (const resolve of waiters) resolve()
  }
}
