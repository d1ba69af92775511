/**
 * The journal port: where a durable engine keeps what a run did. One append-only log of events a run, the marks of
 * finished work between them, and the answers that came from outside; backends are memory (for tests), SQLite and
 * Postgres.
 *
 * A commit is atomic: events, marks, and everything that follows from them (a question becomes findable, a decision
 * closes it, the last event gives the thread back). It is fenced by the epoch that `open` raised: an owner that was
 * overtaken writes nothing more.
 */
import type {
  AgentPath,
  Approval,
  Audit,
  Entry,
  Envelope,
  Json,
  Message,
  Quota,
  QueryRejections
} from "@reins/protocol"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Answered, PendingApproval, RunRecord, RunStatus } from "../../engine/RunHost.ts"
import type { FileStore } from "../../thread/FileStore.ts"
import type { AuditStore } from "../../approval/AuditStore.ts"
import type { Amendment } from "../../approval/Quorum.ts"
import type { GrantStore } from "../../approval/GrantStore.ts"
import type { QuotaStore } from "../../budget/QuotaStore.ts"
import type { ThreadStore } from "../../thread/ThreadStore.ts"

/**
 * The store could not do what it was asked; nothing of it was done. `damaged`: the table in which a row of what was
 * asked for cannot be read; absent where the store itself failed, which may help itself.
 */
export class StoreFailure extends Schema.TaggedError<StoreFailure>()("StoreFailure", {
  operation: Schema.String,
  damaged: Schema.optionalKey(Schema.String),
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message() {
    return this.damaged === undefined
      ? `the store failed during ${this.operation}`
      : `the store failed during ${this.operation}: a row in ${this.damaged} is damaged. Restore it from a backup`
  }
}

/** The run has another owner; this owner's epoch is over. */
export class Fenced extends Schema.TaggedError<Fenced>()("Fenced", { runId: Schema.String }) {
  override get message() {
    return `Run ${this.runId} has another owner`
  }
}

/**
 * A remembered fact, made in the same commit as the events before it: the `result` of an activity, an `emit` that was
 * done, how often something was `begin`-ed, when a wait was first asked (`ask`), a `note` of the owner's, a `snapshot`
 * of what the events up to here amount to. `seq` is the last event's number at that moment.
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

/** What one commit writes. */
export interface Batch {
  readonly runId: string
  readonly epoch: number
  readonly envelopes: ReadonlyArray<Envelope.Envelope>
  /** Of one kind and name, the later one takes the earlier one's place. */
  readonly marks: ReadonlyArray<Mark>
  /** What a run of quotas has used in all, in the commit of its last event; absent in any other. */
  readonly used?: ReadonlyArray<Quota.Booking> | undefined
  /** What the audit record says of it, each once by its id. Absent: nothing. */
  readonly acts?: ReadonlyArray<Audit.Act> | undefined
}

/** An answer to a wait, and when it was given. */
export interface StoredAnswer {
  readonly value: Json
  readonly at: number
}

/** A run as an owner finds it. */
export interface Opened {
  readonly record: RunRecord
  readonly history: ReadonlyArray<Message.Message>
  readonly epoch: number
  /** Those behind the snapshot, where there is one; all, where there is none. */
  readonly envelopes: ReadonlyArray<Envelope.Envelope>
  readonly marks: ReadonlyArray<Mark>
  readonly answers: ReadonlyMap<string, StoredAnswer>
  /** When it was last written to, in epoch milliseconds. */
  readonly lastAt: number
}

/** Stores journals. */
export interface JournalStore {
  readonly threads: ThreadStore
  /** Kept apart from runs and threads: what deletes those leaves it. */
  readonly audit: AuditStore
  /** Absent: grants are kept by the process that carries the run, and gone with it. */
  readonly grants?: GrantStore | undefined
  /** Absent: files are kept by the process that executes the run, and gone with it. */
  readonly files?: FileStore | undefined
  readonly quotas: QuotaStore
  /**
   * Stores a new run and leases its thread, making the thread where there is none. In the same transaction it checks that the run's id is
   * new, that the thread is the run's tenant's, that no run holds it, that its messages can be read, and that the run's quotas have
   * something left, in which it counts from then on; a refusal stores nothing.
   */
  readonly create: (
    record: Omit<RunRecord, "historyVersion">
  ) => Effect.Effect<
    void,
    | QueryRejections.QuotaExhausted
    | QueryRejections.RunExists
    | QueryRejections.ThreadBusy
    | QueryRejections.ThreadForbidden
    | StoreFailure
  >
  /**
   * Takes the run for this owner: raises its epoch and reads it, its events from its snapshot on. `undefined` when it
   * is unknown or has ended.
   */
  readonly open: (runId: string, at: number) => Effect.Effect<Opened | undefined, StoreFailure>
  readonly commit: (batch: Batch) => Effect.Effect<void, Fenced | StoreFailure>
  /**
   * Ends a run that cannot be read, without reading it: raises its epoch, gives its thread back, closes its questions
   * and client calls. Its log stays as it is. False, and nothing is done, when it is unknown or has ended.
   */
  readonly abandon: (runId: string, at: number) => Effect.Effect<boolean, StoreFailure>
  /**
   * Fails where the run could not be opened because a row of it is damaged; takes nothing. Absent: nothing that is
   * stored here can be damaged.
   */
  readonly check?: ((runId: string) => Effect.Effect<void, StoreFailure>) | undefined
  /** Stores an answer unless there is one, or the run has ended; and the acts with it. */
  readonly answer: (
    runId: string,
    name: string,
    value: Json,
    at: number,
    acts?: ReadonlyArray<Audit.Act>
  ) => Effect.Effect<Answered, StoreFailure>
  /**
   * Reads the run's answers whose names begin with `prefix`, and stores what `change`, a pure function, makes of them, answers and acts,
   * in one transaction: no other answer of that prefix comes between. `undefined` where the run is unknown or has ended; nothing is stored
   * then. `change` may be called more than once, and only its last result counts.
   */
  readonly amend: <A>(
    runId: string,
    prefix: string,
    at: number,
    change: (answers: ReadonlyMap<string, Json>) => Amendment<A>
  ) => Effect.Effect<A | undefined, StoreFailure>
  /** The run's answers whose names begin with `prefix`, by name; also of a run that has ended. */
  readonly answers: (runId: string, prefix: string) => Effect.Effect<ReadonlyMap<string, Json>, StoreFailure>
  readonly find: (runId: string, name: string) => Effect.Effect<StoredAnswer | undefined, StoreFailure>
  /** Committed envelopes with `seq > after`, in order, at most `limit`. */
  readonly read: (
    runId: string,
    after: number,
    limit: number
  ) => Effect.Effect<ReadonlyArray<Envelope.Envelope>, StoreFailure>
  readonly status: (runId: string) => Effect.Effect<RunStatus | undefined, StoreFailure>
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
   * Keeps the streamed text of a run that has ended in less room. What is read of it stays the same, to the letter.
   * Absent: there is nothing to gain.
   */
  readonly pack?: ((runId: string) => Effect.Effect<void, StoreFailure>) | undefined
  /**
   * Hints that a run has news (events or answers) from another process. May be lost, may be empty: readers poll as
   * well.
   */
  readonly wakes: Stream.Stream<string>
}
