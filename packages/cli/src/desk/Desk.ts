/** What an operator does with runs, of a local store or of a server: list them, read them, answer, cancel, raise, audit. */
import type { Approval, Audit, Decision, Envelope, Grant } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { CommandFailed } from "../setting/CommandFailed.ts"

/** A run in a list. */
export interface Listed {
  readonly runId: string
  readonly threadId: string
  readonly agent: string
  readonly state: "running" | "ended"
  /** Epoch milliseconds. */
  readonly startedAt: number
}

/** An open question. */
export interface Open {
  readonly request: Approval.Request
  /** The run that asks. Absent: the server does not tell. */
  readonly runId: string | undefined
}

export interface Desk {
  /** The latest runs first. */
  readonly runs: (limit: number) => Effect.Effect<ReadonlyArray<Listed>, CommandFailed>
  /** A run's envelopes with `seq` above `after`; with `follow` until it ends, else those that are there. */
  readonly events: (
    runId: string,
    options: { readonly after: number; readonly follow: boolean }
  ) => Stream.Stream<Envelope.Envelope, CommandFailed>
  readonly approvals: Effect.Effect<ReadonlyArray<Open>, CommandFailed>
  readonly answer: (approvalId: string, decision: Decision) => Effect.Effect<void, CommandFailed>
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
