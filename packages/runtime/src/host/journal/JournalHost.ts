/**
 * The durable host: runs live in a journal, and this process carries those it owns. When it is made it takes up every run that
 * has not ended; a run whose owner was retired by a failed commit is opened again.
 *
 * Everything that comes from outside (a decision, a client's result, a cancel) is a row in the journal first and a signal to
 * the owner second, so that it counts whether or not an owner is alive.
 */
import { type AgentPath, type Envelope, type Json, QueryRejections } from "@reins/protocol"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Names from "../../run/Names.ts"
import { MemoryFiles } from "../../thread/MemoryFiles.ts"
import { MemoryGrants } from "../../approval/MemoryGrants.ts"
import * as Monotonic from "../../kernel/Monotonic.ts"
import { EventLog } from "../../engine/EventLog.ts"
import { follow } from "../../engine/Follow.ts"
import type { Answered, Drive, RunHost, RunHostFactory, RunRecord } from "../../engine/RunHost.ts"
import * as RunFailure from "../../loop/RunFailure.ts"
import * as ThreadUpdate from "../../loop/ThreadUpdate.ts"
import { JournalRun } from "./JournalRun.ts"
import type { JournalStore, Opened, StoreFailure } from "./JournalStore.ts"
import * as Handover from "./Handover.ts"
import { TailBells } from "./TailBells.ts"
import * as Packing from "./Packing.ts"
import * as PatientAnswer from "./PatientAnswer.ts"
import { type Hands, isPlacement, type Placement } from "./Placement.ts"
import { Sleepers } from "./Sleepers.ts"
import * as RunPast from "./RunPast.ts"
import * as Tail from "./Tail.ts"
import * as WholeLog from "./WholeLog.ts"

/** How a durable host works; times in milliseconds. */
export interface JournalHostOptions {
  /** How long streamed text may be gathered before it is committed. Default 25 ms; 0 commits at the next turn. */
  readonly gatherMs?: number | undefined
  /** How often waits and watchers look for news from other processes. Default 250 ms; `Infinity` where there are none. */
  readonly pollMs?: number | undefined
  /** How long to wait before a run that lost its owner to a failing store is opened again. Default 1 second. */
  readonly reopenMs?: number | undefined
  /**
   * How many events lie between two snapshots of a run, at least: who takes the run up reads those behind the last. Default 1,000;
   * `Infinity` makes none.
   */
  readonly snapshotEvery?: number | undefined
  /**
   * How long a run may only wait before it is let go from memory; an answer, a cancel or the clock opens it again. Default 1
   * minute; `Infinity` keeps all runs.
   */
  readonly hibernateMs?: number | undefined
  /**
   * Whether this process carries runs. False: it only starts, watches, answers and cancels. An effect: it carries them from when
   * that completes. A placement: it carries those that are placed here. Default true.
   */
  readonly carries?: boolean | Effect.Effect<void> | Placement | undefined
  /**
   * How long steps and calls in flight may take to end when their run is given up, to another process or because this one ends;
   * then they are stopped, and begun again by whoever takes the run up. Default 0.
   */
  readonly drainMs?: number | undefined
}

/** How often runs are looked for that are placed here and were not heard of, in milliseconds. */
const patrolMs = 5000

/** Makes hosts over `store`. */
export const journalHost = (store: JournalStore, options: JournalHostOptions = {}): RunHostFactory => ({
  make: (drive) =>
    Effect.gen(function* () {
      // Closed last of all, so that what is carried may end what it has in flight.
      const scope = yield* Scope.fork(yield* Effect.scope)
      const host = new Host(drive, yield* Effect.context<never>(), scope, store, options)
      const { carries = true } = options
      if (carries === true) yield* host.takeUp
      else if (isPlacement(carries)) {
        yield* carries.begin(host.hands)
        yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(patrolMs), host.hands.takeUp)))
      } else if (carries !== false) yield* Effect.forkScoped(Effect.andThen(carries, host.takeUp))
      // The first that happens when the scope closes: nothing is taken up any more, and all is given up together.
      yield* Effect.addFinalizer(() => host.end)
      yield* Effect.forkScoped(Stream.runForEach(store.wakes, (runId) => host.look(runId)))
      if (options.hibernateMs !== Number.POSITIVE_INFINITY) yield* Effect.forkScoped(Effect.forever(host.sweep))
      return host
    })
})

