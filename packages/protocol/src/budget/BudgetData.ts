/**
 * What a budget is as data: limits by name, what happens at a limit, and whether the numbers are lawful.
 *
 * A budget only states limits. Holding against them is `BudgetNode`; the words of a refusal are `BudgetRefusal`.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Money from "../money/Money.ts"
import { InvalidBudget } from "../error/QueryRejected.ts"

const outcomes: readonly ["stop", "wrap-up", "pause"] = ["stop", "wrap-up", "pause"]

/** What a run does when a limit is reached. */
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

/** Limits as plain data, to be kept with a run. Made by `make`, which says what each limit means; absent is no limit. */
export interface Budget extends Schema.Schema.Type<typeof BudgetStruct> {}
export const Budget: Schema.Codec<Budget> = BudgetStruct

/**
 * Most that one agent, everything below it included, may spend in a run.
 *
 * Before each model or tool call an amount is reserved on the agent's node and on all above it, and settled after. Absent
 * and `Infinity` mean no limit; 0 is a limit that admits nothing.
 *
 * **Gotchas**: a model without a known price does not cost 0; with `maxCostUsd` set such a query is refused at its start.
 */
export interface Options {
  /** Model calls. A retried attempt is no new step, but its tokens and money count. */
  readonly maxSteps?: number | undefined
  /** Tool calls that run, of all tools. Retries of a handler and denied calls do not count. */
  readonly maxToolCalls?: number | undefined
  /** Tool calls that run, by tool name. A tool that is not named has only `maxToolCalls`. */
  readonly maxCallsPerTool?: { readonly [tool: string]: number } | undefined
  /** Input tokens, cached parts included, summed over all steps. The estimate is reserved, what is reported counts. */
  readonly maxInputTokens?: number | undefined
  /** Output tokens, reasoning included, summed over all steps. The cap sent to the provider is clamped to what is left. */
  readonly maxOutputTokens?: number | undefined
  /** Input and output tokens together. */
  readonly maxTotalTokens?: number | undefined
  /** US dollars, for models and for what tools report. The most that a call can cost is reserved before it. */
  readonly maxCostUsd?: number | undefined
  /**
   * Machine time since the agent began; milliseconds where it is a number. Time spent only waiting for people, and time
   * in which no process carried the run, are not counted. Checked before each call.
   */
  readonly maxDuration?: Duration.Input | undefined
  /** How many levels of specialists may stand below this agent: 0 none, 1 its own, 2 theirs. Checked before each is called. */
  readonly maxDepth?: number | undefined
  /** Calls of specialists below this agent, at any depth, over the whole run. The agent itself does not count. */
  readonly maxAgents?: number | undefined
  /** A fraction from 0 to 1: a limit of which so much is used is announced once, as a `custom` event. Absent: no warning. */
  readonly warnAt?: number | undefined
  /**
   * `"stop"` ends the run with `finish: budget`; `"wrap-up"` lets the model answer in one last step without tools, paid
   * from a reserve kept for it; `"pause"` asks a person for more by an approval of kind `budget`. Absent: `"stop"`.
   */
  readonly onExhausted?: OnExhausted | undefined
}

const milliseconds = (duration: Duration.Input): number =>
  // Duration reads NaN as zero; kept as it is, `validate` can refuse it
  typeof duration === "number"
    ? duration
    : Option.match(Duration.fromInput(duration), { onNone: () => NaN, onSome: Duration.toMillis })

const isLimit = (value: number | undefined): value is number => value !== undefined && value !== Infinity

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

/**
 * A budget from its options. Never fails: what is not lawful is refused when a query is asked (`QueryRejected` with reason
 * `InvalidBudget`). `Infinity` is left out, so that a budget is JSON.
 */
export const make = (options: Options): Budget => {
  const out: { -readonly [K in keyof Budget]: Budget[K] } = {}
  for (const name of [...counts, "maxCostUsd", "warnAt"] as const) {
    const value = options[name]
    if (isLimit(value)) out[name] = value
  }
  const maxDurationMs = options.maxDuration === undefined ? undefined : milliseconds(options.maxDuration)
  if (isLimit(maxDurationMs)) out.maxDurationMs = maxDurationMs
  if (options.maxCallsPerTool !== undefined) {
    out.maxCallsPerTool = Object.fromEntries(Object.entries(options.maxCallsPerTool).filter(([, max]) => isLimit(max)))
  }
  if (options.onExhausted !== undefined) out.onExhausted = options.onExhausted
  return out
}

const isWhole = (value: number): boolean => value === Infinity || (Number.isSafeInteger(value) && value >= 0)

/**
 * The first unlawful number of a budget, or `undefined`. Counts are whole, from 0 to 9,007,199,254,740,991; US dollars at
 * most what nano-dollars can hold (`Money.max`); `warnAt` from 0 to 1. `Infinity` is no limit, and lawful.
 */
export const validate = (budget: Budget): InvalidBudget | undefined => {
  const refuse = (limit: string, issue: string) => new InvalidBudget({ limit, issue })
  for (const name of counts) {
    const value = budget[name]
    if (value !== undefined && !isWhole(value)) return refuse(name, `is not a whole number from 0 on: ${value}`)
  }
  for (const [tool, value] of Object.entries(budget.maxCallsPerTool ?? {})) {
    if (!isWhole(value)) return refuse(`maxCallsPerTool.${tool}`, `is not a whole number from 0 on: ${value}`)
  }
  const { maxCostUsd, maxDurationMs, onExhausted, warnAt } = budget
  if (isLimit(maxCostUsd) && Money.fromUsd(maxCostUsd) === undefined) {
    return refuse("maxCostUsd", `is not an amount from 0 to ${Money.toUsd(Money.max)} US dollars: ${maxCostUsd}`)
  }
  if (maxDurationMs !== undefined && !(maxDurationMs >= 0)) {
    return refuse("maxDuration", `is not a duration from 0 on: ${maxDurationMs} milliseconds`)
  }
  if (warnAt !== undefined && !(warnAt >= 0 && warnAt <= 1)) return refuse("warnAt", `is not from 0 to 1: ${warnAt}`)
  if (onExhausted !== undefined && !outcomes.includes(onExhausted)) {
    return refuse("onExhausted", `is not one of ${outcomes.join(", ")}`)
  }
  return undefined
}
