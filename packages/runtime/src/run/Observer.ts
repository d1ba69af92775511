/**
 * The ports for following runs from outside. Both get names, ids, amounts and times, and no content; both are absent by
 * default, at no cost.
 *
 * An `Observer` gets facts: a run was started, refused or ended, a question was asked or decided. `RunMetrics`
 * and `RunLog` implement it. Each is reported once, by the process that did it, after it is stored. A process that dies
 * in between does not report it: logs and the cost ledger are exact, an observer is for dashboards and alerts.
 *
 * `Tracing` wraps work: each agent from its start to its end, and each attempt of a tool's handler. To trace model
 * requests, wrap the model port.
 */
import type { Approval, Entry, Events, AgentPath } from "@reins/protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { AgentEnd, AgentTotals } from "./AgentState.ts"
import type { ToolOutcome } from "../tool/ToolOutcome.ts"

/**
 * Which run. `agent` is the agent that was started; of a question, the one that asks.
 *
 * @since 0.2.0
 * @category models
 */
export interface RunFacts {
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  readonly agent: string
}

/**
 * A query or run that was refused. `reason`: the tag of the refusal, such as `ThreadBusy`. `agent`: as the query named
 * it; absent: the first.
 *
 * @since 0.2.0
 * @category models
 */
export interface RunRefused {
  readonly reason: string
  readonly resourceId: string
  readonly threadId?: string | undefined
  readonly runId?: string | undefined
}

/**
 * How a run ended, with all rows of its ledger. Times are epoch milliseconds. `error`: the code of its failure, if
 * `reason` is `failed`.
 *
 * @since 0.2.0
 * @category models
 */
export interface RunEnd extends RunFacts {
  readonly reason: Events.FinishReason | "failed"
  readonly error?: string | undefined
  readonly entries: ReadonlyArray<Entry.Entry>
  readonly startedAt: number
  readonly endedAt: number
}

/**
 * A question to a person. `target`: the tool, plan or limit that it is about.
 *
 * @since 0.2.0
 * @category models
 */
export interface QuestionFacts extends RunFacts {
  readonly id: string
  readonly kind: Approval.Request["kind"]
  readonly target: string
}

/**
 * A decided question. `outcome`: such as `approve`, `reject` or `expired`.
 *
 * @since 0.2.0
 * @category models
 */
export interface QuestionDecided extends QuestionFacts {
  readonly outcome: Approval.Outcome["outcome"]
}

/**
 * Observes runs. The run waits for each effect, at most five seconds, so it should be short. One that dies, or takes
 * longer, is logged and left: the run goes on.
 *
 * @since 0.2.0
 * @category services
 */
export interface Observer {
  readonly started: (facts: RunFacts) => Effect.Effect<void>
  readonly refused: (refused: RunRefused) => Effect.Effect<void>
  readonly asked: (question: QuestionFacts) => Effect.Effect<void>
  readonly decided: (question: QuestionDecided) => Effect.Effect<void>
  readonly ended: (end: RunEnd) => Effect.Effect<void>
}

/**
 * An observer of a program's own, beside `metrics` and `logs` of `RuntimeOptions`. Read when the runtime's layer is
 * built. Absent by default, at no cost.
 *
 * @since 0.2.0
 * @category services
 */
export const Observer: Context.Reference<Observer | undefined> = Context.Reference<Observer | undefined>(
  "@reins/runtime/Observer",
  { defaultValue: () => undefined }
)

/** How long a run waits for an observer of a program's own. */
const patience = "5 seconds"

/** The observer, whose faults stay its own: what dies or takes too long is logged, and the run goes on. */
export const contained = (observer: Observer): Observer => {
  const report =
    <A>(select: (observer: Observer) => (fact: A) => Effect.Effect<void>) =>
    (fact: A): Effect.Effect<void> =>
      Effect.suspend(() => select(observer)(fact)).pipe(
        Effect.timeout(patience),
        // It gets no content, so its cause has none.
        Effect.catchCause((cause) => Effect.logWarning("An observer of runs failed. The run goes on", cause))
      )
  return {
    started: report(({ started }) => started),
    refused: report(({ refused }) => refused),
    asked: report(({ asked }) => asked),
    decided: report(({ decided }) => decided),
    ended: report(({ ended }) => ended)
  }
}

/** One observer that reports to all, in order; `undefined` for none. */
export const all = (observers: ReadonlyArray<Observer>): Observer | undefined => {
  const [first, ...more] = observers
  if (first === undefined || more.length === 0) return first
  const toEach =
    <A>(select: (observer: Observer) => (fact: A) => Effect.Effect<void>) =>
    (fact: A): Effect.Effect<void> =>
      Effect.forEach(observers, (observer) => select(observer)(fact), { discard: true })
  return {
    started: toEach(({ started }) => started),
    refused: toEach(({ refused }) => refused),
    asked: toEach(({ asked }) => asked),
    decided: toEach(({ decided }) => decided),
    ended: toEach(({ ended }) => ended)
  }
}

/**
 * Which agent, in which run.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentFacts {
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  readonly agent: string
  readonly agentPath: AgentPath.AgentPath
  readonly provider: string
  readonly model: string
}

/**
 * Which call of which tool.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolFacts {
  readonly runId: string
  readonly threadId: string
  readonly agent: string
  readonly agentPath: AgentPath.AgentPath
  readonly toolName: string
  readonly callId: string
}

/**
 * Wraps work. The returned effect must run the work once and return its result. `totals` returns the agent's totals so
 * far, specialists included: call it when the work is done.
 *
 * @since 0.1.0
 * @category services
 */
export interface Tracing {
  readonly agent: (
    facts: AgentFacts,
    work: Effect.Effect<AgentEnd>,
    totals: () => AgentTotals
  ) => Effect.Effect<AgentEnd>
  readonly tool: (facts: ToolFacts, work: Effect.Effect<ToolOutcome>) => Effect.Effect<ToolOutcome>
}

/**
 * The tracing of a runtime. Read when its layer is built.
 *
 * @since 0.1.0
 * @category services
 */
export const Tracing: Context.Reference<Tracing | undefined> = Context.Reference<Tracing | undefined>(
  "@reins/runtime/Tracing",
  { defaultValue: () => undefined }
)
