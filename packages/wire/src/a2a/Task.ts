/**
 * The objects of A2A 1.0 in their JSON form: messages, tasks with their states and artifacts, the events of a stream,
 * and the addresses to which a task's changes are sent. A task is a run, a context a thread.
 *
 * A task that needs input says what it waits for (`waiting`), and a message to it answers that (`answerOf`).
 */
import type { Approval, Events, Json, ListedRun, Message as Ours } from "@reins/protocol"
import { Decision, Question } from "@reins/protocol"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { reasonOf } from "../Accumulation.ts"
import * as Body from "../Body.ts"
import type { Answer, DecisionFor, ListRuns, PushTo, ResultFor } from "../Command.ts"
import { CallId } from "../Ids.ts"
import type { ClientCall } from "../Parking.ts"
import type { Refusal } from "../Refusal.ts"

const Text = Schema.String
const Maybe = Schema.optionalKey

/** One of `text`, `raw` (base64), `url` and `data`. */
export const Part = Schema.Struct({
  text: Maybe(Text),
  raw: Maybe(Text),
  url: Maybe(Text),
  data: Maybe(Schema.Json),
  filename: Maybe(Text),
  mediaType: Maybe(Text),
  metadata: Maybe(Schema.Json)
})
export type Part = typeof Part.Type

/**
 * A message between a client and an agent.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Message = Schema.Struct({
  messageId: Text,
  contextId: Maybe(Text),
  taskId: Maybe(Text),
  role: Schema.Literals(["ROLE_USER", "ROLE_AGENT"]),
  parts: Schema.Array(Part),
  metadata: Maybe(Schema.Json)
})
export type Message = typeof Message.Type
const readMessage = Schema.decodeUnknownOption(Message)

export const State = Schema.Literals([
  "TASK_STATE_SUBMITTED",
  "TASK_STATE_WORKING",
  "TASK_STATE_COMPLETED",
  "TASK_STATE_FAILED",
  "TASK_STATE_CANCELED",
  "TASK_STATE_INPUT_REQUIRED",
  "TASK_STATE_REJECTED"
])
export type State = typeof State.Type

export const Status = Schema.Struct({ state: State, message: Maybe(Message), timestamp: Text })
export type Status = typeof Status.Type

export const Artifact = Schema.Struct({
  artifactId: Text,
  name: Maybe(Text),
  parts: Schema.Array(Part)
})
export type Artifact = typeof Artifact.Type

/**
 * A run as a task: its state, its messages and what it made.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Task = Schema.Struct({
  id: Text,
  contextId: Text,
  status: Status,
  artifacts: Maybe(Schema.Array(Artifact)),
  history: Maybe(Schema.Array(Message)),
  metadata: Maybe(Schema.Unknown)
})
export type Task = typeof Task.Type

const about = { taskId: Text, contextId: Text, metadata: Maybe(Schema.Unknown) }

/**
 * What one message of a stream, or of a web hook, says.
 *
 * @since 0.1.0
 * @category schemas
 */
export const StreamResponse = Schema.Union([
  Schema.Struct({ task: Task }),
  Schema.Struct({ statusUpdate: Schema.Struct({ ...about, status: Status }) }),
  Schema.Struct({
    artifactUpdate: Schema.Struct({
      ...about,
      artifact: Artifact,
      append: Schema.Boolean,
      lastChunk: Schema.Boolean
    })
  })
])
export type StreamResponse = typeof StreamResponse.Type

export const iso = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

const states: { readonly [R in Events.Finish["finishReason"]]: State } = {
  stop: "TASK_STATE_COMPLETED",
  length: "TASK_STATE_COMPLETED",
  other: "TASK_STATE_COMPLETED",
  "content-filter": "TASK_STATE_REJECTED",
  budget: "TASK_STATE_FAILED",
  "repeated-calls": "TASK_STATE_FAILED",
  cancelled: "TASK_STATE_CANCELED"
}

/** The state that a finished run's task is in. */
export const stateOf = (reason: Events.Finish["finishReason"]): State => states[reason]

/** Which runs have tasks in a state. */
export const filterOf: { readonly [S in State]: Pick<ListRuns, "state" | "endReason"> | undefined } = {
  // A run that is stored is under way.
  TASK_STATE_SUBMITTED: undefined,
  TASK_STATE_WORKING: { state: "running" },
  TASK_STATE_INPUT_REQUIRED: { state: "waiting" },
  TASK_STATE_COMPLETED: { state: "ended" },
  TASK_STATE_FAILED: { state: "ended" },
  TASK_STATE_CANCELED: { state: "ended", endReason: "cancelled" },
  TASK_STATE_REJECTED: { state: "ended" }
}

