/**
 * The interfaces of `Runtime`: its methods and options.
 */
import type {
  ApprovalError,
  Audit,
  Budget,
  Correction,
  CostReport,
  Decision,
  Envelope,
  Event,
  Grant,
  ListedRun,
  Message,
  QueryRejected,
  QueryRejections,
  Quota,
  RunError,
  RunErrors
} from "@reins/protocol"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Agent from "../agent/Agent.ts"
import type { Policy } from "../approval/Policy.ts"
import type * as Hook from "../hook/Hook.ts"
import type { FileInfo, StoredFile } from "../thread/FileStore.ts"
import type { ErasureReport, PrincipalBusy, PrincipalInvalid } from "../engine/Erasure.ts"
import type { EraseOptions } from "./Erasures.ts"
import type { Memory, MemoryFull, MemoryLimits } from "../memory/Memory.ts"
import type { MemoryPage, Remembered } from "../memory/MemoryStore.ts"
import type { PendingApproval, RunStatus } from "../engine/RunHost.ts"
import type { WaitingRuns } from "../engine/RunList.ts"
import type * as RunExport from "../host/journal/RunExport.ts"
import type { NotReplayed, Replayed } from "../replay/Replay.ts"
import type { CorrectionOptions, Estimate, NotCorrected } from "./Corrections.ts"
import type { Preview } from "./PreviewShape.ts"
import type { DescriptionChange } from "../thread/ThreadDescription.ts"
import type { ListedBranch } from "../thread/Branch.ts"
import type { Place } from "../thread/ThreadChange.ts"
import type { ThreadInfo, ThreadNoteStore } from "../thread/ThreadStore.ts"
import type { Webhooks } from "./Webhooks.ts"
import type { Answerer, Progress } from "./Answers.ts"
import type { GrantOptions } from "./GivenGrant.ts"
import type { Completion } from "./Completion.ts"
import type {
  BranchNotFound,
  CallNotFound,
  HistoryInvalid,
  MessageRefused,
  ResultRefused,
  RunNotFound,
  ThreadExists,
  ThreadNotFound
} from "./NotFound.ts"
import type { ClientAnswer, DeliverOptions, LateResult, TicketStatus } from "./Results.ts"
import type * as ProviderKeys from "../model/ProviderKeys.ts"
import type { MemoryListOptions, MemoryOwner, RecallOptions, RememberOptions } from "./Memories.ts"
import type { ImportedThread, NewThread, ReadThread, RewoundThread } from "./Threads.ts"
import type { CostOptions, RunDetail, RunFilter } from "./Runs.ts"
import type {
  Complete,
  Query,
  OutputOptions,
  QueryOptions,
  RunHandle,
  RunOptions,
  Start,
  Steered,
  ToolCallOptions
} from "./RuntimeVerbs.ts"
import type * as Specialist from "../agent/Specialist.ts"

/**
 * Options of a message to a running run.
 *
 * @since 0.1.0
 * @category models
 */
export interface SteerOptions {
  /** An id of the caller's own, so that a repeated message enters once. Absent: a new one. */
  readonly messageId?: string | undefined
  /**
   * The effect on the run's open questions about calls and plans: `keep` (the default) leaves them open, and the
   * message waits until they are answered; `withdraw` resolves them as `superseded`, their calls do not run, and the
   * model reads the message next. Budget questions and client calls always stay open.
   */
  readonly questions?: "keep" | "withdraw" | undefined
  /** Only a run of this tenant; another's is `RunNotFound`. Absent: the caller is trusted with every tenant. */
  readonly resourceId?: string | undefined
}

/**
 * What is done with a run by its id: the methods of these names.
 *
 * @since 0.1.0
 * @category models
 */
export type RunVerbs = Pick<RuntimeShape, "status" | "watch" | "steer" | "cancel" | "submitToolResult" | "raiseBudget">

/**
 * The methods of a runtime.
 *
 * @since 0.1.0
 * @category models
 */
