/**
 * Folds a run's envelopes into the outcome that every non-streaming answer is built from: the run's text and calls, its
 * end and what it waits for. Dialects only convert the outcome.
 *
 * Only the root agent's messages count, as in the root view. A retracted step is left out.
 *
 * `reasonOf` and `isDenied` tell ends apart that protocols distinguish and our events do not: a model that refuses the
 * content has answered, a conversation that is too long has reached a limit, and a call at a limit was not refused by a
 * person.
 */
import type { AgentPath, Approval, CostSummary, Envelope, Event, Events, LatencySummary } from "@reins/protocol"
import type { Json, Message, Usage } from "@reins/protocol"
import { Transcript } from "@reins/protocol"
import { CallId } from "./Ids.ts"
import type { Folding, Reply } from "./Dialect.ts"
import { Parking } from "./Parking.ts"
import type { ClientCall } from "./Parking.ts"

/**
 * The usage of one answer of a run: the run's minus that of the answers before it. Mutable; owned by one reader.
 *
 * @since 0.1.0
 * @category models
 */
export class Spending {
  #before: Usage.UsageTotals | undefined
  #used: Usage.UsageTotals | undefined

  step(event: Event): void {
    if (event.type === "finish") this.#used = event.usage
    if (event.type === "tool-invocation" && event.state === "call") this.#used = event.usage ?? this.#used
  }

  reopen(): void {
    this.#before = this.#used
  }

  /** Absent while nothing is known of this answer. */
  get usage(): Usage.UsageTotals | undefined {
    const [before, used] = [this.#before, this.#used]
    if (used === undefined || used === before) return undefined
    if (before === undefined) return used
    return {
      promptTokens: used.promptTokens - before.promptTokens,
      completionTokens: used.completionTokens - before.completionTokens,
      cacheReadInputTokens: used.cacheReadInputTokens - before.cacheReadInputTokens,
      cacheCreationInputTokens: used.cacheCreationInputTokens - before.cacheCreationInputTokens,
      totalTokens: used.totalTokens - before.totalTokens
    }
  }
}

/**
 * How a call ended.
 *
 * @since 0.1.0
 * @category models
 */
export type Settled = Events.ToolResult | Events.AgentResult

/**
 * A run so far, since this answer began.
 *
 * **Details**
 * - `messages`: the assistant's messages and the results of its calls, in order; open calls have no result.
 * - `text`, `reasoning`: the concatenation of all parts of that type.
 * - `finish`, `error`: how the run ended; both absent while it runs. `usage`: of this answer; absent while it is
 *   unknown.
 * - `questions`, `clientCalls`: what it waits for now, whether asked before this answer or during it.
 * - `decisions`: the answers to its questions. `settledBelow`: results of calls below the root that the run waited for.
 * - `at`, `lastAt`: epoch milliseconds of the run's first envelope, and of its last so far. `answer`: the number of this answer within the run, from 1.
 *
 * @since 0.1.0
 * @category models
 */
export interface Accumulated {
  readonly runId: string
  readonly threadId: string
  readonly at: number
  readonly lastAt: number
  readonly answer: number
  readonly messages: ReadonlyArray<Message.Message>
  readonly text: string
  readonly reasoning: string
  readonly files: ReadonlyArray<Transcript.File>
  readonly plans: ReadonlyArray<Events.PlanStatusChange["data"]>
  readonly exhausted: ReadonlyArray<Events.BudgetExhausted>
  readonly finish?: Events.Finish
  readonly usage?: Usage.UsageTotals
  readonly error?: Events.ErrorEvent["error"]
  readonly cost?: CostSummary.CostSummary
  readonly latency?: LatencySummary.LatencySummary
  readonly questions: ReadonlyArray<Approval.Request>
  readonly clientCalls: ReadonlyArray<ClientCall>
  readonly decisions: ReadonlyArray<Approval.Resolution>
  readonly settledBelow: ReadonlyArray<{ readonly path: AgentPath.AgentPath; readonly result: Settled }>
}

const joined = (messages: ReadonlyArray<Message.Message>, type: "text" | "reasoning"): string => {
  let out = ""
  for (const message of messages) {
    if (message.role !== "assistant") continue
    for (const part of message.content) if (part.type === type) out += part.text
  }
  return out
}

/**
 * Mutable; owned by one answer.
 *
 * @since 0.1.0
 * @category models
 */
export class Accumulation {
  readonly #parking = new Parking()
  readonly #spending = new Spending()
  #transcript = Transcript.initial
  #first: Envelope.Envelope | undefined
  #lastAt = 0
  #answer = 1
  #plans: Array<Events.PlanStatusChange["data"]> = []
  #exhausted: Array<Events.BudgetExhausted> = []
  #decisions: Array<Approval.Resolution> = []
  #settledBelow: Array<Accumulated["settledBelow"][number]> = []
  readonly #waitedBelow = new Set<string>()
  #finish: Events.Finish | undefined
  #error: Events.ErrorEvent["error"] | undefined
  #cost: CostSummary.CostSummary | undefined
  #latency: LatencySummary.LatencySummary | undefined

  readonly #isOfRun: boolean

