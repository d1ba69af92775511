/** Erasing what is kept of a principal, with its runs ended first where that is asked for (`RuntimeShape.erase`). */
import { Budget } from "@reins/protocol"
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Erasure from "../engine/Erasure.ts"
import type { RunHost } from "../engine/RunHost.ts"
import * as Rule from "../kernel/OptionRule.ts"
import { monotonicMillis } from "../kernel/RunClock.ts"
import { defaultResource, type RuntimeParts } from "./RuntimeParts.ts"

/**
 * Whose data is erased.
 *
 * @since 0.2.0
 * @category models
 */
export interface EraseOptions {
  /** The id of the principal. */
  readonly principal: string
  /** The tenant. Absent: `"default"`. A principal of that id in another tenant is somebody else. */
  readonly resourceId?: string | undefined
  /**
   * Whether runs of the principal that have not ended are cancelled first. Absent: false, the erasure is refused while
   * there are any.
   */
  readonly cancel?: boolean | undefined
  /** How long to wait for the end of runs, with `cancel`. Absent: 1 minute. */
  readonly within?: Duration.Input | undefined
  /**
   * Whether acts of the audit record about the principal's runs are kept, with a pseudonym for its id. Absent: false,
   * they are deleted.
   */
  readonly keepAudit?: boolean | undefined
}

/** Completes when the run has ended. */
const endOf = (host: RunHost, runId: string): Effect.Effect<void> =>
  Effect.flatMap(host.status(runId), (status) =>
    status === undefined || status.state === "ended"
      ? Effect.void
      : Stream.runDrain(host.watch(runId, { after: status.lastSeq, bounded: false }))
  )

/**
 * See `RuntimeShape.erase`.
 *
 * @since 0.2.0
 * @category operations
 */
export const erase = Effect.fnUntraced(function* ({ host, ids }: RuntimeParts, options: EraseOptions) {
  const { cancel = false, keepAudit = false, principal, resourceId = defaultResource, within = "1 minute" } = options
  // Code without types may leave it out, and runs without a principal are not meant.
  if (typeof principal !== "string" || principal === "") return yield* new Erasure.PrincipalInvalid()
  const misfit = Rule.issueOf("erase.within", within, Rule.duration)
  if (misfit !== undefined) return yield* Effect.die(new Error(misfit))
  const erasing = { principal, resourceId, pseudonym: ids.make("erased"), acts: !keepAudit }
  const clock = yield* Clock.Clock
  const until = monotonicMillis(clock) + Budget.milliseconds(within)
  const cancelled = new Set<string>()
  while (true) {
    const outcome = yield* Effect.uninterruptible(host.erase(erasing))
    if (outcome._tag === "Erased") return Erasure.reportOf(erasing, outcome, [...cancelled])
    const { others, runs } = outcome
    const left = until - monotonicMillis(clock)
    if (!cancel || left <= 0) return yield* new Erasure.PrincipalBusy({ principal, runs, others })
    for (const runId of runs) if (yield* host.cancel(runId)) cancelled.add(runId)
    const ended = yield* Effect.forEach([...runs, ...others], (runId) => endOf(host, runId), {
      concurrency: "unbounded",
      discard: true
    }).pipe(Effect.timeoutOption(left))
    if (Option.isNone(ended)) return yield* new Erasure.PrincipalBusy({ principal, runs, others })
  }
})
