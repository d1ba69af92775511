/**
 * The journal port: where a durable engine stores what a run did. One append-only log of events per run, the marks of
 * finished work between them, and the answers from outside; backends are memory (for tests), SQLite and Postgres.
 *
 * A commit is atomic: events, marks, and everything that follows from them (a question is listed, a decision closes it,
 * the last event releases the thread). It is fenced by the epoch that `open` raised: a replaced owner writes nothing
 * more.
 */
import type {
  AgentPath,
  Approval,
  Audit,
  Entry,
  Envelope,
  Json,
  ListedRun,
  Message,
  Quota,
  QueryRejections
} from "@reins/protocol"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Left } from "../../engine/Engine.ts"
import type { Erasing, Outcome } from "../../engine/Erasure.ts"
import type { Answered, Bill, PendingApproval, RunRecord, RunStatus } from "../../engine/RunHost.ts"
import type { RunQuery, WaitingRuns } from "../../engine/RunList.ts"
import type { WebhookStore } from "../../engine/WebhookStore.ts"
import * as Erased from "../../kernel/Erased.ts"
import * as RunMetrics from "../../run/RunMetrics.ts"
import type { FileStore } from "../../thread/FileStore.ts"
import type { MemoryStore } from "../../memory/MemoryStore.ts"
import type { AuditStore } from "../../approval/AuditStore.ts"
import type { Amendment } from "../../approval/Quorum.ts"
import type { GrantStore } from "../../approval/GrantStore.ts"
import type { Corrected, Correction, CostStore, ReconciliationStore } from "../../budget/CostStore.ts"
import type { QuotaStore } from "../../budget/QuotaStore.ts"
import type { StartChange } from "../../thread/ThreadChange.ts"
import type { ThreadStore } from "../../thread/ThreadStore.ts"

/**
 * The store could not execute an operation; nothing of it was done. `damaged`: the table with a row that cannot be
 * read; absent when the store itself failed, which may be temporary.
 *
 * @since 0.1.0
 * @category errors
 */
export class StoreFailure extends Schema.TaggedError<StoreFailure>()("StoreFailure", {
  operation: Schema.String,
  damaged: Schema.optionalKey(Schema.String),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return this.damaged === undefined
      ? `The store failed during ${this.operation}`
      : `The store failed during ${this.operation}: a row in table ${this.damaged} is damaged. Restore it from a backup`
  }
}

/**
 * The run has another owner; this owner's epoch is over.
 *
 * @since 0.1.0
 * @category errors
 */
export class Fenced extends Schema.TaggedError<Fenced>()("Fenced", { runId: Schema.String }) {
  override get message() {
    return `Run ${this.runId} has another owner`
  }
}

/**
 * A message arrived before the commit of the run's last event, which would have closed its inbox. The run goes on.
 *
 * @since 0.1.0
 * @category errors
 */
export class Overtaken extends Schema.TaggedError<Overtaken>()("Overtaken", { runId: Schema.String }) {
  override get message() {
    return `Run ${this.runId} received a message before its end`
  }
}

/**
 * Why a commit wrote nothing.
 *
 * @since 0.1.0
 * @category errors
 */
export type Rejected = Fenced | Overtaken | StoreFailure

/**
 * A stored fact, in the same commit as the events before it: the `result` of an activity, an `emit` that was done, how
 * often work was started (`begin`), when a wait began (`ask`), a `note` of the owner's, a `snapshot` of the state after
 * the events up to here. `seq` is the number of the last event before it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Mark {
  readonly kind: "result" | "emit" | "begin" | "ask" | "note" | "snapshot"
  readonly name: string
  readonly path: AgentPath.AgentPath
  readonly seq: number
  /** Epoch milliseconds. */
  readonly at: number
  readonly value: Json
  readonly spent: ReadonlyArray<Entry.Entry>
}

/**
 * The contents of a commit.
 *
 * @since 0.1.0
 * @category models
 */
export interface Batch {
  readonly runId: string
  readonly epoch: number
  readonly envelopes: ReadonlyArray<Envelope.Envelope>
  /** A later mark replaces an earlier one of the same kind and name. */
  readonly marks: ReadonlyArray<Mark>
  /** The total use of a run with quotas, in the commit of its last event; absent in any other. */
  readonly used?: ReadonlyArray<Quota.Booking> | undefined
  /** Acts for the audit record, each stored once by its id. Absent: none. */
  readonly acts?: ReadonlyArray<Audit.Act> | undefined
  /** What the run adds to its thread, once, in the commit of its last event; absent in any other, and if isolated. */
  readonly left?: Left | undefined
  /**
   * The name of the answer that the commit of the run's last event closes: with an answer of that name, the batch is
   * rejected (`Overtaken`). Absent: none.
   */
  readonly closes?: string | undefined
}

/**
 * An answer to a wait, and its time.
 *
 * @since 0.1.0
 * @category models
 */
export interface StoredAnswer {
  readonly value: Json
  readonly at: number
}

