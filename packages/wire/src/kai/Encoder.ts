/**
 * A run as Kai's events, in both of their forms.
 *
 * **Carries** the root's text, steps, calls, results, errors and usage; specialists as calls; questions as calls whose
 * input is available (a result, or the reason of an approval, answers a call that asks); everything else of the root view as `data-reins-…`.
 *
 * **Reorders**: a question is held until the run is parked, and of several only the oldest is sent: the client asks
 * about the last one only. `finish` is held until the run has ended, with usage and both summaries before it, since a
 * client stops there.
 *
 * **Loses** what specialists say and do below the root; the answer `revise`. A retracted step's text stays. Of finish
 * reasons, `budget` becomes `max_tokens`, `content-filter` and `repeated-calls` become `error`. Values that are not
 * objects are wrapped in one.
 *
 * A call that fails has the state `output-error`, one that a person refused `output-denied`. `tool-output-error` is
 * sent for a call that fails after it was approved.
 *
 * The answer ends at a question with `finish`; the answer to it is the next request.
 *
 * Its client reads data only, with the type inside; it passes unknown types through, and ours go as `data-…`, so that no
 * name it parses is reused. The reference (source 003) and the JSON lines of its CLI have the name beside the data, and
 * keys in snake_case: `x-kai-events: wrapped`, `events=wrapped` in the query, or NDJSON asks for this form.
 */
import type { AgentPath, Event, Events, Json } from "@reins/protocol"
import { Approval, Envelope } from "@reins/protocol"
import * as Schema from "effect/Schema"
import { isDenied } from "../Accumulation.ts"
import { MessageId } from "../Facts.ts"
import { CallId } from "../Ids.ts"
import type { Encoder, Request } from "../Dialect.ts"
import * as Frame from "../Frame.ts"
import { Parking } from "../Parking.ts"
import * as Body from "../Body.ts"

const Text = Schema.String

/** Tool inputs and outputs: the client accepts objects only. */
const Value = Schema.Record(Schema.String, Schema.Json)

/**
 * An event of the stream, as its clients read it.
 *
 * @since 0.1.0
 * @category schemas
 */
export const KaiEvent = Schema.Union([
  Schema.Struct({ type: Schema.Literal("start"), messageId: Text }),
  Schema.Struct({ type: Schema.Literal("text"), text: Text, state: Schema.Literals(["streaming", "complete"]) }),
  Schema.Struct({ type: Schema.Literal("step-start") }),
  Schema.Struct({
    type: Schema.Literal("tool-call"),
    toolCallId: Text,
    toolName: Text,
    state: Schema.Literals(["started", "input-available", "output-available", "output-error", "output-denied"]),
    input: Schema.optionalKey(Value),
    output: Schema.optionalKey(Value),
    errorText: Schema.optionalKey(Text),
    approval: Schema.optionalKey(Schema.Struct({ id: Text }))
  }),
  Schema.Struct({ type: Schema.Literal("tool-output-error"), toolCallId: Text, errorText: Text }),
  Schema.Struct({ type: Schema.Literal("tool-approval-request"), approvalId: Text, toolCallId: Text }),
  Schema.Struct({
    type: Schema.Literal("data-usage"),
    data: Schema.Struct({ promptTokens: Schema.Natural, completionTokens: Schema.Natural })
  }),
  Schema.Struct({ type: Schema.Literal("finish"), finishReason: Text }),
  Schema.Struct({ type: Schema.Literal("error"), message: Text, code: Text }),
  Schema.Struct({ type: Schema.TemplateLiteral(["data-reins-", Schema.String]), data: Schema.Unknown })
])
export type KaiEvent = typeof KaiEvent.Type

/** `typed`: `{type, …}`. `wrapped`: `{event, data}`. */
export type Form = "typed" | "wrapped"

export const wantsLines = ({ headers }: Request): boolean => (headers["accept"] ?? "").includes("application/x-ndjson")

export const formOf = (request: Request): Form => {
  const asked = request.headers["x-kai-events"] ?? request.query["events"]
  return asked === "wrapped" || (asked === undefined && wantsLines(request)) ? "wrapped" : "typed"
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** Names are ours to write; what stands under `input`, `output` and in our own `data-reins-…` is not. */
const renamed = (fields: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [snake(name), value]))

/**
 * An event under its name. A call says `null` where it has no input or output.
 *
 * @since 0.1.0
 * @category operations
 */
