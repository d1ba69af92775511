/**
 * What a caller named and the runtime does not have.
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
