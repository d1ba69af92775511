/**
 * Why a query was rejected before anything ran: no event was emitted, nothing was spent, the thread is unchanged.
 */
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"

/**
 * The prompt has neither text nor files.
 *
 * @since 0.1.0
 * @category errors
 */
export class EmptyPrompt extends Schema.TaggedError<EmptyPrompt>()("EmptyPrompt", {}) {
  override get message() {
    return "The prompt is empty. Give text or at least one file"
  }
}

/**
 * No such agent or specialist in this runtime; `known` are its names.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownAgent extends Schema.TaggedError<UnknownAgent>()("UnknownAgent", {
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    return `Unknown agent ${JSON.stringify(this.name)}. Available agents: ${this.known.join(", ") || "none"}`
  }
}

/**
 * The thread already has a run.
 *
 * @since 0.1.0
 * @category errors
 */
export class ThreadBusy extends Schema.TaggedError<ThreadBusy>()("ThreadBusy", {
  threadId: Schema.String,
  runId: Schema.String
}) {
  override get message() {
    return `Thread ${JSON.stringify(this.threadId)} is busy with run ${this.runId}. Wait for that run to end, or cancel it`
  }
}

/**
 * The thread belongs to another tenant; to this one it does not exist.
 *
 * @since 0.1.0
 * @category errors
 */
export class ThreadForbidden extends Schema.TaggedError<ThreadForbidden>()("ThreadForbidden", {
  threadId: Schema.String
}) {
  override get message() {
    return `Thread ${JSON.stringify(this.threadId)} not found`
  }
}

/**
 * The stored thread cannot be read: a row in `table` is damaged, or was written by another version.
 *
 * @since 0.1.0
 * @category errors
 */
export class ThreadDamaged extends Schema.TaggedError<ThreadDamaged>()("ThreadDamaged", {
  threadId: Schema.String,
  table: Schema.String
}) {
  override get message() {
    return `Thread ${JSON.stringify(this.threadId)} cannot be read: a row in ${this.table} is damaged. Restore it from a backup, fork the messages before it, or delete the thread`
  }
}

/**
 * A limit over all runs of the thread is exhausted. `limit` as events name it: `thread.maxSteps`, ….
 *
 * @since 0.1.0
 * @category errors
 */
export class ThreadExhausted extends Schema.TaggedError<ThreadExhausted>()("ThreadExhausted", {
  threadId: Schema.String,
  limit: Schema.String,
  max: Schema.Finite,
  used: Schema.Finite
}) {
  override get message() {
    return `The budget of thread ${JSON.stringify(this.threadId)} is exhausted: ${this.limit} is ${this.max}, used ${this.used}`
  }
}

/**
 * The thread has no message at the index `place`, or no message of the run `place`: it was already replaced, or never
 * existed. With `branch`, it has no such branch, or the branch has no such message.
 *
 * @since 0.1.0
 * @category errors
 */
export class PlaceNotFound extends Schema.TaggedError<PlaceNotFound>()("PlaceNotFound", {
  threadId: Schema.String,
  place: Schema.Union([Schema.Finite, Schema.String]),
  branch: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const { branch, place, threadId } = this
    if (branch !== undefined) {
      const what = `branch ${JSON.stringify(branch)}${place === 0 ? "" : ` with message ${place}`}`
      return `Thread ${JSON.stringify(threadId)} has no ${what}. List its branches again and name one that it has`
    }
    const what = typeof place === "number" ? `message ${place}` : `message of run ${JSON.stringify(place)}`
    return `Thread ${JSON.stringify(threadId)} has no ${what}. Read the thread again and name a message or run that it has`
  }
}

/**
 * A limit with an invalid value, such as a negative number, NaN, or a fraction of a step.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidBudget extends Schema.TaggedError<InvalidBudget>()("InvalidBudget", {
  limit: Schema.String,
  issue: Schema.String
}) {
  override get message() {
    return `Invalid budget: ${this.limit} ${this.issue}`
  }
}

/**
 * An invalid quota: a limit that is not a number of at least 0, an invalid window or time zone, a name used twice.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidQuota extends Schema.TaggedError<InvalidQuota>()("InvalidQuota", {
  quota: Schema.String,
  field: Schema.String,
  issue: Schema.String
}) {
  override get message() {
    return `Invalid quota ${JSON.stringify(this.quota)}: ${this.field} ${this.issue}`
  }
}

/**
 * A quota of the tenant or the principal is exhausted. `limit` as events name it: `quota.maxCostUsd`, …; `used`
 * includes what running runs hold. `resetsAt`, epoch milliseconds: when its window ends, or, if it slides, when the
 * first use leaves it. `retryAfterMs`: until then, or one second if runs hold what is missing, so that it may be
 * released at any time. Both are absent if unknown: for a sliding window without use.
 *
 * @since 0.1.0
 * @category errors
 */
