/**
 * What a cancelled run leaves behind: what was stopped, what did not stop in time, and what had already taken effect. A
 * fold of the ledger, so that it is the same for live and for later readers.
 *
 * It is emitted as the run's last `custom` event before `finish`, and is part of the `RunCancelled` that `complete`
 * fails with. It does not cover calls that the caller ran itself, nor calls that never started: see their results.
 */
import * as Schema from "effect/Schema"
import * as AgentPath from "../AgentPath.ts"
import { type Entry, isCall, type ToolEntry } from "../money/Entry.ts"

/**
 * The `event_type` of the report as a `custom` event.
 *
 * @since 0.1.0
 * @category constants
 */
export const eventType = "cancellation_report"

const call = {
  agentPath: AgentPath.AgentPath,
  toolInvocationId: Schema.String,
  toolName: Schema.String,
  idempotencyKey: Schema.String
}
const CallStruct = Schema.Struct(call)
const WorkUnion = Schema.Union([
  Schema.Struct({ kind: Schema.Literal("tool"), ...call }),
  Schema.Struct({ kind: Schema.Literal("model"), agentPath: AgentPath.AgentPath, step: Schema.Natural })
])

/**
 * A call that ran. `idempotencyKey` is its handler's key, to look up in other systems what it did.
 *
 * @since 0.1.0
 * @category models
 */
export type Call = Schema.Schema.Type<typeof CallStruct>
/**
 * What was running when the run was cancelled: a tool call or a model step.
 *
 * @since 0.1.0
 * @category models
 */
export type Work = Schema.Schema.Type<typeof WorkUnion>

const ReportStruct = Schema.Struct({
  stopped: Schema.Array(WorkUnion),
  abandoned: Schema.Array(WorkUnion),
  tookEffect: Schema.Array(CallStruct),
  failed: Schema.Array(CallStruct)
}).annotate({ identifier: "CancellationReport" })

/**
 * **Details**
 * - Each list is in the order of agents, then of calls and steps.
 * - `stopped`: ended when asked to. A call may have partly taken effect.
 * - `abandoned`: did not end within its grace period and was abandoned; it may still be running.
 * - `tookEffect`: calls that had succeeded, except those of read-only tools.
 * - `failed`: calls that had failed, except those of read-only tools; they may have partly taken effect.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface CancellationReport extends Schema.Schema.Type<typeof ReportStruct> {}
export const CancellationReport: Schema.Codec<CancellationReport> = ReportStruct

/**
 * The key of a call: the same on every attempt of it, different for every other call of any run.
 *
 * @since 0.1.0
 * @category operations
 */
export const idempotencyKey = (runId: string, path: AgentPath.AgentPath, callId: string): string =>
  `${runId}:${AgentPath.key(path)}${callId}`

/**
 * The report of a run, from its ledger. `isReadonly`: whether a tool of the agent at a path only reads.
 *
 * @since 0.1.0
 * @category operations
 */
export const fold = (
  runId: string,
  entries: ReadonlyArray<Entry>,
  isReadonly: (path: AgentPath.AgentPath, toolName: string) => boolean
): CancellationReport => {
  const stopped: Array<Work> = []
  const abandoned: Array<Work> = []
  const tookEffect: Array<Call> = []
  const failed: Array<Call> = []
  for (const entry of entries) {
    if (entry.kind === "model") {
      const last = entry.attempts.at(-1)
      if (last?.outcome !== "cancelled") continue
      const into = last.abandoned === true ? abandoned : stopped
      into.push({ kind: "model", agentPath: entry.path, step: entry.step })
    } else if (entry.kind === "tool" && isCall(entry)) {
      const made = callOf(runId, entry)
      if (entry.status === "cancelled") {
        const into = entry.abandoned === true ? abandoned : stopped
        into.push({ kind: "tool", ...made })
      } else if (!isReadonly(entry.path, entry.toolName)) {
        const into = entry.status === undefined ? tookEffect : failed
        into.push(made)
      }
    }
  }
  return {
    stopped: stopped.toSorted(byPlace),
    abandoned: abandoned.toSorted(byPlace),
    tookEffect: tookEffect.toSorted(byPlace),
    failed: failed.toSorted(byPlace)
  }
}

/** By agent, then by call or step: independent of the order in which parallel work ended. */
const byPlace = (a: Call | Work, b: Call | Work): number => {
  const [first, second] = [placeOf(a), placeOf(b)]
  return first < second ? -1 : first > second ? 1 : 0
}

const placeOf = (one: Call | Work): string =>
  `${AgentPath.key(one.agentPath)}${"step" in one ? String(one.step).padStart(9, "0") : one.toolInvocationId}`

const callOf = (runId: string, { callId, path, toolName }: ToolEntry): Call => ({
  agentPath: path,
  toolInvocationId: callId,
  toolName,
  idempotencyKey: idempotencyKey(runId, path, callId)
})
