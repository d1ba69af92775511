/**
 * The host port: manages runs. A host takes a run's record, opens an engine for it, runs the loop, keeps the log for
 * watchers, and accepts answers and cancels from anywhere.
 *
 * A deployment is a host: `memory` is the default; SQLite and Postgres hosts are in `@reins/store`. A host does not
 * depend on agents: it runs the `Drive` that it is given.
 */
import type {
  AgentPath,
  Approval,
  Audit,
  Entry,
  Envelope,
  Event,
  Json,
  ListedRun,
  QueryRejections
} from "@reins/protocol"
import { Budget, Message, Quota } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { QueryModel, QueryTools } from "../agent/NarrowedMember.ts"
import * as Erased from "../kernel/Erased.ts"
import type { Engine } from "./Engine.ts"
import type { Erasing, Outcome } from "./Erasure.ts"
import type { Accepted, InboxMessage } from "./Inbox.ts"
import type { Reading } from "./EventLog.ts"
import type { RunQuery, WaitingRuns } from "./RunList.ts"
import type { WebhookStore } from "./WebhookStore.ts"
import type { FileStore } from "../thread/FileStore.ts"
import type { AuditStore } from "../approval/AuditStore.ts"
import type { GrantStore } from "../approval/GrantStore.ts"
import type { Corrected, Correction, CostStore, ReconciliationStore } from "../budget/CostStore.ts"
import type { QuotaStore } from "../budget/QuotaStore.ts"
import type { Vote, Voted } from "../approval/Quorum.ts"
import type { MemoryStore } from "../memory/MemoryStore.ts"
import { Kept, type ThreadStore } from "../thread/ThreadStore.ts"
import type { StartChange } from "../thread/ThreadChange.ts"

const RunRecordStruct = Schema.Struct({
  runId: Schema.String,
  threadId: Schema.String,
  resourceId: Schema.String,
  agent: Schema.String,
  prompt: Schema.Json,
  call: Schema.optionalKey(Message.CallPart),
  isolated: Schema.Boolean,
  budget: Schema.optionalKey(Budget.Budget),
  tools: Schema.optionalKey(QueryTools),
  model: Schema.optionalKey(QueryModel),
  repeatedCallLimit: Schema.optionalKey(Schema.Natural),
  onOpenResults: Schema.optionalKey(Schema.Literals(["wait", "end"])),
  instructions: Schema.optionalKey(Schema.String),
  quotas: Schema.optionalKey(Schema.Array(Quota.Charge)),
  startedAt: Schema.Natural,
  historyVersion: Schema.Natural,
  principal: Schema.optionalKey(Schema.String),
  keyed: Schema.optionalKey(Schema.Array(Schema.String)),
  thread: Schema.optionalKey(
    Schema.Struct({ limits: Schema.optionalKey(Budget.Budget), kept: Schema.optionalKey(Kept) })
  )
}).annotate({ identifier: "RunRecord" })

/**
 * All that is needed to carry a run again from its start. `isolated` runs (specialists from code) neither read nor
 * write their thread's history. `tools` is what its query changed of its agent's, `instructions` what it added to its
 * agent's, `model` what it asked of its agent's model. `repeatedCallLimit` is absent where nothing limits how often the
 * same call may be made, as in every record of a release that did not know it. `quotas` is what it is charged to, and
 * by which limits unless others are set meanwhile. `historyVersion` is how many messages of the thread the run starts
 * from; the host fills it in. `principal`: the id of who started it; absent: the run has no principal. `keyed`: the
 * providers that its query brought keys for; never the keys.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface RunRecord extends Schema.Schema.Type<typeof RunRecordStruct> {}
export const RunRecord: Schema.Codec<RunRecord> = RunRecordStruct

/** The prompt's message; `undefined` if the run continues from the end of its history. */
export const promptOf = ({ prompt }: Pick<RunRecord, "prompt">): Message.Prompt | undefined =>
  Array.isArray(prompt) && prompt.length === 0 ? undefined : Erased.as<Message.Prompt>(prompt)

/** The node of the thread's limits above the run's root, as of the run's start; `undefined` without limits. */
export const nodeAbove = ({ thread }: RunRecord): Budget.Node | undefined =>
  thread?.limits === undefined ? undefined : Budget.threadNode(thread.limits, thread.kept?.spent ?? Budget.nothingSpent)

/** The stores of a host. */
export interface Stores {
  readonly threads: ThreadStore
  readonly grants: GrantStore
  readonly files: FileStore
  readonly memories: MemoryStore
  readonly quotas: QuotaStore
  readonly audit: AuditStore
}

/**
 * Executes a run from its start to its last event, over the given engine.
 *
 * @since 0.1.0
 * @category models
 */
export type Drive = (
  record: RunRecord,
  history: ReadonlyArray<Message.Message>,
  engine: Engine,
  stores: Stores
) => Effect.Effect<void>

/**
 * A question that waits for its answer.
 *
 * @since 0.1.0
 * @category models
 */
export interface PendingApproval {
  readonly runId: string
  readonly request: Approval.Request
  readonly agentPath: AgentPath.AgentPath
  /** Epoch milliseconds. */
  readonly askedAt: number
}

/**
 * The result of an answer. `Resolved` has the answer that came first.
 *
 * @since 0.1.0
 * @category models
 */
export type Answered =
  | { readonly _tag: "Taken" }
  | { readonly _tag: "Resolved"; readonly value: Json }
  | { readonly _tag: "Unknown" }

