/**
 * A run as a UI message stream: one message for the whole run, however many requests it takes.
 *
 * **Carries** the root's text, reasoning, sources, steps (a retracted one by `reset-step`), calls with their input
 * while it is written, results and approvals; specialists as calls; progress, plans, files, budgets, custom events and
 * both summaries as `data-…` parts. Of specialists only their approvals, with the calls they are about. Questions about
 * plans and budgets look like tool calls; a call that asks a person is one that the client answers with its output.
 *
 * **Reorders** nothing; the step is closed before `finish`, and the summaries follow it.
 *
 * **Loses** what specialists say and do below the root; the structure of a failed result, which becomes text.
 *
 * Clients of version 6 know less: they get `steering-message` as a data part, an interrupted end as `other`, no answers
 * to approvals, which show in what becomes of the call, and keep the text and the input of a retracted step.
 *
 * Pages that send messages as models are sent them (`POST /data-stream`: assistant-ui's data stream runtime) carry
 * their conversation themselves. They have no words for a question to a person: the next message goes on without an
 * answer.
 *
 * The answer ends where the run waits for a person or a client tool; the next one continues the same message.
 */
import { Approval } from "@reins/protocol"
import type { AgentPath, Envelope, Events, Json } from "@reins/protocol"
import { MessageId } from "../Facts.ts"
import { CallId } from "../Ids.ts"
import type { Encoder } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import { Parking } from "../Parking.ts"
import { type Chunk, sourceOf, usageOf } from "./UiMessage.ts"
import * as Body from "../Body.ts"
import * as Media from "../Media.ts"

type Chunks = ReadonlyArray<Chunk>

const reasons: { readonly [R in Events.Finish["finishReason"]]: Extract<Chunk, { type: "finish" }>["finishReason"] } = {
  stop: "stop",
  length: "length",
  "content-filter": "content-filter",
  budget: "other",
  cancelled: "interrupted",
  "repeated-calls": "other",
  other: "other"
}

/** Names of the calls that are made for questions without a tool call. */
export const planTool = "approve_plan"
export const budgetTool = "raise_budget"

const nameOf = ({ kind, target }: Approval.Request): string =>
  kind === "plan" ? planTool : kind === "budget" ? budgetTool : target

const data = (name: string, value: unknown, id?: string): Chunk => ({
  type: `data-${name}`,
  ...(id === undefined ? {} : { id }),
  data: value
})

/** The versions of the AI SDK whose clients read different chunks. */
export type Version = 6 | 7

class UiMessageEncoder implements Encoder {
  readonly #version: Version
  readonly #parking = new Parking()
  /** Calls in the client's message, and all that it was shown. */
  readonly #shown = new Set<string>()
  readonly #known = new Map<string, Chunk>()
  readonly #questions = new Map<string, { readonly request: Approval.Request; readonly callId: string }>()
  /** Questions that an earlier message asked. */
  readonly #askedBefore = new Set<string>()
  readonly #denied = new Set<string>()
  #messageId = ""
  /** The user's message that this answer follows, which the client has. */
  #follows = ""
  #open: { readonly kind: "text" | "reasoning"; readonly id: string; readonly part: string | undefined } | undefined
  /** Calls whose input is being shown. */
  readonly #writing = new Set<string>()
  #parts = 0
  #step: "none" | "open" | "reset" | "aside" = "none"
  #finished = false
  #ended = false

  constructor(version: Version) {
    this.#version = version
  }

  get isDetached(): boolean {
    return this.#parking.isParked
  }

