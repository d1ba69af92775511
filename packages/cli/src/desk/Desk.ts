/**
 * What an operator does with runs, of a local store or of a server: list them, read them, answer, cancel, raise, audit,
 * sum their costs.
 */
import type { Approval, Audit, CostReport, Decision, Envelope, Grant, ListedRun } from "@reins/protocol"
import type { CostOptions, LateResult, RunFilter } from "@reins/runtime"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { CommandFailed } from "../setting/CommandFailed.ts"

/** An open question. */
export interface Open {
  readonly request: Approval.Request
  /** The run that asks. Absent: the server does not tell. */
  readonly runId: string | undefined
}

export interface Desk {
  /** A page of runs, the latest first. */
  readonly runs: (filter: Omit<RunFilter, "resourceId">) => Effect.Effect<ListedRun.Page, CommandFailed>
  /**
   * Sums of the cost ledger. `everyTenant`: of all tenants of a local store; a server has only those of the key's
   * tenant.
   */
  readonly costs: (
    options: Omit<CostOptions, "resourceId">,
    everyTenant: boolean
  ) => Effect.Effect<CostReport.CostReport, CommandFailed>
  /** A run's envelopes with `seq` above `after`; with `follow` until it ends, else those that are there. */
  readonly events: (
    runId: string,
    options: { readonly after: number; readonly follow: boolean }
  ) => Stream.Stream<Envelope.Envelope, CommandFailed>
  readonly approvals: Effect.Effect<ReadonlyArray<Open>, CommandFailed>
  readonly answer: (approvalId: string, decision: Decision) => Effect.Effect<void, CommandFailed>
  /** Delivers the late result of a call that answered with a receipt. */
  readonly deliver: (
    ticketId: string,
    result: LateResult,
    costUsd: number | undefined
  ) => Effect.Effect<void, CommandFailed>
  /** False when it has ended. */
  readonly cancel: (runId: string) => Effect.Effect<boolean, CommandFailed>
  readonly raise: (runId: string, limits: { readonly [limit: string]: number }) => Effect.Effect<void, CommandFailed>
  readonly grants: Effect.Effect<ReadonlyArray<Grant.Grant>, CommandFailed>
  readonly revoke: (grantId: string) => Effect.Effect<boolean, CommandFailed>
  readonly audit: (options: {
    readonly runId: string | undefined
    readonly limit: number
  }) => Effect.Effect<ReadonlyArray<Audit.Act>, CommandFailed>
}