/** The state of the task of a run in a list. */
export const listedState = ({ endReason, errorCode, state }: ListedRun.ListedRun): State => {
  if (state !== "ended") return state === "waiting" ? "TASK_STATE_INPUT_REQUIRED" : "TASK_STATE_WORKING"
  if (endReason === "failed" && errorCode !== undefined) return failedState({ code: errorCode, message: "" })
  return endReason === undefined || endReason === "failed" || endReason === "abandoned"
    ? "TASK_STATE_FAILED"
    : stateOf(endReason)
}

/** The longest content that a task's history repeats, in characters of base64. */
const longest = 64 * 1024

/** A message as it is kept for a task's history, without the content of large files. */
export const kept = (message: Message): Message => ({
  ...message,
  parts: message.parts.map(({ raw, ...part }) =>
    raw === undefined || raw.length <= longest
      ? { ...part, ...(raw === undefined ? {} : { raw }) }
      : { ...part, metadata: { omitted: `A file of ${raw.length} characters in base64` } }
  )
})

/** The last `length` of the messages that a client sent to a task; absent: all. */
export const historyOf = (
  echoes: ReadonlyArray<Json>,
  place: { readonly taskId: string; readonly contextId: string },
  length = Number.POSITIVE_INFINITY
): ReadonlyArray<Message> => {
  const messages = echoes.flatMap((echo) => Option.toArray(readMessage(echo)))
  return messages.slice(Math.max(0, messages.length - length)).map((message) => ({ ...message, ...place }))
}

/** The state of the task of a run that failed: content that a model refuses is work that the agent does not do. */
export const failedState = (error: Events.ErrorEvent["error"]): State =>
  reasonOf(error) === "content-filter" ? "TASK_STATE_REJECTED" : "TASK_STATE_FAILED"

const question = (request: Approval.Request): string => {
  const { kind, target } = request
  if (kind === "question") return Question.of(request)?.question ?? `${target} asks a question`
  if (kind === "tool") return `Allow ${target} to run?`
  return kind === "plan" ? `Carry out plan ${target}?` : `Raise ${target}?`
}

/**
 * What a task waits for, as the agent's message: a sentence for a person, and for each question and each call of the
 * client a data part by which it is answered.
 */
export const waiting = (
  messageId: string,
  questions: ReadonlyArray<Approval.Request>,
  clientCalls: ReadonlyArray<ClientCall>
): Message => ({
  messageId,
  role: "ROLE_AGENT",
  parts: [
    ...questions.flatMap((asked): ReadonlyArray<Part> => {
      const { agentPath = [], expiresAt, id, kind, payload, target, toolInvocationId } = asked
      const call = toolInvocationId === undefined ? {} : { toolCallId: CallId.make(agentPath, toolInvocationId) }
      const until = expiresAt === undefined ? {} : { expiresAt }
      const options = kind === "question" ? ["answer", "reject"] : ["approve", "reject"]
      return [
        { text: question(asked) },
        { data: { approvalId: id, kind, target, payload, ...call, ...until, options } }
      ]
    }),
    // A call that asks is answered by its question.
    ...clientCalls
      .filter(({ call }) => call.asks !== true)
      .flatMap(({ call, path }): ReadonlyArray<Part> => {
        const data: Json = {
          toolCallId: CallId.make(path, call.toolInvocationId),
          name: call.toolName,
          input: call.args
        }
        return [{ text: `Run ${call.toolName} and send its result.` }, { data }]
      })
  ]
})

/** A message's parts as a prompt. Data goes as JSON. */
export const promptOf = (parts: ReadonlyArray<Part>): ReadonlyArray<Ours.UserPart> =>
  parts.flatMap(
    ({ data, filename, mediaType = "application/octet-stream", raw, text, url }): ReadonlyArray<Ours.UserPart> => {
      if (text !== undefined) return [{ type: "text", text }]
      const file = raw ?? url
      if (file !== undefined)
        return [{ type: "file", mediaType, data: file, ...(filename === undefined ? {} : { filename }) }]
      return data === undefined ? [] : [{ type: "text", text: JSON.stringify(data) }]
    }
  )

/** A stored file as an artifact of its own. */
export const fileArtifact = ({ fileId, filename, mediaType, url }: Events.FileRegistered["data"]): Artifact => ({
  artifactId: fileId,
  name: filename,
  parts: [url === undefined ? { data: { fileId, filename, mediaType } } : { url, filename, mediaType }]
})

/** The data of a part that names a question or a call; that of any other part answers nothing. */
const Answering = Schema.Struct({
  approvalId: Maybe(Schema.NullOr(Text)),
  toolCallId: Maybe(Schema.NullOr(Text)),
  decision: Maybe(Schema.Unknown),
  result: Maybe(Schema.Json),
  answer: Maybe(Schema.Json),
  isFailure: Maybe(Schema.Boolean)
})
const readAnswering = Body.read(Answering)

const has = (data: Json | undefined, ...names: ReadonlyArray<string>): boolean =>
  names.some((name) => Body.at(data, name).length > 0)