  step(envelope: Envelope.Envelope): ReadonlyArray<Frame.Frame> {
    this.#parking.step(envelope)
    const chunks = this.#parking.isOwn(envelope) ? [] : this.#chunks(envelope)
    if (this.#messageId !== "") return chunks.map(Frame.unnamed)
    this.#messageId = MessageId.ofAnswer(envelope.runId)
    const { runId, threadId } = envelope
    const start: Chunk = { type: "start", messageId: this.#messageId, messageMetadata: { runId, threadId } }
    return [start, ...chunks].map(Frame.unnamed)
  }

  finish(): ReadonlyArray<Frame.Frame> {
    if (this.#ended) return [Frame.done]
    if (!this.isDetached) return Frame.none
    const ending: Chunks = this.#step === "none" ? [] : [{ type: "finish-step" }]
    const closing: Chunks = [...this.#close(), ...ending, { type: "finish", finishReason: "tool-calls" }]
    return [...closing.map(Frame.unnamed), Frame.done]
  }

  reopen(answered: Iterable<string>, messageId?: string): ReadonlyArray<Frame.Frame> {
    this.#parking.expect(answered)
    // What follows a user's message is a message of its own, which has none of the calls before it; what follows an
    // answer is more of the one that asked.
    if (messageId !== undefined) {
      this.#messageId = MessageId.ofAnswer(messageId)
      this.#follows = messageId
      this.#shown.clear()
      for (const id of this.#questions.keys()) this.#askedBefore.add(id)
      this.#step = "none"
    }
    const start: Chunk = { type: "start", messageId: this.#messageId }
    return [Frame.unnamed(start)]
  }

  #chunks({ agentPath, event }: Envelope.Envelope): Chunks {
    if (event.type === "approval-required") return this.#ask(agentPath, event.data)
    if (event.type === "approval-decision") return this.#answer(event.data)
    if (agentPath.length > 0) {
      return event.type === "tool-invocation" || event.type === "tool-agent" ? this.#nested(agentPath, event) : []
    }
    switch (event.type) {
      case "text":
      case "reasoning":
        return this.#say(event)
      case "tool-input-delta":
        return this.#write(event)
      case "source":
        return [sourceOf(event.data)]
      case "step-start":
        return this.#startStep()
      case "step-retracted":
        return this.#retract()
      case "message-received":
        return this.#receive(event.data)
      case "tool-invocation":
        return event.state === "call"
          ? this.#call(event.toolInvocationId, event.toolName, event.args, false)
          : this.#result(event.toolInvocationId, event)
      case "tool-agent":
        return event.state === "call"
          ? this.#call(event.toolInvocationId, event.agentName, event.prompt, true)
          : this.#result(event.toolInvocationId, event)
      case "late-result": {
        const { type, ...late } = event
        return [data(type, late, event.toolInvocationId)]
      }
      case "tool-progress": {
        const { type: _, ...progress } = event
        return [data("tool-progress", progress, event.toolCallId)]
      }
      case "data-tool-agent":
        return [data("tool-agent", event.data, event.data.toolInvocationId)]
      case "plan-status-change":
        return [data("plan-status", event.data, event.data.planId)]
      case "data-file-registered":
        return this.#file(event.data)
      case "data-flow-ui":
        return [data("flow-ui", event.data)]
      case "budget_exhausted": {
        const { type: _, ...exhausted } = event
        return [data("budget-exhausted", exhausted)]
      }
      case "custom":
        return [data("custom", { event_type: event.event_type, data: event.data })]
      case "finish":
        return this.#finish(event)
      case "data-cost-summary":
        return [data("cost-summary", event.data)]
      case "data-latency-summary":
        this.#ended = this.#finished
        return [data("latency-summary", event.data)]
      case "error":
        this.#ended = true
        return [...this.#close(), { type: "error", errorText: event.error.message }]
    }
  }

  #say({ part, text, type: kind }: Events.Text | Events.Reasoning): Chunks {
    if (this.#open?.kind === kind && this.#open.part === part)
      return [{ type: `${kind}-delta`, id: this.#open.id, delta: text }]
    if (text === "") return []
    const closing = this.#close()
    this.#parts += 1
    const id = `${kind}-${this.#parts}`
    this.#open = { kind, id, part }
    return [...closing, { type: `${kind}-start`, id }, { type: `${kind}-delta`, id, delta: text }]
  }

  #write({ execution, text, toolInvocationId: toolCallId, toolName }: Events.ToolInputDelta): Chunks {
    const delta: Chunks = text === "" ? [] : [{ type: "tool-input-delta", toolCallId, inputTextDelta: text }]
    if (this.#writing.has(toolCallId)) return delta
    this.#writing.add(toolCallId)
    const dynamic = execution === "agent" ? { dynamic: true } : {}
    return [...this.#close(), { type: "tool-input-start", toolCallId, toolName, ...dynamic }, ...delta]
  }

  #close(): Chunks {
    if (this.#open === undefined) return []
    const { id, kind } = this.#open
    this.#open = undefined
    return [{ type: `${kind}-end`, id }]
  }

  #startStep(): Chunks {
    const before = this.#step
    this.#step = "open"
    if (before === "reset") return []
    const ending: Chunks = before === "none" ? [] : [{ type: "finish-step" }]
    return [...this.#close(), ...ending, { type: "start-step" }]
  }

  #retract(): Chunks {
    const closing = this.#close()
    this.#writing.clear()
    if (this.#version === 6) return closing
    this.#step = "reset"
    return [...closing, { type: "reset-step" }]
  }

  /** Ahead of the step that reads it, so that no reset takes it back. */
  #receive({ content, messageId }: Events.MessageReceived["data"]): Chunks {
    const ending: Chunks = this.#step === "none" ? [] : [{ type: "finish-step" }]
    this.#step = "none"
    const parts = content.map((part) => {
      if (part.type === "text") return { type: part.type, text: part.text }
      const { data, filename, mediaType } = part
      const url = Media.urlOf({ data, mediaType })
      return { type: part.type, mediaType, url, ...(filename === undefined ? {} : { filename }) }
    })
    const told: Chunk =
      this.#version === 6
        ? data("steering-message", { id: messageId, parts }, messageId)
        : { type: "steering-message", id: messageId, parts }
    return [...this.#close(), ...ending, ...(messageId === this.#follows ? [] : [told])]
  }

  #call(
    toolCallId: string,
    toolName: string,
    input: Json,
    dynamic: boolean,
    agentPath: AgentPath.AgentPath = []
  ): Chunks {
    this.#shown.add(toolCallId)
    const call: Chunk = {
      type: "tool-input-available",
      toolCallId,
      toolName,
      input,
      ...(dynamic ? { dynamic } : {}),
      ...(agentPath.length === 0 ? {} : { providerMetadata: { reins: { agentPath } } })
    }
    this.#known.set(toolCallId, call)
    this.#writing.delete(toolCallId)
    return [...this.#close(), call]
  }

  #result(toolCallId: string, { result, status }: Events.ToolResult | Events.AgentResult): Chunks {
    if (!this.#known.has(toolCallId)) return []
    const again = this.#again(toolCallId)
    if (status === undefined) return [...again, { type: "tool-output-available", toolCallId, output: result }]
    if (status === "denied" && this.#denied.has(toolCallId))
      return [...again, { type: "tool-output-denied", toolCallId }]
    return [...again, { type: "tool-output-error", toolCallId, errorText: Body.resultText(result) }]
  }

  /** The client refuses an output without a call in the same message: one of an earlier message is shown again. */
  #again(toolCallId: string): Chunks {
    const call = this.#known.get(toolCallId)
    if (call === undefined || this.#shown.has(toolCallId)) return []
    this.#shown.add(toolCallId)
    return [call]
  }

  /** Of a specialist's calls: those that wait for a person or a client, and their results. */
  #nested(path: AgentPath.AgentPath, event: Events.CallEvent): Chunks {
    const callId = CallId.make(path, event.toolInvocationId)
    if (event.state === "call") {
      const isClient = event.type === "tool-invocation" && event.execution === "client"
      return isClient ? this.#aside(path, callId, event.toolName, event.args) : []
    }
    return this.#known.has(callId) ? this.#result(callId, event) : []
  }

  #ask(path: AgentPath.AgentPath, request: Approval.Request): Chunks {
    // The client answers the call that asks.
    if (this.#parking.isAsked(request)) return []
    const isCall = request.kind === "tool" && request.toolInvocationId !== undefined
    const callId = isCall ? CallId.make(path, request.toolInvocationId) : request.id
    this.#questions.set(request.id, { request, callId })
    const name = nameOf(request)
    const shown = this.#shown.has(callId) ? [] : this.#aside(path, callId, name, request.payload)
    const { agentPath, expiresAt, kind, target } = request
    const approvalDescriptor: Json = {
      kind,
      target,
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(agentPath === undefined ? {} : { agentPath })
    }
    return [...shown, { type: "tool-approval-request", approvalId: request.id, toolCallId: callId, approvalDescriptor }]
  }

  /**
   * A call that the root did not make, in a step of its own: clients resubmit by themselves once every call of the last
   * step is answered, and the specialist's call stays open until this one is answered.
   */
  #aside(path: AgentPath.AgentPath, callId: string, name: string, input: Json): Chunks {
    // A part ends within its step: clients of version 6 have forgotten it behind the end of that, and fail.
    const closing = this.#close()
    const call = this.#call(callId, name, input, true, path)
    if (this.#step === "aside") return [...closing, ...call]
    const ending: Chunks = this.#step === "none" ? [] : [{ type: "finish-step" }]
    this.#step = "aside"
    return [...closing, ...ending, { type: "start-step" }, ...call]
  }

  #answer({ feedback, id, outcome }: Approval.Resolution): Chunks {
    const question = this.#questions.get(id)
    if (question === undefined) return []
    const { callId, request } = question
    const approved = Approval.allows(outcome) || outcome.outcome === "answer"
    if (!approved && !Approval.isAskedAgain(outcome)) this.#denied.add(callId)
    const reason =
      feedback ?? (outcome.outcome === "approve" || outcome.outcome === "reject" ? undefined : outcome.outcome)
    const response: Chunk = {
      type: "tool-approval-response",
      approvalId: id,
      approved,
      ...(reason === undefined ? {} : { reason })
    }
    const told: Chunks = this.#version === 6 || this.#askedBefore.has(id) ? [] : [response]
    if (request.kind === "tool") return told
    const settled: Chunk = approved
      ? { type: "tool-output-available", toolCallId: callId, output: outcome }
      : { type: "tool-output-denied", toolCallId: callId }
    return [...told, ...this.#again(callId), settled]
  }

  #file(file: Events.FileRegistered["data"]): Chunks {
    const part = data("file-registered", file, file.fileId)
    return file.url === undefined ? [part] : [{ type: "file", url: file.url, mediaType: file.mediaType }, part]
  }

  #finish({ finishReason, usage }: Events.Finish): Chunks {
    const ending: Chunks = this.#step === "none" ? [] : [{ type: "finish-step" }]
    this.#step = "none"
    this.#finished = true
    const aborted: Chunks = finishReason === "cancelled" ? [{ type: "abort", reason: "cancelled" }] : []
    const last: Chunk = {
      type: "finish",
      finishReason: this.#version === 6 && finishReason === "cancelled" ? "other" : reasons[finishReason],
      messageMetadata: { finishReason, usage: { ...usage, ...usageOf(usage) } }
    }
    return [...this.#close(), ...ending, ...aborted, last]
  }
}

export const open = (version: Version = 7): Encoder => new UiMessageEncoder(version)
