/**
 * What a request asks for, independent of its dialect. The server executes these commands.
 *
 * A command carries names as the client sent them and is not trusted: the server checks tenant, permissions and open
 * questions. A history in a request is not a command; at most it seeds a new thread.
 */
import type { Approval, Json, ListedRun, Message } from "@reins/protocol"
import { Decision, Question } from "@reins/protocol"
import { namesDecision } from "./Body.ts"
import type { ModelOptions } from "./ModelOptions.ts"
import type { Refusal } from "./Refusal.ts"
import type * as Result from "effect/Result"
import { type AnswerOf, CallId } from "./Ids.ts"

/**
 * Identifies a run. By `threadId`: the thread's active run, or its last one. Both absent: the run that the answers
 * name.
 *
 * @since 0.1.0
 * @category models
 */
export interface Address {
  readonly runId?: string
  readonly threadId?: string
}

/**
 * A tool that the client runs. `parameters` is a JSON Schema.
 *
 * @since 0.1.0
 * @category models
 */
export interface ClientTool {
  readonly name: string
  readonly description?: string
  readonly parameters: Json
}

/**
 * An agent's settings for a thread. An absent field keeps its current value.
 *
 * @since 0.1.0
 * @category models
 */
export interface Settings {
  /**
   * Allowlist among the tools that the agent describes to clients. Without `trust` a tool asks for approval; with it
   * the agent's own policy applies. Absent: all tools, with the agent's own policy.
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
 * - `continues`: an answer that this query continues, for clients that name answers and not threads: the history up to
 *   its end. A later answer of the same thread is not part of it.
 * - `seed`: the request's conversation before the prompt; after what `continues` names, if anything. Without `prompt`
 *   the run continues from the results at its end.
 * - `recalls`: calls in `seed` whose results the client did not send back: those that the run named beside them had.
 * - `onThread`: what `seed` does to a thread that exists; see `QueryOptions.onThread`. Absent: nothing.
 * - `instructions`: added to the agent's own.
 * - `replies`: answers that come with the prompt, which waiting runs get first.
 * - `messageId`: the client's id of the prompt. A known one, without `seed`, repeats the thread's first message, as
 *   `isFirst` does; with `replies` it is not repeated, but part of the answered conversation.
 * - `model`: settings for the agent's model.
 * - `echo`: what the dialect wants to know of this request when its answer is fetched later; see `About`.
 * - `isAgain`: the prompt is an earlier message that is asked again or edited: the run that answered it is replaced, by
 *   `messageId`; where that is not known, `seed` says what is kept.
 * - `replaces`, `branch`: see `QueryOptions`.
 * - `after`: the `requestId` of the run of the thread after whose end the query continues; what came after it is replaced.
 *   Absent: as the rest of the query says.
 * - `firstId`: the client's id of the first user's message that it shows, by which the thread knows that message later.
 * - `requestId`: the client's idempotency key; a repeated one joins the run that it started.
 * - `text`: the user's text, for dialects that echo it.
 *
 * @since 0.1.0
 * @category models
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
  readonly isAgain?: boolean
  readonly replaces?: number | string
  readonly branch?: string
  readonly after?: string
  readonly settings?: Settings
  readonly model?: ModelOptions
  readonly echo?: Json
  readonly metadata?: Json
  /** The answer does not wait for the run, which continues in the background. */
  readonly detached?: boolean
  /** The web hooks of the run. */
  readonly push?: PushTo
  /** Applied to every question of the run as soon as it is asked, for clients that cannot answer. */
  readonly automatic?: Decision
}

/**
 * One of our calls in a conversation, by its id there, and the run that made it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Recall {
  readonly id: string
  readonly runId: string
}

/**
 * Where a run's events are sent, as web hooks. `id`: its name within the run. `token`: sent along, for the receiver to
 * compare. `authorization`: the header of this name; absent: none.
 *
 * @since 0.1.0
 * @category models
 */
export interface PushTo {
  readonly id: string
  readonly url: string
  readonly token?: string
  readonly authorization?: string
}

/**
 * A decision, addressed by the approval's id or by the id of its call; see `concerns`. See `decisionOn` for what it means
 * for a question that a call asks.
 *
 * @since 0.1.0
 * @category models
 */
export interface DecisionFor {
  readonly approvalId?: string
  readonly toolCallId?: string
  readonly decision: Decision
  /** The whole value that was sent, which answers a question of kind `question`. Absent: as `decision` says. */
  readonly value?: Json
  /** Why the value that was sent is no decision; see `refusalOn`. Absent: it is one. */
  readonly invalid?: Refusal
}

/**
 * The result of a call that the client ran; `toolCallId` is a `CallId`. `content` is shown to the model in place of
 * `result`.
 *
 * @since 0.1.0
 * @category models
 */
export interface ResultFor {
  readonly toolCallId: string
  readonly result: Json
  readonly content?: Message.ResultPart["content"]
  readonly isFailure?: boolean
}

