/**
 * Amounts of budgets: what a ledger row uses, and the reserve of a budget with `onExhausted: "wrap-up"`, which pays for one
 * last step at the limit: one step, and a tenth of tokens and money. Pure; `BudgetTree` holds and releases them.
 */
import { AgentPath, type Budget, Entry, Usage } from "@reins/protocol"

/** The amount of one row; a wait uses only time, which is not counted for people. */
export const fromEntry = (entry: Entry.Entry): Budget.Amount => {
  switch (entry.kind) {
    case "model":
      return {
        steps: entry.purpose === undefined && !isLost(entry) ? 1 : 0,
        inputTokens: Usage.inputTokens(entry.usage),
        outputTokens: Usage.outputTokens(entry.usage),
        nanoUsd: (entry.costNanoUsd ?? 0) + Entry.feesOf(entry)
      }
    case "tool":
      if (!Entry.isCall(entry)) return { nanoUsd: entry.costNanoUsd ?? 0 }
      return { toolCalls: 1, tool: entry.toolName, nanoUsd: entry.costNanoUsd ?? 0 }
    case "agent":
      return { agents: 1 }
    case "wait":
      return {}
  }
}

/** Whether all requests of a step died with their process: refused when it was due again, it does not count as a step. */
const isLost = ({ attempts }: Entry.ModelEntry): boolean =>
  attempts.length > 0 && attempts.every(({ outcome }) => outcome === "lost")

/** The amount of each row. A step that used several models has a row for each and counts as one step. */
export const amountsOf = (entries: ReadonlyArray<Entry.Entry>): ReadonlyArray<Budget.Amount> => {
  if (entries.length === 0) return nothing
  const steps = new Steps()
  return entries.map((entry) => {
    const amount = fromEntry(entry)
    const isAgain = entry.kind === "model" && amount.steps === 1 && !steps.add(entry)
    return isAgain ? { ...amount, steps: 0 } : amount
  })
}

/** Each row with its amount. */
export const fromLedger = (
  entries: ReadonlyArray<Entry.Entry>
): ReadonlyArray<readonly [Entry.Entry, Budget.Amount]> => {
  const amounts = amountsOf(entries)
  return entries.map((entry, index) => [entry, amounts[index] ?? {}])
}

const nothing: ReadonlyArray<Budget.Amount> = []

/** The steps of all agents. Rows of one agent mostly follow each other. */
class Steps {
  private readonly byAgent = new Map<string, Set<number>>()
  private path: AgentPath.AgentPath | undefined
  private steps = new Set<number>()

  /** False where the step was added before. */
  add({ path, step }: Entry.ModelEntry): boolean {
    if (path !== this.path) {
      const key = AgentPath.key(path)
      this.path = path
      this.steps = this.byAgent.get(key) ?? new Set()
      this.byAgent.set(key, this.steps)
    }
    const { size } = this.steps
    return this.steps.add(step).size > size
  }
}

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
