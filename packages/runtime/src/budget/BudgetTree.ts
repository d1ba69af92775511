/**
 * The budget tree of one run, kept by the run's owner: reserves amounts on an agent's node and all its ancestors, and
 * settles them after. Synchronous, so that parallel branches cannot act between a check and its reservation. The rules
 * are `Budget` in `@reins/protocol`; this class keeps the nodes in their places.
 */
import { AgentPath, Budget, type Entry } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { Signal, SignalListener } from "../kernel/Signal.ts"
import type { Lease } from "./Lease.ts"
import * as Amounts from "./Amounts.ts"
import * as Context from "effect/Context"

/** A node with its position in the tree. */
export interface Branch {
  node: Budget.Node
  readonly above: Branch | undefined
  written: Budget.Budget
  readonly limited: boolean
  /** Some node from here to the root limits tokens or money. */
  readonly metered: boolean
  /** Some node from here to the root warns before its limits. */
  readonly warns: boolean
  /** Some node from here to the root limits money. */
  readonly priced: boolean
  /** Some node from here to the root limits time. */
  readonly timed: boolean
  /**
   * What has to be counted: what a node from here to the root limits, or may limit once it is raised. Time is measured.
   */
  readonly counts: "nothing" | "steps" | "all"
}

export class BudgetTree {
  private readonly root: Branch
  /** Those below the root, by their path. */
  private branches: Map<string, Branch> | undefined
  private waiters: Set<SignalListener> | undefined
  /** Counts releases, so that a waiter does not miss one. */
  version = 0

  private readonly ledger: ReadonlyArray<readonly [Pick<Entry.Entry, "path">, Budget.Amount]>
  private readonly look: BudgetObserver | undefined

  private readonly thread: Branch | undefined

  /** The run's lease of its quotas; absent without quotas. Check it before reserving tokens or money. */
  readonly lease: Lease | undefined

  /**
   * `ledger`: what earlier owners of the run have settled; it is charged before anything is reserved. `thread`: the
   * node of the limits that the run shares with the thread's other runs. `lease`: what it holds of its quotas, above
   * that. `reported`: costs that earlier owners left without a row.
   */
  constructor(
    budget: Budget.Budget,
    ledger: ReadonlyArray<Entry.Entry> = [],
    look?: BudgetObserver | undefined,
    thread?: Budget.Node | undefined,
    lease?: Lease | undefined,
    reported: ReadonlyArray<{ readonly path: AgentPath.AgentPath; readonly nanoUsd: number }> = []
  ) {
    const settled = Amounts.fromLedger(ledger)
    this.ledger =
      reported.length === 0
        ? settled
        : [...settled, ...reported.map((cost) => [cost, { nanoUsd: cost.nanoUsd }] as const)]
    this.look = look
    this.lease = lease
    lease?.begin(this.charged(lease.node), () => this.given())
    this.thread = thread === undefined ? undefined : branchOf(this.charged(thread), lease, thread.budget)
    this.root = this.make(AgentPath.root, budget, 0, this.thread ?? lease)
  }

  /**
   * Adds a node for an agent that starts now; an existing node of the same path is kept. `elapsedMs`: the run's machine
   * time.
   */
  open(path: AgentPath.AgentPath, budget: Budget.Budget, elapsedMs: number): void {
    const key = AgentPath.key(path)
    if (path.length === 0 || this.branches?.has(key) === true) return
    this.branches ??= new Map()
    this.branches.set(key, this.make(path, budget, elapsedMs, this.branch(path.slice(0, -1))))
  }

  /** The path of the deepest open agent from the root to `path`. */
  openAt(path: AgentPath.AgentPath): AgentPath.AgentPath {
    return path.length === 0 || this.branches?.has(AgentPath.key(path)) === true ? path : this.openAt(path.slice(0, -1))
  }

  private make(path: AgentPath.AgentPath, budget: Budget.Budget, elapsedMs: number, above: Branch | undefined): Branch {
    return branchOf(this.charged(Budget.node(path, Amounts.withReserve(budget), elapsedMs)), above, budget)
  }

