/**
 * Why a query was refused before anything ran: no event was emitted, nothing was spent, the thread is as it was.
 */
import * as Schema from "effect/Schema"

/** The prompt has neither text nor files. */
export class EmptyPrompt extends Schema.TaggedError<EmptyPrompt>()("EmptyPrompt", {}) {
  override get message() {
    return "the prompt is empty"
  }
}

/** No such agent or specialist in this runtime; `known` are its names. */
export class UnknownAgent extends Schema.TaggedError<UnknownAgent>()("UnknownAgent", {
  name: Schema.String,
  known: Schema.Array(Schema.String)
}) {
  override get message() {
    return `no agent ${JSON.stringify(this.name)} in this runtime; it has ${this.known.join(", ") || "none"}`
  }
}

/** The thread already carries a run. */
export class ThreadBusy extends Schema.TaggedError<ThreadBusy>()("ThreadBusy", {
  threadId: Schema.String,
  runId: Schema.String
}) {
  override get message() {
    return `thread ${JSON.stringify(this.threadId)} is busy with run ${this.runId}`
  }
}

/** The thread is another tenant's, or does not exist for this one. */
export class ThreadForbidden extends Schema.TaggedError<ThreadForbidden>()("ThreadForbidden", {
  threadId: Schema.String
}) {
  override get message() {
    return `no thread ${JSON.stringify(this.threadId)}`
  }
}

/** Nothing is left of a limit that spans all runs of the thread. `limit` as events name it: `thread.maxSteps`, …. */
export class ThreadExhausted extends Schema.TaggedError<ThreadExhausted>()("ThreadExhausted", {
  threadId: Schema.String,
  limit: Schema.String,
  max: Schema.Finite,
  used: Schema.Finite
}) {
  override get message() {
    return `the budget of thread ${JSON.stringify(this.threadId)} is exhausted: ${this.limit} is ${this.max}, used ${this.used}`
  }
}

/** A limit that is not a number of its kind: negative, NaN, a fraction of a step. */
export class InvalidBudget extends Schema.TaggedError<InvalidBudget>()("InvalidBudget", {
  limit: Schema.String,
  issue: Schema.String
}) {
  override get message() {
    return `the budget's ${this.limit} ${this.issue}`
  }
}

/** A US dollar limit is set, and a model that this agent may use has no known price. */
export class UnknownPrice extends Schema.TaggedError<UnknownPrice>()("UnknownPrice", {
  provider: Schema.String,
  model: Schema.String
}) {
  override get message() {
    return `maxCostUsd is set, but the price of ${this.provider}/${this.model} is unknown`
  }
}

/** The input does not fit the specialist's input schema. */
export class InvalidInput extends Schema.TaggedError<InvalidInput>()("InvalidInput", {
  agent: Schema.String,
  issue: Schema.String
}) {
  override get message() {
    return `the input does not fit ${this.agent}: ${this.issue}`
  }
}

/** A run of this id exists. */
export class RunExists extends Schema.TaggedError<RunExists>()("RunExists", { runId: Schema.String }) {
  override get message() {
    return `run ${JSON.stringify(this.runId)} exists`
  }
}

/** The store could not take the run. */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  operation: Schema.String
}) {
  override get message() {
    return `the store failed during ${this.operation}`
  }
}

const members = [
  EmptyPrompt,
  UnknownAgent,
  ThreadBusy,
  ThreadForbidden,
  ThreadExhausted,
  InvalidBudget,
  UnknownPrice,
  InvalidInput,
  RunExists,
  StoreUnavailable
] as const

/** Why a query was refused. */
export type Reason = InstanceType<(typeof members)[number]>

/** A query that never became a run. Recover by reason: `Effect.catchReason("QueryRejected", "ThreadBusy", …)`. */
export class QueryRejected extends Schema.TaggedError<QueryRejected>()("QueryRejected", {
  reason: Schema.Union(members)
}) {
  override get message(): string {
    return this.reason.message
  }
}
