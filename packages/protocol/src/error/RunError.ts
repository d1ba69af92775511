/**
 * Why a run has no answer, for callers that wait for one (`complete`, `completeSpecialist`). On the stream a failure is
 * the last event, `error`; an exhausted budget and a cancel are not errors there but the reason of `finish`.
 */
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { AgentPath } from "../AgentPath.ts"
import { CancellationReport } from "./CancellationReport.ts"
import type { Json } from "../Json.ts"
import * as ModelFailure from "./ModelFailure.ts"

/**
 * A limit of the run's budget stopped it. `agentPath` is absent for the run's own budget.
 *
 * @since 0.1.0
 * @category errors
 */
export class BudgetExhausted extends Schema.TaggedError<BudgetExhausted>()("BudgetExhausted", {
  limit: Schema.String,
  max: Schema.Finite,
  used: Schema.Finite,
  agentPath: Schema.optionalKey(AgentPath)
}) {
  override get message() {
    return `Budget exhausted: ${this.limit} is ${this.max}, used ${this.used}`
  }
  get isRetryable() {
    return false
  }
}

/**
 * The run was cancelled. `report`: what was stopped, abandoned and already done; absent if the log has none.
 *
 * @since 0.1.0
 * @category errors
 */
export class RunCancelled extends Schema.TaggedError<RunCancelled>()("RunCancelled", {
  report: Schema.optionalKey(CancellationReport)
}) {
  override get message() {
    return "The run was cancelled"
  }
  get isRetryable() {
    return false
  }
}

/**
 * The agent's answer does not fit its output schema, even after one repair attempt.
 *
 * @since 0.1.0
 * @category errors
 */
export class OutputInvalid extends Schema.TaggedError<OutputInvalid>()("OutputInvalid", {
  agent: Schema.String,
  issue: Schema.String
}) {
  override get message() {
    return `The answer of ${this.agent} does not fit its output schema: ${this.issue}`
  }
  get isRetryable() {
    return true
  }
}

/**
 * An agent's own choice of what a step uses (`resolve`) failed. `kind`: the function failed (`failed`), had a defect
 * (`crashed`), or chose something that the agent does not have (`invalid`). `issue`: the failure's tag, or what is
 * wrong with the choice.
 *
 * @since 0.1.0
 * @category errors
 */
export class ResolveFailed extends Schema.TaggedError<ResolveFailed>()("ResolveFailed", {
  agent: Schema.String,
  step: Schema.Natural,
  kind: Schema.Literals(["failed", "crashed", "invalid"]),
  issue: Schema.String
}) {
  override get message() {
    return `The resolve of ${this.agent} before step ${this.step}: ${this.issue}`
  }
  get isRetryable() {
    return this.kind === "failed"
  }
}

/**
 * The model stopped before its answer was complete (`length`, `content-filter`, `repeated-calls`, `other`).
 *
 * @since 0.1.0
 * @category errors
 */
export class AnswerIncomplete extends Schema.TaggedError<AnswerIncomplete>()("AnswerIncomplete", {
  finishReason: Schema.String
}) {
  override get message() {
    return `The answer is incomplete: the model finished with ${this.finishReason}`
  }
  get isRetryable() {
    return false
  }
}

/**
 * A hook of the program ended the run, or, before a model step, its agent. `description`: the hook's own words.
 *
 * @since 0.1.0
 * @category errors
 */
export class HookEnded extends Schema.TaggedError<HookEnded>()("HookEnded", {
  hook: Schema.String,
  description: Schema.String
}) {
  override get message() {
    return `The hook ${JSON.stringify(this.hook)} ended the run: ${this.description}`
  }
  get isRetryable() {
    return false
  }
}

/**
 * A hook around a model step failed, had a defect, timed out, or returned no verdict. The request or answer was
 * withheld. The cause is in the operator's log. `place`: where the hook failed.
 *
 * @since 0.1.0
 * @category errors
 */
export class HookFailed extends Schema.TaggedError<HookFailed>()("HookFailed", {
  hook: Schema.String,
  place: Schema.Literals(["beforeStep", "afterStep"])
}) {
  override get message() {
    return `The hook ${JSON.stringify(this.hook)} failed (${this.place}), so nothing was let through. Its cause is in the log`
  }
  get isRetryable() {
    return true
  }
}

