/**
 * Where a tracer sees what a run does: each agent from its start to its end, each attempt of a tool's handler. Absent by default,
 * where it costs nothing. Model requests are seen at the model port, which can be wrapped.
 *
 * The facts are names and figures; what was said, asked and answered is not among them.
 */
import type { AgentPath } from "@reins/protocol"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { AgentEnd, AgentTotals } from "./AgentEnd.ts"
import type { ToolOutcome } from "../tool/ToolOutcome.ts"

/** Which agent, in which run. */
export interface AgentFacts {
  readonly runId: string
  readonly threadId: string
  readonly resourceId: string
  readonly agent: string
  readonly agentPath: AgentPath.AgentPath
  readonly provider: string
  readonly model: string
}

/** Which call of which tool. */
export interface ToolFacts {
  readonly runId: string
  readonly threadId: string
  readonly agent: string
  readonly agentPath: AgentPath.AgentPath
  readonly toolName: string
  readonly callId: string
}

/**
 * Wraps the work it is shown. What it returns must do the work once and answer as it does. `totals` is what the agent has come
 * to so far, specialists included: asked for when the work is done, all of it.
 */
export interface Tracing {
  readonly agent: (
    facts: AgentFacts,
    work: Effect.Effect<AgentEnd>,
    totals: () => AgentTotals
  ) => Effect.Effect<AgentEnd>
  readonly tool: (facts: ToolFacts, work: Effect.Effect<ToolOutcome>) => Effect.Effect<ToolOutcome>
}

/** The tracing of a runtime. Read when its layer is built. */
export const Tracing: Context.Reference<Tracing | undefined> = Context.Reference<Tracing | undefined>(
  "@reins/runtime/Tracing",
  { defaultValue: () => undefined }
)