export interface RuntimeShape {
  /**
   * Runs a query as a stream of events: those of the root agent, and the approvals of all agents. Fails only before its
   * first event. A reader that stops early cancels the run.
   */
  readonly query: Query
  /** The answer of a query, without the stream. */
  readonly complete: Complete
  /** Starts a run that continues without readers. */
  readonly start: Start
  /**
   * Calls a tool of an agent without a model: a run with this one call, which asks, is limited and audited as every call
   * is, and reads and writes no history. Its `tool-invocation` event has the result. A tool that the agent does not have,
   * or that its callers run, is `InvalidInput`.
   */
  readonly callTool: (options: ToolCallOptions) => Effect.Effect<RunHandle, QueryRejected>
  /** Runs a specialist from code, as a run with its own history. As `query` with the specialist. */
  readonly runSpecialist: <In, Out>(
    specialist: Specialist.Of<In, Out>,
    input: NoInfer<In>,
    options?: RunOptions
  ) => Stream.Stream<Event, QueryRejected>
  /** The typed answer of a specialist. As `complete` with the specialist. */
  readonly completeSpecialist: <In, Out>(
    specialist: Specialist.Of<In, Out>,
    input: NoInfer<In>,
    options?: RunOptions
  ) => Effect.Effect<Completion<Out>, QueryRejected | RunError>
  /**
   * All envelopes of a run with `seq` above `after` (absent or negative: from the first), then new ones until it ends.
   * For any number of watchers, also after the end.
   */
  readonly watch: (
    runId: string,
    options?: { readonly after?: number | undefined }
  ) => Stream.Stream<Envelope.Envelope, RunNotFound>
  /**
   * Estimates how many input tokens the first request of such a query would have, by the `TokenEstimator`: the agent's
   * instructions and tools, `history` and the prompt; a thread's own messages are not read. Nothing is started or
   * stored.
   */
  readonly countTokens: (prompt: Message.Prompt, options?: QueryOptions) => Effect.Effect<number, QueryRejected>
  /**
   * What such a query would start: which tools its agents may call and who is asked about them, the size of its first
   * request, and the most that its limits let it use. Rejected as the query would be. Nothing is started or stored, and
   * no model, tool or policy is called.
   */
  readonly preview: (
    prompt: Message.Prompt,
    options?: QueryOptions & Partial<OutputOptions>
  ) => Effect.Effect<Preview, QueryRejected>
  /**
   * Runs an exported run (`exportRun` of a store's archive: its text, its lines, or what `RunExport` has read of them)
   * again on this runtime's agents, and says whether it goes the same way. Answers of models, results of tools, answers
   * of people, the clock and the ids are the log's; everything that the program decides is decided again. No model and no
   * tool is called, nothing is stored.
   */
  readonly replay: (
    exported: string | ReadonlyArray<string> | RunExport.Recording
  ) => Effect.Effect<Replayed, NotReplayed>
  /** The status of a run; `undefined` when it is unknown. */
  readonly status: (runId: string) => Effect.Effect<RunStatus | undefined>
  /**
   * Answers an approval request, once, from anywhere. With `resourceId`, only a request of that tenant. A revision is
   * validated by the tool's schema first. `"approve"` and `"reject"` are short for plain decisions. `principal`: who
   * answers; their id replaces the decision's `by`. Absent: `by` is their id, and they have no roles. If the request
   * names its approvers (`approvals`), others fail with `Forbidden`; each principal counts once, and the result says
   * whether the request is decided. Refused answers are recorded in the audit record.
   */
  readonly respondToApproval: (
    id: string,
    decision: Decision | "approve" | "reject",
    options?: Answerer
  ) => Effect.Effect<Progress, ApprovalError>
  /**
   * Answers a run's open budget questions with new limits, so that the same run continues. Fails like
   * `respondToApproval`, with the run's id, if it has no such question or a limit is not above its use.
   */
  readonly raiseBudget: (
    runId: string,
    limits: { readonly [limit: string]: number },
    options?: Answerer & { readonly by?: string | undefined }
  ) => Effect.Effect<void, ApprovalError>
  readonly grants: {
    /**
     * Allows calls in advance, without a question: with the scopes and limits of an approval, and bound to the tool's
     * current definition. Fails with `InvalidArguments` if no agent has the tool or a limit is invalid, and with
     * `ApprovalForbidden` if the run belongs to another tenant.
     */
    readonly give: (options: GrantOptions) => Effect.Effect<Grant.Grant, ApprovalError>
    /** A tenant's grants that still have uses, oldest first. */
    readonly list: (options?: { readonly resourceId?: string | undefined }) => Effect.Effect<ReadonlyArray<Grant.Grant>>
    /**
     * Revokes a grant: its calls ask again. With `resourceId`, only that tenant's. False when there is none. `by`: the
     * revoking principal, for the audit record.
     */
    readonly revoke: (
      id: string,
      options?: { readonly resourceId?: string | undefined; readonly by?: string | undefined }
    ) => Effect.Effect<boolean>
  }
  readonly approvals: {
    /** As `respondToApproval`. */
    readonly respond: RuntimeShape["respondToApproval"]
    /** As `pendingApprovals`. */
    readonly pending: RuntimeShape["pendingApprovals"]
    /**
     * The audit record of a tenant's approvals: questions, answers, refused answers, escalations, decisions, and
     * changes of grants, each with the principal, the time and the tool's definition. Oldest first, in pages: `after`
     * is the `next` of the previous page. `Audit.toLine` converts an act to a line of JSON.
     */
    readonly history: (options?: HistoryOptions) => Effect.Effect<Audit.Page>
  }
  readonly runs: RunVerbs & {
    /**
     * Runs that match all fields of the filter, the latest first, in pages: `after` is the `next` of the previous page,
     * and runs that start meanwhile move no page. No log is read. Without `resourceId`, runs of every tenant. A store
     * lists runs whose events were deleted, too; the memory deployment those that it still has.
     */
    readonly list: (filter?: RunFilter) => Effect.Effect<ListedRun.Page>
    /**
     * How many runs of all tenants wait for a person, a client or late results, and not only for a time, and since when
     * the first of them does. The store counts them.
     */
    readonly waiting: () => Effect.Effect<WaitingRuns>
    /**
     * A run with the fields of lists, and its summaries once it has ended; those of a run whose events were deleted are
     * gone. `undefined` when it is unknown; with `resourceId`, also when it belongs to another tenant.
     */
    readonly get: (runId: string, options?: TenantOptions) => Effect.Effect<RunDetail | undefined>
    /**
     * All that a store has of a run, as JSON lines: for `replay`, here or in another process, and for an archive to
     * import. `undefined` when it is unknown or its events were deleted, with `resourceId` also when it belongs to
     * another tenant, and for every run of the memory deployment, which keeps no marks. The lines have everything that
     * was said: prompts, arguments and results.
     */
    readonly export: (runId: string, options?: TenantOptions) => Effect.Effect<ReadonlyArray<string> | undefined>
  }
  readonly costs: {
    /**
     * Sums of the cost ledger by the dimensions that are asked for: what runs that have ended cost, also those whose
     * events or threads were deleted. Without `resourceId`, of every tenant. The sums are exact: those of the runs' cost
     * summaries. A run is booked when it ends, on the day of its end. `CostReport.toCsv` makes CSV of a report.
     */
    readonly by: (options?: CostOptions) => Effect.Effect<CostReport.CostReport>
    /**
     * The rows of a run that are estimated, because a provider had not reported what it used: its process died, or its
     * answer was cut. `undefined` when the run is unknown or its rows were deleted; with `resourceId`, also when it belongs
     * to another tenant. Rows that are corrected are still listed.
     */
    readonly estimates: (runId: string, options?: TenantOptions) => Effect.Effect<ReadonlyArray<Estimate> | undefined>
    /**
     * Corrects an estimated row of a run that has ended, once: the ledger gets a line with the difference, of the day of
     * the run, and the run's quotas and its thread's totals follow, in one transaction. The run's summary and its place in
     * lists of runs stay as they were stated. Returns by how much the sums changed.
     */
    readonly correct: (options: CorrectionOptions) => Effect.Effect<Correction.Change, NotCorrected>
  }
  readonly webhooks: Webhooks
  /**
   * Whether some process executes the runs of the store: this one, or another that `Postgres` or `PostgresCluster` knows
   * of. While none does, runs are accepted and wait.
   */
  readonly isCarried: Effect.Effect<boolean>
  readonly quotas: {
    /**
     * The use of the runtime's quotas, and of additional `quotas`, by a tenant (absent: `"default"`) and, for quotas
     * per principal, by `principal`. Fails with `InvalidQuota` as a query would.
     */
    readonly usage: (options?: QuotaSubject) => Effect.Effect<ReadonlyArray<Quota.Usage>, QueryRejections.InvalidQuota>
    /**
     * Sets the limits of one tenant or principal in the quota `name`, one of the runtime's or of `quotas`. They replace
     * all three limits: an absent one is no limit. `undefined` restores the quota's own limits. They are stored, so
     * that they apply in all processes and after restarts, and to running runs from their next reservation on.
     *
     * **Gotchas**: a limit on what the quota did not limit before holds for runs that start or reserve after it was
     * set.
     */
    readonly limit: (
      name: string,
      limits: Quota.LimitOptions | undefined,
      options?: QuotaSubject
    ) => Effect.Effect<void, QueryRejections.InvalidQuota>
  }
  /** What agents remember across threads. Each method reaches one tenant only. */
  readonly memory: {
    /**
     * Remembers a text for whom the options name. One that is remembered there already is not remembered again; with
     * `id`, neither is one with that id.
     */
    readonly remember: (text: string, options?: RememberOptions) => Effect.Effect<Remembered, MemoryFull>
    /** The best memories that whom the options name sees, the best first; without words, the latest. */
    readonly recall: (query: string, options?: RecallOptions) => Effect.Effect<ReadonlyArray<Memory>>
    /**
     * A page of memories, the latest first. With `principal` or `agent`, only theirs; absent: of everybody in the
     * tenant.
     */
    readonly list: (options?: MemoryListOptions) => Effect.Effect<MemoryPage>
    /** Deletes a memory. False when there is none of that id that the options match. */
    readonly forget: (id: string, options?: MemoryOwner) => Effect.Effect<boolean>
  }
  /**
   * Deletes what is kept of a principal of one tenant: its threads with their branches, its runs, files, grants, memories,
   * acts of the audit record, web hooks' notices, quotas and notes, in one transaction. In a thread in which others ran,
   * too, its messages are replaced. Returns what was deleted, and what was kept and why: ids of runs and lines of the cost
   * ledger stay under a pseudonym. A store in a file is rewritten after it, so that no byte stays; writers wait meanwhile.
   *
   * **Details**
   * - While one of its runs has not ended, it is refused (`PrincipalBusy`) and nothing is erased; with `cancel` they are
   *   cancelled first. A run that starts meanwhile starts before or after the erasure as a whole.
   * - A second time deletes what came since, and is otherwise without effect.
   * - A thread is the principal's if its first run was, or if it was imported or forked for the principal; a run without a
   *   principal counts as that of whoever began its thread.
   *
   * **Gotchas**: runs of others keep what they say of the principal, and copies (exports, archives, backups) are not reached.
   */
  readonly erase: (options: EraseOptions) => Effect.Effect<ErasureReport, PrincipalBusy | PrincipalInvalid>
  readonly files: {
    /**
     * A file that a tool stored, with its bytes. With `resourceId`, only that tenant's. `undefined` when there is none.
     */
    readonly get: (
      fileId: string,
      options?: { readonly resourceId?: string | undefined }
    ) => Effect.Effect<StoredFile | undefined, RunErrors.DataDamaged>
    /** The metadata of a thread's files, oldest first. With `resourceId`, only that tenant's. */
    readonly list: (
      threadId: string,
      options?: { readonly resourceId?: string | undefined }
    ) => Effect.Effect<ReadonlyArray<FileInfo>>
  }
  /**
   * The open questions of a tenant, oldest first; if a question names its approvers, `approvals.given` is the number of
   * approvals so far.
   */
  readonly pendingApprovals: (filter?: {
    readonly resourceId?: string | undefined
    readonly threadId?: string | undefined
    readonly runId?: string | undefined
  }) => Effect.Effect<ReadonlyArray<PendingApproval>>
  /**
   * Submits the result of a client tool's call. `content` is shown to the model in place of `result`, for images and
   * files.
   */
  readonly submitToolResult: (
    runId: string,
    callId: string,
    answer: ClientAnswer
  ) => Effect.Effect<void, CallNotFound | ApprovalError>
  /** The late results of calls that answered with a receipt (`ToolRun.later`). */
  readonly results: {
    /**
     * Delivers the result of a ticket, from any process: a value, which must fit the schema of the tool's results, or a
     * failure, which the model reads as it is. It is accepted once, and stored before this completes; it enters the
     * conversation before the agent's next step. **Errors**: `ResultRefused` says why, and stores nothing.
     */
    readonly deliver: (
      ticketId: string,
      result: LateResult,
      options?: DeliverOptions
    ) => Effect.Effect<void, ResultRefused>
    /** A ticket, and whether it takes a result. **Errors**: `ResultRefused` with `unknown`. */
    readonly get: (
      ticketId: string,
      options?: { readonly resourceId?: string | undefined }
    ) => Effect.Effect<TicketStatus, ResultRefused>
  }
  /**
   * Sends a user's message to a running run. The root agent reads it in its next step, when the calls of the current
   * step have their results; messages enter in order of acceptance, each once, also after a crash. A run that would
   * have ended continues with one more step. Budgets apply: if no step is left, or the run is cancelled or fails, the
   * message is the last one of the thread, without an answer. The process that executes the run may be another one.
   */
  readonly steer: (
    runId: string,
    message: Message.Prompt,
    options?: SteerOptions
  ) => Effect.Effect<Steered, RunNotFound | MessageRefused>
  /** Cancels a run: open calls are closed, and it finishes with `cancelled`. False when it has ended or is unknown. */
  readonly cancel: (runId: string) => Effect.Effect<boolean>
  readonly threads: {
    /** Notes of a program with its threads, which outlive the process. Absent: the host's store keeps none. */
    readonly notes?: ThreadNoteStore
    /**
     * A thread's messages, pair-complete; empty when there is none. With `resourceId`, another tenant's thread reads as
     * absent. `branch`: the messages of this branch of it, from the thread's first one on; fails with `BranchNotFound`
     * without such a branch. Fails with `DataDamaged` if a stored message cannot be read.
     */
    readonly get: ReadThread
    readonly info: (threadId: string, options?: TenantOptions) => Effect.Effect<ThreadInfo | undefined>
    readonly list: (options?: { readonly resourceId?: string | undefined }) => Effect.Effect<ReadonlyArray<ThreadInfo>>
    /**
     * Creates a thread with a foreign history, with unpaired calls and results repaired, and returns the repairs.
     * Nothing in it answers a question or allows a call.
     */
    readonly import: (
      history: ReadonlyArray<Message.Message>,
      options?: NewThread
    ) => Effect.Effect<ImportedThread, ThreadExists | HistoryInvalid>
    /**
     * Replaces a thread's messages, which are repaired as by `import`; those that stay the same are not written. What is
     * replaced is deleted, with the branches that depart from it (`rewind` keeps it). `version`:
     * how many messages the thread had when that was decided; absent: any. With `resourceId`, only that tenant's thread.
     * False, without effect, if a run leases the thread or its length has changed.
     */
    readonly replace: (
      threadId: string,
      history: ReadonlyArray<Message.Message>,
      options?: TenantOptions & { readonly version?: number | undefined }
    ) => Effect.Effect<boolean, ThreadNotFound | HistoryInvalid | RunErrors.DataDamaged>
    /**
     * Creates another thread of the same tenant with the first `at` messages of this one (absent: all), shortened so
     * that every call has its result. A running run of the thread is not affected, and its messages are not in the
     * fork: a thread gets a run's messages when the run ends. `branch`: of this branch of it. With `resourceId`, only
     * that tenant's thread. The fork is of whom the thread is, and each copied message its author's (`erase`).
     */
    readonly fork: (
      threadId: string,
      options?: NewThread & { readonly at?: number | undefined; readonly branch?: string | undefined }
    ) => Effect.Effect<
      { readonly threadId: string },
      ThreadNotFound | BranchNotFound | ThreadExists | RunErrors.DataDamaged
    >
    /**
     * Takes a thread back to before `to`: the index of a message in `get`, or the id of a run, for the first message that
     * it added. What was after it is kept as a branch. The cut is moved to the front of a call whose result would be
     * missing. Money is not given back: what the thread's runs have used still counts for its limits. With `resourceId`,
     * only that tenant's thread. Fails with `ThreadBusy` while a run leases the thread, and with `PlaceNotFound` if it has
     * no such message or run.
     */
    readonly rewind: (
      threadId: string,
      options: TenantOptions & { readonly to: Place }
    ) => Effect.Effect<
      RewoundThread,
      ThreadNotFound | QueryRejections.ThreadBusy | QueryRejections.PlaceNotFound | RunErrors.DataDamaged
    >
    /**
     * What was replaced of a thread and can be returned to, in the order in which it was replaced: by `rewind`, by a query
     * with `replaces`, by the history of one (`onThread: "replace"`), or by `returnTo`. With `resourceId`, only that
     * tenant's thread.
     */
    readonly branches: (
      threadId: string,
      options?: TenantOptions
    ) => Effect.Effect<ReadonlyArray<ListedBranch>, ThreadNotFound>
    /**
     * Gives a thread the messages of one of its branches again. The branch is the thread then, and no branch any more;
     * what it replaces, if anything, is a new one. Fails as `rewind` does, and with `BranchNotFound`.
     */
    readonly returnTo: (
      threadId: string,
      branchId: string,
      options?: TenantOptions
    ) => Effect.Effect<
      RewoundThread,
      ThreadNotFound | BranchNotFound | QueryRejections.ThreadBusy | RunErrors.DataDamaged
    >
    /**
     * Limits all runs of a thread together, of any agent, including what its ended runs have used; creates the thread
     * if needed. Replaces earlier limits; `undefined` removes them. Stored with the thread. When a limit is exhausted,
     * a query is `QueryRejected` with `ThreadExhausted`; a run that reaches it ends with `budget_exhausted`, with the
     * limit's name `thread.maxSteps`, …, and `finish: budget`, regardless of `onExhausted`. With `resourceId`, the
     * thread of that tenant.
     *
     * **Gotchas**: runs that were started before keep the earlier limits. Specialists run from code do not count for a
     * thread, and a fork has no limits.
     */
    readonly limit: (
      threadId: string,
      budget: Budget.Budget | undefined,
      options?: { readonly resourceId?: string | undefined }
    ) => Effect.Effect<void, QueryRejections.InvalidBudget | ThreadNotFound>
    /**
     * Changes a thread's description: its title, metadata, votes on its messages. What is absent stays, `undefined`
     * removes; a vote takes the place of the earlier one on its message. Makes the thread where there is none. With
     * `resourceId`, the thread of that tenant.
     */
    readonly describe: (
      threadId: string,
      change: DescriptionChange,
      options?: { readonly resourceId?: string | undefined }
    ) => Effect.Effect<void, ThreadNotFound>
    /**
     * How many messages the thread had before those of an ended run were added. `undefined` if it has none of that run,
     * also because they were replaced (`branches` says where they are then); with `resourceId`, if it belongs to another tenant.
     */
    readonly before: (threadId: string, runId: string, options?: TenantOptions) => Effect.Effect<number | undefined>
    /** As `before`, of all runs that the thread has messages of, by their ids. */
    readonly places: (threadId: string, options?: TenantOptions) => Effect.Effect<ReadonlyMap<string, number>>
    /**
     * Deletes a thread and its branches. False when there is none, a run leases it, or, with `resourceId`, it belongs to another tenant.
     */
    readonly delete: (threadId: string, options?: TenantOptions) => Effect.Effect<boolean>
  }
}