export const wrap = (event: KaiEvent): { readonly event: string; readonly data: unknown } => {
  const { type, ...fields } = event
  if ("data" in event) {
    const { data } = event
    return { event: type, data: type === "data-usage" && isRecord(data) ? renamed(data) : data }
  }
  const absent: { readonly [field: string]: Json } = type === "tool-call" ? { input: null, output: null } : {}
  return { event: type, data: { ...absent, ...renamed(fields) } }
}

const isRecord = (value: unknown): value is object => typeof value === "object" && value !== null

type KaiEvents = ReadonlyArray<KaiEvent>

const extra = (name: string, data: unknown): KaiEvents => [{ type: `data-reins-${name}`, data }]

/** Names of the calls that are made for questions without a call. */
export const planTool = "approve_plan"
export const budgetTool = "raise_budget"

/** The call that a question is about, as the client sees it. */
export const callOf = (question: Approval.Request): { readonly toolCallId: string; readonly toolName: string } => {
  const { agentPath = [], id, kind, target, toolInvocationId } = question
  return {
    toolCallId: toolInvocationId === undefined ? id : CallId.make(agentPath, toolInvocationId),
    toolName: kind === "plan" ? planTool : kind === "budget" ? budgetTool : target
  }
}

class KaiEncoder implements Encoder {
  readonly #parking = new Parking()
  readonly #asked = new Map<string, Approval.Request>()
  readonly #approved = new Set<string>()
  readonly #form: Form
  #isSpeaking = false
  #isOpen = false
  #finish: Events.Finish | undefined
  #state: "running" | "ended" | "failed" = "running"

  constructor(form: Form) {
    this.#form = form
  }

  get isDetached(): boolean {
    return this.#parking.isParked
  }

  step(envelope: Envelope.Envelope): ReadonlyArray<Frame.Frame> {
    this.#parking.step(envelope)
    const opening: KaiEvents = this.#isOpen ? [] : [{ type: "start", messageId: MessageId.ofAnswer(envelope.runId) }]
    this.#isOpen = true
    return this.#frames([...opening, ...this.#events(envelope)])
  }