class Host implements RunHost {
  readonly threads
  readonly grants
  readonly files
  private readonly live = new Map<string, Handover.Carried>()
  private readonly sleepers = new Sleepers()
  private readonly opening = new Set<string>()
  /** Runs that another owner has taken from this one. */
  private readonly lost = new Set<string>()
  private readonly bells = new TailBells()
  /** How often a run's store failed since it was last taken up. */
  private readonly failing = new Map<string, number>()
  private carries = false
  /** Absent: all runs are this process's, where it carries any. */
  private readonly placement: Placement | undefined
  private readonly drive: Drive
  private readonly context: Context.Context<never>
  private readonly scope: Scope.Scope
  private readonly store: JournalStore
  private readonly options: JournalHostOptions
  private readonly clock: Clock.Clock

  constructor(
    drive: Drive,
    context: Context.Context<never>,
    scope: Scope.Scope,
    store: JournalStore,
    options: JournalHostOptions
  ) {
    this.drive = drive
    this.context = context
    this.scope = scope
    this.store = store
    this.options = options
    this.placement = isPlacement(options.carries) ? options.carries : undefined
    this.carries = this.placement !== undefined
    this.threads = store.threads
    this.grants = store.grants ?? new MemoryGrants()
    this.files = store.files ?? new MemoryFiles()
    this.clock = Context.get(context, Clock.Clock)
  }

  private now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /** Cannot be interrupted: a run that is stored and carried by nobody would hold its thread for ever. */
  readonly start = (record: Omit<RunRecord, "historyVersion">) =>
    this.store.create(record).pipe(
      Effect.catchTag("StoreFailure", () => Effect.fail(new QueryRejections.StoreUnavailable({ operation: "start" }))),
      Effect.andThen(Effect.suspend(() => (this.mayCarry(record.runId) ? this.carry(record.runId) : Effect.void))),
      Effect.uninterruptible
    )

  private mayCarry(runId: string): boolean {
    return this.carries && (this.placement === undefined || this.placement.owns(runId))
  }

  /** What a placement moves runs with. */
  readonly hands: Hands = {
    takeUp: Handover.together(
      Effect.suspend(() => {
        for (const runId of this.lost) if (this.mayCarry(runId)) this.lost.delete(runId)
        const isMissing = (runId: string) => this.mayCarry(runId) && !this.sleepers.has(runId)
        return Effect.matchEffect(this.store.unfinished, {
          onFailure: (failure) => this.pause(failure),
          onSuccess: (all) => Effect.forEach(all.filter(isMissing), this.carry, { discard: true })
        })
      })
    ),
    giveUp: Effect.suspend(() => {
      this.sleepers.keep((runId) => this.mayCarry(runId))
      return this.giveUp(({ run }) => !this.mayCarry(run.runId))
    })
  }

  /** Takes nothing up any more, and gives up all that is carried. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.carries = false
    return this.giveUp(() => true)
  })

  private giveUp(which: (carried: Handover.Carried) => boolean): Effect.Effect<void> {
    return Handover.giveUp([...this.live.values()].filter(which), this.options.drainMs ?? 0, (run) => {
      if (this.live.get(run.runId)?.run === run) this.live.delete(run.runId)
    })
  }

  /** Carries from now on, first of all what has not ended. A store that fails is asked again. */
  readonly takeUp: Effect.Effect<void> = Effect.suspend(() => {
    this.carries = true
    return Effect.matchEffect(this.store.unfinished, {
      onFailure: (failure) => Effect.andThen(this.pause(failure), this.takeUp),
      onSuccess: (unfinished) =>
        Effect.forEach(
          unfinished,
          (runId, index) =>
            Effect.andThen(
              this.carry(runId),
              // Many that wait are not all in memory at once.
              Effect.sync(() => index % 500 === 499 && this.letGo(1000))
            ),
          { discard: true }
        )
    })
  })

