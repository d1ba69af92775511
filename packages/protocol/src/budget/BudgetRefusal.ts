/**
 * A refusal of a budget: the name of the limit, how much was used, and which node refused.
 *
 * Numbers are in the limit's own unit: US dollars for `maxCostUsd`, milliseconds for `maxDuration`, counts otherwise.
 */
import * as Schema from "effect/Schema"
import { AgentPath } from "../AgentPath.ts"
import type { BudgetExhausted } from "../event/Event.ts"
import * as Money from "../money/Money.ts"

/** Which quota refused: its name, whose runs it counts, and when its window ends, epoch milliseconds. */
export const QuotaScope = Schema.Struct({
  name: Schema.String,
  per: Schema.Literals(["tenant", "principal"]),
  resetsAt: Schema.optionalKey(Schema.Natural)
})

const RefusalStruct = Schema.Struct({
  limit: Schema.String,
  max: Schema.Finite,
  used: Schema.Finite,
  path: AgentPath,
  heldByOthers: Schema.Boolean,
  quota: Schema.optionalKey(QuotaScope)
}).annotate({ identifier: "BudgetRefusal" })

/**
 * Why an amount was not reserved.
 *
 * **Details**
 * - `limit`: `"maxSteps"`, …; for one tool's limit `"maxCallsPerTool.<tool>"`; `"thread.maxSteps"`, … for a limit of
 *   the thread; `"quota.maxCostUsd"`, … for one of a quota, which `quota` names.
 * - `used`: what is settled and what is held.
 * - `path`: the agent whose budget refused; where several did, the one nearest to the root.
 * - `heldByOthers`: the amount would fit without the current holds, so it may fit later.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Refusal extends Schema.Schema.Type<typeof RefusalStruct> {}
export const Refusal: Schema.Codec<Refusal> = RefusalStruct

const perTool = "maxCallsPerTool."

/** The name of the limit on calls of one tool. */
export const toolLimit = (tool: string): string => perTool + tool

/** The prefix of the names of a thread's limits. */
export const threadPrefix = "thread."

/** The prefix of the names of a quota's limits. */
export const quotaPrefix = "quota."

/** The prefix of a limit that spans runs; empty for a limit of an agent. */
const prefixOf = (limit: string): "" | typeof threadPrefix | typeof quotaPrefix =>
  limit.startsWith(threadPrefix) ? threadPrefix : isOfQuota(limit) ? quotaPrefix : ""

/**
 * Whether the name is that of a limit of a quota.
 *
 * @since 0.1.0
 * @category guards
 */
export const isOfQuota = (limit: string): boolean => limit.startsWith(quotaPrefix)

/**
 * Whether the name is that of a limit over several runs: of the thread, or of a quota.
 *
 * @since 0.1.0
 * @category guards
 */
export const isAboveRun = (limit: string): boolean => prefixOf(limit) !== ""

/**
 * A limit's name without the prefix.
 *
 * @since 0.1.0
 * @category operations
 */
export const bare = (limit: string): string => limit.slice(prefixOf(limit).length)

/** The tool in the name of a limit on one tool. */
export const toolOf = (limit: string): string | undefined =>
  limit.startsWith(perTool) ? limit.slice(perTool.length) : undefined

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const wireName = (limit: string): string => {
  const prefix = prefixOf(limit)
  if (prefix !== "") return prefix + wireName(bare(limit))
  const tool = toolOf(limit)
  if (tool !== undefined) return `max_calls_per_tool.${tool}`
  return limit === "maxDuration" ? "max_duration_ms" : snake(limit)
}

const shown = (refusal: Refusal): string => {
  const amount = bare(refusal.limit) === "maxCostUsd" ? Money.fromUsd(refusal.max) : undefined
  return amount === undefined ? String(refusal.max) : Money.format(amount).slice(1)
}

const code = (limit: string): string => {
  const prefix = prefixOf(limit)
  if (prefix !== "") return code(bare(limit)).replace("E_BUDGET", `E_BUDGET_${prefix.slice(0, -1).toUpperCase()}`)
  const name = toolOf(limit) === undefined ? limit : "maxCallsPerTool"
  return `E_BUDGET${snake(name.replace(/^max/, "")).toUpperCase()}`
}

/**
 * The event of a refusal: message `max_tool_calls=10 reached`, code `E_BUDGET_TOOL_CALLS`. Money is shown in US dollars
 * (`max_cost_usd=0.25 reached`), time in milliseconds (`max_duration_ms=120000 reached`). `data.agentPath` only below
 * the root. A limit of the thread is `thread.max_tool_calls=10 reached`, `E_BUDGET_THREAD_TOOL_CALLS`; one of a quota
 * `quota.max_cost_usd=20 reached`, `E_BUDGET_QUOTA_COST_USD`, with the quota in `data.quota`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toEvent = (refusal: Refusal): BudgetExhausted => ({
  type: "budget_exhausted",
  message: `${wireName(refusal.limit)}=${shown(refusal)} reached`,
  code: code(refusal.limit),
  data: {
    limit: refusal.limit,
    max: refusal.max,
    used: refusal.used,
    ...(refusal.path.length === 0 ? {} : { agentPath: refusal.path }),
    ...(refusal.quota === undefined ? {} : { quota: refusal.quota })
  }
})