  finish(): ReadonlyArray<Frame.Frame> {
    if (this.#state === "failed") return this.#frames([{ type: "finish", finishReason: "error" }])
    if (this.#state === "ended" && this.#finish !== undefined) return this.#frames(this.#end(this.#finish))
    return this.isDetached ? this.#frames(this.#pause()) : Frame.none
  }

  reopen(answered: Iterable<string>, messageId?: string): ReadonlyArray<Frame.Frame> {
    this.#parking.expect(answered)
    return messageId === undefined
      ? Frame.none
      : this.#frames([{ type: "start", messageId: MessageId.ofAnswer(messageId) }])
  }

  #frames(events: KaiEvents): ReadonlyArray<Frame.Frame> {
    return events.map((event) => Frame.unnamed(this.#form === "typed" ? event : wrap(event)))
  }

  #events(envelope: Envelope.Envelope): KaiEvents {
    const { agentPath, event } = envelope
    if (!Envelope.isRootView(envelope)) return this.#below(agentPath, event)
    switch (event.type) {
      case "text":
        this.#isSpeaking = true
        return [{ type: "text", text: event.text, state: "streaming" }]
      case "reasoning":
        return [...this.#silence(), ...extra("reasoning", { text: event.text })]
      case "step-start":
        return [...this.#silence(), { type: "step-start" }]
      case "tool-invocation":
        return event.state === "call"
          ? this.#call(event.toolInvocationId, event.toolName, event.args)
          : this.#result(event.toolInvocationId, event.toolName, event)
      case "tool-agent":
        return event.state === "call"
          ? this.#call(event.toolInvocationId, event.agentName, event.prompt)
          : this.#result(event.toolInvocationId, event.agentName, event)
      case "approval-required":
        return this.#silence()
      case "approval-decision":
        return this.#decided(event.data)
      case "finish":
        this.#finish = event
        return this.#silence()
      case "data-latency-summary":
        if (this.#finish !== undefined) this.#state = "ended"
        return extra("latency-summary", event.data)
      case "data-cost-summary":
        return extra("cost-summary", event.data)
      case "error":
        this.#state = "failed"
        return [...this.#silence(), { type: "error", message: event.error.message, code: event.error.code }]
      case "message-received":
        return [...this.#silence(), ...extra(event.type, event.data)]
      case "late-result": {
        const { type, ...data } = event
        return [...this.#silence(), ...extra(type, data)]
      }
      case "tool-input-delta":
        return []
      default: {
        const { type, ...data } = event
        return extra(type, data)
      }
    }
  }

  /** Repeats the last piece of text with its end marker, since the pieces before it are already sent. */
  #silence(): KaiEvents {
    if (!this.#isSpeaking) return []
    this.#isSpeaking = false
    return [{ type: "text", text: "", state: "complete" }]
  }

  #call(toolCallId: string, toolName: string, args: Json): KaiEvents {
    return [...this.#silence(), { type: "tool-call", toolCallId, toolName, state: "started", input: toObject(args) }]
  }

  #result(
    toolCallId: string,
    toolName: string,
    { result, status }: Pick<Events.ToolResult, "result"> & { readonly status?: Events.Status }
  ): KaiEvents {
    const call = { type: "tool-call", toolCallId, toolName } as const
    if (status === undefined) return [{ ...call, state: "output-available", output: toObject(result) }]
    const errorText = Body.resultText(result)
    const output = { error: errorText, status }
    const question = this.#asked.get(toolCallId)
    const isApproved = question !== undefined && this.#approved.has(question.id)
    if (isDenied(result, status)) return [{ ...call, state: "output-denied", output, errorText }]
    if (!isApproved) return [{ ...call, state: "output-error", output, errorText }]
    // A call that was asked about counts as open until it has an output; an error does not close it.
    return [
      { ...call, state: "output-available", output },
      { type: "tool-output-error", toolCallId, errorText }
    ]
  }

  #below(path: AgentPath.AgentPath, event: Event): KaiEvents {
    if (event.type !== "tool-invocation" && event.type !== "tool-agent") return []
    if (event.state === "call") return []
    const id = CallId.make(path, event.toolInvocationId)
    const name = event.type === "tool-agent" ? event.agentName : event.toolName
    return this.#asked.has(id) ? this.#result(id, name, event) : []
  }

  #decided(resolution: Approval.Resolution): KaiEvents {
    const told = extra("approval-decision", resolution)
    if (Approval.allows(resolution.outcome)) this.#approved.add(resolution.id)
    const question = this.#asked.get(resolution.id)
    if (question === undefined || question.kind === "tool" || question.toolInvocationId !== undefined) return told
    const { toolCallId, toolName } = callOf(question)
    return [...told, ...this.#result(toolCallId, toolName, { result: resolution.outcome })]
  }

  #pause(): KaiEvents {
    const [question] = this.#parking.questions
    const [client] = this.#parking.clientCalls
    const finish: KaiEvent = { type: "finish", finishReason: "tool_calls" }
    if (question !== undefined) {
      const call = callOf(question)
      this.#asked.set(call.toolCallId, question)
      const waiting: KaiEvent = {
        type: "tool-call",
        ...call,
        state: "input-available",
        input: toObject(question.payload),
        approval: { id: question.id }
      }
      const request: KaiEvent = {
        type: "tool-approval-request",
        approvalId: question.id,
        toolCallId: call.toolCallId
      }
      return [...this.#silence(), waiting, request, finish]
    }
    if (client === undefined) return [...this.#silence(), finish]
    const { args, toolInvocationId, toolName } = client.call
    const toolCallId = CallId.make(client.path, toolInvocationId)
    return [
      ...this.#silence(),
      { type: "tool-call", toolCallId, toolName, state: "input-available", input: toObject(args) },
      finish
    ]
  }

  #end({ finishReason, usage }: Events.Finish): KaiEvents {
    const { completionTokens, promptTokens } = usage
    return [
      { type: "data-usage", data: { promptTokens, completionTokens } },
      { type: "finish", finishReason: finishReasons[finishReason] }
    ]
  }
}

export const open = (form: Form = "typed"): Encoder => new KaiEncoder(form)

/** A value as an object; anything else is put under `value`. */
export const toObject = (value: Json): { readonly [key: string]: Json } => (isObject(value) ? value : { value })

const isObject = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const finishReasons: { readonly [R in Events.Finish["finishReason"]]: string } = {
  stop: "complete",
  length: "max_tokens",
  "content-filter": "error",
  budget: "max_tokens",
  cancelled: "cancelled",
  "repeated-calls": "error",
  other: "complete"
}
