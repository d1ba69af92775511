/**
 * What a foreign request asks of us, in our words: the one list that whoever hosts a dialect carries out.
 *
 * A command names things as the client named them and is not believed: tenants, rights and open questions are checked by
 * whoever carries it out. A history that a client sends along is no command at all; it seeds a new thread at most.
 */
import type { Approval, Decision, Json, Message } from "@reins/protocol"
import * as CallId from "./CallId.ts"

/** Which run is meant. By its thread: the one that runs there, or else the last one. All absent: what the answers name. */
export interface Address {
  readonly runId?: string
  readonly threadId?: string
}

/** A tool that the caller runs itself. `parameters` is a JSON Schema. */
export interface ClientTool {
  readonly name: string
  readonly description?: string
  readonly parameters: Json
}

/** An agent's settings for a thread; what is absent stays as it was. */
export interface Settings {
  /**
   * Of the tools that clients are told of, the only ones that may be used. One without `trust` asks first, one with it is as the
   * agent has it. Absent: all, as the agent has them.
   */
  readonly tools?: ReadonlyArray<{ readonly name: string; readonly trust: boolean }>
  /** The agent's options by name. */
  readonly options?: { readonly [name: string]: string }
  /** Tools of the caller's own. */
  readonly clientTools?: ReadonlyArray<ClientTool>
}

/**
 * Starts a run. `create`: the thread must be new (`"new"`), must be there (`"existing"`), or either. `continues`: the run
 * behind whose thread this goes on, where the client names runs and not threads. `seed` is the history of a new thread.
 * `requestId`: the client's own name of this query; the same one again starts nothing new. `text`: the user's words once
 * more, for dialects that give them back.
 */
export interface StartQuery {
  readonly _tag: "StartQuery"
  readonly prompt: Message.Prompt
  readonly threadId?: string
  readonly create?: "new" | "existing"
  readonly continues?: string
  readonly requestId?: string
  readonly agent?: string
  readonly seed?: ReadonlyArray<Message.Message>
  readonly settings?: Settings
  readonly metadata?: Json
  /** The answer does not wait for the run: it goes on in the background. */
  readonly detached?: boolean
  /** Given to every question of the run as soon as it is asked: nobody will look. */
  readonly automatic?: Decision
}

/** A decision, addressed by the approval's id or by the call it is about; see `concerns`. */
export interface DecisionFor {
  readonly approvalId?: string
  readonly toolCallId?: string
  readonly decision: Decision
}

/** The result of a call that the caller ran; `toolCallId` is an id of `CallId`. */
export interface ResultFor {
  readonly toolCallId: string
  readonly result: Json
  readonly isFailure?: boolean
}

/**
 * Answers what a run waits for, all at once. Answers to what is not open are passed over, as long as one is to something that
 * is: clients repeat what was settled before. With `complete` every open question and client call must be among the answers,
 * or none of them counts.
 */
export interface Answer {
  readonly _tag: "Answer"
  readonly address: Address
  readonly decisions: ReadonlyArray<DecisionFor>
  readonly results: ReadonlyArray<ResultFor>
  readonly complete?: boolean
  readonly settings?: Settings
  readonly detached?: boolean
}

/**
 * True when `answer` is for `question`: it names its id, or the call it is about (an id of `CallId`). Questions about plans and
 * budgets are no calls; dialects that show them as such do so under the question's own id.
 */
export const concerns = (answer: DecisionFor, question: Approval.Request): boolean => {
  if (answer.approvalId !== undefined) return answer.approvalId === question.id
  const { agentPath = [], id, toolInvocationId } = question
  return answer.toolCallId === (toolInvocationId === undefined ? id : CallId.make(agentPath, toolInvocationId))
}

/** Hands in client results only. */
export interface SubmitToolResults {
  readonly _tag: "SubmitToolResults"
  readonly address: Address
  readonly results: ReadonlyArray<ResultFor>
}

/** Asks a run to end. */
export interface Cancel {
  readonly _tag: "Cancel"
  readonly address: Address
}

/** Watches a run. `after` is a cursor as its frames carried it; absent: from the first. */
export interface Resume {
  readonly _tag: "Resume"
  readonly address: Address
  readonly after?: string
  /**
   * `"running"`: only a run that has not ended; else the answer is that there is nothing to resume. `"stored"`: what is there
   * by now, without waiting for more.
   */
  readonly only?: "running" | "stored"
  /** All runs of the thread, one behind the other through one encoder, and those to come. Absent: one run. */
  readonly scope?: "thread"
}

export interface CreateThread {
  readonly _tag: "CreateThread"
  readonly threadId?: string
  readonly agent?: string
  readonly metadata?: Json
  readonly seed?: ReadonlyArray<Message.Message>
  readonly settings?: Settings
}
export interface GetThread {
  readonly _tag: "GetThread"
  readonly threadId: string
}
export interface ListThreads {
  readonly _tag: "ListThreads"
  readonly after?: string
  readonly before?: string
  readonly limit?: number
}
export interface DeleteThread {
  readonly _tag: "DeleteThread"
  readonly threadId: string
}
/** `"compacted"` may be shortened, `"full"` is exact. */
export interface GetHistory {
  readonly _tag: "GetHistory"
  readonly threadId: string
  readonly form: "full" | "compacted"
}
export interface ListApprovals {
  readonly _tag: "ListApprovals"
  readonly threadId?: string
}
/** The agents that can be asked, with their tools. */
export interface Describe {
  readonly _tag: "Describe"
}
/** What a person thinks of a message. */
export interface Vote {
  readonly _tag: "Vote"
  readonly threadId: string
  readonly messageId: string
  readonly isUp: boolean
}
export interface ListVotes {
  readonly _tag: "ListVotes"
  readonly threadId: string
}

export type Command =
  | StartQuery
  | Answer
  | SubmitToolResults
  | Cancel
  | Resume
  | CreateThread
  | GetThread
  | ListThreads
  | DeleteThread
  | GetHistory
  | ListApprovals
  | Describe
  | Vote
  | ListVotes
