/**
 * What a request asks for, independent of its dialect. The server executes these commands.
 *
 * A command carries names as the client sent them and is not trusted: the server checks tenant, permissions and open
 * questions. A history sent along is not a command; at most it seeds a new thread.
 */
import type { Approval, Decision, Json, Message } from "@reins/protocol"
import type { AnswerOf } from "./AnswerId.ts"
import type { ModelOptions } from "./ModelOptions.ts"
import * as CallId from "./CallId.ts"

/**
 * Identifies a run. By `threadId`: the thread's active run, or its last one. Both absent: the run that the answers
 * name.
 */
export interface Address {
  readonly runId?: string
  readonly threadId?: string
}

/** A tool that the client runs. `parameters` is a JSON Schema. */
export interface ClientTool {
  readonly name: string
  readonly description?: string
  readonly parameters: Json
}

/** An agent's settings for a thread. An absent field keeps its current value. */
export interface Settings {
  /**
   * Allowlist among the tools that the agent describes to clients. Without `trust` a tool asks for approval; with it
   * the agent's own gate applies. Absent: all tools, under the agent's own gate.
   */
  readonly tools?: ReadonlyArray<{ readonly name: string; readonly trust: boolean }>
  /** The agent's options by name. */
  readonly options?: { readonly [name: string]: string }
  /** Tools that the client runs. */
  readonly clientTools?: ReadonlyArray<ClientTool>
  /** Added to the agent's own instructions, for every query of the thread. */
  readonly instructions?: string
}

/**
 * Starts a run.
 *
 * **Details**
 * - `create`: the thread must be new (`"new"`) or must exist (`"existing"`); absent: either.
 * - `continues`: an answer that this query continues, for clients that name answers and not threads: what was said up to
 *   its end is the history. A later answer of the same thread is no part of it.
 * - `seed`: the conversation before the prompt, as the request carries it; after what `continues` names, if anything.
 *   Without `prompt` the run goes on from the results that it ends with.
 * - `recalls`: calls in `seed` whose results the client did not send back: those that the run named beside them had.
 * - `onThread`: what `seed` does to a thread that exists; see `QueryOptions.onThread`. Absent: nothing.
 * - `instructions`: added to the agent's own.
 * - `replies`: answers that come with the prompt. What waits for them is told them first.
 * - `messageId`: the client's id of the prompt. One that the thread knows, without `seed`, asks the thread's first
 *   message again, as `isFirst` does; with `replies` it is not asked again, but stands in the conversation that is answered.
 * - `model`: what is asked of the agent's model.
 * - `echo`: what the dialect wants to know of this request when its answer is fetched later; see `About`.
 * - `firstId`: the client's id of the first user's message that it shows, by which the thread knows that message later.
 * - `requestId`: the client's idempotency key; the same one again joins the run it started.
 * - `text`: the user's text, for dialects that echo it.
 */
export interface StartQuery {
  readonly _tag: "StartQuery"
  readonly prompt: Message.Prompt
  readonly threadId?: string
  readonly create?: "new" | "existing"
  readonly continues?: AnswerOf
  readonly requestId?: string
  readonly agent?: string
  readonly seed?: ReadonlyArray<Message.Message>
  readonly recalls?: ReadonlyArray<Recall>
  readonly onThread?: "append" | "replace"
  readonly instructions?: string
  readonly replies?: Pick<Answer, "address" | "decisions" | "results">
  readonly messageId?: string
  readonly firstId?: string
  readonly isFirst?: boolean
  readonly settings?: Settings
  readonly model?: ModelOptions
  readonly echo?: Json
  readonly metadata?: Json
  /** The answer does not wait for the run, which continues in the background. */
  readonly detached?: boolean
  /** Where the run is told by web hooks. */
  readonly push?: PushTo
  /** Applied to every question of the run as soon as it is asked, for clients that cannot answer. */
  readonly automatic?: Decision
}

/** A call of ours in a conversation, by its id there, and the run that made it. */
export interface Recall {
  readonly id: string
  readonly runId: string
}

/**
 * Where a run's events are sent, as web hooks. `id`: its name within the run. `token`: sent along, for the receiver to compare.
 * `authorization`: the header of this name; absent: none.
 */
export interface PushTo {
  readonly id: string
  readonly url: string
  readonly token?: string
  readonly authorization?: string
}

/** A decision, addressed by the approval's id or by the id of its call; see `concerns`. */
export interface DecisionFor {
  readonly approvalId?: string
  readonly toolCallId?: string
  readonly decision: Decision
}

