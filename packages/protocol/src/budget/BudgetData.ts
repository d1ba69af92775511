/**
 * A budget as data: limits by name, what happens at a limit, and whether the numbers are valid.
 *
 * A budget only states limits. `BudgetNode` enforces them; `BudgetRefusal` describes a refusal.
 */
import type * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { milliseconds } from "../Milliseconds.ts"
import * as Money from "../money/Money.ts"
import { InvalidBudget } from "../error/QueryRejected.ts"

const outcomes: readonly ["stop", "wrap-up", "pause"] = ["stop", "wrap-up", "pause"]

/**
 * What a run does when a limit is reached.
 *
 * @since 0.1.0
 * @category models
 */
export type OnExhausted = (typeof outcomes)[number]

const Limit = Schema.optionalKey(Schema.Number)

const BudgetStruct = Schema.Struct({
  maxSteps: Limit,
  maxToolCalls: Limit,
  maxCallsPerTool: Schema.optionalKey(Schema.Record(Schema.String, Schema.Number)),
  maxInputTokens: Limit,
  maxOutputTokens: Limit,
  maxTotalTokens: Limit,
  maxCostUsd: Limit,
  maxDurationMs: Limit,
  maxDepth: Limit,
  maxAgents: Limit,
  warnAt: Limit,
  onExhausted: Schema.optionalKey(Schema.Literals(outcomes))
}).annotate({ identifier: "Budget" })

/**
 * Limits as plain data, stored with a run. Created by `make`; `Options` documents each limit. Absent: no limit.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Budget extends Schema.Schema.Type<typeof BudgetStruct> {}
export const Budget: Schema.Codec<Budget> = BudgetStruct

/**
 * The limits of one agent, everything below it included, in a run.
 *
 * Before each model or tool call an amount is reserved on the agent's node and on all above it, and settled after.
 * Absent and `Infinity` mean no limit; 0 allows nothing.
 *
 * **Gotchas**: a model without a known price is not free; with `maxCostUsd` set, such a query is rejected at its start.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Model calls. A retried attempt is not a new step, but its tokens and money count. */
  readonly maxSteps?: number | undefined
  /** Tool calls that run, of all tools. Retries of a handler and denied calls do not count. */
  readonly maxToolCalls?: number | undefined
  /** Tool calls that run, by tool name. For other tools only `maxToolCalls` applies. */
  readonly maxCallsPerTool?: { readonly [tool: string]: number } | undefined
  /**
   * Input tokens, cached parts included, summed over all steps. The estimate is reserved, the reported number counts.
   */
  readonly maxInputTokens?: number | undefined
  /**
   * Output tokens, reasoning included, summed over all steps. The cap sent to the provider is clamped to what is left.
   */
  readonly maxOutputTokens?: number | undefined
  /** Input and output tokens together. */
  readonly maxTotalTokens?: number | undefined
  /**
   * US dollars, for models and for the costs that tools report. The most that a call can cost is reserved before it.
   */
  readonly maxCostUsd?: number | undefined
  /**
   * Machine time since the agent started; a number is in milliseconds. Time spent only waiting for people, and time in
   * which no process ran the run, are not counted. Checked before each call.
   */
  readonly maxDuration?: Duration.Input | undefined
  /**
   * How many levels of specialists may be below this agent: 0 none, 1 its own, 2 also theirs. Checked before each call
   * of one.
   */
  readonly maxDepth?: number | undefined
  /** Calls of specialists below this agent, at any depth, over the whole run. The agent itself does not count. */
  readonly maxAgents?: number | undefined
  /** A fraction from 0 to 1. When this part of a limit is used, a `custom` event warns once. Absent: no warning. */
  readonly warnAt?: number | undefined
  /**
   * `"stop"` ends the run with `finish: budget`; `"wrap-up"` lets the model answer in one last step without tools, paid
   * from a reserve; `"pause"` asks a person for more by an approval of kind `budget`. Absent: `"stop"`.
   */
  readonly onExhausted?: OnExhausted | undefined
}

const isNumber = (value: unknown): boolean => typeof value === "number" && !Number.isNaN(value)