/**
 * The status of a run. `lastSeq` is the number of its last event so far, 0 before the first.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunStatus {
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  readonly agent: string
  readonly state: "running" | "ended"
  readonly lastSeq: number
}

/** Why a host refuses a run. Nothing of it is stored. */
export type StartRefusal =
  | QueryRejections.PlaceNotFound
  | QueryRejections.QuotaExhausted
  | QueryRejections.RunExists
  | QueryRejections.StoreUnavailable
  | QueryRejections.ThreadBusy
  | QueryRejections.ThreadDamaged
  | QueryRejections.ThreadForbidden

/**
 * A run with the rows of its ledger. `isOver`: it has ended, so that no row is added or changed any more. `corrected`:
 * the places of the rows that were corrected (`Correction.place`).
 *
 * @since 0.2.0
 * @category models
 */
export interface Bill {
  readonly record: RunRecord
  readonly entries: ReadonlyArray<Entry.Entry>
  readonly isOver: boolean
  readonly corrected: ReadonlyArray<number>
}

/** Manages runs. */
export interface RunHost extends Stores {
  readonly costs: CostStore
  readonly webhooks: WebhookStore
  /** `undefined`: an unknown run, or one whose rows were deleted. */
  readonly bill: (runId: string) => Effect.Effect<Bill | undefined>
  /** Corrects a row in the ledger, the run's quotas and its thread's totals, once, in one transaction. */
  readonly correct: (correction: Correction) => Effect.Effect<Corrected>
  /** When runs with estimated rows are asked about. Absent: they are not. */
  readonly reconciliations?: ReconciliationStore | undefined
  /** Whether some process executes runs of the store. Absent: this one does, or it is not known. */
  readonly isCarried?: Effect.Effect<boolean> | undefined
  /**
   * Leases the thread, stores the record and starts the run. Checks in the same transaction that the run's id is new,
   * that the thread is new or belongs to the tenant (`ThreadForbidden`), that no run leases it (`ThreadBusy`), that it
   * can be read (`ThreadDamaged`), and that its quotas are not exhausted (`QuotaExhausted`); the run then counts in
   * them. `change`: what the query does to the leased thread, decided and made in that transaction; `PlaceNotFound` if
   * the thread has no such place. Absent: nothing.
   */
  readonly start: (record: Omit<RunRecord, "historyVersion">, change?: StartChange) => Effect.Effect<void, StartRefusal>
  /**
   * The run's envelopes with `seq > after`, then new ones, until the run has ended. Empty for an unknown run. If the
   * run cannot be read, the last one is an `error` that is not in the log. `bounded`: the run waits for this reader
   * when it falls far behind.
   */
  readonly watch: (
    runId: string,
    options: { readonly after: number; readonly bounded: boolean }
  ) => Stream.Stream<Envelope.Envelope>
  /**
   * As `watch`, but only the root view, and read without an effect per array. `onLeave` runs when the reader leaves.
   * Absent if runs are not read from this process's memory.
   */
  readonly readRootView?:
    | ((
        runId: string,
        options: { readonly after: number; readonly bounded: boolean; readonly onLeave: Effect.Effect<unknown> }
      ) => Reading<Event>)
    | undefined
  readonly status: (runId: string) => Effect.Effect<RunStatus | undefined>
  /** A run as JSON lines; empty for an unknown one. Absent if runs are kept in memory, which has no marks of them. */
  readonly exported?: ((runId: string) => Effect.Effect<ReadonlyArray<string>>) | undefined
  /**
   * Deletes what there is of a principal, all of it or nothing while runs have not ended, and the bytes of it in the
   * store's file.
   */
  readonly erase: (erasing: Erasing) => Effect.Effect<Outcome>
  /** A page of runs, the latest first. */
  readonly list: (query: RunQuery) => Effect.Effect<ListedRun.Page>
  /** Counts the runs of all tenants that wait for somebody outside. */
  readonly waiting: Effect.Effect<WaitingRuns>
  /**
   * Accepts a user's message for the run, in order of arrival, unless it is ending; the check and the change are
   * atomic. A message with an accepted id is accepted once.
   */
  readonly accept: (runId: string, message: InboxMessage) => Effect.Effect<Accepted>
  /**
   * Answers a wait of the run by name. The first writer wins, also against expiry and cancel. `acts` are stored in the
   * same transaction if it was taken.
   */
  readonly answer: (
    runId: string,
    name: string,
    value: Json,
    acts?: ReadonlyArray<Audit.Act>
  ) => Effect.Effect<Answered>
  /**
   * Takes one principal's answer to a question that names its approvers, and counts it with the others (`Quorum.cast`),
   * with its act in the same transaction. If the question is `judged`, the process that executes the run decides by the
   * wait's `voting`; `Unjudged` when none does so in time: the vote is stored, and judged when the run is executed
   * again.
   */
  readonly vote: (runId: string, vote: Vote, isJudged: boolean) => Effect.Effect<Voted>
  /** The run's answers with names that begin with `prefix`, by name. Empty for an unknown run. */
  readonly answers: (runId: string, prefix: string) => Effect.Effect<ReadonlyMap<string, Json>>
  /** Whether a call that the caller must run is open. */
  readonly hasClientCall: (runId: string, path: AgentPath.AgentPath, callId: string) => Effect.Effect<boolean>
  /** Cancels the run. False when it is unknown or has ended. */
  readonly cancel: (runId: string) => Effect.Effect<boolean>
  /** The open questions of a tenant, oldest first. */
  readonly pending: (resourceId: string) => Effect.Effect<ReadonlyArray<PendingApproval>>
  /** A question by id, with its answer if it has one. */
  readonly approval: (
    id: string
  ) => Effect.Effect<{ readonly asked: PendingApproval; readonly outcome: Approval.Outcome | undefined } | undefined>
}

/**
 * Makes a host for one runtime.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunHostFactory {
  /** Makes a host whose runs end with the scope. */
  readonly make: (drive: Drive) => Effect.Effect<RunHost, never, Scope.Scope>
}