/** The result of a call that the client ran; `toolCallId` is a `CallId`. `content` is shown to the model in place of `result`. */
export interface ResultFor {
  readonly toolCallId: string
  readonly result: Json
  readonly content?: Message.ResultPart["content"]
  readonly isFailure?: boolean
}

/**
 * Answers what a run waits for, all at once. Answers to closed questions are ignored as long as one answers an open
 * one, since clients repeat settled ones. With `complete` every open question and client call must be answered, or none
 * is accepted.
 *
 * `said`: what a person writes without naming what they answer: it decides the one open question (`approve`, `yes`, `no`, …; what else
 * they write refuses it, and is told to the model), or is the result of the one open client call. Refused where more waits.
 *
 * The same answer again gets what the first one got. `otherwise`: what is started where nothing waits for the results,
 * for requests that carry the whole conversation; where it has a history, a run is only answered that has the same one.
 */
export interface Answer {
  readonly _tag: "Answer"
  readonly address: Address
  readonly decisions: ReadonlyArray<DecisionFor>
  readonly results: ReadonlyArray<ResultFor>
  readonly complete?: boolean
  readonly settings?: Settings
  readonly echo?: Json
  readonly said?: string
  readonly push?: PushTo
  readonly detached?: boolean
  readonly otherwise?: StartQuery
}

/**
 * True when `answer` is for `question`: it names the question's id, or the `CallId` of its call. Dialects that show a question as a call
 * of its own (about a plan, a budget, a call that may have run already) use the question's id as the call's id.
 */
export const concerns = (answer: DecisionFor, question: Approval.Request): boolean => {
  if (answer.approvalId !== undefined) return answer.approvalId === question.id
  const { agentPath = [], id, toolInvocationId } = question
  if (answer.toolCallId === id) return true
  return toolInvocationId !== undefined && answer.toolCallId === CallId.make(agentPath, toolInvocationId)
}

/** Submits client results only. */
export interface SubmitToolResults {
  readonly _tag: "SubmitToolResults"
  readonly address: Address
  readonly results: ReadonlyArray<ResultFor>
}

/** Asks a run to stop. */
export interface Cancel {
  readonly _tag: "Cancel"
  readonly address: Address
}

/** Watches a run, or only its `answer`th answer. `after` is a cursor as carried by its frames; absent: from the first frame. */
export interface Resume {
  readonly _tag: "Resume"
  readonly address: Address
  readonly answer?: number
  readonly after?: string
  /**
   * `"running"`: only a run that has not ended, unless `after` says what was seen of it; otherwise there is nothing to resume.
   * `"stored"`: what is stored by now, without waiting for more.
   */
  readonly only?: "running" | "stored"
  /** The run is cancelled first, unless it has ended. */
  readonly cancels?: boolean
  /** All runs of the thread in order through one encoder, including future ones. Absent: one run. */
  readonly scope?: "thread"
}

/** `resumes`: a thread that exists is returned as it is. Absent: it is refused. */
export interface CreateThread {
  readonly _tag: "CreateThread"
  readonly resumes?: boolean
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
/** Counts the input tokens that the query would have; nothing is started. */
export interface CountTokens {
  readonly _tag: "CountTokens"
  readonly query: StartQuery
}
/** What the model was given for the `answer`th answer of a run: the conversation before it, and what was asked. */
export interface GetInput {
  readonly _tag: "GetInput"
  readonly runId: string
  readonly answer: number
}
/** Deletes a run with its thread, where the thread was made for it and has no other. */
export interface DeleteRun {
  readonly _tag: "DeleteRun"
  readonly runId: string
}
export interface ListApprovals {
  readonly _tag: "ListApprovals"
  readonly threadId?: string
}
/** Lists the available agents with their tools. */
export interface Describe {
  readonly _tag: "Describe"
}
/** A user's vote on a message. */
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

/** Tells a run by web hooks from now on. One of the same id is replaced. */
export interface SetPush {
  readonly _tag: "SetPush"
  readonly runId: string
  readonly push: PushTo
}
export interface ListPushes {
  readonly _tag: "ListPushes"
  readonly runId: string
}
export interface RemovePush {
  readonly _tag: "RemovePush"
  readonly runId: string
  readonly id: string
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
  | CountTokens
  | GetInput
  | DeleteRun
  | ListApprovals
  | Describe
  | Vote
  | ListVotes
  | SetPush
  | ListPushes
  | RemovePush
