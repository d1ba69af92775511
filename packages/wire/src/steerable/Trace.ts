/**
 * A run's log as a trace: its events, and a span for each agent, each step of an agent and each call, folded from them.
 * Spans have names and times; what was said and done is in the events. Values under names of secrets are left out.
 */
import type { Envelope, Json } from "@reins/protocol"
import { AgentPath, Event } from "@reins/protocol"
import * as Schema from "effect/Schema"

type Status = "running" | "completed" | "error" | "cancelled" | "budget_exhausted"

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: "agent" | "step" | "tool"
  readonly startedAt: number
  readonly endedAt?: number
  readonly status: Status
}

const secret = /password|token|secret|api_?key|authorization|credential/i

/** Counts of tokens are not secrets. */
const isSecret = (name: string, value: Json): boolean => secret.test(name) && typeof value !== "number"

const redacted = (value: Json): Json => {
  if (typeof value !== "object" || value === null) return value
  if (isList(value)) return value.map(redacted)
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, isSecret(name, member) ? "[redacted]" : redacted(member)])
  )
}

const isList = (value: Json): value is ReadonlyArray<Json> => Array.isArray(value)
const isJson = Schema.is(Schema.Json)

const statusOf = (log: ReadonlyArray<Envelope.Envelope>): Status => {
  const last = log.findLast(({ event }) => event.type === "finish" || event.type === "error")?.event
  if (last?.type === "error") return "error"
  if (last?.type !== "finish") return "running"
  if (last.finishReason === "cancelled") return "cancelled"
  return last.finishReason === "budget" ? "budget_exhausted" : "completed"
}

const settled: { readonly [status: string]: Status } = { failed: "error", denied: "error", cancelled: "cancelled" }

/** Collects the spans of a log. */
class Spans {
  readonly #traceId: string
  readonly #spans = new Map<string, Span>()
  /** The step that each agent is in, by its path. */
  readonly #steps = new Map<string, number>()

  constructor(traceId: string) {
    this.#traceId = traceId
  }

  #agent(path: AgentPath.AgentPath): string {
    return `${this.#traceId}/${AgentPath.key(path)}`
  }

  #step(path: AgentPath.AgentPath): string {
    return `${this.#agent(path)}step/${this.#steps.get(AgentPath.key(path)) ?? 0}`
  }

  #begin(spanId: string, span: Omit<Span, "traceId" | "spanId" | "status">): void {
    if (!this.#spans.has(spanId))
      this.#spans.set(spanId, { traceId: this.#traceId, spanId, ...span, status: "running" })
  }

  #end(spanId: string, endedAt: number, status: Status = "completed"): void {
    const span = this.#spans.get(spanId)
    if (span !== undefined && span.endedAt === undefined) this.#spans.set(spanId, { ...span, endedAt, status })
  }

  take({ agentPath, at: startedAt, event }: Envelope.Envelope): void {
    const own = AgentPath.key(agentPath)
    const parentSpanId = agentPath.length === 0 ? undefined : this.#step(agentPath.slice(0, -1))
    const name = agentPath.at(-1)?.split("#")[0] ?? "run"
    const parent = parentSpanId === undefined ? {} : { parentSpanId }
    this.#begin(this.#agent(agentPath), { name, kind: "agent", startedAt, ...parent })
    if (event.type === "step-start") {
      this.#end(this.#step(agentPath), startedAt)
      const count = (this.#steps.get(own) ?? 0) + 1
      this.#steps.set(own, count)
      const step = { name: `step ${count}`, kind: "step" as const, startedAt, parentSpanId: this.#agent(agentPath) }
      this.#begin(this.#step(agentPath), step)
    }
    if (event.type !== "tool-invocation" && event.type !== "tool-agent") return
    const spanId = `${this.#agent(agentPath)}call/${event.toolInvocationId}`
    if (event.state === "call") {
      const called = event.type === "tool-invocation" ? event.toolName : event.agentName
      this.#begin(spanId, { name: called, kind: "tool", startedAt, parentSpanId: this.#step(agentPath) })
    } else this.#end(spanId, startedAt, event.status === undefined ? "completed" : settled[event.status])
  }

  /** The spans; those that are open end with the run. */
  close(endedAt: number | undefined, status: Status): ReadonlyArray<Span> {
    if (endedAt !== undefined) {
      for (const { kind, spanId } of this.#spans.values()) {
        this.#end(spanId, endedAt, kind === "agent" && spanId === this.#agent([]) ? status : "completed")
      }
    }
    return [...this.#spans.values()]
  }
}

/**
 * The trace of a run, from its log so far.
 *
 * @since 0.1.0
 * @category operations
 */
export const of = (traceId: string, log: ReadonlyArray<Envelope.Envelope>): object => {
  const status = statusOf(log)
  const spans = new Spans(traceId)
  for (const envelope of log) spans.take(envelope)
  return {
    trace: { traceId, status, sessionId: log[0]?.threadId },
    spans: spans.close(status === "running" ? undefined : log.at(-1)?.at, status),
    events: log.map(({ at, event, seq }) => {
      const json: unknown = Event.toJson(event)
      return { traceId, sequence: seq, at, event: isJson(json) ? redacted(json) : json }
    })
  }
}
