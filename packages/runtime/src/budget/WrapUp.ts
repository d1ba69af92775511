/**
 * The reserve of a budget with `onExhausted: "wrap-up"`: kept back so that one last step can still be paid for at the
 * limit. One step of the steps, a tenth of tokens and money. Pure; `BudgetTree` keeps and releases it.
 */
import type { Budget } from "@reins/protocol"

const share = 0.9

/** The limits that the work is held to. A budget that does not wrap up, or has a single step, keeps nothing back. */
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

/** The limits whose reserve is given back for the last step, at their full height. */
export const released = (budget: Budget.Budget): { readonly [limit: string]: number } => {
  const reduced = withReserve(budget)
  const out: { [limit: string]: number } = {}
  for (const limit of limits) {
    const full = budget[limit]
    if (full !== undefined && full !== reduced[limit]) out[limit] = full
  }
  return out
}

/** A refusal as its user knows the limit: at its full height, not at the height that the work was held to. */
export const asWritten = (budget: Budget.Budget, refusal: Budget.Refusal): Budget.Refusal => {
  const full = limits.find((limit) => limit === refusal.limit)
  const max = full === undefined ? undefined : budget[full]
  return max !== undefined && max > refusal.max ? { ...refusal, max } : refusal
}
