/**
 * A remote agent as a model: what its caller is asked is a message to it, its artifacts are the answer's text. Where
 * its task needs input, the answer is a call of the tool `askTool` for each thing that it asks, and the results of
 * those calls answer the task.
 */
import { type Json, type Message, ModelFailure, type Usage } from "@reins/protocol"
import type { ModelPart, ModelPort, ModelRequest } from "@reins/runtime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as RemoteAgent from "./RemoteAgent.ts"

/**
 * The tool whose calls are the remote agent's questions.
 *
 * @since 0.1.0
 * @category constants
 */
export const askTool = "answer_remote_agent"

/**
 * What the remote agent asks. `answer`: what a person says to it; absent: that it may.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Asked = Schema.Struct({
  taskId: Schema.String,
  question: Schema.String,
  approvalId: Schema.optionalKey(Schema.String),
  target: Schema.optionalKey(Schema.String),
  payload: Schema.optionalKey(Schema.Json),
  answer: Schema.optionalKey(Schema.String)
})
type Asked = typeof Asked.Type

const readAsked = Schema.decodeUnknownOption(Asked)
const readQuestion = Schema.decodeUnknownOption(
  Schema.Struct({
    approvalId: Schema.String,
    target: Schema.optionalKey(Schema.String),
    payload: Schema.optionalKey(Schema.Json)
  })
)
const readCall = Schema.decodeUnknownOption(Schema.Struct({ toolCallId: Schema.String, name: Schema.String }))
const readUsage = Schema.decodeUnknownOption(
  Schema.Struct({ usage: Schema.Struct({ promptTokens: Schema.Natural, completionTokens: Schema.Natural }) })
)
const readAnswer = Schema.decodeUnknownOption(Schema.Struct({ answer: Schema.String }))

const textOf = (parts: ReadonlyArray<RemoteAgent.Part> = []): string =>
  parts.reduce((all, { text = "" }) => all + text, "")

/** The message that the end of a conversation amounts to: the user's, or the results of what was asked. */
const messageOf = ({ messages, metadata }: ModelRequest): RemoteAgent.Sent => {
  const { agentPath, attempt, runId, step } = metadata
  const messageId = [runId, ...agentPath, step, attempt].join("/")
  const last = messages.at(-1)
  if (last?.role === "tool") {
    const asked = new Map<string, Asked>()
    for (const { content, role } of messages) {
      if (role !== "assistant") continue
      for (const part of content) {
        const question = part.type === "tool-call" ? Option.getOrUndefined(readAsked(part.args)) : undefined
        if (part.type === "tool-call" && question !== undefined) asked.set(part.id, question)
      }
    }
    const answered = last.content.flatMap((result) => {
      const question = asked.get(result.id)
      return question === undefined ? [] : [{ question, part: partOf(question, result) }]
    })
    return { messageId, taskId: answered[0]?.question.taskId, parts: answered.map(({ part }) => part) }
  }
  const content = last?.role === "user" ? last.content : []
  return { messageId, parts: content.map(filePart) }
}

const filePart = (part: Message.UserPart): RemoteAgent.Sent["parts"][number] => {
  if (part.type === "text") return { text: part.text }
  const { data, mediaType } = part
  return /^https?:/i.test(data) ? { url: data, mediaType } : { raw: data.replace(/^data:[^,]*,/, ""), mediaType }
}

/** A person's answer, as the remote agent reads it. */
const partOf = ({ approvalId }: Asked, { result, status }: Message.ResultPart): RemoteAgent.Sent["parts"][number] => {
  const said = Option.getOrUndefined(readAnswer(result))?.answer
  if (approvalId === undefined) return { text: status === undefined ? (said ?? "yes") : "no" }
  const decision: Json =
    status === undefined ? { type: "approve" } : { type: "reject", feedback: "Refused by the calling agent's side" }
  return { data: { approvalId, decision } }
}

/** What an answer amounts to so far. Mutable; made for one attempt. */
class Heard {
  taskId: string | undefined
  said = ""
  state: string | undefined
  message: ReadonlyArray<RemoteAgent.Part> = []
  usage: Usage.Usage | undefined