/**
 * The run's log or thread could not be written or read.
 *
 * @since 0.1.0
 * @category errors
 */
export class StoreFailed extends Schema.TaggedError<StoreFailed>()("StoreFailed", { operation: Schema.String }) {
  override get message() {
    return `The store failed during ${this.operation}`
  }
  get isRetryable() {
    return true
  }
}

/**
 * A stored row of the named subject cannot be read: it is damaged, or was written by another version. Nothing was
 * changed, other data are not affected, and work continues once the row is restored. `table`: the row's table.
 *
 * @since 0.1.0
 * @category errors
 */
export class DataDamaged extends Schema.TaggedError<DataDamaged>()("DataDamaged", {
  subject: Schema.Literals(["run", "thread", "file", "approval"]),
  id: Schema.String,
  table: Schema.String
}) {
  override get message() {
    const { id, subject, table } = this
    return `Stored data of ${subject} ${JSON.stringify(id)} cannot be read: a row in ${table} is damaged. Restore it from a backup${otherwise[subject]}`
  }
  get isRetryable() {
    return false
  }
}

/** Other cures, if the row cannot be restored. */
const otherwise = {
  run: ", or cancel the run",
  thread: ", or delete the thread, or fork the messages before it",
  file: "",
  approval: ", or cancel its run"
}

/**
 * A defect of the runtime, a layer or a service; its cause is in the operator's log.
 *
 * @since 0.1.0
 * @category errors
 */
export class InternalFailure extends Schema.TaggedError<InternalFailure>()("InternalFailure", {}) {
  override get message() {
    return "The run failed with an internal error. Its cause is in the log"
  }
  get isRetryable() {
    return false
  }
}

const members = [
  ...ModelFailure.members,
  BudgetExhausted,
  RunCancelled,
  OutputInvalid,
  ResolveFailed,
  AnswerIncomplete,
  HookEnded,
  HookFailed,
  StoreFailed,
  DataDamaged,
  InternalFailure
] as const

/**
 * Why a run has no answer.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Reason =
  | ModelFailure.ModelFailure
  | BudgetExhausted
  | RunCancelled
  | OutputInvalid
  | ResolveFailed
  | AnswerIncomplete
  | HookEnded
  | HookFailed
  | StoreFailed
  | DataDamaged
  | InternalFailure
export const Reason: Schema.Codec<Reason, unknown> = Schema.Union(members)

/**
 * A run that has no answer. Recover by reason: `Effect.catchReason("RunError", "BudgetExhausted", …)`.
 * `isRetryable` says whether the same query may succeed later.
 *
 * @since 0.1.0
 * @category errors
 */
export class RunError extends Schema.TaggedError<RunError>()("RunError", {
  runId: Schema.String,
  reason: Schema.Union(members)
}) {
  override get message(): string {
    return this.reason.message
  }
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}

const encode = Schema.encodeSync(Schema.Union(members))

/**
 * A reason as data for the `error` event: its tag as `reason`, whether a retry may help, and its fields.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toPublicData = (reason: Reason): Json => {
  const { _tag, ...fields } = encode(reason)
  return { reason: _tag, isRetryable: reason.isRetryable, ...fields }
}

const decode = Schema.decodeUnknownExit(Schema.Union(members))

/**
 * The reason that `toPublicData` encoded; `InternalFailure` for anything else.
 *
 * @since 0.1.0
 * @category constructors
 */
export const fromPublicData = (data: Json | undefined): Reason => {
  if (typeof data !== "object" || data === null || !("reason" in data)) return new InternalFailure({})
  const { isRetryable: _, reason, ...fields } = data
  const decoded = decode({ _tag: reason, ...fields })
  return Exit.isSuccess(decoded) ? decoded.value : new InternalFailure({})
}

/**
 * The machine-readable code of a reason, as in the `error` event: `E_RATE_LIMITED` for `RateLimited`.
 *
 * @since 0.1.0
 * @category operations
 */
export const code = (reason: Reason): string => `E_${reason._tag.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase()}`