  /** The budget of the agent at `path`, as it was written. */
  budget(path: AgentPath.AgentPath): Budget.Budget {
    return this.branch(path).written
  }

  /** False where nothing from `path` up to the root limits anything. */
  isLimited(path: AgentPath.AgentPath): boolean {
    return this.branch(path).limited
  }

  /**
   * True where something from `path` up to the root limits tokens or money, so that what a step may use matters before
   * it begins.
   */
  isMetered(path: AgentPath.AgentPath): boolean {
    return this.branch(path).metered
  }

  /** True where something from `path` up to the root limits money. */
  isPriced(path: AgentPath.AgentPath): boolean {
    return this.branch(path).priced
  }

  /** True where something from `path` up to the root limits time. */
  isTimed(path: AgentPath.AgentPath): boolean {
    return this.branch(path).timed
  }

  /** Holds `amount` from `path` up to the root, or says what refuses it. Give the same object to `settle`. */
  reserve(path: AgentPath.AgentPath, amount: Budget.Amount, elapsedMs: number): Budget.Refusal | undefined {
    const branch = this.branch(path)
    if (!branch.limited || (passes(branch, amount) && (!branch.timed || leftOf(branch, elapsedMs) > 0))) {
      return undefined
    }
    const reserved = Budget.reserve(chain(branch), amount, elapsedMs)
    if (Result.isFailure(reserved)) return this.asWritten(reserved.failure)
    put(branch, reserved.success)
    this.look?.(this.nodes())
    return undefined
  }

  /**
   * Releases the hold and adds what was spent. Returns the limits that reached their `warnAt`: emit these warnings at
   * once.
   */
  settle(path: AgentPath.AgentPath, held: Budget.Amount, spent: Budget.Amount): ReadonlyArray<Budget.Warning> {
    const branch = this.branch(path)
    if (!branch.limited || (passes(branch, held) && passes(branch, spent))) return nothing
    const before = chain(branch)
    const after = Budget.settle(before, held, spent)
    put(branch, after)
    this.look?.(this.nodes())
    this.given()
    return branch.warns ? Budget.warnings(before, after) : nothing
  }

  /** Call when more can be reserved than before. */
  private given(): void {
    this.version++
    this.wake()
  }

  private wake(): void {
    // A copy, because a waiter that is refused again waits again at once.
    if (this.waiters !== undefined && this.waiters.size > 0)
      for (const waiter of Array.from(this.waiters)) waiter.signalled()
  }

