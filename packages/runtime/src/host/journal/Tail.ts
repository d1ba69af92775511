/**
 * Follows a run that may be carried elsewhere: reads what is committed, then looks again when told or after a while, until the
 * last event has been seen.
 */
import type { Envelope } from "@reins/protocol"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { EventLog } from "../../engine/EventLog.ts"
import type { JournalStore } from "./JournalStore.ts"

const pageSize = 1000

export interface TailOptions {
  /** How often to look, in milliseconds, where nothing rings. */
  readonly pollMs: number
  /** Has the bell rung at news from other processes, for as long as somebody follows. */
  readonly hang: (bell: Bell) => Effect.Effect<void, never, Scope.Scope>
  /** The run's log in this process, when it is carried here; its news are waited for instead of the clock alone. */
  readonly live: () => EventLog | undefined
}

/** Tells one follower that there may be something new. A ring before it listens is not lost. */
export class Bell {
  private rung = false
  private wake: (() => void) | undefined

  ring(): void {
    this.rung = true
    this.wake?.()
  }

  /** Completes at the next ring, or at once where it has rung since the last time. */
  readonly heard: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.wake = () => {
      this.wake = undefined
      this.rung = false
      resume(Effect.void)
    }
    if (this.rung) this.wake()
    return Effect.sync(() => {
      this.wake = undefined
    })
  })
}

/** Whether an envelope is a run's last. */
const isLast = ({ event }: Envelope.Envelope, before: Envelope.Envelope | undefined): boolean =>
  event.type === "error" || (event.type === "data-latency-summary" && before?.event.type === "data-cost-summary")

/** Envelopes of `runId` behind `after`, until the run has ended. A store that fails is asked again. */
export const follow = (
  store: JournalStore,
  runId: string,
  after: number,
  options: TailOptions
): Stream.Stream<Envelope.Envelope> =>
  Stream.unwrap(
    Effect.suspend(() => {
      const bell = new Bell()
      return Effect.as(options.hang(bell), pages(store, runId, after, options, bell))
    })
  )

const pages = (
  store: JournalStore,
  runId: string,
  after: number,
  options: TailOptions,
  bell: Bell
): Stream.Stream<Envelope.Envelope> =>
  Stream.fromPull(
    Effect.sync(() => {
      // What is no place in the log counts as its start.
      let seen = after > 0 ? Math.floor(after) : 0
      const pause = Effect.suspend(() => {
        const log = options.live()
        const sleep = Effect.sleep(Number.isFinite(options.pollMs) ? options.pollMs : 1000)
        const signs = log === undefined || log.ended ? [bell.heard, sleep] : [bell.heard, news(log, seen), sleep]
        return Effect.raceAllFirst(signs)
      })
      const pull: Effect.Effect<Arr.NonEmptyReadonlyArray<Envelope.Envelope>, Cause.Done> = Effect.suspend(() =>
        Effect.flatMap(Effect.option(store.read(runId, seen, pageSize)), (page) => {
          if (page._tag === "Some" && Arr.isReadonlyArrayNonEmpty(page.value)) {
            seen += page.value.length
            return Effect.succeed(page.value)
          }
          return Effect.flatMap(Effect.option(store.status(runId)), (status) =>
            status._tag === "Some" &&
            (status.value === undefined || (status.value.state === "ended" && status.value.lastSeq <= seen))
              ? Cause.done()
              : Effect.flatMap(pause, () => pull)
          )
        })
      )
      return pull
    })
  )

const news = (log: EventLog, seen: number): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const reader = log.reader(seen, false)
    if (log.ended || reader.next < log.envelopes.length) {
      log.leave(reader)
      return resume(Effect.void)
    }
    reader.wake = () => {
      log.leave(reader)
      resume(Effect.void)
    }
    return Effect.sync(() => log.leave(reader))
  })

/** A live stream, and behind it the tail where the live one broke off before the run's end. */
export const thenTail = (
  live: Stream.Stream<Envelope.Envelope>,
  after: number,
  tail: (after: number) => Stream.Stream<Envelope.Envelope>
): Stream.Stream<Envelope.Envelope> =>
  Stream.suspend(() => {
    let last: Envelope.Envelope | undefined
    let before: Envelope.Envelope | undefined
    const noted = Stream.map(live, (envelope) => {
      before = last
      last = envelope
      return envelope
    })
    return Stream.concat(
      noted,
      Stream.suspend(() => (last !== undefined && isLast(last, before) ? Stream.empty : tail(last?.seq ?? after)))
    )
  })
