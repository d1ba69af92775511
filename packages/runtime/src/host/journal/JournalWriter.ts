/**
 * Writes a run's journal: buffers pushed events and marks, and commits all of them, one commit at a time. Watchers see
 * only committed events. A failed commit retires the owner: its memory is ahead of the store, so nothing more is
 * written, and all pending commits fail.
 */
import type { Audit, Envelope } from "@reins/protocol"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import { type Batch, type JournalStore, type Mark, type Rejected, StoreFailure } from "./JournalStore.ts"

/** How many events may wait for a commit before the run is blocked. */
const highWater = 4096

/** What belongs to the commit of a run's last event. */
export type Ending = Pick<Batch, "closes" | "left" | "used">

export interface WriterOptions {
  readonly store: JournalStore
  readonly runId: string
  readonly epoch: number
  readonly context: Context.Context<never>
  /** How long streamed events may be buffered before they are committed, in milliseconds. */
  readonly gatherMs: number
  readonly committed: (envelopes: ReadonlyArray<Envelope.Envelope>) => void
  /** What is committed with these events if they are the run's last; `undefined` if they are not. */
  readonly ending: (envelopes: ReadonlyArray<Envelope.Envelope>) => Ending | undefined
  /**
   * Called once, when nothing more will be written: further work of the run is lost, and another owner may have taken
   * over.
   */
  readonly retired: () => void
}

export class JournalWriter {
  /** Why nothing more is written; absent while the writer works. */
  loss: Rejected | undefined
  /** How often a commit continued the text of the previous one. */
  seams = 0
  private envelopes: Array<Envelope.Envelope> = []
  private marks: Array<Mark> = []
  private acts: Array<Audit.Act> = []
  private scheduled = false
  private following = false
  private committing = false
  private last: Envelope.Envelope | undefined
  private roomWaiters: Array<() => void> = []
  private readonly lock = Semaphore.makeUnsafe(1)
  private readonly options: WriterOptions

  constructor(options: WriterOptions) {
    this.options = options
  }

  /** Adds streamed events, to be committed soon. */
  stream(envelope: Envelope.Envelope): void {
    if (this.loss === undefined) this.envelopes.push(envelope)
  }

  /** Adds a mark, to be committed with the events before it. */
  mark(mark: Mark): void {
    this.marks.push(mark)
  }

  /** Adds acts, to be committed with the events before them. */
  act(acts: ReadonlyArray<Audit.Act>): void {
    this.acts.push(...acts)
  }

  get isEmpty(): boolean {
    return this.envelopes.length === 0 && this.marks.length === 0
  }

  /** Whether everything added so far is committed. */
  get isWritten(): boolean {
    return this.isEmpty && !this.committing
  }

  get full(): boolean {
    // A retired owner's events are discarded.
    return this.loss === undefined && this.envelopes.length > highWater
  }

  room(): Promise<void> {
    return this.full ? new Promise((resolve) => this.roomWaiters.push(resolve)) : Promise.resolve()
  }

  /** Schedules a commit, unless one is scheduled. */
  soon(): void {
    if (this.scheduled) return
    this.scheduled = true
    const { context, gatherMs } = this.options
    const later = gatherMs === 0 ? Effect.yieldNow : Effect.sleep(gatherMs)
    Effect.runForkWith(context)(
      Effect.andThen(
        later,
        Effect.suspend(() => {
          this.scheduled = false
          return Effect.ignoreCause(this.flush)
        })
      )
    )
  }

  /**
   * Schedules a commit for the next turn, unless one before it takes everything added so far: the loop's next work
   * often begins at once, and stores that. Dies when the owner is retired.
   */
  readonly next: Effect.Effect<void> = Effect.suspend(() => {
    if (this.loss !== undefined) return Effect.die(this.loss)
    if (this.following) return Effect.void
    this.following = true
    Effect.runForkWith(this.options.context)(
      Effect.andThen(
        Effect.yieldNow,
        Effect.suspend(() => {
          this.following = false
          return Effect.ignoreCause(this.flush)
        })
      )
    )
    return Effect.void
  })

  /** Completes when everything added so far is committed. Dies when the owner is retired. */
  readonly flush: Effect.Effect<void> = Effect.suspend(() =>
    Effect.uninterruptible(this.lock.withPermits(1)(Effect.suspend(() => this.commit())))
  )

  private commit(): Effect.Effect<void> {
    if (this.loss !== undefined) return Effect.die(this.loss)
    const { envelopes, marks } = this
    if (envelopes.length === 0 && marks.length === 0) return Effect.void
    this.envelopes = []
    this.marks = []
    const { acts } = this
    if (acts.length > 0) this.acts = []
    const { committed, epoch, retired, runId, store } = this.options
    const batch = {
      runId,
      epoch,
      envelopes,
      marks,
      ...(acts.length === 0 ? {} : { acts }),
      ...this.options.ending(envelopes)
    }
    this.committing = true
    return Effect.flatMap(Effect.exit(store.commit(batch)), (exit) => {
      this.committing = false
      if (Exit.isSuccess(exit)) {
        if (goesOn(this.last, envelopes[0])) this.seams++
        this.last = envelopes.at(-1) ?? this.last
        committed(envelopes)
        this.makeRoom()
        return Effect.void
      }
      const failure = Cause.findErrorOption(exit.cause)
      this.loss = failure._tag === "Some" ? failure.value : new StoreFailure({ operation: "commit", cause: exit.cause })
      this.makeRoom()
      retired()
      return Effect.die(this.loss)
    })
  }

  private makeRoom(): void {
    const waiters = this.roomWaiters
    this.roomWaiters = []
    for (const resolve of waiters) resolve()
  }
}

/** Whether `next` continues the text, or the input, of `last`. */
const goesOn = (last: Envelope.Envelope | undefined, next: Envelope.Envelope | undefined): boolean =>
  (next?.event.type === "text" || next?.event.type === "reasoning" || next?.event.type === "tool-input-delta") &&
  last?.event.type === next.event.type
