/** Karta's non-streaming answers: sessions, the accumulated turn, the continuation after a decision, and errors. */
import type { Events, Json, Message } from "@reins/protocol"
import * as DateTime from "effect/DateTime"
import { whole } from "../Accumulation.ts"
import type { Accumulated } from "../Accumulation.ts"
import type { Folding, Reply } from "../Dialect.ts"
import type { Facts, Thread } from "../Facts.ts"
import type { Refusal } from "../Refusal.ts"
import { inputOf, usageOf } from "./KartaEvent.ts"
import type { KartaEvent, Part } from "./KartaEvent.ts"
import type { PermissionMode } from "./Configuration.ts"
import * as Encoder from "./Encoder.ts"
import { budgetExhausted, type Options, rejectedKey, Turn } from "./Turn.ts"

const iso = (millis: number): string => DateTime.formatIso(DateTime.makeUnsafe(millis))

const sessionOf = (thread: Thread, mode: PermissionMode): object => {
  const [question] = thread.questions
  return {
    id: thread.threadId,
    metadata: thread.metadata ?? {},
    current_agent: thread.agent,
    status: "active",
    created_at: iso(thread.createdAt),
    updated_at: iso(thread.updatedAt),
    parent_id: null,
    pending_input: question === undefined ? null : inputOf(question),
    permission_mode: mode,
    participants: []
  }
}

/** The session object; `ref` when it was addressed by its project. */
export const session =
  (status: number, ref: string | undefined, mode: PermissionMode) =>
  (facts: Facts): Reply =>
    facts._tag === "Thread"
      ? {
          status,
          body: {
            ...sessionOf(facts.thread, mode),
            ...(ref === undefined ? {} : { project: { ref, project_id: ref, version: 1 } })
          }
        }
      : { status, body: {} }

const partsOf = (message: Message.Message): ReadonlyArray<Part> =>
  message.content.flatMap((part): ReadonlyArray<Part> => {
    switch (part.type) {
      case "text":
      case "reasoning":
        return [{ type: part.type, text: part.text }]
      case "tool-call":
        return [{ type: "tool_use", tool_use_id: part.id, tool_name: part.name, tool_input: part.args }]
      case "tool-result": {
        const status = part.status === undefined ? {} : { status: part.status }
        return [{ type: "tool_result", tool_use_id: part.id, result: part.result, ...status }]
      }
      case "file":
        return []
    }
  })

/** A run that failed. */
const failed = (error: Events.ErrorEvent["error"]): Reply => {
  const rejected = rejectedKey(error)
  if (rejected !== undefined) {
    const { code, ...why } = rejected
    return { status: 422, body: { error: code, ...why } }
  }
  const { code, message } = error
  return { status: 500, body: { detail: message, error: code, message } }
}

/** The answer to a non-streaming request: the same turn, folded. At a question: the turn so far, and the question. */
export const turn = (asked: { readonly text: string; readonly agent: string; readonly options: Options }): Folding =>
  whole(asked.options.automatic ? "never" : "when-parked", (run: Accumulated): Reply => {
    if (run.error !== undefined) return failed(run.error)
    const parts = run.messages
      .filter(({ role }) => role !== "user")
      .flatMap(partsOf)
      .filter(({ type }) => asked.options.thinking || type !== "reasoning")
    const [question] = run.questions
    return {
      status: 200,
      body: {
        text: run.text,
        session_id: run.threadId,
        agent: asked.agent,
        messages: [
          { id: `user_${run.runId}`, role: "user", text: asked.text, parts: [{ type: "text", text: asked.text }] },
          { id: `msg_${run.runId}`, role: "assistant", text: run.text, parts }
        ],
        usage: run.finish === undefined ? null : usageOf(run.finish),
        ...(run.finish?.finishReason === "budget"
          ? { error: budgetExhausted.code, reason: budgetExhausted.message }
          : {}),
        ...(question === undefined ? {} : { session: { id: run.threadId, pending_input: inputOf(question) } })
      }
    }
  })

/** The answer to a decision: the rest of the turn, to its end or to the next question. */
export const continuation = (options: Options): Folding => {
  const rest = new Turn(options)
  let events: Array<KartaEvent> = []
  return {
    step: (envelope) => {
      for (const event of rest.step(envelope)) events.push(event)
    },
    reopen: (answered) => {
      rest.expect(answered)
      events = []
    },
    reply: () => {
      const { question, threadId } = rest
      const pending_input = question === undefined ? null : inputOf(question)
      return { status: 200, body: { events, session: { id: threadId, status: "active", pending_input } } }
    },
    get isDetached() {
      return rest.isDetached
    }
  }
}

/** The chat completions adapter without a stream. `object` has the value that the original system sends. */
export const chatCompletion = (model: string): Folding =>
  whole("when-parked", (run) => {
    if (run.error !== undefined) return failed(run.error)
    const reason = run.finish?.finishReason ?? "stop"
    return {
      status: 200,
      body: {
        id: `chatcmpl-${run.runId}`,
        object: "text_completion",
        created: Math.floor(run.at / 1000),
        model,
        choices: [
          {
            index: 0,
            message: { role: "assistant", content: run.text },
            finish_reason: finishReasons[reason] ?? "stop"
          }
        ],
        ...(run.finish === undefined ? {} : { usage: usageOf(run.finish) }),
        ...(reason === "budget" ? { error: budgetExhausted.code, reason: budgetExhausted.message } : {})
      }
    }
  })

/** The ends that a completion does not call `stop`. */
const finishReasons: { readonly [reason: string]: string } = {
  length: "length",
  budget: "length",
  "repeated-calls": "length",
  "content-filter": "content_filter"
}

/** The responses adapter without a stream. */
export const response = (previous: string | undefined): Folding =>
  whole("when-parked", (run) => ({
    status: 200,
    body: {
      id: `resp_${run.runId}`,
      type: "response",
      status: run.error === undefined ? "completed" : "failed",
      output: { type: "text", text: run.text },
      ...(run.error === undefined ? {} : { error: { message: run.error.message, code: run.error.code } }),
      ...(run.finish === undefined ? {} : { usage: usageOf(run.finish) }),
      previous_response_id: previous ?? null
    }
  }))

/** A managed agent's session with its log so far. */
export const managed = (): Folding => {
  const log = Encoder.log()
  const events: Array<Encoder.LogEvent> = []
  return {
    step: (envelope) => {
      for (const event of log.step(envelope)) events.push(event)
    },
    reopen: () => {},
    reply: () => {
      const last = events.at(-1)?.type
      const isIdle = last === undefined || last === "agent.done" || last === "agent.error"
      return { status: 200, body: { status: isIdle ? "idle" : "running", events } }
    },
    isDetached: false
  }
}

/** Karta has two formats: `detail` for most errors, `error` with a reason for those that a caller can act on. */
export const encodeError = ({ code, kind, message, retryAfterSeconds, status }: Refusal): Reply => {
  const body: Json =
    kind === "budget"
      ? { error: "budget_exhausted", reason: message }
      : kind === "unprocessable"
        ? { error: code, message }
        : { detail: message }
  const wait = retryAfterSeconds ?? (kind === "unavailable" ? 1 : undefined)
  return { status, body, ...(wait === undefined ? {} : { headers: { "retry-after": `${wait}` } }) }
}