/** Whether one of these fields is present and not `null`, which some clients send for an absent one. */
const names = (data: Json | undefined, ...ids: ReadonlyArray<string>): boolean =>
  ids.some((id) => Body.at(data, id).some((value) => value !== null))

const isDecision = (given: unknown): boolean => typeof given === "string" || Body.namesDecision(given)

const decisionOf = (given: unknown, place: string): Result.Result<Decision, Refusal> => {
  if (given === "approve") return Result.succeed(Decision.approve())
  if (given === "reject") return Result.succeed(Decision.reject())
  return typeof given === "string"
    ? Result.fail(Body.invalidField(place, 'Send "approve", "reject", or a decision'))
    : Body.readDecision(given, place)
}

/**
 * What a part's data answers; `undefined`: nothing. Fails where it names what it answers, and has no valid answer. `words`: those
 * of the message, which may answer beside the data of the question that a client sends back.
 */
const partOf = (
  data: Json | undefined,
  place: string,
  words: string
): Result.Result<DecisionFor | ResultFor | undefined, Refusal> => {
  if (!names(data, "approvalId", "toolCallId") && !Body.at(data, "decision").some(isDecision))
    return Result.succeed(undefined)
  if (words.trim() !== "" && !has(data, "decision", "answer", "result")) return Result.succeed(undefined)
  const read = readAnswering(data)
  if (Result.isFailure(read)) {
    const { field } = read.failure
    return Result.fail(Body.invalidField(field === undefined ? place : `${place}.${field}`))
  }
  const { answer, approvalId, decision, isFailure, result, toolCallId } = read.success
  const named = {
    ...(Predicate.isNullish(approvalId) ? {} : { approvalId }),
    ...(Predicate.isNullish(toolCallId) ? {} : { toolCallId })
  }
  const told = decision === undefined ? undefined : decisionOf(decision, `${place}.decision`)
  if (told !== undefined && Result.isFailure(told)) return Result.fail(told.failure)
  if (answer !== undefined) return Result.succeed({ ...named, decision: Decision.answer(answer) })
  if (told !== undefined) return Result.succeed({ ...named, decision: told.success })
  if (Predicate.isNullish(toolCallId))
    return Result.fail(Body.invalidField(`${place}.decision`, 'Send "approve", "reject", a decision, or an answer'))
  return result === undefined
    ? Result.fail(Body.invalidField(`${place}.result`, "Send the result of the call, a decision, or an answer"))
    : Result.succeed({ toolCallId, result, ...(isFailure === undefined ? {} : { isFailure }) })
}

const answersOf =
  "Send words, or a data part with an approvalId and a decision or an answer, or with a toolCallId and a result"

/**
 * What a message to a task answers. Words count where no part names what it answers. Fails where a part names it and its
 * answer is invalid.
 */
export const answerOf = (
  runId: string,
  { contextId = "", messageId, parts }: Message
): Result.Result<Answer, Refusal> => {
  const decisions: Array<DecisionFor> = []
  const results: Array<ResultFor> = []
  const words = parts.flatMap(({ text }) => (text === undefined ? [] : [text])).join("\n")
  for (const [index, { data }] of parts.entries()) {
    const given = partOf(data, `params.message.parts.${index}.data`, words)
    if (Result.isFailure(given)) return Result.fail(given.failure)
    const told = given.success
    if (told === undefined) continue
    if ("decision" in told) decisions.push(told)
    else results.push(told)
  }
  const isNamed = decisions.length + results.length > 0
  if (!isNamed && words.trim() === "") return Result.fail(Body.invalidField("params.message.parts", answersOf))
  return Result.succeed({
    _tag: "Answer",
    address: contextId === "" ? { runId } : { runId, threadId: contextId },
    decisions,
    results,
    ...(isNamed ? {} : { said: words, requestId: messageId })
  })
}

/** Where a task's changes are sent. */
export const PushConfig = Schema.Struct({
  id: Maybe(Text),
  taskId: Maybe(Text),
  url: Text,
  token: Maybe(Text),
  authentication: Maybe(Schema.Struct({ scheme: Text, credentials: Maybe(Text) }))
})

export const pushOf = ({ authentication, id = "default", token, url }: typeof PushConfig.Type): PushTo => ({
  id,
  url,
  ...(token === undefined ? {} : { token }),
  ...(authentication === undefined
    ? {}
    : { authorization: [authentication.scheme, authentication.credentials ?? ""].join(" ").trim() })
})

export const pushConfigOf = (taskId: string, { authorization, id, token, url }: PushTo): object => {
  const [scheme = "", ...credentials] = (authorization ?? "").split(" ")
  return {
    taskId,
    id,
    url,
    ...(token === undefined ? {} : { token }),
    // What is sent with a hook is its receiver's secret.
    ...(authorization === undefined
      ? {}
      : { authentication: { scheme, credentials: credentials.length === 0 ? "" : "***" } })
  }
}