/**
 * A run as its new owner reads it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Opened {
  readonly record: RunRecord
  readonly history: ReadonlyArray<Message.Message>
  readonly epoch: number
  /** The events after the snapshot, or all without one. */
  readonly envelopes: ReadonlyArray<Envelope.Envelope>
  readonly marks: ReadonlyArray<Mark>
  readonly answers: ReadonlyMap<string, StoredAnswer>
  /** The time of the last write, in epoch milliseconds. */
  readonly lastAt: number
}

/**
 * Stores journals.
 *
 * @since 0.1.0
 * @category models
 */
export interface JournalStore {
  readonly threads: ThreadStore
  /** Independent of runs and threads: deleting those does not delete it. */
  readonly audit: AuditStore
  /** Absent: grants are kept in the memory of the process that executes the run. */
  readonly grants?: GrantStore | undefined
  /** Absent: files are kept in the memory of the process that executes the run. */
  readonly files?: FileStore | undefined
  /**
   * Independent of runs and threads: deleting those does not delete them. Absent: memories are kept in the memory of
   * the process that executes the run.
   */
  readonly memories?: MemoryStore | undefined
  readonly quotas: QuotaStore
  /**
   * Independent of runs and threads: deleting those does not delete it. The lines of a run are added, once, in the
   * commit of its cost summary, and by `abandon`.
   */
  readonly costs: CostStore
  /**
   * Web hooks and their outbox. The commit that leaves a question open or ends a run adds their notices, and so does
   * `abandon`. Deleting a run's data keeps its notices, erasing it does not.
   */
  readonly webhooks: WebhookStore
  /**
   * Stores a new run and leases its thread, which it creates if it does not exist. The same transaction checks that the
   * run's id is new, that the thread belongs to the run's tenant, that no run leases it, that its messages can be read,
   * and that the run's quotas are not exhausted; then the run counts in those quotas. `change`: what its query does to
   * the thread, in the same transaction, before the run's history is counted; absent: nothing. A refusal stores
   * nothing. `opens`: the caller may become the run's first owner at once, and gets what `open` would return, as
   * `opensOnCreate` says.
   */
  readonly create: (
    record: Omit<RunRecord, "historyVersion">,
    change?: StartChange,
    opens?: boolean
  ) => Effect.Effect<
    Opened | undefined,
    | QueryRejections.PlaceNotFound
    | QueryRejections.QuotaExhausted
    | QueryRejections.RunExists
    | QueryRejections.ThreadBusy
    | QueryRejections.ThreadForbidden
    | StoreFailure
  >
  /**
   * Whether `create` opens the run where that is asked for. False: it returns `undefined`, and `open` follows, which is
   * another transaction for each run.
   */
  readonly opensOnCreate: boolean
  /**
   * Makes the caller the run's owner: raises its epoch and reads it, its events from its snapshot on. `undefined` when
   * it is unknown or has ended.
   */
  readonly open: (runId: string, at: number) => Effect.Effect<Opened | undefined, StoreFailure>
  readonly commit: (batch: Batch) => Effect.Effect<void, Rejected>
  /**
   * Ends a run that cannot be read, without reading it: raises its epoch, releases its thread and what grants hold for
   * it, counts what it holds of quotas as used, closes its questions and client calls. Of its costs those are booked
   * that can be read (`LeftBill`). Its log is unchanged. False, without effect, when it is unknown or has ended.
   */
  readonly abandon: (runId: string, at: number) => Effect.Effect<boolean, StoreFailure>
  /**
   * Fails when the run could not be opened because one of its rows is damaged; does not raise the epoch. Absent: stored
   * rows cannot be damaged.
   */
  readonly check?: ((runId: string) => Effect.Effect<void, StoreFailure>) | undefined
  /** Stores an answer and its acts, unless there is an answer already or the run has ended. */
  readonly answer: (
    runId: string,
    name: string,
    value: Json,
    at: number,
    acts?: ReadonlyArray<Audit.Act>
  ) => Effect.Effect<Answered, StoreFailure>
  /**
   * Reads the run's answers with names that begin with `prefix`, and stores the answers and acts that the pure function
   * `change` returns, in one transaction: no other answer with that prefix is stored in between. `undefined`, and
   * nothing is stored, when the run is unknown or has ended. `change` may be called more than once; only its last
   * result counts.
   */
  readonly amend: <A>(
    runId: string,
    prefix: string,
    at: number,
    change: (answers: ReadonlyMap<string, Json>) => Amendment<A>
  ) => Effect.Effect<A | undefined, StoreFailure>
  /** The run's answers with names that begin with `prefix`, by name; also of a run that has ended. */
  readonly answers: (runId: string, prefix: string) => Effect.Effect<ReadonlyMap<string, Json>, StoreFailure>
  readonly find: (runId: string, name: string) => Effect.Effect<StoredAnswer | undefined, StoreFailure>
  /** Committed envelopes with `seq > after`, in order, at most `limit`. */
  readonly read: (
    runId: string,
    after: number,
    limit: number
  ) => Effect.Effect<ReadonlyArray<Envelope.Envelope>, StoreFailure>
  readonly status: (runId: string) => Effect.Effect<RunStatus | undefined, StoreFailure>
  /**
   * A page of runs, the latest first, also of those whose events were deleted. How a run ended (`ListedRun.endOf`) is
   * stored in the commit of its last events.
   */
  readonly list: (query: RunQuery) => Effect.Effect<ListedRun.Page, StoreFailure>
  /**
   * Counts the runs of all tenants that wait for somebody outside. It reads no rows into the process, so that it may be
   * called every few seconds.
   */
  readonly waiting: Effect.Effect<WaitingRuns, StoreFailure>
  /** A run as JSON lines (`RunExport`); empty for an unknown one. Absent: its runs are not exported. */
  readonly exported?: ((runId: string) => Effect.Effect<ReadonlyArray<string>, StoreFailure>) | undefined
  /**
   * Corrects a row of an ended run in the ledger, the run's quotas and its thread's totals, in one transaction; a row
   * once. Absent: its ledger is not corrected.
   */
  readonly correct?: ((correction: Correction) => Effect.Effect<Corrected, StoreFailure>) | undefined
  /**
   * A run's record with the rows of its ledger, without its events, messages and files; `undefined` for one that is
   * unknown or whose rows were deleted. Absent: its ledger is not corrected.
   */
  readonly bill?: ((runId: string) => Effect.Effect<Bill | undefined, StoreFailure>) | undefined
  /** When runs with estimated rows are asked about. Absent: they are not. */
  readonly reconciliations?: ReconciliationStore | undefined
  /**
   * Deletes what there is of a principal in a tenant, in one transaction, or nothing while runs have not ended; a run
   * that starts meanwhile starts before or after it. See `Erasure` for what is meant and what is kept. A second time
   * deletes nothing.
   */
  readonly erase: (erasing: Erasing) => Effect.Effect<Outcome, StoreFailure>
  /**
   * Rewrites the store without the bytes of what was deleted; writers wait meanwhile. Absent: the store does so itself.
   */
  readonly compact?: Effect.Effect<void, StoreFailure> | undefined
  /** Runs that have not ended. */
  readonly unfinished: Effect.Effect<ReadonlyArray<string>, StoreFailure>
  readonly pending: (resourceId: string) => Effect.Effect<ReadonlyArray<PendingApproval>, StoreFailure>
  readonly approval: (
    id: string
  ) => Effect.Effect<
    { readonly asked: PendingApproval; readonly outcome: Approval.Outcome | undefined } | undefined,
    StoreFailure
  >
  readonly hasClientCall: (
    runId: string,
    path: AgentPath.AgentPath,
    callId: string
  ) => Effect.Effect<boolean, StoreFailure>
  /**
   * Packs the streamed text of a run that has ended. Reads return exactly the same. Absent: the store does not pack.
   */
  readonly pack?: ((runId: string) => Effect.Effect<void, StoreFailure>) | undefined
  /**
   * Hints that another process has stored events or answers of a run. Hints may be lost or spurious: readers poll as
   * well.
   */
  readonly wakes: Stream.Stream<string>
}

