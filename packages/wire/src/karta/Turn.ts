/**
 * A run as Karta's events.
 *
 * **Carries** the root's text, calls, steps and the run's end; reasoning on request; specialists as calls; questions
 * from any agent; whatever else the root view shows as `system` with the event in `raw`.
 *
 * **Reorders**: results have no event of their own and are part of `step_finish`, which is held until the step is over;
 * `done` is held until the run has ended, with usage, message, cost and time in it.
 *
 * **Loses** what specialists say and do below the root. The answer `revise` does not exist. A run that its budget ended
 * sends `error` with `budget_exhausted` and then `done` with the turn so far. A retracted step's text was already sent;
 * `done` leaves it out.
 *
 * The answer ends at a question, without `done`: the answer to it brings the rest.
 */
import type { Approval, CostSummary, Envelope, Event, Events } from "@reins/protocol"
import { Envelope as Envelopes } from "@reins/protocol"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Parking } from "../Parking.ts"
import { inputOf, usageOf } from "./KartaEvent.ts"
import type { KartaEvent, KartaType, Part } from "./KartaEvent.ts"

type KartaEvents = ReadonlyArray<KartaEvent>
type StepResult = Extract<KartaEvent, { type: "step_finish" }>["data"]["result"]["tool_results"][number]

/** `automatic`: every question is answered by policy, so none ends the answer. */
export interface Options {
  readonly thinking: boolean
  readonly hidden: ReadonlySet<KartaType>
  readonly automatic: boolean
}

export const everything: Options = { thinking: true, hidden: new Set(), automatic: false }

/** What a run says that its budget ended, streamed and whole. */
export const budgetExhausted = { message: "The run's budget is exhausted", code: "budget_exhausted" } as const

/** A key of the caller's that its provider rejected; `undefined` where the run failed for another reason. */
export const rejectedKey = ({ data, message }: Events.ErrorEvent["error"]) => {
  const { provider } = Option.getOrUndefined(readRejected(data)) ?? {}
  return provider === undefined ? undefined : { code: "byok_key_rejected", provider, message }
}

const readRejected = Schema.decodeUnknownOption(
  Schema.Struct({
    reason: Schema.Literal("AuthenticationFailed"),
    key: Schema.Literal("caller"),
    provider: Schema.String
  })
)

/** Mutable; owned by one answer. */
export class Turn {
  readonly #options: Options
  readonly #parking = new Parking()
  #session = ""
  #runId = ""
  /** Absent: that of the run. */
  #messageId: string | undefined
  #steps = 0
  #isStepOpen = false
  #results: Array<StepResult> = []
  #isRepeated = false
  /** What the next step begins with. */
  #reads = "Read the message"
  #parts: Array<Part> = []
  #stepParts = 0
  #finish: Events.Finish | undefined
  #cost: CostSummary.CostSummary | undefined

  constructor(options: Options) {
    this.#options = options
  }

  get isDetached(): boolean {
    return this.#parking.isParked && !this.#options.automatic
  }

  get threadId(): string {
    return this.#session
  }

  /** The oldest open question. */
  get question(): Approval.Request | undefined {
    return this.#parking.questions[0]
  }

  expect(answered: Iterable<string>): void {
    this.#parking.expect(answered)
  }

  /** A turn of its own begins behind the user's message of this id. */
  begin(messageId: string): void {
    this.#messageId = `msg_${messageId}`
    this.#steps = 0
    this.#parts = []
    this.#stepParts = 0
  }

  step(envelope: Envelope.Envelope): KartaEvents {
    this.#parking.step(envelope)
    this.#session = envelope.threadId
    this.#runId = envelope.runId
    if (!Envelopes.isRootView(envelope)) return []
    const events = this.#events(envelope.event)
    return this.#options.hidden.size === 0 ? events : events.filter(({ type }) => !this.#options.hidden.has(type))
  }

