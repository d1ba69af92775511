/** Turns as frames, and as the single JSON answer of mode `none`. `Turn` says what a turn carries and loses. */
import { type Accumulated, whole } from "../Accumulation.ts"
import { CallId } from "../Ids.ts"
import type { Encoder, Folding } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import { isAskedBy } from "../Parking.ts"
import * as Message from "./Message.ts"
import { callOf, failureReason, Turn, stopReason, type StopReason, type TurnEvent } from "./Turn.ts"

const frame = ({ data, event }: TurnEvent): Frame.Frame => Frame.named(event, data)

/** `isCreate`: the request created the session (version 2), so its id is sent first. */
export const open = (mode: "delta" | "message", isCreate: boolean): Encoder => {
  const turn = new Turn(mode === "delta")
  let isOpen = false
  return {
    step: (envelope) => {
      const frames = turn.step(envelope).map(frame)
      if (isOpen) return frames
      isOpen = true
      const start = Frame.named("turn_start", {})
      return isCreate
        ? [Frame.named("session_start", { sessionId: envelope.threadId }), start, ...frames]
        : [start, ...frames]
    },
    finish: () => turn.finish().map(frame),
    reopen: (answered) => turn.reopen(answered).map(frame),
    get isDetached() {
      return turn.isDetached
    }
  }
}

const stopOf = ({ clientCalls, error, exhausted, finish, questions }: Accumulated): StopReason => {
  if (error !== undefined) return failureReason(error)
  if (questions.length + clientCalls.length > 0) return "tool_use"
  return stopReason(finish?.finishReason ?? "other", exhausted.at(-1)?.data.limit)
}

/** Adds the waiting calls to the assistant's last message, where clients look for them. */
const withWaiting = (
  messages: ReadonlyArray<Message.Message>,
  waiting: ReadonlyArray<Message.Block>
): ReadonlyArray<Message.Message> => {
  if (waiting.length === 0) return messages
  const last = messages.findLastIndex(({ role }) => role === "assistant")
  const message = messages[last]
  if (message?.role !== "assistant") return [...messages, Message.assistant(waiting)]
  const said: ReadonlyArray<Message.Block> =
    typeof message.content === "string" ? [{ type: "text", text: message.content }] : message.content
  return messages.with(last, Message.assistant([...said, ...waiting]))
}

const messagesOf = (run: Accumulated): ReadonlyArray<Message.Message> => {
  const reasons = new Map(run.decisions.flatMap(({ feedback, id }) => (feedback === undefined ? [] : [[id, feedback]])))
  const settled = new Set<string>()
  const rooted = new Set<string>()
  for (const message of run.messages) {
    for (const part of message.content) {
      if (part.type === "tool-result") settled.add(part.id)
      if (part.type === "tool-call") rooted.add(part.id)
    }
  }
  const others = run.questions.filter((question) => !isAskedBy(question, run.clientCalls))
  const waiting = new Map(others.map((question) => [callOf(question).data.toolCallId, callOf(question).data]))
  for (const { call, path } of run.clientCalls) {
    const toolCallId = CallId.make(path, call.toolInvocationId)
    waiting.set(toolCallId, { toolCallId, name: call.toolName, input: call.args })
  }
  const below = run.settledBelow.map(({ path, result }): Message.Message => ({
    role: "tool",
    toolCallId: CallId.make(path, result.toolInvocationId),
    content: Message.contentOf(result.result, result.status, undefined)
  }))
  const shown = Message.fromOurs(run.messages, (id) => settled.has(id) || waiting.has(id), reasons)
  const unseen = [...waiting.values()].filter(({ toolCallId }) => !rooted.has(toolCallId))
  return withWaiting(
    [...below, ...shown],
    unseen.map((call) => ({ type: "tool_use", ...call }))
  )
}

/** Mode `none`: the whole exchange, once the run has ended or waits. */
export const fold = (isCreate: boolean): Folding =>
  whole("when-parked", (run) => ({
    status: 200,
    body: {
      ...(isCreate ? { sessionId: run.threadId } : {}),
      stopReason: stopOf(run),
      messages: messagesOf(run)
    }
  }))
