/**
 * A run's lease of its quotas: the node at the top of its budget tree, and how it is extended. Steps and calls reserve
 * on that node as on any other; the store is asked for more only when the node is full or a window has ended. The rest
 * is released when the run ends or only waits for people.
 */
import { Budget, type Entry, type Envelope, Quota } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { QuotaStore } from "./QuotaStore.ts"

/** The lease of a run. */
export interface Leaseholder {
  readonly runId: string
  readonly quotas?: ReadonlyArray<Quota.Charge> | undefined
  readonly startedAt: number
}

/** Makes the lease of a run; `undefined` without quotas. `entries`: what earlier owners have settled. */
export const make = (
  run: Leaseholder,
  store: QuotaStore,
  entries: ReadonlyArray<Entry.Entry> = []
): Lease | undefined =>
  run.quotas === undefined || run.quotas.length === 0 ? undefined : new Lease(run, run.quotas, store, entries)

/** `wait`, after releasing what nothing in the run holds. */
export const parked = <A>(lease: Lease | undefined, wait: Effect.Effect<A>, now: () => number): Effect.Effect<A> =>
  lease === undefined
    ? wait
    : Effect.andThen(
        Effect.suspend(() => lease.giveBack(now())),
        wait
      )

export class Lease {
  node: Budget.Node = Quota.leaseNode({ nanoUsd: 0, tokens: 0 })
  readonly above: undefined
  readonly written: Budget.Budget = {}
  readonly limited: boolean = true
  readonly metered: boolean = true
  readonly priced: boolean = true
  readonly warns: boolean = false
  readonly timed: boolean = false
  readonly counts = "all"
  /** When the first of its windows ends. Before the first extension nothing is held. */
  private renewAt = Number.NEGATIVE_INFINITY
  private short: Quota.Exhaustion | undefined
  /** When it last used something, in epoch milliseconds. */
  private usedAt: number
  /** What it had used at the end of each window that has ended since the last extension. */
  private closed: ReadonlyArray<Quota.Booking> = []
  private given: () => void = () => {}
  private readonly lock = Semaphore.makeUnsafe(1)
  private readonly runId: string
  private readonly charges: ReadonlyArray<Quota.Charge>
  private readonly store: QuotaStore

  constructor(
    { runId, startedAt }: Leaseholder,
    charges: ReadonlyArray<Quota.Charge>,
    store: QuotaStore,
    entries: ReadonlyArray<Entry.Entry>
  ) {
    this.runId = runId
    this.charges = charges
    this.store = store
    this.usedAt = entries.reduce((last, { endedAt }) => Math.max(last, endedAt), startedAt)
  }

  /**
   * Attaches the lease to a tree. `node`: with what earlier owners have used. `given`: called when more can be
   * reserved.
   */
  begin(node: Budget.Node, given: () => void): void {
    this.node = node
    this.given = given
  }

  /** More is used than is held, because of undeclared costs. */
  private get isOverdrawn(): boolean {
    const { held, max, used } = this.node
    return used.nanoUsd + held.nanoUsd > max.nanoUsd
  }

  /** True if the last extension gave less than was needed. */
  get isShort(): boolean {
    return this.short !== undefined
  }

  /** True if other runs hold what is missing, so that it may be released at any time. */
  get isHeld(): boolean {
    return this.short?.isHeld === true
  }

  /** Whether an extension may admit what it refused. */
  mayExtend({ limit }: Budget.Refusal): boolean {
    return Budget.isOfQuota(limit) && this.short === undefined
  }

  /** A refusal of the node as a refusal of the exhausted quota. */
  asShort(refusal: Budget.Refusal): Budget.Refusal {
    return this.short === undefined ? refusal : Quota.exhaustion(refusal, this.short)
  }

  /** Call when something is used. */
  touch(now: number): void {
    if (now >= this.renewAt && this.usedAt < this.renewAt) this.closed = [...this.closed, this.booking()]
    this.usedAt = now
  }

  /** What it has used so far, in the form for booking. */
  private booking(): Quota.Booking {
    return { at: this.usedAt, ...this.used }
  }