const isLimit = (value: number | undefined): value is number => value !== undefined && value !== Infinity

/** Not a `Map` or a `Date`, which have no values by name. */
const isByName = (value: unknown): boolean =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  (Object.keys(value).length > 0 || [Object.prototype, null].includes(Object.getPrototypeOf(value)))

/** Whether it is an amount of US dollars; code without types may pass text. */
export const isUsd = (value: number): boolean => isNumber(value) && Money.fromUsd(value) !== undefined

/** The limits that are whole numbers. */
export const counts = [
  "maxSteps",
  "maxToolCalls",
  "maxInputTokens",
  "maxOutputTokens",
  "maxTotalTokens",
  "maxDepth",
  "maxAgents"
] as const satisfies ReadonlyArray<keyof Budget & keyof Options>

/** The names of the options; the time limit is stored as `maxDurationMs`. */
const known: ReadonlyArray<string> = [
  ...counts,
  "maxCallsPerTool",
  "maxCostUsd",
  "maxDuration",
  "warnAt",
  "onExhausted"
] satisfies ReadonlyArray<keyof Options>

const isKnown = (name: string): boolean => name === "maxDurationMs" || (name !== "maxDuration" && known.includes(name))

/**
 * Creates a budget. Never fails: invalid limits are refused when a query is made (`QueryRejected` with reason
 * `InvalidBudget`). `Infinity` is left out, so that a budget is JSON.
 *
 * **Example** (Limits in steps, money and time)
 *
 * ```ts
 * import { Budget } from "@reins/runtime"
 *
 * export const modest = Budget.make({ maxSteps: 20, maxCostUsd: 0.25, maxDuration: "2 minutes", onExhausted: "pause" })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Budget => {
  const out: { -readonly [K in keyof Budget]: Budget[K] } = {}
  for (const name of [...counts, "maxCostUsd", "warnAt"] as const) {
    const value = options[name]
    if (isLimit(value)) out[name] = value
  }
  const maxDurationMs = options.maxDuration === undefined ? undefined : milliseconds(options.maxDuration)
  if (isLimit(maxDurationMs)) out.maxDurationMs = maxDurationMs
  const { maxCallsPerTool } = options
  if (maxCallsPerTool !== undefined) {
    out.maxCallsPerTool = isByName(maxCallsPerTool)
      ? Object.fromEntries(Object.entries(maxCallsPerTool).filter(([, max]) => isLimit(max)))
      : maxCallsPerTool
  }
  if (options.onExhausted !== undefined) out.onExhausted = options.onExhausted
  // Code without types may set unknown limits: they are kept, so that `validate` refuses them.
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !known.includes(name)) Object.assign(out, { [name]: value })
  }
  return out
}

/**
 * What is invalid about a limit: what it must be, and its value as text. `tool`: the limit is that of one tool's calls.
 * `known`: there is no limit of this name, and these there are.
 *
 * @since 0.2.0
 * @category models
 */
export interface Misfit {
  readonly limit: string
  readonly tool?: string
  readonly issue: string
  readonly value?: string
  readonly known?: ReadonlyArray<string>
}

const notWhole = (value: number) => ({ issue: "must be a whole number of at least 0", value: String(value) })

const isWhole = (value: number): boolean => value === Infinity || (Number.isSafeInteger(value) && value >= 0)

/**
 * The first invalid limit of a budget, or `undefined`, as `validate` reports it.
 *
 * @since 0.2.0
 * @category operations
 */
