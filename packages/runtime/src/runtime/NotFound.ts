/**
 * What a caller named and the runtime does not have, has already, or cannot take.
 */
import * as Schema from "effect/Schema"

/** Nobody knows a run of this id. */
export class RunNotFound extends Schema.TaggedError<RunNotFound>()("RunNotFound", { runId: Schema.String }) {
  override get message() {
    return `no run ${JSON.stringify(this.runId)}`
  }
}

/** No client tool call of this id waits for a result. */
export class CallNotFound extends Schema.TaggedError<CallNotFound>()("CallNotFound", {
  runId: Schema.String,
  toolInvocationId: Schema.String
}) {
  override get message() {
    return `run ${JSON.stringify(this.runId)} has no open client call ${JSON.stringify(this.toolInvocationId)}`
  }
}

/** Nobody knows a thread of this id, or it is another tenant's. */
export class ThreadNotFound extends Schema.TaggedError<ThreadNotFound>()("ThreadNotFound", {
  threadId: Schema.String
}) {
  override get message() {
    return `no thread ${JSON.stringify(this.threadId)}`
  }
}

/** There is a thread of this id already. */
export class ThreadExists extends Schema.TaggedError<ThreadExists>()("ThreadExists", { threadId: Schema.String }) {
  override get message() {
    return `there is a thread ${JSON.stringify(this.threadId)} already`
  }
}

/** What was to be a thread's history is not a list of messages. */
export class HistoryInvalid extends Schema.TaggedError<HistoryInvalid>()("HistoryInvalid", { issue: Schema.String }) {
  override get message() {
    return this.issue
  }
}
