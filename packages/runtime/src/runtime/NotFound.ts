/**
 * Errors of calls that name something unknown, something that exists already, or something invalid or damaged.
 */
import * as Schema from "effect/Schema"
import { RunErrors } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { StoreFailure } from "../host/journal/JournalStore.ts"

/**
 * There is no run with this id.
 *
 * @since 0.1.0
 * @category errors
 */
export class RunNotFound extends Schema.TaggedError<RunNotFound>()("RunNotFound", { runId: Schema.String }) {
  override get message() {
    return `Unknown run ${JSON.stringify(this.runId)}`
  }
}

/**
 * A run did not accept a message; nothing of it is stored. `empty`: it has neither text nor files. `invalid`: it is not
 * text or a list of parts. `ending`: the run has ended, is ending or was cancelled; send a query to its thread.
 * `id-taken`: another message of this run has its `messageId`.
 *
 * @since 0.1.0
 * @category errors
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

/**
 * A late result was not accepted; nothing of it is stored. `unknown`: there is no such ticket. `already-delivered`: it has
 * a result. `expired`: it came too late. `closed`: its call ended otherwise, or its agent ended without waiting.
 * `run-ended`: its run has ended. `invalid`: it does not fit the schema of its tool's results, as `issue` says.
 *
 * @since 0.2.0
 * @category errors
 */
export class ResultRefused extends Schema.TaggedError<ResultRefused>()("ResultRefused", {
  ticketId: Schema.String,
  why: Schema.Literals(["unknown", "already-delivered", "expired", "closed", "run-ended", "invalid"]),
  issue: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    const ticket = JSON.stringify(this.ticketId)
    switch (this.why) {
      case "unknown":
        return `Unknown ticket ${ticket}. Use the id of ToolRun.later as it is`
      case "already-delivered":
        return `Ticket ${ticket} already has its result. Nothing is to be done`
      case "expired":
        return `Ticket ${ticket} has expired. Give it more time by expiresIn`
      case "closed":
        return `Ticket ${ticket} is closed: its call or its agent ended without this result`
      case "run-ended":
        return `The run of ticket ${ticket} has ended. Query its thread instead`
      case "invalid":
        return `The result for ticket ${ticket} is invalid: ${this.issue ?? ""}`
    }
  }
}

/**
 * No client tool call of this id waits for a result.
 *
 * @since 0.1.0
 * @category errors
 */
export class CallNotFound extends Schema.TaggedError<CallNotFound>()("CallNotFound", {
  runId: Schema.String,
  toolInvocationId: Schema.String
}) {
  override get message() {
    return `Run ${JSON.stringify(this.runId)} has no open client call ${JSON.stringify(this.toolInvocationId)}`
  }
}

/**
 * There is no thread with this id, or it belongs to another tenant.
 *
 * @since 0.1.0
 * @category errors
 */
export class ThreadNotFound extends Schema.TaggedError<ThreadNotFound>()("ThreadNotFound", {
  threadId: Schema.String
}) {
  override get message() {
    return `Unknown thread ${JSON.stringify(this.threadId)}`
  }
}

/**
 * The thread has no branch of this id: there never was one, or the thread has returned to it.
 *
 * @since 0.1.0
 * @category errors
 */
export class BranchNotFound extends Schema.TaggedError<BranchNotFound>()("BranchNotFound", {
  threadId: Schema.String,
  branchId: Schema.String
}) {
  override get message() {
    return `Thread ${JSON.stringify(this.threadId)} has no branch ${JSON.stringify(this.branchId)}. List its branches again`
  }
}

/**
 * There is already a thread with this id.
 *
 * @since 0.1.0
 * @category errors
 */
export class ThreadExists extends Schema.TaggedError<ThreadExists>()("ThreadExists", { threadId: Schema.String }) {
  override get message() {
    return `Thread ${JSON.stringify(this.threadId)} already exists`
  }
}

/**
 * The history for a thread is not a list of messages.
 *
 * @since 0.1.0
 * @category errors
 */
export class HistoryInvalid extends Schema.TaggedError<HistoryInvalid>()("HistoryInvalid", { issue: Schema.String }) {
  override get message() {
    return this.issue
  }
}

/** The table of the row that cannot be read; `undefined` for any other defect. */
export const damagedTable = (defect: unknown): string | undefined =>
  defect instanceof StoreFailure ? defect.damaged : undefined

/** Fails with `DataDamaged` about the named subject if the store finds it damaged. */
export const failDamaged =
  (subject: RunErrors.DataDamaged["subject"], id: string) =>
  <A, E>(asked: Effect.Effect<A, E>): Effect.Effect<A, E | RunErrors.DataDamaged> =>
    Effect.catchDefect(asked, (defect) => {
      const table = damagedTable(defect)
      return table === undefined ? Effect.die(defect) : Effect.fail(new RunErrors.DataDamaged({ subject, id, table }))
    })
