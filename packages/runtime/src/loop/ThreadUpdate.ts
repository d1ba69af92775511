/**
 * What a run reads from its thread besides the messages, and what it stores there when it ends: the usage of all runs,
 * which the thread's limits are checked against, and the summary of its beginning.
 */
import { Budget, type Envelope, Message, Transcript } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Spent from "../budget/Spent.ts"
import * as Erased from "../kernel/Erased.ts"
import type { Readings } from "../engine/Engine.ts"
import type { InboxMessage } from "../engine/Inbox.ts"
import type { RunRecord } from "../engine/RunHost.ts"
import type { Kept, Summary } from "../thread/Kept.ts"
import type { ThreadStore } from "../thread/ThreadStore.ts"

/** The node of the thread's limits above the run's root, as of the run's start; `undefined` without limits. */
export const nodeAbove = ({ thread }: RunRecord): Budget.Node | undefined =>
  thread?.limits === undefined ? undefined : Budget.threadNode(thread.limits, thread.kept?.spent ?? Budget.nothingSpent)

/** What the ended run stores with its thread. `summary`: of its root agent; absent: an earlier run's stays. */
export const keptOf = (
  { agent, thread }: RunRecord,
  readings: Pick<Readings, "elapsed" | "ledger">,
  summary?: Summary
): Kept => {
  const amounts = Spent.amountsOf(readings.ledger())
  return {
    spent: Budget.addSpent(thread?.kept?.spent ?? Budget.nothingSpent, amounts, readings.elapsed()),
    summaries: { ...thread?.kept?.summaries, ...(summary === undefined ? {} : { [agent]: summary }) }
  }
}

/** The prompt's message; `undefined` if the run continues from the end of its history. */
export const promptOf = ({ prompt }: Pick<RunRecord, "prompt">): Message.Prompt | undefined =>
  Array.isArray(prompt) && prompt.length === 0 ? undefined : Erased.as<Message.Prompt>(prompt)

/**
 * The messages of a run that is ended by force, from its log and the events that close it: its prompt, its answers so
 * far, its calls with their results, and its unread messages.
 */
export const messagesOf = (
  { isolated, prompt }: RunRecord,
  log: ReadonlyArray<Pick<Envelope.Envelope, "agentPath" | "event">>,
  unread: ReadonlyArray<InboxMessage>
): ReadonlyArray<Message.Message> =>
  isolated
    ? []
    : [
        ...Transcript.messages(Transcript.fold(log, promptOf({ prompt }))),
        ...unread.map(({ content }) => Message.fromPrompt(content))
      ]

/** The number of user messages that a run has received, from its log. */
export const receivedIn = (envelopes: ReadonlyArray<Envelope.Envelope>): number =>
  envelopes.reduce((count, { event }) => (event.type === "message-received" ? count + 1 : count), 0)

/** Stores the messages and usage of a run that is ended by force. The run ends even if that fails. */
export const save = (
  threads: ThreadStore,
  record: RunRecord,
  readings: Pick<Readings, "elapsed" | "ledger">,
  messages: ReadonlyArray<Message.Message>
): Effect.Effect<unknown> =>
  Effect.suspend(() =>
    record.isolated
      ? Effect.void
      : Effect.exit(threads.append(record.threadId, record.runId, messages, keptOf(record, readings)))
  )
