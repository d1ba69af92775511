/**
 * Does the work of one activity again, without any effect outside: events go nowhere, nothing is stored, and it ends
 * where a model or a tool would be asked. The budget stands as it stood when the work began in the log.
 */
import type { Entry } from "@reins/protocol"
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type { BudgetTree } from "../budget/BudgetTree.ts"
import type { Kept, RunInfo, Settled, Work } from "../engine/Engine.ts"
import { Spending } from "../engine/Spending.ts"
import { Signal } from "../kernel/Signal.ts"
import { type Asked, Asking } from "./Substitution.ts"

/** How the work ended. */
export type Tried<A> =
  | { readonly _tag: "Settled"; readonly settled: Settled<A> }
  | { readonly _tag: "Asked"; readonly asked: Asked }
  | { readonly _tag: "Died"; readonly cause: Cause.Cause<never> }

/** What the work reads. */
export interface Scene {
  readonly info: RunInfo
  readonly tree: BudgetTree
  /** All rows of the run. */
  readonly ledger: () => ReadonlyArray<Entry.Entry>
  readonly downMs: number
  /** Epoch milliseconds. */
  readonly at: number
}

/** The works of a replay that are being done again. */
export class Trials {
  /** How many: a hook or a policy in one may take its time. */
  private trying = 0
  private readonly idle = Latch.makeUnsafe(true)

  /**
   * Completes when the branches that can go on have come to their ends: no work is being done again, and none is about
   * to begin.
   */
  readonly settled: Effect.Effect<void> = Effect.suspend(() =>
    Effect.andThen(
      Effect.forEach(turns, () => Effect.yieldNow, { discard: true }),
      Effect.suspend(() => (this.trying === 0 ? Effect.void : Effect.andThen(this.idle.await, this.settled)))
    )
  )

  run<A>(scene: Scene, effect: (work: Work) => Effect.Effect<Settled<A>>): Effect.Effect<Tried<A>> {
    return Effect.suspend(() => {
      this.trying++
      this.idle.closeUnsafe()
      return Effect.ensuring(
        run(scene, effect),
        Effect.sync(() => {
          if (--this.trying === 0) this.idle.openUnsafe()
        })
      )
    })
  }
}

/** Turns of the scheduler in which a branch comes from one work to the next. */
const turns = Array.from({ length: 64 }, () => undefined)

const run = <A>(scene: Scene, effect: (work: Work) => Effect.Effect<Settled<A>>): Effect.Effect<Tried<A>> =>
  Effect.suspend(() => {
    const asked = Deferred.makeUnsafe<Asked>()
    const told = (what: Asked) => Deferred.doneUnsafe(asked, Exit.succeed(what))
    const worked = Effect.provideService(
      Effect.suspend(() => effect(workOf(scene))),
      Asking,
      told
    )
    const settled = Effect.map(Effect.exit(worked), (exit): Tried<A> =>
      Exit.isSuccess(exit) ? { _tag: "Settled", settled: exit.value } : { _tag: "Died", cause: exit.cause }
    )
    return Effect.raceFirst(
      settled,
      Effect.map(Deferred.await(asked), (asked): Tried<A> => ({ _tag: "Asked", asked }))
    )
  })

const workOf = ({ at, downMs, info, ledger, tree }: Scene): Work => {
  const { resourceId, runId, startedAt, threadId } = info
  return {
    runId,
    threadId,
    resourceId,
    startedAt,
    now: () => at,
    // A time limit cuts what is under way, which the log states; it does not refuse anything here.
    elapsed: () => 0,
    downMs: () => downMs,
    ledger,
    push: () => false,
    room: () => Promise.resolve(),
    begin: () => Effect.succeed(0),
    report: () => Effect.void,
    kept: nowhere,
    spending: new Spending(),
    open: () => undefined,
    order: { phaseOf: () => -1, questionOf: () => undefined, hasAsked: () => false },
    tree,
    cancel: new Signal()
  }
}

/** Keeps nothing. */
const nowhere: Kept = {
  put: (_name, value) => Effect.succeed(value),
  get: () => undefined,
  find: () => Effect.succeed(undefined)
}