  /** `isOfRun`: the outcome is of the whole run, also where an answer continues it; absent: of its last answer. */
  constructor({ isOfRun = false }: { readonly isOfRun?: boolean } = {}) {
    this.#isOfRun = isOfRun
  }

  /** True when the run is blocked on an approval or a client call. */
  get isParked(): boolean {
    return this.#parking.isParked
  }

  step(envelope: Envelope.Envelope): void {
    this.#first = this.#first ?? envelope
    this.#lastAt = envelope.at
    this.#parking.step(envelope)
    this.#spending.step(envelope.event)
    const { agentPath, event } = envelope
    if (agentPath.length === 0) this.#transcript = Transcript.step(this.#transcript, envelope)
    else this.#below(agentPath, event)
    switch (event.type) {
      case "approval-decision":
        this.#decisions.push(event.data)
        return
      case "plan-status-change":
        this.#plans.push(event.data)
        return
      case "budget_exhausted":
        this.#exhausted.push(event)
        return
      case "finish":
        this.#finish = event
        return
      case "error":
        this.#error = event.error
        return
      case "data-cost-summary":
        this.#cost = event.data
        return
      case "data-latency-summary":
        this.#latency = event.data
        return
      default:
    }
  }

  #below(path: AgentPath.AgentPath, event: Event): void {
    if (event.type === "approval-required" && event.data.toolInvocationId !== undefined) {
      this.#waitedBelow.add(CallId.make(path, event.data.toolInvocationId))
    }
    if (event.type !== "tool-invocation" && event.type !== "tool-agent") return
    const id = CallId.make(path, event.toolInvocationId)
    if (event.type === "tool-invocation" && event.state === "call" && event.execution === "client")
      this.#waitedBelow.add(id)
    if (event.state === "result" && this.#waitedBelow.has(id)) this.#settledBelow.push({ path, result: event })
  }

  /** Begins another answer: drops what earlier answers already returned, unless it is of the whole run. `answered` as for `Encoder.reopen`. */
  reopen(answered: Iterable<string>): void {
    this.#parking.expect(answered)
    this.#spending.reopen()
    this.#answer += 1
    if (this.#isOfRun) return
    this.#transcript = Transcript.initial
    this.#plans = []
    this.#exhausted = []
    this.#decisions = []
    this.#settledBelow = []
  }

  result(): Accumulated {
    const root = Transcript.agent(this.#transcript)
    const messages = root?.messages ?? []
    const { usage } = this.#spending
    return {
      runId: this.#first?.runId ?? "",
      threadId: this.#first?.threadId ?? "",
      at: this.#first?.at ?? 0,
      lastAt: this.#lastAt,
      answer: this.#answer,
      messages,
      text: joined(messages, "text"),
      reasoning: joined(messages, "reasoning"),
      files: root?.files ?? [],
      plans: this.#plans,
      exhausted: this.#exhausted,
      questions: this.#parking.questions,
      clientCalls: this.#parking.clientCalls,
      decisions: this.#decisions,
      settledBelow: this.#settledBelow,
      ...(usage === undefined ? {} : { usage }),
      ...(this.#finish === undefined ? {} : { finish: this.#finish }),
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(this.#cost === undefined ? {} : { cost: this.#cost }),
      ...(this.#latency === undefined ? {} : { latency: this.#latency })
    }
  }
}

/**
 * When a non-streaming answer returns before its run has ended.
 *
 * @since 0.1.0
 * @category models
 */
export type Leaves = "when-parked" | "when-client-is-needed" | "never"

/**
 * A reply built from the accumulated run. `when-parked` returns as soon as the run is parked; `when-client-is-needed`
 * only when it waits for client calls and no approval is open that could end the wait first. `about`: as `Accumulation`.
 *
 * @since 0.1.0
 * @category operations
 */
export const whole = (
  leaves: Leaves,
  shape: (run: Accumulated) => Reply,
  about: { readonly isOfRun?: boolean } = {}
): Folding => {
  const accumulation = new Accumulation(about)
  return {
    step: (envelope) => accumulation.step(envelope),
    reopen: (answered) => accumulation.reopen(answered),
    reply: () => shape(accumulation.result()),
    get isDetached() {
      if (leaves === "never" || !accumulation.isParked) return false
      return leaves === "when-parked" || accumulation.result().clientCalls.length > 0
    }
  }
}

const reasons: { readonly [code: string]: "length" | "content-filter" } = {
  E_CONTENT_REFUSED: "content-filter",
  E_CONTEXT_OVERFLOW: "length"
}

/**
 * The finish reason for an error, in protocols that have one; absent: it is a failure.
 *
 * @since 0.1.0
 * @category conversions
 */
export const reasonOf = ({ code }: Events.ErrorEvent["error"]): "length" | "content-filter" | undefined => reasons[code]

/**
 * Whether a call was refused, by a person or by the agent's rules, and not by a limit.
 *
 * @since 0.1.0
 * @category guards
 */
export const isDenied = (result: Json, status: string | undefined): boolean =>
  status === "denied" &&
  !(typeof result === "object" && result !== null && "error" in result && result["error"] === "BudgetExhausted")