export class QuotaExhausted extends Schema.TaggedError<QuotaExhausted>()("QuotaExhausted", {
  quota: Schema.String,
  per: Schema.Literals(["tenant", "principal"]),
  limit: Schema.String,
  max: Schema.Finite,
  used: Schema.Finite,
  resetsAt: Schema.optionalKey(Schema.Natural),
  retryAfterMs: Schema.optionalKey(Schema.Natural)
}) {
  override get message() {
    const reset =
      this.resetsAt === undefined ? "" : `. It resets at ${DateTime.formatIso(DateTime.makeUnsafe(this.resetsAt))}`
    return `The quota ${this.quota} of this ${this.per} is exhausted: ${this.limit} is ${this.max}, used ${this.used}${reset}`
  }
}

/**
 * A US dollar limit is set, and a model that this agent may use has no known price.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownPrice extends Schema.TaggedError<UnknownPrice>()("UnknownPrice", {
  provider: Schema.String,
  model: Schema.String
}) {
  override get message() {
    return `maxCostUsd needs a price for ${this.provider}/${this.model}. Add one to the price table, or remove maxCostUsd`
  }
}

/**
 * The tenant has no credentials for any provider that the agent's models are of; `provider` is that of its own model.
 *
 * @since 0.1.0
 * @category errors
 */
export class CredentialsMissing extends Schema.TaggedError<CredentialsMissing>()("CredentialsMissing", {
  provider: Schema.String,
  tenant: Schema.String
}) {
  override get message() {
    return `Tenant ${JSON.stringify(this.tenant)} has no credentials for ${this.provider}. Add its key`
  }
}

/**
 * The query names a model that the agent does not have; `known` are the names of its models.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnknownModel extends Schema.TaggedError<UnknownModel>()("UnknownModel", {
  agent: Schema.String,
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    return `Agent ${this.agent} has no model ${JSON.stringify(this.name)}. Its models: ${this.known.join(", ") || "none. List them in models of the agent"}`
  }
}

/**
 * The input does not fit the specialist's input schema.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidInput extends Schema.TaggedError<InvalidInput>()("InvalidInput", {
  agent: Schema.String,
  issue: Schema.String
}) {
  override get message() {
    return `Invalid input for ${this.agent}: ${this.issue}`
  }
}

/**
 * A run with this id already exists.
 *
 * @since 0.1.0
 * @category errors
 */
export class RunExists extends Schema.TaggedError<RunExists>()("RunExists", { runId: Schema.String }) {
  override get message() {
    return `Run ${JSON.stringify(this.runId)} already exists`
  }
}

/**
 * The store could not create the run.
 *
 * @since 0.1.0
 * @category errors
 */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  operation: Schema.String
}) {
  override get message() {
    return `The store failed during ${this.operation}`
  }
}

const members = [
  EmptyPrompt,
  UnknownAgent,
  ThreadBusy,
  ThreadForbidden,
  ThreadDamaged,
  ThreadExhausted,
  PlaceNotFound,
  InvalidBudget,
  InvalidQuota,
  QuotaExhausted,
  UnknownPrice,
  UnknownModel,
  CredentialsMissing,
  InvalidInput,
  RunExists,
  StoreUnavailable
] as const

/**
 * Why a query was rejected.
 *
 * @since 0.1.0
 * @category models
 */
export type Reason = InstanceType<(typeof members)[number]>

/**
 * A query that did not become a run. Recover by reason: `Effect.catchReason("QueryRejected", "ThreadBusy", …)`.
 *
 * @since 0.1.0
 * @category errors
 */
export class QueryRejected extends Schema.TaggedError<QueryRejected>()("QueryRejected", {
  reason: Schema.Union(members)
}) {
  override get message(): string {
    return this.reason.message
  }
}
