/**
 * The result of a command whose answer is not a stream: threads, histories, agents. Each dialect converts it to its own
 * format, with an id for each message where its protocol has them.
 */
import type { Approval, Json, ListedRun, Message } from "@reins/protocol"
import type { ClientCall } from "./Parking.ts"
import type { PushTo, Settings } from "./Command.ts"

/**
 * A thread. Times are epoch milliseconds. `questions` and `clientCalls` are what its run waits for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Thread {
  readonly threadId: string
  readonly agent: string
  readonly state: "idle" | "running"
  readonly createdAt: number
  readonly updatedAt: number
  readonly title?: string
  readonly runId?: string
  readonly metadata?: Json
  readonly settings?: Settings
  /** Names of the options in `settings` that must not be shown. */
  readonly secrets: ReadonlyArray<string>
  readonly questions: ReadonlyArray<Approval.Request>
  readonly clientCalls: ReadonlyArray<ClientCall>
}

/**
 * A tool as described to clients; `parameters` is a JSON Schema.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolFacts {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly parameters: Json
}

/**
 * An option of an agent. A secret one is never shown.
 *
 * @since 0.1.0
 * @category models
 */
export interface OptionFacts {
  readonly type: "text" | "secret" | "select"
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly default: string
  readonly options?: ReadonlyArray<string>
}

/**
 * An agent as described to clients.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentFacts {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly version: string
  readonly tools: ReadonlyArray<ToolFacts>
  /** The names of the models that a query may ask for; absent: it may ask for none. */
  readonly models?: ReadonlyArray<string>
  readonly options: ReadonlyArray<OptionFacts>
}

/**
 * A vote on a message.
 *
 * @since 0.1.0
 * @category models
 */
export interface VoteFacts {
  readonly threadId: string
  readonly messageId: string
  readonly isUp: boolean
}

/**
 * Where a run's messages begin in a thread's; `messageId`: of its prompt, in the client's words.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunPlace {
  readonly at: number
  readonly runId: string
  readonly messageId?: string
}

/**
 * The result of a command, discriminated by `_tag`. `at`: epoch milliseconds of when it was accepted.
 *
 * @since 0.1.0
 * @category models
 */
export type Facts =
  | {
      readonly _tag: "Thread"
      readonly thread: Thread
      readonly messages: ReadonlyArray<Message.Message>
      /** Where in `messages` the active run begins, with its prompt. Absent: no run is active. */
      readonly runAt?: number
      /** Where the runs begin. Absent: it is not known. */
      readonly runs?: ReadonlyArray<RunPlace>
    }
  | { readonly _tag: "Threads"; readonly threads: ReadonlyArray<Thread>; readonly next?: string }
  /** `threadId` of each is the client's. */
  | { readonly _tag: "Runs"; readonly runs: ReadonlyArray<ListedRun.ListedRun>; readonly next?: string }
  | {
      readonly _tag: "History"
      readonly threadId: string
      readonly messages: ReadonlyArray<Message.Message>
      readonly instructions?: string
    }
  | { readonly _tag: "Approvals"; readonly approvals: ReadonlyArray<Approval.Request> }
  | { readonly _tag: "Agents"; readonly agents: ReadonlyArray<AgentFacts>; readonly at: number; readonly upMs: number }
  | { readonly _tag: "Votes"; readonly votes: ReadonlyArray<VoteFacts> }
  | { readonly _tag: "Accepted"; readonly runId?: string; readonly threadId?: string; readonly at?: number }
  | { readonly _tag: "Tokens"; readonly input: number }
  | { readonly _tag: "Cancelled"; readonly isRunning: boolean; readonly threadId?: string }
  | { readonly _tag: "Pushes"; readonly pushes: ReadonlyArray<PushTo> }
  | { readonly _tag: "Nothing" }

/**
 * The ids by which clients know the messages of a thread: what a user said by the client's own id, an answer by the id
 * that its stream began with. Where neither is known, the thread's id and the message's position.
 *
 * **Details**
 * - `ofAnswer`: the id of a run's answer, or of one that follows a user's message.
 * - `of`: an id for each message. Of a run with several steps the first of its answers has the id.
 *
 * @since 0.1.0
 * @category constructors
 */
export const MessageId = {
  ofAnswer: (runOrMessageId: string): string => `msg_${runOrMessageId}`,
  of: (
    threadId: string,
    messages: ReadonlyArray<Message.Message>,
    runs: ReadonlyArray<RunPlace> = []
  ): ReadonlyArray<string> => {
    const ids = messages.map((_, index) => `${threadId}-${index}`)
    for (const { at, messageId, runId } of runs) {
      if (messages[at]?.role === "user" && messageId !== undefined) ids[at] = messageId
      const answer = messages.findIndex(({ role }, index) => index >= at && role === "assistant")
      if (answer >= 0 && !messages.slice(at + 1, answer).some(({ role }) => role === "user"))
        ids[answer] = MessageId.ofAnswer(runId)
    }
    return ids
  }
}
