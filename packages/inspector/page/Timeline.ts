/** What a run did, as intervals: steps, calls, specialists and waits, folded from its envelopes. Pure. */
import type { Envelope } from "@reins/protocol"

/** One interval. `to`: absent while it goes on. */
export interface Span {
  readonly key: string
  readonly kind: "step" | "call" | "agent" | "wait"
  readonly label: string
  readonly depth: number
  readonly seq: number
  readonly from: number
  to: number | undefined
  /** Why it ended otherwise than well. */
  problem?: string | undefined
  /** The last sleep of a call that goes on, at the call and at its wait. */
  asleep?: { readonly from: number; readonly until: number } | undefined
}

/**
 * How an interval is at `now`. `to`: when it ended; absent while it goes on. `asleepUntil`: its call sleeps until then.
 * Nothing is told when a sleep is over, so that the time decides.
 */
export const stateAt = (
  { asleep, kind, to }: Span,
  now: number
): { readonly to?: number | undefined; readonly asleepUntil?: number } => {
  if (to !== undefined || asleep === undefined) return { to }
  if (now < asleep.until) return { asleepUntil: asleep.until }
  return kind === "wait" ? { to: asleep.until } : {}
}

/** A call that has ended with a receipt, and whose late result is yet to come. */
export interface OpenTicket {
  readonly ticketId: string
  readonly toolName: string
  readonly expiresAt: number | undefined
}

/** Outcomes with which the call goes on. */
const allowing: ReadonlySet<string> = new Set(["approve", "revise", "answer"])

/** What is told of a call that sleeps. */
interface Sleep {
  readonly toolInvocationId: string
  readonly toolName: string
  readonly until: number
}

const isSleep = (data: unknown): data is Sleep =>
  typeof data === "object" && data !== null && "toolInvocationId" in data && "toolName" in data && "until" in data

/** The fold of a log, one envelope at a time. */
export class Timeline {
  readonly spans: Array<Span> = []
  startedAt: number | undefined
  endedAt: number | undefined
  readonly #open = new Map<string, Span>()
  readonly #tickets = new Map<string, OpenTicket>()

  /** What late results are waited for. */
  get tickets(): ReadonlyArray<OpenTicket> {
    return [...this.#tickets.values()]
  }

  /** The end of the time shown: of the run, or of its last event so far. */
  get until(): number {
    return this.endedAt ?? this.#last
  }

  #last = 0

  step({ agentPath, at, event, seq }: Envelope.Envelope): void {
    this.startedAt ??= at
    this.#last = at
    const path = agentPath.join("/")
    const start = (kind: Span["kind"], id: string, label: string) => {
      const span: Span = { key: `${seq}`, kind, label, depth: agentPath.length, seq, from: at, to: undefined }
      this.spans.push(span)
      this.#open.set(`${kind} ${path} ${id}`, span)
      return span
    }
    const end = (kind: Span["kind"], id: string, problem?: string, below = path) => {
      const key = `${kind} ${below} ${id}`
      const span = this.#open.get(key)
      if (span === undefined) return
      span.to = at
      if (problem !== undefined) span.problem = problem
      this.#open.delete(key)
    }
    /** The call goes on, so its sleep is over: at the time that it was for, or with the call. */
    const wake = (id: string) => {
      const span = this.#open.get(`wait ${path} sleep ${id}`)
      end("wait", `sleep ${id}`)
      if (span !== undefined) span.to = Math.min(at, span.asleep?.until ?? at)
      const call = this.#open.get(`call ${path} ${id}`)
      if (call !== undefined) call.asleep = undefined
    }
    switch (event.type) {
      case "step-start":
        end("step", "")
        return void start("step", "", "step")
      case "step-retracted":
        return end("step", "", `retracted: ${event.reason}`)
      case "tool-invocation":
        if (event.state === "result") {
          const { later, toolInvocationId, toolName } = event
          wake(toolInvocationId)
          end("call", toolInvocationId, event.status)
          if (later === undefined) return undefined
          const { expiresAt, ticketId } = later
          this.#tickets.set(`${path} ${toolInvocationId}`, { ticketId, toolName, expiresAt })
          return void start("wait", toolInvocationId, `late result of ${toolName}`)
        }
        end("step", "")
        return void start("call", event.toolInvocationId, event.toolName)
      case "late-result":
        this.#tickets.delete(`${path} ${event.toolInvocationId}`)
        return end("wait", event.toolInvocationId, event.status)
      case "tool-agent":
        if (event.state === "result") {
          end("step", "", undefined, [...agentPath, `${event.agentName}#${event.toolInvocationId}`].join("/"))
          return end("agent", event.toolInvocationId, event.status)
        }
        end("step", "")
        return void start("agent", event.toolInvocationId, event.agentName)
      case "custom": {
        if (event.event_type !== "call_sleeps" || !isSleep(event.data)) return
        const { toolInvocationId, toolName, until } = event.data
        wake(toolInvocationId)
        const asleep = { from: at, until }
        start("wait", `sleep ${toolInvocationId}`, `sleep of ${toolName}`).asleep = asleep
        const call = this.#open.get(`call ${path} ${toolInvocationId}`)
        if (call !== undefined) call.asleep = asleep
        return
      }
      case "approval-required":
        return void start("wait", event.data.id, `${event.data.kind} ${event.data.target}`)
      case "approval-decision":
        return end(
          "wait",
          event.data.id,
          allowing.has(event.data.outcome.outcome) ? undefined : event.data.outcome.outcome
        )
      case "finish":
        return end("step", "")
      case "data-latency-summary":
        this.endedAt = at
        return this.#close(at, undefined)
      case "error":
        return this.#close(at, event.error.code)
      default:
        return undefined
    }
  }

  #close(at: number, problem: string | undefined): void {
    this.endedAt = at
    for (const span of this.#open.values()) {
      span.to = at
      if (problem !== undefined) span.problem ??= problem
    }
    this.#open.clear()
    this.#tickets.clear()
  }
}