/**
 * Answers everything that a run waits for. Answers to closed questions are ignored as long as one answers an open one,
 * since clients repeat settled ones. With `complete` every open question and client call must be answered, or none is
 * accepted.
 *
 * `said`: a person's text without a reference: it decides the only open question (`approve`, `yes`, `no`, …; any other
 * text refuses it, and the model reads it), or is the result of the only open client call. Refused if more is open.
 * `requestId`: tells words that are sent again from the same words about the next question. A repeated answer gets the
 * first one's result. `otherwise`: the query to start if nothing waits for the results, for
 * requests with the whole conversation; with a history, only a run with the same history is answered.
 *
 * @since 0.1.0
 * @category models
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
  readonly requestId?: string
  readonly push?: PushTo
  readonly detached?: boolean
  readonly otherwise?: StartQuery
}

/**
 * True when `answer` is for `question`: it names the question's id, or the `CallId` of its call. Dialects that show a
 * question as a call of its own (about a plan, a budget, a call that may have run already) use the question's id as the
 * call's id.
 *
 * @since 0.1.0
 * @category operations
 */
export const concerns = (answer: DecisionFor, question: Approval.Request): boolean => {
  if (answer.approvalId !== undefined) return answer.approvalId === question.id
  const { agentPath = [], id, toolInvocationId } = question
  if (answer.toolCallId === id) return true
  return toolInvocationId !== undefined && answer.toolCallId === CallId.make(agentPath, toolInvocationId)
}

/** A generic client's answer, which only approves or refuses. */
const isVerdict = (value: Json): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, "approved")

const hasField = (asked: Question.Question, field: string): boolean =>
  Question.fields(asked).some(({ name }) => name === field)

/**
 * Why this request cannot be decided by what was sent, which is no decision; `undefined`: it can. The value may answer a
 * question of kind `question`, unless it is a decision with an invalid field: it has the type of one, and the question's
 * form has no field of this name.
 *
 * @since 0.2.0
 * @category operations
 */
export const refusalOn = (request: Approval.Request, { invalid, value }: DecisionFor): Refusal | undefined => {
  if (invalid === undefined || request.kind !== "question") return invalid
  const asked = Question.of(request)
  return namesDecision(value) && asked !== undefined && !hasField(asked, "type") ? invalid : undefined
}

/**
 * The decision for this request. A question of kind `question` wants a value: the one that was sent, what a revision
 * names, or the words of an approval; to reject it is to decline. An approval without words answers a yes-or-no question.
 *
 * @since 0.1.0
 * @category operations
 */
export const decisionOn = (request: Approval.Request, { decision, value }: DecisionFor): Decision => {
  const asked = Question.of(request)
  if (asked === undefined) return decision
  const by = decision.by === undefined ? {} : { by: decision.by }
  if (decision.type === "answer") return { ...decision, value: Question.fit(asked, decision.value) }
  if (value !== undefined && (hasField(asked, "approved") || !isVerdict(value)))
    return Decision.answer(Question.fit(asked, value), by)
  switch (decision.type) {
    case "revise":
      return Decision.answer(Question.fit(asked, decision.partial), by)
    case "approve": {
      const said = decision.feedback ?? ""
      if (said !== "") return Decision.answer(Question.fromText(asked, said), by)
      return Question.expected(asked.schema) === "true or false" ? Decision.answer(true, by) : decision
    }
    case "reject":
      return decision
  }
}

/**
 * The decision that the result of a call makes of the question that the call asks.
 *
 * @since 0.1.0
 * @category operations
 */
export const decisionBy = (request: Approval.Request, { isFailure, result }: ResultFor): Decision =>
  isFailure === true
    ? Decision.reject({ feedback: typeof result === "string" ? result : JSON.stringify(result) })
    : decisionOn(request, { decision: Decision.answer(result) })

/**
 * True when the result is for this question: of the call that asks it, or of the call that stands for it.
 *
 * @since 0.1.0
 * @category operations
 */
export const answers = (given: ResultFor, request: Approval.Request): boolean =>
  request.kind === "question" && concerns({ toolCallId: given.toolCallId, decision: Decision.reject() }, request)

/**
 * Submits client results only.
 *
 * @since 0.1.0
 * @category models
 */
export interface SubmitToolResults {
  readonly _tag: "SubmitToolResults"
  readonly address: Address
  readonly results: ReadonlyArray<ResultFor>
}

/**
 * Cancels a run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Cancel {
  readonly _tag: "Cancel"
  readonly address: Address
}

/**
 * Watches a run, or only its `answer`th answer. `after` is a cursor from its frames; absent: from the first frame.
 *
 * @since 0.1.0
 * @category models
 */
export interface Resume {
  readonly _tag: "Resume"
  readonly address: Address
  readonly answer?: number
  readonly after?: string
  /**
   * `"running"`: only a run that has not ended, unless `after` is given; otherwise there is nothing to resume.
   * `"stored"`: what is stored by now, without waiting for more.
   */
  readonly only?: "running" | "stored"
  /** The run is cancelled first, unless it has ended. */
  readonly cancels?: boolean
  /** All runs of the thread in order through one encoder, including future ones. Absent: one run. */
  readonly scope?: "thread"
}

