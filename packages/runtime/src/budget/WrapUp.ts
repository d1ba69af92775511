/**
 * The reserve of a budget with `onExhausted: "wrap-up"`, which pays for one last step at the limit: one step, and a
 * tenth of tokens and money. Pure; `BudgetTree` holds and releases it.
 */
import type { Budget } from "@reins/protocol"

const share = 0.9

/** The limits without the reserve. A budget that does not wrap up, or has a single step, has none. */
export const withReserve = (budget: Budget.Budget): Budget.Budget =>
  budget.onExhausted !== "wrap-up"
    ? budget
    : {
        ...budget,
        ...(budget.maxSteps === undefined || budget.maxSteps < 2 ? {} : { maxSteps: budget.maxSteps - 1 }),
        ...shared("maxInputTokens", budget.maxInputTokens, Math.floor),
        ...shared("maxOutputTokens", budget.maxOutputTokens, Math.floor),
        ...shared("maxTotalTokens", budget.maxTotalTokens, Math.floor),
        ...shared("maxCostUsd", budget.maxCostUsd, (usd) => usd)
      }

const shared = <Name extends string>(name: Name, limit: number | undefined, round: (value: number) => number) =>
  limit === undefined ? {} : { [name]: limit === Infinity ? limit : round(limit * share) }

const limits = [
  "maxSteps",
  "maxInputTokens",
  "maxOutputTokens",
  "maxTotalTokens",
  "maxCostUsd"
] as const satisfies ReadonlyArray<keyof Budget.Budget>

/** The full values of the limits with a reserve, for the last step. */
export const released = (budget: Budget.Budget): { readonly [limit: string]: number } => {
  const reduced = withReserve(budget)
  const out: { [limit: string]: number } = {}
  for (const limit of limits) {
    const full = budget[limit]
    if (full !== undefined && full !== reduced[limit]) out[limit] = full
  }
  return out
}

/** A refusal with the limit's full value, as the user wrote it, instead of the reduced one. */
export const asWritten = (budget: Budget.Budget, refusal: Budget.Refusal): Budget.Refusal => {
  const full = limits.find((limit) => limit === refusal.limit)
  const max = full === undefined ? undefined : budget[full]
  return max !== undefined && max > refusal.max ? { ...refusal, max } : refusal
}