  /** Takes a run up and carries it in the host's scope. One that cannot be read leaves the others alone. */
  readonly carry = (runId: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (this.live.has(runId) || this.opening.has(runId) || !this.mayCarry(runId)) return Effect.void
      this.opening.add(runId)
      return this.store.open(runId, this.now()).pipe(
        Effect.flatMap((opened) =>
          opened === undefined
            ? Effect.void
            : Effect.flatMap(WholeLog.readable(this.store, opened), (whole) => this.own(whole))
        ),
        Effect.ensuring(Effect.sync(() => this.opening.delete(runId))),
        Effect.catch((failure) => this.later(runId, failure)),
        Effect.catchDefect((defect) => Effect.logError(`run ${runId} cannot be carried on`, defect))
      )
    })

  private own(opened: Opened): Effect.Effect<void> {
    const { runId } = opened.record
    const log = new EventLog(RunPast.snapshotOf(opened.marks)?.seq ?? 0)
    for (const envelope of opened.envelopes) log.envelopes.push(envelope)
    const run = new JournalRun(opened, {
      store: this.store,
      clock: this.clock,
      notBefore: this.sleepers.reached(runId, Monotonic.millis(this.clock)),
      context: this.context,
      gatherMs: this.options.gatherMs ?? 25,
      pollMs: this.options.pollMs ?? 250,
      snapshotEvery: this.options.snapshotEvery ?? 1000,
      committed: (envelopes) => {
        for (const envelope of envelopes) log.envelopes.push(envelope)
        if (run.ended && run.writer.isEmpty) log.end()
        else log.wake()
      },
      // What it still does would go on beside its successor.
      retired: () => entry.fiber?.interruptUnsafe()
    })
    const entry: Handover.Carried = { run, log, fiber: undefined }
    this.live.set(runId, entry)
    this.sleepers.delete(runId)
    this.lost.delete(runId)
    this.failing.delete(runId)
    const carried = this.drive(opened.record, opened.history, run, this).pipe(
      Effect.andThen(run.writer.flush),
      Effect.onExit((exit) => this.settle(run, log, exit)),
      Effect.exit
    )
    const forked = Effect.map(Effect.forkIn(carried, this.scope, { startImmediately: true }), (fiber) => {
      entry.fiber = fiber
    })
    // Those who followed it while nobody carried it look again; what was asked of it meanwhile is looked for.
    this.bells.ring(runId)
    return Effect.andThen(forked, Effect.asVoid(Effect.forkIn(run.look, this.scope)))
  }

  /** The loop is through, or was stopped: by a retired writer (opened again), or by a defect (ended by force). */
  private settle(run: JournalRun, log: EventLog, exit: Exit.Exit<void>): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.live.get(run.runId)?.run === run) this.live.delete(run.runId)
      const loss = run.writer.loss ?? Handover.storeFailure(exit)
      if (loss !== undefined) {
        log.abandon()
        if (loss._tag === "StoreFailure") return this.later(run.runId, loss)
        return Effect.sync(() => this.lost.add(run.runId))
      }
      if (Exit.isSuccess(exit) || run.ended) {
        return Effect.asVoid(Effect.forkIn(Packing.pack(this.store, run), this.scope))
      }
      if (Exit.hasInterrupts(exit)) return Effect.sync(() => log.abandon())
      return Effect.logError(`run ${run.runId} failed`).pipe(
        Effect.andThen(Effect.andThen(run.writer.flush, ThreadUpdate.leave(this.threads, run.record, run))),
        Effect.andThen(Effect.orDie(WholeLog.envelopes(this.store, run.runId, log))),
        Effect.map((envelopes) => RunFailure.force({ ...RunFailure.parts(run), log: { envelopes } })),
        Effect.andThen(run.writer.flush),
        Effect.exit,
        // It is struck again in its next life, and ended then.
        Effect.flatMap((closed) => (run.writer.loss === undefined ? Effect.void : this.settle(run, log, closed)))
      )
    })
  }

  /** Carries the run again in a while: sooner the first times, later where it goes on failing. */
  private later(runId: string, failure: StoreFailure): Effect.Effect<void> {
    const tries = this.failing.get(runId) ?? 0
    this.failing.set(runId, tries + 1)
    const again = Effect.andThen(
      this.pause(failure, runId, Math.min(2 ** Math.max(0, tries - 3), 30)),
      Effect.suspend(() => this.carry(runId))
    )
    return Effect.asVoid(Effect.forkIn(again, this.scope))
  }

  private pause(failure: StoreFailure, runId?: string, times = 1): Effect.Effect<void> {
    return Effect.andThen(
      Effect.logWarning(runId === undefined ? failure.message : `run ${runId}: ${failure.message}`, failure.cause),
      Effect.sleep((this.options.reopenMs ?? 1000) * times)
    )
  }

  readonly watch = (
    runId: string,
    options: { readonly after: number; readonly bounded: boolean }
  ): Stream.Stream<Envelope.Envelope> =>
    Stream.unwrap(
      Effect.sync(() => {
        const live = this.live.get(runId)
        const tail = (after: number) =>
          Tail.follow(this.store, runId, after, {
            pollMs: this.options.pollMs ?? 250,
            live: () => this.live.get(runId)?.log,
            hang: (bell) => this.bells.hang(runId, bell)
          })
        // What an owner has not read itself, it cannot show.
        return live === undefined || live.log.abandoned || (live.log.before > 0 && !(options.after >= live.log.before))
          ? tail(options.after)
          : Tail.thenTail(follow(live.log, { ...options, bounded: false, select: (all) => all }), options.after, tail)
      })
    )

  readonly status = (runId: string) => Effect.orDie(this.store.status(runId))

  readonly answer = (runId: string, name: string, value: Json): Effect.Effect<Answered> =>
    Effect.suspend(() => {
      const at = this.live.get(runId)?.run.now() ?? this.now()
      const stored = PatientAnswer.give(this.store, runId, name, { value, at }, this.options.reopenMs)
      return Effect.map(stored, (answered) => {
        if (answered._tag !== "Taken") return answered
        this.live.get(runId)?.run.notify(name, { value, at })
        return answered
      })
    }).pipe(Effect.tap((answered) => (answered._tag === "Taken" ? this.waken(runId) : Effect.void)))

  /** Carries a run that was let go. */
  private waken(runId: string): Effect.Effect<void> {
    return Effect.suspend(() =>
      !this.mayCarry(runId) || this.live.has(runId) || this.lost.has(runId) ? Effect.void : this.carry(runId)
    )
  }

  /** Lets go from memory what has only waited for so long. */
  private letGo(idleMs: number): void {
    if (this.options.hibernateMs === Number.POSITIVE_INFINITY) return
    const now = Monotonic.millis(this.clock)
    for (const [runId, carried] of this.live) {
      const { run } = carried
      if (run.idleMs === undefined || run.idleMs < idleMs || carried.fiber === undefined) continue
      this.live.delete(runId)
      this.sleepers.add(runId, { wakesAt: run.wakesAt, offset: run.now() - now })
      carried.fiber.interruptUnsafe()
    }
  }

  /** Lets go what has waited for long, takes up what the clock wakes; then waits until there may be more. */
  readonly sweep: Effect.Effect<void> = Effect.suspend(() => {
    const { hibernateMs = 60_000 } = this.options
    const now = Monotonic.millis(this.clock)
    this.letGo(hibernateMs)
    const soon = Math.min(hibernateMs / 2, this.sleepers.next - now)
    return Effect.andThen(
      Effect.forEach(this.sleepers.ripe(now), (runId) => this.waken(runId), { discard: true }),
      Effect.sleep(Math.max(10, soon))
    )
  })

  readonly cancel = (runId: string) =>
    Effect.map(this.answer(runId, Names.cancel, true), (answered) => answered._tag !== "Unknown")

  readonly pending = (resourceId: string) => Effect.orDie(this.store.pending(resourceId))
  readonly approval = (id: string) => Effect.orDie(this.store.approval(id))
  readonly hasClientCall = (runId: string, path: AgentPath.AgentPath, callId: string) =>
    Effect.orDie(this.store.hasClientCall(runId, path, callId))

  /** Another process may have news for a run: answers, events, or the run itself. */
  readonly look = (runId: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      this.bells.ring(runId)
      const live = this.live.get(runId)
      if (live !== undefined) return live.run.look
      if (!this.mayCarry(runId) || this.lost.has(runId)) return Effect.void
      return Effect.flatMap(Effect.option(this.store.status(runId)), (status) =>
        status._tag === "Some" && status.value?.state === "running" ? this.carry(runId) : Effect.void
      )
    })
}