  /** What to book of an ended run, from the cost summary among its last events; `undefined` before. */
  ended(last: ReadonlyArray<Envelope.Envelope>): ReadonlyArray<Quota.Booking> | undefined {
    const summary = last.findLast(({ event }) => event.type === "data-cost-summary")?.event
    if (summary?.type !== "data-cost-summary") return undefined
    const { costNanoUsd, root } = summary.data
    return [...this.closed, { at: this.usedAt, nanoUsd: costNanoUsd, tokens: root.usage.totalTokens }]
  }

  /** Whether it must be extended before `amount` is reserved: the amount does not fit, or a window has ended. */
  lacks(amount: Budget.Amount, now: number): boolean {
    return now >= this.renewAt || Budget.check(this.node, amount, 0) !== undefined
  }

  /** Extends it so that `amount` fits, or by everything that its quotas have left. */
  extend(amount: Budget.Amount, now: number): Effect.Effect<void> {
    return this.lock.withPermits(1)(
      Effect.suspend(() => {
        // A previous extension may have been enough.
        if (!this.lacks(amount, now)) return Effect.void
        const { rest, used } = this
        const need = { nanoUsd: amount.nanoUsd ?? 0, tokens: (amount.inputTokens ?? 0) + (amount.outputTokens ?? 0) }
        const own = this.held
        // The current lease stays: siblings may reserve meanwhile.
        return this.ask(used, now, true, {
          nanoUsd: Math.max(rest.nanoUsd, own.nanoUsd + need.nanoUsd),
          tokens: Math.max(rest.tokens, own.tokens + need.tokens)
        })
      })
    )
  }

  /** Releases what nothing in the run holds. */
  giveBack(now: number): Effect.Effect<void> {
    return this.lock.withPermits(1)(
      Effect.suspend(() => {
        const { held, rest, used } = this
        if (rest.nanoUsd <= held.nanoUsd && rest.tokens <= held.tokens) return Effect.void
        // Nothing may be reserved of what is being released.
        this.set(used, held)
        return this.ask(used, now, false, held)
      })
    )
  }

  /** Books use beyond the holds; returns whether it exceeds a quota. */
  cover(now: number): Effect.Effect<boolean> {
    return this.lock.withPermits(1)(
      Effect.suspend(() =>
        this.isOverdrawn
          ? Effect.map(this.ask(this.used, now, true, this.held), ({ isPassed }) => isPassed)
          : Effect.succeed(false)
      )
    )
  }

  private ask(used: Quota.Amount, now: number, spare: boolean, need: Quota.Amount): Effect.Effect<Quota.Granted> {
    const { charges, closed, runId } = this
    const booked = [...closed, this.booking()]
    return Effect.map(this.store.extend({ runId, charges, used: booked, need, spare, now }), (lease) => {
      this.closed = this.closed.slice(closed.length)
      this.renewAt = lease.until ?? Number.POSITIVE_INFINITY
      this.short = lease.short
      const { nanoUsd, totalTokens } = this.node.max
      this.set(used, lease)
      // Siblings that wait for more would extend in turn, and wake each other without end, if this woke them for nothing.
      if (this.node.max.nanoUsd > nanoUsd || this.node.max.totalTokens > totalTokens) this.given()
      return lease
    })
  }

  /** What the run has used so far. */
  private get used(): Quota.Amount {
    const { inputTokens, nanoUsd, outputTokens } = this.node.used
    return { nanoUsd, tokens: inputTokens + outputTokens }
  }

  /** What steps and calls of the run hold. */
  private get held(): Quota.Amount {
    const { inputTokens, nanoUsd, outputTokens } = this.node.held
    return { nanoUsd, tokens: inputTokens + outputTokens }
  }

  /** What the run holds of its quotas; nothing where there is no limit. */
  private get rest(): Quota.Amount {
    const { max } = this.node
    const { nanoUsd, tokens } = this.used
    return Quota.held({ nanoUsd: Math.max(0, max.nanoUsd - nanoUsd), tokens: Math.max(0, max.totalTokens - tokens) })
  }

  /** Holds this amount beyond what was used. */
  private set(used: Quota.Amount, { nanoUsd, tokens }: Quota.Amount): void {
    const max = { ...this.node.max, nanoUsd: used.nanoUsd + nanoUsd, totalTokens: used.tokens + tokens }
    this.node = { ...this.node, max }
  }
}