/**
 * The subject of quotas.
 *
 * @since 0.1.0
 * @category models
 */
export interface QuotaSubject {
  readonly resourceId?: string | undefined
  readonly principal?: string | undefined
  /** Quotas in addition to the runtime's, such as those of a key. Absent: none. */
  readonly quotas?: ReadonlyArray<Quota.Quota> | undefined
}

/**
 * Selects acts of the audit record that match all given fields.
 *
 * @since 0.1.0
 * @category models
 */
export interface HistoryOptions {
  /** Absent: `"default"`. */
  readonly resourceId?: string | undefined
  readonly threadId?: string | undefined
  readonly runId?: string | undefined
  /** The id of the acting principal. */
  readonly principal?: string | undefined
  /** From this time on; a number is in epoch milliseconds. */
  readonly since?: number | Date | undefined
  /** Before this time. */
  readonly until?: number | Date | undefined
  /** The cursor: `next` of the previous page. Absent or invalid: the beginning. */
  readonly after?: string | undefined
  /** The maximum number of acts in the page, from 1 to 10,000. Default 1,000. */
  readonly limit?: number | undefined
}

/** Restricts a call to one tenant. `resourceId` absent: the caller is trusted with every tenant. */
export interface TenantOptions {
  readonly resourceId?: string | undefined
}

