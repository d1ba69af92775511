/**
 * How a tool is run, as annotations on the tool: `tool.annotate(ToolSettings.Timeout, Duration.seconds(30))`.
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"

/** How long one attempt of a call may take; then it is interrupted and the model reads a timeout. Absent: no limit. */
export const Timeout: Context.Reference<Duration.Input | undefined> = Context.Reference<Duration.Input | undefined>(
  "@reins/runtime/ToolSettings/Timeout",
  { defaultValue: () => undefined }
)

/** How often a call that failed or timed out is tried again. Only for tools whose repetition does no harm. Default 0. */
export const Retries: Context.Reference<number> = Context.Reference<number>("@reins/runtime/ToolSettings/Retries", {
  defaultValue: () => 0
})

/** How many calls of this tool an agent runs at the same time; the others wait. Absent: the agent's `maxParallelCalls`. */
export const Concurrency: Context.Reference<number | undefined> = Context.Reference<number | undefined>(
  "@reins/runtime/ToolSettings/Concurrency",
  { defaultValue: () => undefined }
)

/**
 * The tool carries out a plan: its arguments are the plan, typed by its parameters, and a person is asked about it as a whole
 * (kind `plan`) unless the tool or its agent says that nobody need be. The plan's way is told by `plan-status-change` events; a
 * revision goes back to the model that proposed it.
 */
export const IsPlan: Context.Reference<boolean> = Context.Reference<boolean>("@reins/runtime/ToolSettings/IsPlan", {
  defaultValue: () => false
})