  /** Completes when a hold was released since `version` was `seen`, or the run should end. */
  release(signal: Signal, seen: number): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.version !== seen) return resume(Effect.void)
      const leave = () => {
        this.waiters?.delete(waiter)
        signal.remove(waiter)
      }
      const waiter: SignalListener = {
        signalled: () => {
          leave()
          resume(Effect.void)
        }
      }
      ;(this.waiters ??= new Set()).add(waiter)
      signal.add(waiter)
      return Effect.sync(leave)
    })
  }

  /**
   * Adds what was spent without a hold: by an earlier owner of the run, or beyond a hold. Warnings as from `settle`.
   */
  charge(path: AgentPath.AgentPath, spent: Budget.Amount): ReadonlyArray<Budget.Warning> {
    const branch = this.branch(path)
    if (!branch.limited || passes(branch, spent)) return nothing
    const before = chain(branch)
    const after = Budget.charge(before, spent)
    put(branch, after)
    this.look?.(this.nodes())
    return branch.warns ? Budget.warnings(before, after) : nothing
  }

  /** The maximum of output tokens that can still be reserved; `Infinity` without a limit. */
  headroom(path: AgentPath.AgentPath, options: Budget.HeadroomOptions): number {
    const branch = this.branch(path)
    return branch.limited ? Budget.headroom(chain(branch), options) : options.wanted
  }

  /** The remaining machine time, in milliseconds; `Infinity` without a limit. */
  remainingMs(path: AgentPath.AgentPath, elapsedMs: number): number {
    return leftOf(this.branch(path), elapsedMs)
  }

  /** The refusal of `amount`, if it were reserved now. Reserves nothing. */
  refusal(path: AgentPath.AgentPath, amount: Budget.Amount, elapsedMs: number): Budget.Refusal | undefined {
    const refused = Budget.reserve(this.binding(path), amount, elapsedMs)
    return Result.isFailure(refused) ? this.asWritten(refused.failure) : undefined
  }

  /** The refusal of a spent money limit, of the node nearest to the root. Holds do not count as spent. */
  spentRefusal(path: AgentPath.AgentPath): Budget.Refusal | undefined {
    const branch = this.branch(path)
    const refusal = branch.priced ? Budget.moneyRefusal(this.binding(path)) : undefined
    return refusal === undefined ? undefined : this.asWritten(refusal)
  }

  /** The money that is neither spent nor held, in nano-dollars; `Infinity` without a limit. */
  moneyLeft(path: AgentPath.AgentPath): number {
    const branch = this.branch(path)
    return branch.priced ? Budget.remaining(this.binding(path)).nanoUsd : Number.POSITIVE_INFINITY
  }

  /** What is neither spent nor held; `Infinity` without a limit. */
  left(path: AgentPath.AgentPath): ReturnType<typeof Budget.remaining> {
    return Budget.remaining(this.binding(path))
  }

  /** The nodes from `path` up with final limits; a lease that can be extended is left out. */
  private binding(path: AgentPath.AgentPath): Budget.Chain {
    const nodes = chain(this.branch(path))
    return this.lease === undefined || this.lease.isShort ? nodes : nodes.slice(0, -1)
  }

  /** The refusal of the time limit, if it is over. */
  overtime(path: AgentPath.AgentPath, elapsedMs: number): Budget.Refusal | undefined {
    return this.refusal(path, {}, elapsedMs)
  }

  /** Refuses a specialist that would be deeper than a budget above allows. */
  depthRefusal(path: AgentPath.AgentPath): Budget.Refusal | undefined {
    const refusal = Budget.depthRefusal(chain(this.branch(path)), path.length + 1)
    return refusal === undefined ? undefined : this.asWritten(refusal)
  }

  /** Releases the reserve for the last step of the agent at `path`. */
  releaseReserve(path: AgentPath.AgentPath): void {
    const branch = this.branch(path)
    const raised = Budget.raise(branch.node, Amounts.released(branch.written))
    if (Result.isSuccess(raised)) branch.node = raised.success
  }

  /** Raises limits of the agent at `path`. False if the new limits are invalid, or not above what is used. */
  raise(path: AgentPath.AgentPath, limits: { readonly [limit: string]: number }): boolean {
    const branch = this.branch(path)
    return this.set(branch, limits, Budget.raise(branch.node, limits))
  }

  /** Sets limits that were raised before, whatever has been used since. Idempotent. */
  raiseAgain(path: AgentPath.AgentPath, limits: { readonly [limit: string]: number }): void {
    const branch = this.branch(path)
    const { budget, sinceMs } = branch.node
    this.set(branch, limits, Budget.raise(Budget.node(path, budget, sinceMs), limits))
  }

  /** Applies the limits of a raised node. */
  private set(
    branch: Branch,
    limits: { readonly [limit: string]: number },
    raised: Result.Result<Budget.Node, unknown>
  ): boolean {
    if (Result.isFailure(raised)) return false
    const { budget, max } = raised.success
    branch.node = { ...branch.node, budget, max }
    branch.written = { ...branch.written, ...limits }
    this.given()
    return true
  }

  /** All nodes, for checks of the tree's invariant. */
  nodes(): ReadonlyArray<Budget.Node> {
    const below = this.branches === undefined ? [] : Array.from(this.branches.values(), (branch) => branch.node)
    const above = [this.lease, this.thread].flatMap((branch) => (branch === undefined ? [] : [branch.node]))
    return [...above, this.root.node, ...below]
  }

  /** The node with what earlier owners settled at and below it. */
  private charged(node: Budget.Node): Budget.Node {
    let chain: Budget.Chain = [node]
    for (const [entry, amount] of this.ledger) {
      if (AgentPath.isWithin(entry.path, node.path)) chain = Budget.charge(chain, amount)
    }
    return chain[0] ?? node
  }

  private asWritten(refusal: Budget.Refusal): Budget.Refusal {
    if (Budget.isOfQuota(refusal.limit)) return this.lease?.asShort(refusal) ?? refusal
    return Amounts.asWritten(this.branch(refusal.path).written, refusal)
  }

  private branch(path: AgentPath.AgentPath): Branch {
    return path.length === 0 ? this.root : this.below(path)
  }

  /** The branch of an agent below the root. */
  private below(path: AgentPath.AgentPath): Branch {
    const branch = this.branches?.get(AgentPath.key(path))
    if (branch === undefined)
      throw new Error("The agent has no node in the budget tree. Open its node before reserving")
    return branch
  }
}