export const misfit = (budget: Budget): Misfit | undefined => {
  for (const [limit, value] of Object.entries(budget)) {
    if (value !== undefined && !isKnown(limit)) return { limit, issue: "is not a limit", known }
  }
  for (const limit of counts) {
    const value = budget[limit]
    if (value !== undefined && !isWhole(value)) return { limit, ...notWhole(value) }
  }
  if (budget.maxCallsPerTool !== undefined && !isByName(budget.maxCallsPerTool)) {
    return { limit: "maxCallsPerTool", issue: "must be an object of whole numbers by tool name" }
  }
  for (const [tool, value] of Object.entries(budget.maxCallsPerTool ?? {})) {
    if (!isWhole(value)) return { limit: "maxCallsPerTool", tool, ...notWhole(value) }
  }
  const { maxCostUsd, maxDurationMs, onExhausted, warnAt } = budget
  if (isLimit(maxCostUsd) && !isUsd(maxCostUsd)) {
    return { limit: "maxCostUsd", issue: mustBeUsd, value: String(maxCostUsd) }
  }
  if (maxDurationMs !== undefined && !(isNumber(maxDurationMs) && maxDurationMs >= 0)) {
    return {
      limit: "maxDuration",
      issue: "must be a duration of at least 0",
      value: `${String(maxDurationMs)} milliseconds`
    }
  }
  if (warnAt !== undefined && !(isNumber(warnAt) && warnAt >= 0 && warnAt <= 1)) {
    return { limit: "warnAt", issue: "must be from 0 to 1", value: String(warnAt) }
  }
  return onExhausted === undefined || outcomes.includes(onExhausted)
    ? undefined
    : { limit: "onExhausted", issue: `must be one of ${outcomes.join(", ")}` }
}

/** What an amount of US dollars must be. */
export const mustBeUsd = `must be US dollars from 0 to ${Money.toUsd(Money.max)}`

/** The issue of a misfit in one sentence, with its value. `of`: what `known` lists. */
export const issueOf = ({ issue, known, value }: Pick<Misfit, "issue" | "known" | "value">, of: string): string =>
  known === undefined
    ? `${issue}${value === undefined ? "" : `, but is ${value}`}`
    : `${issue}. Available ${of}: ${known.join(", ")}`

/**
 * The first invalid limit of a budget, or `undefined`. Counts are whole numbers from 0 to 9,007,199,254,740,991; US
 * dollars are at most `Money.max`; `warnAt` is from 0 to 1. `Infinity` is valid and means no limit.
 *
 * @since 0.1.0
 * @category operations
 */
export const validate = (budget: Budget): InvalidBudget | undefined => {
  const wrong = misfit(budget)
  if (wrong === undefined) return undefined
  const { limit, tool } = wrong
  return new InvalidBudget({ limit: tool === undefined ? limit : `${limit}.${tool}`, issue: issueOf(wrong, "limits") })
}

/**
 * The first entry of `maxCallsPerTool` that names none of `tools`, or `undefined`.
 *
 * @since 0.1.0
 * @category operations
 */
export const unknownTool = (budget: Budget, tools: ReadonlySet<string>): InvalidBudget | undefined => {
  for (const tool of Object.keys(budget.maxCallsPerTool ?? {})) {
    if (tools.has(tool)) continue
    const issue = `names an unknown tool. Available tools: ${[...tools].join(", ") || "none"}`
    return new InvalidBudget({ limit: `maxCallsPerTool.${tool}`, issue })
  }
  return undefined
}

/**
 * `budget`, narrowed by another one entry by entry: the lower of two limits, the fewer calls of each tool, the earlier
 * warning, and the stricter of two `onExhausted` (`"stop"`, then `"wrap-up"`, then `"pause"`). It never widens or
 * removes an entry.
 *
 * @since 0.1.0
 * @category operations
 */
export const narrow = (budget: Budget, by: Budget): Budget => {
  const out: { -readonly [K in keyof Budget]: Budget[K] } = { ...budget }
  for (const name of [...counts, "maxCostUsd", "maxDurationMs", "warnAt"] as const) {
    const value = least(budget[name], by[name])
    if (value !== undefined) out[name] = value
  }
  if (by.maxCallsPerTool !== undefined) {
    const calls = new Map(Object.entries(budget.maxCallsPerTool ?? {}))
    for (const [tool, max] of Object.entries(by.maxCallsPerTool)) calls.set(tool, least(calls.get(tool), max) ?? max)
    out.maxCallsPerTool = Object.fromEntries(calls)
  }
  const { onExhausted } = by
  if (onExhausted !== undefined) {
    const own = budget.onExhausted
    out.onExhausted = own === undefined || outcomes.indexOf(onExhausted) < outcomes.indexOf(own) ? onExhausted : own
  }
  return out
}

const least = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined ? b : b === undefined ? a : Math.min(a, b)
