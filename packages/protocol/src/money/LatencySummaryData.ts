/**
 * The payload of `data-latency-summary`: how a run spent its time. `LatencySummary` folds it from the ledger.
 */
import * as Schema from "effect/Schema"
import { AgentPath } from "../AgentPath.ts"

const StepStruct = Schema.Struct({
  agentPath: AgentPath,
  step: Schema.Natural,
  model: Schema.String,
  startedAfterMs: Schema.Natural,
  durationMs: Schema.Natural,
  timeToFirstTokenMs: Schema.optionalKey(Schema.Natural),
  timeToFirstTextMs: Schema.optionalKey(Schema.Natural),
  attempts: Schema.Array(
    Schema.Struct({
      durationMs: Schema.Natural,
      outcome: Schema.Literals(["completed", "failed", "cancelled", "lost"]),
      error: Schema.optionalKey(Schema.String)
    })
  )
}).annotate({ identifier: "StepLatency" })

/** One model step. `attempts` holds every request, retries included, in order. */
export interface StepLatency extends Schema.Schema.Type<typeof StepStruct> {}

const ToolStruct = Schema.Struct({
  agentPath: AgentPath,
  toolName: Schema.String,
  toolCallId: Schema.String,
  startedAfterMs: Schema.Natural,
  durationMs: Schema.Natural,
  attempts: Schema.Natural,
  status: Schema.optionalKey(Schema.Literals(["failed", "denied", "cancelled"]))
}).annotate({ identifier: "ToolLatency" })

/** One tool call that ran, without the wait for its approval. */
export interface ToolLatency extends Schema.Schema.Type<typeof ToolStruct> {}

const WaitStruct = Schema.Struct({
  agentPath: AgentPath,
  reason: Schema.Literals(["approval", "client-tool", "timer"]),
  id: Schema.String,
  startedAfterMs: Schema.Natural,
  durationMs: Schema.Natural
}).annotate({ identifier: "WaitLatency" })

/** One wait, from the stored request to the stored answer. */
export interface WaitLatency extends Schema.Schema.Type<typeof WaitStruct> {}

const LatencySummaryStruct = Schema.Struct({
  totalMs: Schema.Natural,
  machineMs: Schema.Natural,
  humanWaitMs: Schema.Natural,
  downMs: Schema.Natural,
  modelMs: Schema.Natural,
  toolMs: Schema.Natural,
  timeToFirstTokenMs: Schema.optionalKey(Schema.Natural),
  timeToFirstTextMs: Schema.optionalKey(Schema.Natural),
  steps: Schema.Array(StepStruct),
  tools: Schema.Array(ToolStruct),
  waits: Schema.Array(WaitStruct)
}).annotate({ identifier: "LatencySummary" })

/**
 * How a run spent its time, in milliseconds.
 *
 * **Details**
 * - `totalMs`: from the run's start to its end, `totalMs = machineMs + humanWaitMs + downMs`.
 * - `humanWaitMs`: time in which the run only waited for people (approvals, client tools). While a tool or a model runs
 *   beside a pending request, the time counts as machine time.
 * - `downMs`: time in which no process ran the run.
 * - `modelMs`, `toolMs`: sums over all steps and calls; each of several parallel ones counts, so they may exceed
 *   `machineMs`.
 * - `timeToFirstTokenMs`, `timeToFirstTextMs`: from the run's start to the first token, and the first text, of any
 *   agent; absent when there was none.
 */
export interface LatencySummary extends Schema.Schema.Type<typeof LatencySummaryStruct> {}
export const LatencySummary: Schema.Codec<LatencySummary> = LatencySummaryStruct