const branchOf = (node: Budget.Node, above: Branch | undefined, written: Budget.Budget): Branch => ({
  node,
  above,
  written,
  limited: !Budget.isUnlimited(node) || above?.limited === true,
  metered: Budget.isMetered(node) || above?.metered === true,
  priced: node.max.nanoUsd !== Number.POSITIVE_INFINITY || above?.priced === true,
  warns: written.warnAt !== undefined || above?.warns === true,
  timed: written.maxDurationMs !== undefined || above?.timed === true,
  counts: countsOf(node, above, written)
})

const countsOf = (node: Budget.Node, above: Branch | undefined, written: Budget.Budget): Branch["counts"] => {
  const counted = above?.counts ?? "nothing"
  if (counted === "all" || Budget.isUnlimited(node)) return counted
  // A budget that pauses may be raised, and the raise may set limits that were absent.
  if (written.onExhausted === "pause") return "all"
  for (const name of Object.keys(written)) if (!uncounted.has(name) && name !== "maxSteps") return "all"
  return written.maxSteps === undefined ? counted : "steps"
}

/** The fields of a budget for which nothing is counted. */
const uncounted: ReadonlySet<string> = new Set(["maxDurationMs", "warnAt", "onExhausted"] satisfies ReadonlyArray<
  keyof Budget.Budget
>)

/** What time is left to it, in milliseconds; `Infinity` without a limit. */
const leftOf = (branch: Branch, elapsedMs: number): number => {
  let left = Number.POSITIVE_INFINITY
  for (let one: Branch | undefined = branch; one !== undefined; one = one.above) {
    const { max, sinceMs } = one.node
    left = Math.min(left, max.durationMs - (elapsedMs - sinceMs))
  }
  return left
}

/** Whether an amount has no effect: nothing of it is counted. */
const passes = ({ counts }: Branch, { steps }: Budget.Amount): boolean =>
  counts === "nothing" || (counts === "steps" && (steps ?? 0) === 0)

const nothing: ReadonlyArray<Budget.Warning> = []

const chain = (branch: Branch): Budget.Chain => {
  const out: Array<Budget.Node> = []
  for (let at: Branch | undefined = branch; at !== undefined; at = at.above) out.push(at.node)
  return out
}

const put = (branch: Branch, nodes: Budget.Chain): void => {
  let at: Branch | undefined = branch
  for (const node of nodes) {
    if (at === undefined) return
    at.node = node
    at = at.above
  }
}

/** For tests: called with all nodes of a run's tree after each reservation and settlement. */
export type BudgetObserver = (nodes: ReadonlyArray<Budget.Node>) => void

/** Observes every budget tree of a runtime, for tests that check its invariant. Absent in production. */
export const BudgetProbe: Context.Reference<BudgetObserver | undefined> = Context.Reference<BudgetObserver | undefined>(
  "@reins/runtime/BudgetProbe",
  { defaultValue: () => undefined }
)
