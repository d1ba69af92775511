/**
 * A run as turns of the Agent Application Protocol.
 *
 * **Carries** the root's text and reasoning (as deltas, or whole per message), calls and results, specialists as a call
 * with its result, questions as waiting calls: a specialist's question as the call it is about; a question about a
 * plan, a budget or a call that may have run already as a call of its own. A call that asks a person is one that the
 * application answers.
 *
 * **Reorders**: a client looks for waiting calls only in the last assistant message, so no result may come between
 * them: the results of a step, and the calls of specialists, are held until the step is over or the run is parked.
 * `turn_stop` is held until the run has ended.
 *
 * **Loses** steps, progress, decisions except for their effect, plans, files, custom events, usage, cost and time, an
 * error's message, and what specialists say and do below the root. In delta mode a retracted step's text stays. Of a
 * call that a person was asked about at the end of a turn only the call: `tool_result` belongs to trusted tools; the
 * single answer of mode `none` has its result.
 *
 * A limit is not a denial: the result of a call that reached one says which. A conversation that is longer than the
 * model's context stops with `max_tokens`, content that a provider refuses with `refusal`, a budget of tokens with
 * `max_tokens` and any other with `error`.
 *
 * The turn ends where the run waits for a person or an application tool.
 */
import type { AgentPath, Approval, Envelope, Event, Events } from "@reins/protocol"

import { reasonOf } from "../Accumulation.ts"
import { CallId } from "../Ids.ts"
import { Parking } from "../Parking.ts"
import { contentOf, UserContent } from "./Message.ts"
import * as Schema from "effect/Schema"

type TurnEvents = ReadonlyArray<TurnEvent>
type Call = Extract<TurnEvent, { event: "tool_call" }>

/** Names of the calls that are made for questions without a waiting call of their own. */
export const planTool = "approve_plan"
export const budgetTool = "raise_budget"
export const repeatTool = "make_call_again"

/**
 * The call that stands for a question: the one that it is about; where it has none, or its call was shown in an earlier
 * turn and cannot be shown again, a call of its own.
 */
export const callOf = (question: Approval.Request): Call => {
  const { agentPath = [], begunBefore, id, kind, payload, target, toolInvocationId } = question
  // A call that runs may ask several times, so that each of its questions is a call of its own.
  if (kind === "question") return { event: "tool_call", data: { toolCallId: id, name: target, input: payload } }
  if (begunBefore !== undefined) {
    const input = { name: target, input: payload, begunBefore }
    return { event: "tool_call", data: { toolCallId: id, name: repeatTool, input } }
  }
  const toolCallId = toolInvocationId === undefined ? id : CallId.make(agentPath, toolInvocationId)
  const name = kind === "tool" ? target : kind === "plan" ? planTool : budgetTool
  return { event: "tool_call", data: { toolCallId, name, input: payload } }
}

interface HeldResult {
  readonly toolCallId: string
  readonly content: UserContent
}

/** Mutable; owned by one session's answer. */
export class Turn {
  readonly #isDelta: boolean
  readonly #parking = new Parking()
  readonly #open = new Set<string>()
  readonly #shownNow = new Set<string>()
  readonly #shownBefore = new Set<string>()
  readonly #questions = new Map<string, Approval.Request>()
  /**
   * Calls that a person was asked about. Where an earlier turn stopped for them, they have no results here: only
   * trusted ones do.
   */
  readonly #untrusted = new Set<string>()
  #calls: Array<Call> = []
  #results: Array<HeldResult> = []
  #said = { text: "", thinking: "" }
  /** The step has announced no call yet, so that it may be retracted. */
  #isSpeaking = false
  #exhausted: string | undefined
  #finish: Events.Finish | undefined
  #state: "running" | "ended" | "failed" = "running"
  #failed: StopReason = "error"

  constructor(isDelta: boolean) {
    this.#isDelta = isDelta
  }

  get isDetached(): boolean {
    return this.#parking.isParked
  }

  step(envelope: Envelope.Envelope): TurnEvents {
    this.#parking.step(envelope)
    const { agentPath, event } = envelope
    if (event.type === "approval-required") {
      this.#questions.set(event.data.id, event.data)
      this.#untrusted.add(callOf(event.data).data.toolCallId)
      return []
    }
    if (event.type === "approval-decision") return []
    return agentPath.length > 0 ? this.#below(agentPath, event) : this.#events(event)
  }

