/**
 * The port for tracing a run: each agent from its start to its end, and each attempt of a tool's handler. Absent by
 * default, at no cost. To trace model requests, wrap the model port.
 *
 * It gets names and numbers, but no content.
 */
import type { AgentPath } from "@reins/protocol"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { AgentEnd, AgentTotals } from "./AgentEnd.ts"
import type { ToolOutcome } from "../tool/ToolOutcome.ts"

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
