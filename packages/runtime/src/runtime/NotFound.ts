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

/**
 * A message was not accepted for a run, and nothing of it is kept. `empty`: it has neither text nor files. `invalid`: it is not text or
 * a list of parts. `ending`: the run has ended, is ending or was cancelled; ask the thread anew. `id-taken`: its `messageId` is another
 * message's of this run.
 */
export class MessageRefused extends Schema.TaggedError<MessageRefused>()("MessageRefused", {
  runId: Schema.String,
  why: Schema.Literals(["empty", "invalid", "ending", "id-taken"])
}) {
  override get message() {
    const run = `run ${JSON.stringify(this.runId)}`
    switch (this.why) {
      case "empty":
        return `${run} takes no empty message. Send text or a file`
      case "invalid":
        return `${run} takes text, or a list of text and file parts`
      case "ending":
        return `${run} is ending and takes no more messages. Query its thread instead`
      case "id-taken":
        return `${run} has another message with this messageId. Use a new id for a new message`
    }
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