  finish(): TurnEvents {
    if (this.#state === "failed") return [{ event: "turn_stop", data: { stopReason: this.#failed } }]
    if (this.#finish !== undefined && this.#state === "ended") {
      return [{ event: "turn_stop", data: { stopReason: stopReason(this.#finish.finishReason, this.#exhausted) } }]
    }
    if (!this.isDetached) return []
    return [...this.#park(), { event: "turn_stop", data: { stopReason: "tool_use" } }]
  }

  reopen(answered: Iterable<string>): TurnEvents {
    this.#parking.expect(answered)
    for (const id of this.#shownNow) this.#shownBefore.add(id)
    this.#shownNow.clear()
    return [{ event: "turn_start", data: {} }]
  }

  #events(event: Event): TurnEvents {
    switch (event.type) {
      case "text":
        return this.#say("text", event.text)
      case "reasoning":
        return this.#say("thinking", event.text)
      case "step-start":
      case "message-received":
      case "late-result":
        this.#isSpeaking = event.type === "step-start"
        return [...this.#message(), ...this.#release()]
      case "step-retracted":
        this.#said = { text: "", thinking: "" }
        return []
      case "tool-invocation":
        return event.state === "call" ? this.#call(event) : this.#result(event)
      case "tool-agent":
        if (event.state === "result") return this.#agentResult(event)
        this.#isSpeaking = false
        this.#open.add(event.toolInvocationId)
        this.#calls.push({
          event: "tool_call",
          data: { toolCallId: event.toolInvocationId, name: event.agentName, input: event.prompt }
        })
        return this.#message()
      case "budget_exhausted":
        this.#exhausted = event.data.limit
        return []
      case "finish":
        this.#finish = event
        return [...this.#message(), ...this.#release()]
      case "data-latency-summary":
        if (this.#finish !== undefined) this.#state = "ended"
        return []
      case "error":
        this.#state = "failed"
        this.#failed = failureReason(event.error)
        return [...this.#message(), ...this.#release()]
      default:
        return []
    }
  }

  #say(kind: "text" | "thinking", delta: string): TurnEvents {
    if (delta === "") return []
    if (this.#isDelta) return [{ event: `${kind}_delta`, data: { delta } }]
    this.#said[kind] += delta
    return []
  }

  /** The step's message, for the mode that sends it whole. */
  #message(): TurnEvents {
    const { text, thinking } = this.#said
    this.#said = { text: "", thinking: "" }
    const events: Array<TurnEvent> = []
    if (thinking !== "") events.push({ event: "thinking", data: { thinking } })
    if (text !== "") events.push({ event: "text", data: { text } })
    return events
  }

  #call({ args, toolInvocationId, toolName }: Events.ToolCall): TurnEvents {
    this.#open.add(toolInvocationId)
    this.#isSpeaking = false
    const call = { toolCallId: toolInvocationId, name: toolName, input: args }
    return [...this.#message(), ...this.#show([{ event: "tool_call", data: call }])]
  }

  #isShown(toolCallId: string): boolean {
    return this.#shownNow.has(toolCallId) || this.#shownBefore.has(toolCallId)
  }

  #show(calls: TurnEvents): TurnEvents {
    for (const call of calls) if (call.event === "tool_call") this.#shownNow.add(call.data.toolCallId)
    return calls
  }

  #result({ execution, result, status, toolInvocationId }: Events.ToolResult): TurnEvents {
    // The application knows the results it submitted; results that we made, such as a refusal, must be sent.
    const isTheirs = execution === "client" && status !== "denied" && status !== "cancelled"
    if (!isTheirs) this.#hold(toolInvocationId, result, status)
    return this.#settle(toolInvocationId)
  }

  #agentResult({ result, status, toolInvocationId }: Events.AgentResult): TurnEvents {
    this.#hold(toolInvocationId, result, status)
    return this.#settle(toolInvocationId)
  }

  #hold(toolCallId: string, result: Events.ToolResult["result"], status: Events.Status | undefined): void {
    if (this.#untrusted.has(toolCallId) && this.#shownBefore.has(toolCallId)) return
    this.#results.push({ toolCallId, content: contentOf(result, status, undefined) })
  }

  #settle(toolInvocationId: string): TurnEvents {
    this.#open.delete(toolInvocationId)
    return this.#open.size === 0 ? this.#release() : []
  }

  /** A call below the root is shown only when it was shown to wait. */
  #below(path: AgentPath.AgentPath, event: Event): TurnEvents {
    if (event.type !== "tool-invocation" && event.type !== "tool-agent") return []
    if (event.state === "call") return []
    const id = CallId.make(path, event.toolInvocationId)
    if (this.#shownBefore.has(id)) this.#hold(id, event.result, event.status)
    return []
  }

  /**
   * Results of earlier turns' calls, then held calls, then results of this turn's calls, so that no result hides a
   * waiting call.
   */
  #release(calls: TurnEvents = []): TurnEvents {
    const results = this.#results
    const settled = new Set(results.map(({ toolCallId }) => toolCallId))
    const told = this.#calls.filter(({ data }) => settled.has(data.toolCallId) && !this.#isShown(data.toolCallId))
    this.#calls = this.#calls.filter(({ data }) => !settled.has(data.toolCallId))
    this.#results = []
    const event = (data: HeldResult): TurnEvent => ({ event: "tool_result", data })
    const isEarlier = ({ toolCallId }: HeldResult): boolean => this.#shownBefore.has(toolCallId)
    return [
      ...results.filter(isEarlier).map(event),
      ...this.#show([...told, ...calls]),
      ...results.filter((result) => !isEarlier(result)).map(event)
    ]
  }

  #park(): TurnEvents {
    const { clientCalls, questions } = this.#parking
    const waiting = [
      ...questions.filter((question) => !this.#parking.isAsked(question)).map(callOf),
      ...clientCalls.map(({ call, path }): Call => ({
        event: "tool_call",
        data: { toolCallId: CallId.make(path, call.toolInvocationId), name: call.toolName, input: call.args }
      }))
    ]
    const unseen = new Map(waiting.map((call) => [call.data.toolCallId, call]))
    for (const id of [...this.#shownNow, ...this.#shownBefore]) unseen.delete(id)
    return [...(this.#isSpeaking ? [] : this.#message()), ...this.#release([...unseen.values()])]
  }
}

const Named = <const Name extends string, Data extends Schema.Top>(event: Name, data: Data) =>
  Schema.Struct({ event: Schema.Literal(event), data })

export const StopReason = Schema.Literals(["end_turn", "tool_use", "max_tokens", "refusal", "error"])
export type StopReason = typeof StopReason.Type

const Delta = Schema.Struct({ delta: Schema.String })

/**
 * The events of a turn (source 001). The name goes into the frame's `event:`, which every frame must have; the data is
 * a JSON object, even when it is empty.
 *
 * @since 0.1.0
 * @category schemas
 */
export const TurnEvent = Schema.Union([
  Named("session_start", Schema.Struct({ sessionId: Schema.String })),
  Named("turn_start", Schema.Struct({})),
  Named("text_delta", Delta),
  Named("thinking_delta", Delta),
  Named("text", Schema.Struct({ text: Schema.String })),
  Named("thinking", Schema.Struct({ thinking: Schema.String })),
  Named("tool_call", Schema.Struct({ toolCallId: Schema.String, name: Schema.String, input: Schema.Json })),
  Named("tool_result", Schema.Struct({ toolCallId: Schema.String, content: UserContent })),
  Named("turn_stop", Schema.Struct({ stopReason: StopReason }))
])
export type TurnEvent = typeof TurnEvent.Type

const reasons: { readonly [R in Events.Finish["finishReason"]]: StopReason } = {
  stop: "end_turn",
  length: "max_tokens",
  "content-filter": "refusal",
  budget: "error",
  cancelled: "error",
  "repeated-calls": "error",
  other: "end_turn"
}

/** A run that failed; see `reasonOf`. */
export const failureReason = (error: Events.ErrorEvent["error"]): StopReason => {
  const reason = reasonOf(error)
  return reason === undefined ? "error" : reasons[reason]
}

/** `exhausted` is the limit that stopped the run: a token limit is `max_tokens`, any other an error. */
export const stopReason = (finishReason: Events.Finish["finishReason"], exhausted: string | undefined): StopReason =>
  finishReason === "budget" && /token/i.test(exhausted ?? "") ? "max_tokens" : reasons[finishReason]
