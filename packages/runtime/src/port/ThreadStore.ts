/**
 * Where conversations are kept. A thread is an append-only list of messages, pair-complete at every length that a run ever
 * ended at; one run's messages are appended together, once.
 */
import type { Message } from "@reins/protocol"
import type * as Effect from "effect/Effect"

/** What is known of a thread without reading it. */
export interface ThreadInfo {
  readonly threadId: string
  readonly resourceId: string
  /** How many messages it holds. */
  readonly version: number
  /** The run that holds it now. */
  readonly runId: string | undefined
}

/** Keeps conversations; see the header of this file. */
export interface ThreadStore {
  /** Makes a thread that holds these messages already. False, and nothing is done, where there is one of that id. */
  readonly begin: (
    threadId: string,
    resourceId: string,
    messages: ReadonlyArray<Message.Message>
  ) => Effect.Effect<boolean>
  /** What is known of a thread, or `undefined` when there is none. */
  readonly info: (threadId: string) => Effect.Effect<ThreadInfo | undefined>
  /** The first `version` messages (all, where absent). */
  readonly read: (threadId: string, version?: number) => Effect.Effect<ReadonlyArray<Message.Message>>
  /** Appends a run's messages; a second append for the same run does nothing. */
  readonly append: (threadId: string, runId: string, messages: ReadonlyArray<Message.Message>) => Effect.Effect<void>
  /** A tenant's threads, in the order they were begun. */
  readonly list: (resourceId: string) => Effect.Effect<ReadonlyArray<ThreadInfo>>
  /** Removes a thread and its messages. False when there is none, or when a run holds it. */
  readonly remove: (threadId: string) => Effect.Effect<boolean>
}