  /** The text that an update adds. */
  take({ artifactUpdate, message, statusUpdate, task }: RemoteAgent.Update): string {
    if (message !== undefined) {
      this.state = "TASK_STATE_COMPLETED"
      return this.#add(textOf(message.parts))
    }
    if (task !== undefined) {
      this.taskId = task.id
      this.#status(task.status)
      return ""
    }
    if (statusUpdate !== undefined) {
      this.taskId = statusUpdate.taskId
      this.#status(statusUpdate.status)
      const usage = Option.getOrUndefined(readUsage(statusUpdate.metadata))?.usage
      if (usage !== undefined) this.usage = { inputUncached: usage.promptTokens, outputText: usage.completionTokens }
      return ""
    }
    return artifactUpdate === undefined ? "" : this.#add(textOf(artifactUpdate.artifact.parts))
  }

  #add(text: string): string {
    this.said += text
    return text
  }

  #status({ message, state }: NonNullable<RemoteAgent.Update["statusUpdate"]>["status"]): void {
    this.state = state
    this.message = message?.parts ?? []
  }

  /** What the task asks, one call each. */
  calls(prefix: string): ReadonlyArray<Extract<ModelPart, { readonly type: "tool-call" }>> {
    const taskId = this.taskId ?? ""
    const questions: Array<Asked> = []
    let text = ""
    for (const part of this.message) {
      text = part.text ?? text
      const question = Option.getOrUndefined(readQuestion(part.data))
      if (question !== undefined) questions.push({ taskId, question: text, ...question })
    }
    const all = questions.length > 0 ? questions : [{ taskId, question: textOf(this.message) }]
    return all.map((args, index) => ({
      type: "tool-call",
      id: `${prefix}_${index + 1}`,
      name: askTool,
      args: { ...args }
    }))
  }

  /** Whether the task waits for calls that its caller must run. */
  get wantsTools(): boolean {
    return this.message.some(({ data }) => Option.isNone(readQuestion(data)) && Option.isSome(readCall(data)))
  }
}

const ended: ReadonlyArray<string> = ["TASK_STATE_COMPLETED", "TASK_STATE_INPUT_REQUIRED"]

/**
 * The remote agent as a model. Its usage is what it reports, and zero without a report: it is billed by its own
 * operator.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (address: RemoteAgent.Address): ModelPort => {
  const remote = RemoteAgent.make(address)
  const about = { provider: "a2a", model: address.name }
  const failureOf = (heard: Heard): ModelFailure.ModelFailure => {
    switch (heard.state) {
      case "TASK_STATE_AUTH_REQUIRED":
        return new ModelFailure.AuthenticationFailed(about)
      case "TASK_STATE_REJECTED":
        return new ModelFailure.ContentRefused(about)
      case undefined:
      case "TASK_STATE_SUBMITTED":
      case "TASK_STATE_WORKING":
        return new ModelFailure.NetworkFailed({ ...about, description: "its stream ended before its task" })
      default:
        return new ModelFailure.ModelFailedUnknown({ ...about, description: "its task failed" })
    }
  }
  return {
    ...about,
    describesSafely: true,
    attempt: (request, emit) =>
      Effect.suspend(() => {
        const heard = new Heard()
        const { runId, step } = request.metadata
        const say = (parts: ReadonlyArray<ModelPart>) => {
          const room = emit(parts)
          return room === undefined ? Effect.void : Effect.promise(() => room)
        }
        const close = Effect.suspend(() => {
          const { message, said, state = "", usage = { inputUncached: 0, outputText: 0 } } = heard
          if (!ended.includes(state)) return Effect.fail(failureOf(heard))
          if (state === "TASK_STATE_COMPLETED") {
            const last = said === "" ? textOf(message) : ""
            const text: ReadonlyArray<ModelPart> = last === "" ? [] : [{ type: "text", text: last }]
            return say([...text, { type: "finish", reason: "stop", usage }])
          }
          if (heard.wantsTools) {
            const description = "it wants its caller to run tools, which agents that call it cannot"
            return Effect.fail(new ModelFailure.InvalidRequest({ ...about, description }))
          }
          return say([...heard.calls(`ask_${runId}_${step}`), { type: "finish", reason: "tool-calls", usage }])
        })
        return remote.send(messageOf(request)).pipe(
          Stream.runForEach((update) => {
            const text = heard.take(update)
            return text === "" ? Effect.void : say([{ type: "text", text }])
          }),
          Effect.andThen(close),
          Effect.onInterrupt(() =>
            heard.taskId === undefined ? Effect.void : Effect.asVoid(Effect.forkDetach(remote.cancel(heard.taskId)))
          )
        )
      })
  }
}
