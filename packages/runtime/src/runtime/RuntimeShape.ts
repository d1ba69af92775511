/**
 * The interfaces of `Runtime`: what it offers, and its options.
 */
import type {
  ApprovalError,
  Audit,
  Budget,
  Decision,
  Envelope,
  Event,
  Grant,
  Json,
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
import type { FileInfo, StoredFile } from "../thread/FileStore.ts"
import type { PendingApproval, RunStatus } from "../engine/RunHost.ts"
import type { ThreadInfo } from "../thread/ThreadStore.ts"
import type { Answerer, Progress } from "./Answers.ts"
import type { GrantOptions } from "./GivenGrant.ts"
import type { Completion } from "./Completion.ts"
import type {
  CallNotFound,
  HistoryInvalid,
  MessageRefused,
  RunNotFound,
  ThreadExists,
  ThreadNotFound
} from "./NotFound.ts"
import type * as ProviderKeys from "../model/ProviderKeys.ts"
import type { ImportedThread, NewThread } from "./Threads.ts"
import type { Complete, Query, RunOptions, Start, Steered } from "./RuntimeVerbs.ts"
import type * as Specialist from "../agent/Specialist.ts"

/** Options of a message to a running run. */
export interface SteerOptions {
  /** An id of the caller's own, so that a message that is sent again enters once. Absent: a new one. */
  readonly messageId?: string | undefined
  /**
   * What becomes of questions about calls and plans that the run has open: `keep` (the default) leaves them open, and
   * the message waits until they are answered; `withdraw` resolves them as `superseded`, their calls do not run, and
   * the model reads the message next. Questions about a budget and calls that the client runs stay open either way.
   */
  readonly questions?: "keep" | "withdraw" | undefined
  /** Only a run of this tenant; another's is `RunNotFound`. Absent: the caller is trusted with every tenant. */
  readonly resourceId?: string | undefined
}

/** What a runtime offers. */
export interface RuntimeShape {
  /**
   * Runs a query as a stream of events: those of the root agent, and the approvals of all agents. Fails only before its
   * first event. A reader that stops early cancels the run.
   */
  readonly query: Query
  /** The answer of a query, without the stream. */
  readonly complete: Complete
  /** Starts a run that lives in the runtime. */
  readonly start: Start
  /** Runs a specialist from code; a run of its own, with a history of its own. As `query` with the specialist. */
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
  /** The status of a run; `undefined` when it is unknown. */
  readonly status: (runId: string) => Effect.Effect<RunStatus | undefined>
  /**
   * Answers an approval request, once, from anywhere. With `resourceId`, only a request of that tenant. A revision is checked
   * against the tool's schema before anything is taken. `"approve"` and `"reject"` are the decisions without more.
   *
   * `principal`: who answers; their id takes the place of the decision's `by`. Absent: `by` is their id, and they have no roles. Where the
   * request names its approvers (`approvals`), others fail with `Forbidden`; each principal counts once, and the answer tells whether the
   * request is decided by it. What is refused is on the audit record.
   */
  readonly respondToApproval: (
    id: string,
    decision: Decision | "approve" | "reject",
    options?: Answerer
  ) => Effect.Effect<Progress, ApprovalError>
  /**
   * Answers a run's open questions about its budget with new limits, so that the same run goes on. Fails like
   * `respondToApproval`, with the run's id, where it has no such question or a limit is not above what is used.
   */
  readonly raiseBudget: (
    runId: string,
    limits: { readonly [limit: string]: number },
    options?: Answerer & { readonly by?: string | undefined }
  ) => Effect.Effect<void, ApprovalError>
  readonly grants: {
    /**
     * Lets calls run without asking, before anybody is asked: with the scopes and limits of an approval's, and bound to
     * the definition that the tool has now. Fails with `InvalidArguments` where no agent has the tool, or a limit is no
     * amount, and with `ApprovalForbidden` where the run is another tenant's.
     */
    readonly give: (options: GrantOptions) => Effect.Effect<Grant.Grant, ApprovalError>
    /** A tenant's grants that still have uses, oldest first. */
    readonly list: (options?: { readonly resourceId?: string | undefined }) => Effect.Effect<ReadonlyArray<Grant.Grant>>
    /**
     * Takes a grant back: calls ask again. With `resourceId`, only that tenant's. False when there is none. `by`: who does, for the audit
     * record.
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
     * The audit record of a tenant's approvals: questions, answers, refused answers, escalations, decisions, and what became of grants,
     * each with who, when, and under which definition of the tool. Oldest first, in pages: `after` is the `next` of the page before.
     * `Audit.toLine` makes a line of JSON of an act.
     */
    readonly history: (options?: HistoryOptions) => Effect.Effect<Audit.Page>
  }
  /** What is done with a run by its id: the methods of these names. */
  readonly runs: Pick<RuntimeShape, "status" | "watch" | "steer" | "cancel" | "submitToolResult" | "raiseBudget">
  readonly quotas: {
    /**
     * What is used of the runtime's quotas, and of `quotas` beside them, by a tenant (absent: `"default"`) and, of those per
     * principal, by `principal`. Fails with `InvalidQuota` as a query would.
     */
    readonly usage: (options?: QuotaSubject) => Effect.Effect<ReadonlyArray<Quota.Usage>, QueryRejections.InvalidQuota>
    /**
     * Sets other limits for one tenant or principal in the quota `name`, of the runtime's and `quotas`: all three of them, so that one
     * that is left out is none. `undefined` takes them back, and the quota's own hold again. Kept by the store, so that all processes
     * and restarts know them. A run that is under way is held to them when it reserves next.
     *
     * **Gotchas**: a limit on what the quota did not limit before holds for runs that start or reserve after it was set.
     */
    readonly limit: (
      name: string,
      limits: Quota.LimitOptions | undefined,
      options?: QuotaSubject
    ) => Effect.Effect<void, QueryRejections.InvalidQuota>
  }
  readonly files: {
    /**
     * A file that a tool handed over, with its bytes. With `resourceId`, only that tenant's. `undefined` when there is
     * none.
     */
    readonly get: (
      fileId: string,
      options?: { readonly resourceId?: string | undefined }
    ) => Effect.Effect<StoredFile | undefined, RunErrors.DataDamaged>
    /** What is known of a thread's files, oldest first. With `resourceId`, only that tenant's. */
    readonly list: (
      threadId: string,
      options?: { readonly resourceId?: string | undefined }
    ) => Effect.Effect<ReadonlyArray<FileInfo>>
  }
  /** The open questions of a tenant, oldest first; of one that names its approvers, `approvals.given` says how many have approved. */
  readonly pendingApprovals: (filter?: {
    readonly resourceId?: string | undefined
    readonly threadId?: string | undefined
    readonly runId?: string | undefined
  }) => Effect.Effect<ReadonlyArray<PendingApproval>>
  /** Submits the result of a client tool's call. `content` is shown to the model in place of `result`, where there are images or files. */
  readonly submitToolResult: (
    runId: string,
    callId: string,
    answer: {
      readonly result: Json
      readonly isFailure?: boolean | undefined
      readonly content?: Message.ResultPart["content"] | undefined
      readonly agentPath?: ReadonlyArray<string>
    }
  ) => Effect.Effect<void, CallNotFound>
  /**
   * Sends a user's message to a running run. The root agent reads it in its next step, when the calls of the step under
   * way have their results; messages enter in the order in which they were accepted, each once, also after a crash. A
   * run that would have ended goes on with one more step. Budgets hold: where no step is left, and where the run is
   * cancelled or fails, the message stands at the end of the thread without an answer. The process that
   * executes the run may be another one.
   */
  readonly steer: (
    runId: string,
    message: Message.Prompt,
    options?: SteerOptions
  ) => Effect.Effect<Steered, RunNotFound | MessageRefused>
  /** Asks a run to end: open calls are closed, it finishes with `cancelled`. False when it has ended or is unknown. */
  readonly cancel: (runId: string) => Effect.Effect<boolean>
  readonly threads: {
    /**
     * A thread's messages, pair-complete; empty when there is none. With `resourceId`, another tenant's thread reads as
     * absent. Fails with `DataDamaged` where a stored message cannot be read.
     */
    readonly get: (
      threadId: string,
      options?: TenantOptions
    ) => Effect.Effect<ReadonlyArray<Message.Message>, RunErrors.DataDamaged>
    readonly info: (threadId: string, options?: TenantOptions) => Effect.Effect<ThreadInfo | undefined>
    readonly list: (options?: { readonly resourceId?: string | undefined }) => Effect.Effect<ReadonlyArray<ThreadInfo>>
    /**
     * Begins a thread with a foreign history, repaired where calls and results do not pair, and tells what was
     * repaired. Nothing in it answers a question or lets a call run.
     */
    readonly import: (
      history: ReadonlyArray<Message.Message>,
      options?: NewThread
    ) => Effect.Effect<ImportedThread, ThreadExists | HistoryInvalid>
    /**
     * Begins another thread of the same tenant with the first `at` messages of this one (absent: all), shortened to
     * where every call has its result. A run that holds the thread goes on undisturbed, and what it has said so far is
     * not in the fork: a thread gets a run's messages when the run ends. With `resourceId`, only that tenant's thread.
     */
    readonly fork: (
      threadId: string,
      options?: NewThread & { readonly at?: number | undefined }
    ) => Effect.Effect<{ readonly threadId: string }, ThreadNotFound | ThreadExists | RunErrors.DataDamaged>
    /**
     * Limits all runs of a thread together, whatever agents they are of, over what the runs that have ended used
     * already; makes the thread where there is none. Takes the place of earlier limits; `undefined` lifts them. Kept
     * with the thread, so that a restart changes nothing. Where nothing is left, a query is `QueryRejected` with
     * `ThreadExhausted`; a run that meets such a limit ends with `budget_exhausted`, the limit by the name
     * `thread.maxSteps`, …, and `finish: budget`, whatever `onExhausted` says. With `resourceId`, the thread of that
     * tenant.
     *
     * **Gotchas**: runs that were started before are held to what stood then. Specialists run from code are no part of
     * their thread, and a fork has no limits.
     */
    readonly limit: (
      threadId: string,
      budget: Budget.Budget | undefined,
      options?: { readonly resourceId?: string | undefined }
    ) => Effect.Effect<void, QueryRejections.InvalidBudget | ThreadNotFound>
    /**
     * How many messages the thread held before those of an ended run of it were added. `undefined` where it holds none of that run's,
     * also because they were replaced; with `resourceId`, where it is another tenant's.
     */
    readonly before: (threadId: string, runId: string, options?: TenantOptions) => Effect.Effect<number | undefined>
    /** False when there is none, when a run holds it, or, with `resourceId`, when it is another tenant's. */
    readonly delete: (threadId: string, options?: TenantOptions) => Effect.Effect<boolean>
  }
}

/** Whose use of which quotas is meant. */
export interface QuotaSubject {
  readonly resourceId?: string | undefined
  readonly principal?: string | undefined
  /** Quotas that are not the runtime's own, such as those of a key. Absent: none. */
  readonly quotas?: ReadonlyArray<Quota.Quota> | undefined
}

/** Which acts of the audit record: those that fit all that is given. */
export interface HistoryOptions {
  /** Absent: `"default"`. */
  readonly resourceId?: string | undefined
  readonly threadId?: string | undefined
  readonly runId?: string | undefined
  /** The id of the principal whose acts they are. */
  readonly principal?: string | undefined
  /** From this time on; a number is in epoch milliseconds. */
  readonly since?: number | Date | undefined
  /** Before this time. */
  readonly until?: number | Date | undefined
  /** Where the page begins: `next` of the page before. Absent, or no such place: at the beginning. */
  readonly after?: string | undefined
  /** The most acts of the page, from 1 to 10,000. Default 1,000. */
  readonly limit?: number | undefined
}

/** Limits a call to what one tenant owns. `resourceId` absent: the caller is trusted with every tenant. */
export interface TenantOptions {
  readonly resourceId?: string | undefined
}

/** What a runtime is made from. */
export interface RuntimeOptions<Agents extends ReadonlyArray<Agent.Any>> {
  /** Agents and specialists that queries may name; the first is the default. */
  readonly agents: Agents
  /**
   * Limits of every tenant, or of every principal of one, over all its runs within a window (`Quota.make`). A query whose quota has
   * nothing left is `QueryRejected` with `QuotaExhausted`; a run that meets the limit ends with `budget_exhausted`, the limit by the name
   * `quota.maxCostUsd`, …, and `finish: budget`, whatever `onExhausted` says. Kept by the deployment: processes over one store share
   * them. One that is invalid, or has the name of another, is a defect when the layer is built. Absent: none.
   */
  readonly quotas?: ReadonlyArray<Quota.Quota> | undefined
  /**
   * How long a step or a call waits where other runs hold what it needs of a quota, before its run ends with `budget_exhausted`: most of
   * what is held is not spent, and comes back. Default 30 seconds; 0 does not wait.
   */
  readonly quotaWait?: Duration.Input | undefined
  /**
   * A tenant's own key for a model provider, asked before each request: `undefined` where it has none, and the model's is used. The model
   * must take keys (`takesKeys`). Absent: no tenant has any.
   */
  readonly providerKeys?: ProviderKeys.OfTenant | undefined
  /** For tools that declare nothing and that no agent has a word about. Default `"never"` asks. */
  readonly approvals?: Policy | undefined
  /** How long a question waits for its answer before it is `expired`. Absent: for ever. */
  readonly approvalExpiresIn?: Duration.Input | undefined
  /**
   * How long before a question expires its run says so, once: a `custom` event of type `approval_expiring` with the
   * question's `id` and `expiresAt`. A question that has less time says so at once. Absent: nothing is said.
   */
  readonly approvalWarnBefore?: Duration.Input | undefined
  /** What happens to questions when nobody is there. Default `"wait"`. */
  readonly unattended?: "wait" | "deny" | "approve" | undefined
  /** How often a model request is sent again while nothing of its answer was shown. Default 2. */
  readonly modelRetries?: number | undefined
  /**
   * Whether a run's events tell that a request is made again (`custom` of type `model_retry`: `message`, `reason`, `provider`, `model`,
   * `attempt`), or that a fallback model is asked instead (`model_failover`: besides, `to`). Steerable has them as recoverable errors.
   * Default false.
   */
  readonly modelRetryEvents?: boolean | undefined
  /**
   * What becomes of a request that fails, retryably, after something of its answer was shown: `error` ends the run with
   * it (the default); `retract` takes back what was shown (`step-retracted`) and tries again, as often as
   * `modelRetries` says. What the failed attempt used is paid for either way.
   */
  readonly midStreamFailure?: "error" | "retract" | undefined
  /** The wait before the first retry; doubled each time. What a provider asks for goes before. Default 500 ms. */
  readonly modelRetryDelay?: Duration.Input | undefined
  /**
   * How long one request to a model may take in all, before it is given up as `ModelTimedOut`: retried, followed by a
   * fallback, or failed, as the settings above say. What it used is paid for. Absent: no limit.
   */
  readonly modelTimeout?: Duration.Input | undefined
  /**
   * How long a model may be silent, before its first part and between two of them; then as with `modelTimeout`. Time in
   * which a slow reader holds the model back does not count. Absent: no limit but the adapter's own.
   */
  readonly modelIdleTimeout?: Duration.Input | undefined
  /** How long a cancelled model or tool may take to end before it is abandoned. Default 5 seconds. */
  readonly cancelGrace?: Duration.Input | undefined
  /**
   * How often in a row an agent's model may make the same call: the same tool with the same arguments, whatever the
   * order of members. At the limit the model is told once, by a message that it reads and a `custom` event of type
   * `calls_repeated`. Where it makes the call once more, that call does not run, and the run ends with `finish:
   * repeated-calls`; a specialist's call fails, and its coordinator goes on. Default 10; `false` or `Infinity` for no
   * limit.
   *
   * **Details**: another call and a message of a user's begin a new row. Equal calls of one step count once. Calls that
   * a tool refused, or a person denied, count. Results are not compared; calls of a tool that is made to be asked again
   * and again do not count where it says so (`ToolSettings.MayRepeat`). A run keeps the limit that it was started with.
   *
   * **Errors**: what is no limit is `InvalidAgents` when the layer is built.
   */
  readonly repeatedCallLimit?: Agent.CallLimit | undefined
  /**
   * The most model calls of a run, specialists included, that nothing else limits: neither the agent's budget nor the
   * query's nor the thread's has a limit on steps, tool calls, tokens, money or time. It is then a part of the run's
   * budget as `maxSteps`, and the run ends with `budget_exhausted` and `finish: budget`. Default 100; `false` or
   * `Infinity` for no limit.
   *
   * **Errors**: what is no whole number of at least 0 is `InvalidAgents` when the layer is built.
   */
  readonly defaultMaxSteps?: number | false | undefined
  /** How deep specialists may be nested, whatever budgets allow. Default 8. */
  readonly maxDepth?: number | undefined
  /**
   * How many characters of a tool's result a model is sent: of a longer one it reads the beginning, the end, and how
   * much is missing between them. Events, thread and log keep all of it. Default 200,000; `Infinity` for no bound.
   */
  readonly maxResultCharacters?: number | undefined
  /** How large a file may be that a tool hands over (`ToolRun.storeFile`), in bytes. Default 32 MiB. */
  readonly maxFileBytes?: number | undefined
  /**
   * Where a file can be read that was stored, told as `url` in its event: `(fileId) => \`/native/files/${fileId}\``,
   * say. Absent: the event says none.
   */
  readonly fileUrl?: ((fileId: string) => string) | undefined
  /** Lets causes, arguments and results into log lines. Default false. */
  readonly captureContent?: boolean | undefined
}