const timed = {
  create: RunMetrics.ofStore("create"),
  open: RunMetrics.ofStore("open"),
  commit: RunMetrics.ofStore("commit"),
  abandon: RunMetrics.ofStore("abandon"),
  answer: RunMetrics.ofStore("answer"),
  read: RunMetrics.ofStore("read"),
  status: RunMetrics.ofStore("status"),
  list: RunMetrics.ofStore("list"),
  pending: RunMetrics.ofStore("pending"),
  append: RunMetrics.ofStore("append")
}

/** `own` with other members: a store of a program may be of a class, whose members a copy would not have. */
const replaced = <A extends object>(own: A, others: Partial<A>): A =>
  // Not of `own`: a frozen one would allow no other members.
  new Proxy(Erased.as<A>({}), {
    get: (_, name): unknown => {
      if (Object.hasOwn(others, name)) return Reflect.get(others, name)
      const member: unknown = Reflect.get(own, name)
      return typeof member === "function" ? member.bind(own) : member
    }
  })

/**
 * The store, whose operations are measured (`reins_store_seconds`), for a runtime with the option `metrics`. Without it
 * the store is used as it is.
 */
export const measured = (store: JournalStore): JournalStore =>
  replaced(store, {
    threads: replaced(store.threads, {
      append: (threadId, runId, messages, kept) => timed.append(store.threads.append(threadId, runId, messages, kept))
    }),
    create: (record, change, opens) => timed.create(store.create(record, change, opens)),
    open: (runId, at) => timed.open(store.open(runId, at)),
    commit: (batch) => timed.commit(store.commit(batch)),
    abandon: (runId, at) => timed.abandon(store.abandon(runId, at)),
    answer: (runId, name, value, at, acts) => timed.answer(store.answer(runId, name, value, at, acts)),
    amend: (runId, prefix, at, change) => timed.answer(store.amend(runId, prefix, at, change)),
    read: (runId, after, limit) => timed.read(store.read(runId, after, limit)),
    status: (runId) => timed.status(store.status(runId)),
    list: (query) => timed.list(store.list(query)),
    pending: (resourceId) => timed.pending(store.pending(resourceId))
  })