/**
 * The options of a runtime.
 *
 * @since 0.1.0
 * @category models
 */
export interface RuntimeOptions<
  Agents extends ReadonlyArray<Agent.Any>,
  Hooks extends ReadonlyArray<Hook.Any> = ReadonlyArray<Hook.Hook>
> {
  /** Agents and specialists that queries may name; the first is the default. */
  readonly agents: Agents
  /** Code around the model steps and the calls of all agents, outside of their own hooks, the outermost first. Absent: none. */
  readonly hooks?: Hooks | undefined
  /**
   * Limits of every tenant, or of every principal of one, over all its runs within a window (`Quota.make`). When a
   * quota is exhausted, a query is `QueryRejected` with `QuotaExhausted`; a run that reaches the limit ends with
   * `budget_exhausted`, with the limit's name `quota.maxCostUsd`, …, and `finish: budget`, regardless of `onExhausted`.
   * Stored by the deployment: processes over one store share them. An invalid quota, or a name that is used twice, is a
   * defect when the layer is built. Absent: none.
   */
  readonly quotas?: ReadonlyArray<Quota.Quota> | undefined
  /**
   * How long a step or a call waits for quota that other runs hold, before its run ends with `budget_exhausted`: most
   * of what is held is not spent but released. Default 30 seconds; 0 does not wait.
   */
  readonly quotaWait?: Duration.Input | undefined
  /**
   * A tenant's own key for a model provider, asked before each request: `undefined` where it has none, and the model's
   * is used. The model must take keys (`takesKeys`). Absent: no tenant has any.
   */
  readonly providerKeys?: ProviderKeys.OfTenant | undefined
  /**
   * Whether runs are counted in Effect's metrics: starts, refusals, ends, steps, calls, tokens, dollars, questions and
   * their times, as `docs/operations.md` lists them. `/metrics` of the server shows them. Default false.
   */
  readonly metrics?: boolean | undefined
  /**
   * Whether each start, refusal, question, decision and end of a run is one structured log line, with ids and amounts
   * and without content. Default false.
   */
  readonly logs?: boolean | undefined
  /** The policy for tools that declare nothing and have no policy of an agent. Default `"never"` ask. */
  readonly approvals?: Policy | undefined
  /** How long a question waits for its answer before it is `expired`. Absent: no limit. */
  readonly approvalExpiresIn?: Duration.Input | undefined
  /**
   * How long before a question's expiry its run emits one `custom` event of type `approval_expiring` with the
   * question's `id` and `expiresAt`. A question with less time emits it at once. Absent: no event.
   */
  readonly approvalWarnBefore?: Duration.Input | undefined
  /** What happens to questions when nobody can answer. Default `"wait"`. */
  readonly unattended?: "wait" | "deny" | "approve" | undefined
  /** How often a model request is retried while nothing of its answer was shown. Default 2. */
  readonly modelRetries?: number | undefined
  /**
   * Whether a run's events tell that a request is made again (`custom` of type `model_retry`: `message`, `reason`,
   * `provider`, `model`, `attempt`), or that a fallback model is asked instead (`model_failover`: besides, `to`).
   * Steerable has them as recoverable errors. Default false.
   */
  readonly modelRetryEvents?: boolean | undefined
  /**
   * Whether the arguments of calls are emitted while the model writes them (`tool-input-delta`), for clients that show
   * them. A request that fails meanwhile is retried as one that has said nothing, and its step retracted. Default true.
   */
  readonly toolInputEvents?: boolean | undefined
  /**
   * How to handle a retryable failure of a request after part of its answer was shown: `error` ends the run with it
   * (the default); `retract` retracts what was shown (`step-retracted`) and retries up to `modelRetries` times. The
   * failed attempt is charged either way.
   */
  readonly midStreamFailure?: "error" | "retract" | undefined
  /** The delay before the first retry; doubled each time. A provider's own delay takes precedence. Default 500 ms. */
  readonly modelRetryDelay?: Duration.Input | undefined
  /**
   * How long one request to a model may take in total before it fails as `ModelTimedOut`, and is retried, sent to a
   * fallback, or fails the step, by the settings above. Its use is charged. Absent: no limit.
   */
  readonly modelTimeout?: Duration.Input | undefined
  /**
   * How long a model may be silent, before its first part and between two parts; then as with `modelTimeout`. Time in
   * which a slow reader blocks the model does not count. Absent: only the adapter's own limit.
   */
  readonly modelIdleTimeout?: Duration.Input | undefined
  /** How long a cancelled model or tool may take to end before it is abandoned. Default 5 seconds. */
  readonly cancelGrace?: Duration.Input | undefined
  /**
   * How often in a row an agent's model may make the same call: the same tool with the same arguments, whatever the
   * order of members. At the limit the model is warned once, by a message and a `custom` event of type
   * `calls_repeated`. If it makes the call once more, that call does not run, and the run ends with `finish:
   * repeated-calls`; for a specialist, its call fails and its coordinator continues. Default 10; `false` or `Infinity`
   * for no limit.
   *
   * **Details**: another call and a message of a user's begin a new row. Equal calls of one step count once. Calls that
   * a tool refused, or a person denied, count. Results are not compared; calls of tools with `ToolSettings.MayRepeat`
   * do not count. A run keeps the limit that it was started with. **Errors**: an invalid limit is `InvalidAgents` when
   * the layer is built.
   */
  readonly repeatedCallLimit?: Agent.CallLimit | undefined
  /**
   * The maximum number of model calls of a run, specialists included, if nothing else limits it: neither the agent's
   * budget nor the query's nor the thread's has a limit on steps, tool calls, tokens, money or time. It is then a part
   * of the run's budget as `maxSteps`, and the run ends with `budget_exhausted` and `finish: budget`. Default 100;
   * `false` or `Infinity` for no limit.
   *
   * **Errors**: a value that is not a whole number of at least 0 is `InvalidAgents` when the layer is built.
   */
  readonly defaultMaxSteps?: number | false | undefined
  /** How deep specialists may be nested, in addition to budgets. Default 8. */
  readonly maxDepth?: number | undefined
  /**
   * How many characters of a tool's result a model is sent: of a longer one it gets the beginning, the end, and a note
   * of how much is missing between them. Events, thread and log have all of it. Default 200,000; `Infinity` for no
   * limit.
   */
  readonly maxResultCharacters?: number | undefined
  /** The maximum size of a file that a tool stores (`ToolRun.storeFile`), in bytes. Default 32 MiB. */
  readonly maxFileBytes?: number | undefined
  /**
   * How much each scope of memories may hold: those of one principal, and those that a tenant shares. Reaching a limit
   * fails what remembers with `MemoryFull`. Absent: 1,000 memories, 1 MiB, and 4 KiB for one text.
   */
  readonly memory?: Partial<MemoryLimits> | undefined
  /**
   * Makes the URL of a stored file for its event, such as `(fileId) => \`/native/files/${fileId}\``. Absent: the event
   * has no `url`.
   */
  readonly fileUrl?: ((fileId: string) => string) | undefined
  /** Whether log lines may contain causes, arguments and results. Default false. */
  readonly captureContent?: boolean | undefined
}
