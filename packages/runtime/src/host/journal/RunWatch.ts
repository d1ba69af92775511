/**
 * Streams a run's envelopes from any position in its log, whether this process, another one or none executes the run.
 * It owns the followers of committed logs and wakes them when there may be new events.
 *
 * A run that is executed here is followed in memory. Otherwise the committed log is read page by page; then the
 * follower reads again when it is woken and at an interval, until it has seen the run's last event. If a row of the run
 * is damaged, that event cannot come: the follower emits an `error` event, which is not in the log, and ends.
 */
import { type Envelope, RunErrors } from "@reins/protocol"
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type EventLog, follow } from "../../engine/EventLog.ts"
import type { RunStatus } from "../../engine/RunHost.ts"
import type { JournalStore, StoreFailure } from "./JournalStore.ts"

const pageSize = 1000

/** How often a follower reads without a configured poll interval, in milliseconds. */
const unpolledMs = 1000

type Page = Arr.NonEmptyReadonlyArray<Envelope.Envelope>

/** The runs that this process executes. */
interface Ownership {
  /** The log of a run that is executed here. */
  readonly logOf: (runId: string) => EventLog | undefined
  /** Why a run cannot be executed here. */
  readonly damageOf: (runId: string) => StoreFailure | undefined
}

export class RunWatch {
  /** By run: open when there may be events that its follower has not read. */
  private readonly followers = new Map<string, Set<Latch.Latch>>()
  private readonly store: JournalStore
  private readonly pollMs: number
  private readonly logOf: Ownership["logOf"]
  private readonly damageOf: Ownership["damageOf"]

  constructor(store: JournalStore, pollMs: number, { damageOf, logOf }: Ownership) {
    this.store = store
    this.damageOf = damageOf
    this.pollMs = Number.isFinite(pollMs) ? pollMs : unpolledMs
    this.logOf = logOf
  }

  /** Wakes the followers of a run: there may be new events. */
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
        // An owner can only stream what it has read itself.
        return log === undefined || log.abandoned || (log.before > 0 && !(options.after >= log.before))
          ? committed(options.after)
          : thenCommitted(follow(log, { ...options, bounded: false, select: (all) => all }), options.after, committed)
      })
    )

  /** Committed envelopes after `after`, until the run has ended. Retries while the store fails. */
  private committed(runId: string, after: number): Stream.Stream<Envelope.Envelope> {
    return Stream.unwrap(Effect.map(this.follower(runId), (latch) => Stream.fromPull(this.pages(runId, after, latch))))
  }

  /** A latch that notifications of the run open, until the scope closes. */
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
      // An invalid position counts as the start.
      let seen = after > 0 ? Math.floor(after) : 0
      let idle = 0
      let before: Envelope.Envelope | undefined
      let last: Envelope.Envelope | undefined
      let told = false
      const woken = Effect.andThen(
        latch.await,
        Effect.sync(() => latch.closeUnsafe())
      )
      const pause = Effect.suspend(() => {
        idle++
        const log = this.logOf(runId)
        const signs = [woken, Effect.sleep(this.pollMs)]
        return Effect.raceAllFirst(log === undefined || log.ended ? signs : [...signs, news(log, seen)])
      })
      /** The last event of a run that cannot be read. */
      const broken = (table: string): Effect.Effect<Page> =>
        Effect.gen(function* () {
          told = true
          const at = yield* Clock.currentTimeMillis
          const threadId = last?.threadId ?? (yield* Effect.option(store.status(runId))).pipe(threadOf)
          return [damaged({ runId, threadId, seq: seen + 1, at }, table)]
        })
      const pull: Effect.Effect<Page, Cause.Done> = Effect.suspend(() =>
        told ? Cause.done() : Effect.flatMap(Effect.result(store.read(runId, seen, pageSize)), took)
      )
      const took = (page: Result.Result<ReadonlyArray<Envelope.Envelope>, StoreFailure>) => {
        if (Result.isFailure(page) && page.failure.damaged !== undefined) return broken(page.failure.damaged)
        if (Result.isSuccess(page) && Arr.isReadonlyArrayNonEmpty(page.success)) {
          idle = 0
          before = page.success.at(-2) ?? last
          last = page.success.at(-1)
          seen += page.success.length
          return Effect.succeed(page.success)
        }
        return Effect.flatMap(Effect.result(store.status(runId)), stands)
      }
      const stands = (status: Result.Result<RunStatus | undefined, StoreFailure>): Effect.Effect<Page, Cause.Done> => {
        if (Result.isFailure(status)) {
          const table = status.failure.damaged
          return table === undefined ? Effect.flatMap(pause, () => pull) : broken(table)
        }
        const about = status.success
        if (about === undefined) return Cause.done()
        if (about.state === "ended" && about.lastSeq <= seen) {
          // An abandoned run has ended without a last event.
          return last === undefined || isEnd(last, before)
            ? Cause.done()
            : Effect.flatMap(this.read(runId), (table) => broken(table ?? "its log"))
        }
        return Effect.flatMap(this.lookForDamage(runId, idle), (table) =>
          table === undefined ? Effect.flatMap(pause, () => pull) : broken(table)
        )
      }
      return pull
    })
  }

  /**
   * The table with a damaged row of a run without new events. If the run is not executed here, its rows are read: when
   * it has been idle for some time, and then ever more rarely.
   */
  private lookForDamage(runId: string, idle: number): Effect.Effect<string | undefined> {
    const known = this.damageOf(runId)
    if (known !== undefined) return Effect.succeed(known.damaged)
    const isDue = this.logOf(runId) === undefined && idle > 0 && (idle & (idle - 1)) === 0
    return isDue ? this.read(runId) : Effect.succeed(undefined)
  }

  /** Reads a run; returns the table with a damaged row. */
  private read(runId: string): Effect.Effect<string | undefined> {
    const { check } = this.store
    return check === undefined
      ? Effect.succeed(undefined)
      : Effect.match(check(runId), { onFailure: ({ damaged }) => damaged, onSuccess: () => undefined })
  }
}

const threadOf = (status: Option.Option<RunStatus | undefined>): string =>
  Option.isSome(status) ? (status.value?.threadId ?? "") : ""

/** An event in place of an unreadable one. */
const damaged = (
  at: Pick<Envelope.Envelope, "at" | "runId" | "seq" | "threadId">,
  table: string
): Envelope.Envelope => {
  const reason = new RunErrors.DataDamaged({ subject: "run", id: at.runId, table })
  const error = { message: reason.message, code: RunErrors.code(reason), data: RunErrors.toPublicData(reason) }
  return { ...at, agentPath: [], event: { type: "error", error } }
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

/** The same for a single envelope. */
const isEnd = (last: Envelope.Envelope, before: Envelope.Envelope | undefined): boolean =>
  isLast(last, before) || (before === undefined && last.event.type === "data-latency-summary")

/** A live stream, followed by the committed envelopes if it ended before the run. */
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
