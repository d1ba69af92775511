/**
 * Where conversations are kept. A thread is an append-only list of messages, pair-complete at every length that a run ever
 * ended at; one run's messages are appended together, once. Beside them it keeps what its runs have used, summaries of its long
 * beginnings, and limits that span all of its runs.
 */
import { Budget, type Message } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const SummaryStruct = Schema.Struct({ strategy: Schema.String, covers: Schema.Natural, text: Schema.String })

/** Says in short what the first `covers` messages of a thread say; made by the compaction strategy of this name. */
export interface Summary extends Schema.Schema.Type<typeof SummaryStruct> {}
export const Summary: Schema.Codec<Summary> = SummaryStruct

const KeptStruct = Schema.Struct({ spent: Budget.Spent, summaries: Schema.Record(Schema.String, Summary) }).annotate({
  identifier: "ThreadKept"
})

/** What runs leave with their thread: what all of them have used so far, and the latest summary by the name of its agent. */
export interface Kept extends Schema.Schema.Type<typeof KeptStruct> {}
export const Kept: Schema.Codec<Kept> = KeptStruct

/** What is known of a thread without reading it. */
export interface ThreadInfo {
  readonly threadId: string
  readonly resourceId: string
  /** How many messages it holds. */
  readonly version: number
  /** The run that holds it now. */
  readonly runId: string | undefined
  /** Limits that span all of its runs. Absent: none. */
  readonly limits?: Budget.Budget | undefined
  /** What its runs have used, those that have ended. Absent: nothing yet. */
  readonly spent?: Budget.Spent | undefined
}

/** Which messages of a thread to read, and for whom. */
export interface ReadOptions {
  readonly version?: number | undefined
  readonly resourceId?: string | undefined
}

/** Keeps conversations; see the header of this file. */
export interface ThreadStore {
  /**
   * Makes a thread that holds these messages already, or gives them to one that has limits and nothing else. False, and nothing is
   * done, where there is another of that id.
   */
  readonly begin: (
    threadId: string,
    resourceId: string,
    messages: ReadonlyArray<Message.Message>
  ) => Effect.Effect<boolean>
  /** What is known of a thread, or `undefined` when there is none. */
  readonly info: (threadId: string) => Effect.Effect<ThreadInfo | undefined>
  /**
   * The first `version` messages (absent: all), none where there is no such thread. With `resourceId`, a thread of another tenant
   * reads as if it did not exist; the owner is checked in the same transaction as the messages are read.
   */
  readonly read: (threadId: string, options?: ReadOptions) => Effect.Effect<ReadonlyArray<Message.Message>>
  /**
   * Appends a run's messages; a second append for the same run adds nothing. `kept` takes the place of what was kept, where the run
   * holds the thread.
   */
  readonly append: (
    threadId: string,
    runId: string,
    messages: ReadonlyArray<Message.Message>,
    kept?: Kept
  ) => Effect.Effect<void>
  /**
   * Sets the limits of a thread, or lifts them (`undefined`), making it where there is none. False, and nothing is done, where it is
   * another tenant's.
   */
  readonly limit: (threadId: string, resourceId: string, limits: Budget.Budget | undefined) => Effect.Effect<boolean>
  /** A tenant's threads, in the order they were begun. */
  readonly list: (resourceId: string) => Effect.Effect<ReadonlyArray<ThreadInfo>>
  /**
   * Removes a thread and its messages. False, and nothing is done, when there is none, when a run holds it, or when `resourceId` is
   * given and it belongs to another tenant.
   */
  readonly remove: (threadId: string, resourceId?: string) => Effect.Effect<boolean>
}