/**
 * `resumes`: a thread that exists is returned as it is. Absent: it is refused.
 *
 * @since 0.1.0
 * @category models
 */
export interface CreateThread {
  readonly _tag: "CreateThread"
  readonly resumes?: boolean
  readonly threadId?: string
  readonly agent?: string
  readonly metadata?: Json
  readonly seed?: ReadonlyArray<Message.Message>
  readonly settings?: Settings
}
/**
 * Changes a thread that has no active run: its messages, its metadata, its instructions.
 *
 * **Details**
 * - `change`: the messages after the change, or why it cannot be made. Pure: it may be called again after a conflict.
 * - `recalls`: as for `StartQuery`.
 * - `settings`: of these only the instructions, which are added to the thread's own.
 *
 * @since 0.1.0
 * @category models
 */
export interface EditHistory {
  readonly _tag: "EditHistory"
  readonly threadId: string
  readonly change?: (messages: ReadonlyArray<Message.Message>) => Result.Result<ReadonlyArray<Message.Message>, Refusal>
  readonly recalls?: ReadonlyArray<Recall>
  readonly metadata?: Json
  readonly settings?: Pick<Settings, "instructions">
}
/**
 * Read a thread with its messages.
 *
 * @since 0.1.0
 * @category models
 */
export interface GetThread {
  readonly _tag: "GetThread"
  readonly threadId: string
}
/**
 * List the tenant's threads, a page at a time.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListThreads {
  readonly _tag: "ListThreads"
  readonly after?: string
  readonly before?: string
  readonly limit?: number
}
/**
 * Delete a thread with all that belongs to it.
 *
 * @since 0.1.0
 * @category models
 */
export interface DeleteThread {
  readonly _tag: "DeleteThread"
  readonly threadId: string
}
/**
 * `"compacted"` may be shortened, `"full"` is exact.
 *
 * @since 0.1.0
 * @category models
 */
export interface GetHistory {
  readonly _tag: "GetHistory"
  readonly threadId: string
  readonly form: "full" | "compacted"
}
/**
 * Counts the input tokens of the query without starting it.
 *
 * @since 0.1.0
 * @category models
 */
export interface CountTokens {
  readonly _tag: "CountTokens"
  readonly query: StartQuery
}
/**
 * The model's input for the `answer`th answer of a run: the conversation before it, and the prompt.
 *
 * @since 0.1.0
 * @category models
 */
export interface GetInput {
  readonly _tag: "GetInput"
  readonly runId: string
  readonly answer: number
}
/**
 * Lists the tenant's runs, the latest first, a page at a time. `state`: `waiting` for a person or a client; `ended` with
 * `endReason`, if that is given. Absent fields match all.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListRuns {
  readonly _tag: "ListRuns"
  readonly threadId?: string
  readonly state?: ListedRun.State
  readonly endReason?: ListedRun.EndReason
  readonly after?: string
  readonly limit?: number
}
/**
 * Deletes a run, and its thread if that was made for it and has no other run.
 *
 * @since 0.1.0
 * @category models
 */
export interface DeleteRun {
  readonly _tag: "DeleteRun"
  readonly runId: string
}
/**
 * List open questions. `threadId` absent: those of the tenant.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListApprovals {
  readonly _tag: "ListApprovals"
  readonly threadId?: string
}
/**
 * Lists the available agents with their tools.
 *
 * @since 0.1.0
 * @category models
 */
export interface Describe {
  readonly _tag: "Describe"
}
/**
 * A user's vote on a message.
 *
 * @since 0.1.0
 * @category models
 */
export interface Vote {
  readonly _tag: "Vote"
  readonly threadId: string
  readonly messageId: string
  readonly isUp: boolean
}
/**
 * List the votes on the messages of a thread.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListVotes {
  readonly _tag: "ListVotes"
  readonly threadId: string
}

/**
 * Adds a web hook to a run. One with the same id is replaced.
 *
 * @since 0.1.0
 * @category models
 */
export interface SetPush {
  readonly _tag: "SetPush"
  readonly runId: string
  readonly push: PushTo
}
/**
 * List the web hooks of a run.
 *
 * @since 0.1.0
 * @category models
 */
export interface ListPushes {
  readonly _tag: "ListPushes"
  readonly runId: string
}
/**
 * Remove a web hook of a run.
 *
 * @since 0.1.0
 * @category models
 */
export interface RemovePush {
  readonly _tag: "RemovePush"
  readonly runId: string
  readonly id: string
}

/**
 * What a request asks of the server, in whatever dialect it was sent.
 *
 * @since 0.1.0
 * @category models
 */
export type Command =
  | StartQuery
  | Answer
  | SubmitToolResults
  | Cancel
  | Resume
  | CreateThread
  | EditHistory
  | GetThread
  | ListThreads
  | DeleteThread
  | GetHistory
  | CountTokens
  | GetInput
  | ListRuns
  | DeleteRun
  | ListApprovals
  | Describe
  | Vote
  | ListVotes
  | SetPush
  | ListPushes
  | RemovePush