  #events(event: Event): KartaEvents {
    const session_id = this.#session
    switch (event.type) {
      case "text":
        this.#say("text", event.text)
        return [{ type: "text", session_id, data: { part: { type: "text", text: event.text } } }]
      case "reasoning":
        if (!this.#options.thinking) return []
        this.#say("reasoning", event.text)
        return [{ type: "reasoning", session_id, data: { part: { type: "reasoning", text: event.text } } }]
      case "step-start":
        return this.#startStep()
      case "message-received":
      case "late-result":
        return [...this.#received(), { type: "system", session_id, data: { raw: event } }]
      case "step-retracted":
        this.#parts.length = this.#stepParts
        this.#isRepeated = true
        return [{ type: "system", session_id, data: { raw: event } }]
      case "tool-invocation":
        return event.state === "call"
          ? this.#call(event.toolInvocationId, event.toolName, event.args)
          : this.#result(event, event.toolName)
      case "tool-agent":
        return event.state === "call"
          ? this.#call(event.toolInvocationId, event.agentName, event.prompt)
          : this.#result(event, event.agentName)
      case "approval-required":
        return [{ type: "input_required", session_id, data: inputOf(event.data) }]
      case "finish":
        this.#finish = event
        return this.#endStep()
      case "data-cost-summary":
        this.#cost = event.data
        return []
      case "data-latency-summary":
        return this.#finish === undefined ? [] : this.#done(this.#finish, event)
      case "error":
        return [
          ...this.#endStep(),
          {
            type: "error",
            session_id,
            data: rejectedKey(event.error) ?? { message: event.error.message, code: event.error.code }
          }
        ]
      case "tool-input-delta":
        return []
      default:
        return [{ type: "system", session_id, data: { raw: event } }]
    }
  }

  #say(type: "text" | "reasoning", text: string): void {
    // A part never spans two steps: the second may be retracted.
    const last = this.#parts.length > this.#stepParts ? this.#parts.at(-1) : undefined
    if (last?.type === type) this.#parts[this.#parts.length - 1] = { type, text: last.text + text }
    else if (text !== "") this.#parts.push({ type, text })
  }

  #received(): KartaEvents {
    const ending = this.#endStep()
    this.#reads = "Read the message"
    return ending
  }

  #startStep(): KartaEvents {
    const before = this.#reads
    const ending = this.#endStep()
    if (this.#isRepeated) this.#reads = before
    this.#isRepeated = false
    const data = { step_index: this.#steps, description: this.#reads }
    this.#isStepOpen = true
    this.#stepParts = this.#parts.length
    return [...ending, { type: "step_start", session_id: this.#session, data }]
  }

  #endStep(): KartaEvents {
    if (!this.#isStepOpen) return []
    const data = { step_index: this.#steps, result: { tool_results: this.#results } }
    this.#isStepOpen = false
    this.#steps += 1
    const names = this.#results.map(({ tool_name }) => tool_name)
    if (names.length > 0)
      this.#reads = `Read ${names.length === 1 ? "the result" : "the results"} of ${names.join(", ")}`
    else this.#reads = "Go on"
    this.#results = []
    return [{ type: "step_finish", session_id: this.#session, data }]
  }

  #call(tool_use_id: string, tool_name: string, tool_input: Events.ToolCall["args"]): KartaEvents {
    this.#parts.push({ type: "tool_use", tool_use_id, tool_name, tool_input })
    return [{ type: "tool_use", session_id: this.#session, data: { tool_name, tool_input, tool_use_id } }]
  }

  #result(
    { result, status, toolInvocationId }: Events.ToolResult | Events.AgentResult,
    tool_name: string
  ): KartaEvents {
    const ended = status === undefined ? {} : { status }
    this.#results.push({ tool_use_id: toolInvocationId, tool_name, result, ...ended })
    this.#parts.push({ type: "tool_result", tool_use_id: toolInvocationId, result, ...ended })
    return []
  }

  #done(finish: Events.Finish, latency: Events.LatencySummaryEvent): KartaEvents {
    const session_id = this.#session
    const text = this.#parts.reduce((all, part) => (part.type === "text" ? all + part.text : all), "")
    const done: KartaEvent = {
      type: "done",
      session_id,
      data: {
        usage: usageOf(finish),
        message: { id: this.#messageId ?? `msg_${this.#runId}`, role: "assistant", text, parts: this.#parts },
        finish_reason: finish.finishReason,
        ...(this.#cost === undefined ? {} : { cost: this.#cost }),
        latency: latency.data
      }
    }
    if (finish.finishReason !== "budget") return [done]
    return [{ type: "error", session_id, data: budgetExhausted }, done]
  }
}
