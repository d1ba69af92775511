/**
 * Watching of runs: streams a run's envelopes from any place in its log, whether this process carries the run, another one does, or
 * nobody. It owns the followers of committed logs and wakes them at news.
 *
 * A run that is carried here is followed in memory. Otherwise what is committed is read page by page; then the follower looks again
 * when it is woken or after a while, until the run's last event has been seen.
 */
import type { Envelope } from "@reins/protocol"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type EventLog, follow } from "../../engine/EventLog.ts"
import type { JournalStore } from "./JournalStore.ts"

const pageSize = 1000

/** How often a follower looks where no poll is configured, in milliseconds. */
const unpolledMs = 1000

type Page = Arr.NonEmptyReadonlyArray<Envelope.Envelope>

export class RunWatch {
  /** By run: open where there may be news that its follower has not looked for. */
  private readonly followers = new Map<string, Set<Latch.Latch>>()
  private readonly store: JournalStore
  private readonly pollMs: number
  private readonly logOf: (runId: string) => EventLog | undefined

  /** `logOf` answers the log of a run that this process carries. */
  constructor(store: JournalStore, pollMs: number, logOf: (runId: string) => EventLog | undefined) {
    this.store = store
    this.pollMs = Number.isFinite(pollMs) ? pollMs : unpolledMs
    this.logOf = logOf
  }

  /** Wakes the followers of a run: there may be news. */
  wake(runId: string): void {
    for (const latch of this.followers.get(runId) ?? []) latch.openUnsafe()
  }

  /** See `RunHost.watch`. */
  readonly stream = (
    runId: string,
    options: { readonly after: number; readonly bounded: boolean }
  ): Stream.Stream<Envelope.Envelope> =>
    Stream.unwrap(
      Effect.sync(() => {
        const log = this.logOf(runId)
        const committed = (after: number) => this.committed(runId, after)
        // An owner can only show what it has read itself.
        return log === undefined || log.abandoned || (log.before > 0 && !(options.after >= log.before))
          ? committed(options.after)
          : thenCommitted(follow(log, { ...options, bounded: false, select: (all) => all }), options.after, committed)
      })
    )

  /** Committed envelopes behind `after`, until the run has ended. A store that fails is asked again. */
  private committed(runId: string, after: number): Stream.Stream<Envelope.Envelope> {
    return Stream.unwrap(Effect.map(this.follower(runId), (latch) => Stream.fromPull(this.pages(runId, after, latch))))
  }

  /** A latch that news of the run open, until the scope closes. */
  private follower(runId: string): Effect.Effect<Latch.Latch, never, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.sync(() => {
        const latch = Latch.makeUnsafe(false)
        const latches = this.followers.get(runId)
        if (latches === undefined) this.followers.set(runId, new Set([latch]))
        else latches.add(latch)
        return latch
      }),
      (latch) =>
        Effect.sync(() => {
          const latches = this.followers.get(runId)
          if (latches?.delete(latch) === true && latches.size === 0) this.followers.delete(runId)
        })
    )
  }

  private pages(runId: string, after: number, latch: Latch.Latch) {
    const { store } = this
    return Effect.sync(() => {
      // What is no place in the log counts as its start.
      let seen = after > 0 ? Math.floor(after) : 0
      const woken = Effect.andThen(
        latch.await,
        Effect.sync(() => latch.closeUnsafe())
      )
      const pause = Effect.suspend(() => {
        const log = this.logOf(runId)
        const signs = [woken, Effect.sleep(this.pollMs)]
        return Effect.raceAllFirst(log === undefined || log.ended ? signs : [...signs, news(log, seen)])
      })
      const pull: Effect.Effect<Page, Cause.Done> = Effect.suspend(() =>
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
  }
}

/** Completes when `log` has more than the first `seen` events, or has ended. */
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

/** Whether an envelope is a run's last. */
const isLast = ({ event }: Envelope.Envelope, before: Envelope.Envelope | undefined): boolean =>
  event.type === "error" || (event.type === "data-latency-summary" && before?.event.type === "data-cost-summary")

/** A live stream, and behind it what is committed where the live one broke off before the run's end. */
const thenCommitted = (
  live: Stream.Stream<Envelope.Envelope>,
  after: number,
  committed: (after: number) => Stream.Stream<Envelope.Envelope>
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
      Stream.suspend(() => (last !== undefined && isLast(last, before) ? Stream.empty : committed(last?.seq ?? after)))
    )
  })
