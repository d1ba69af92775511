/**
 * Converts a ledger row to the amount that it uses of a budget.
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

/** Each row with its amount. A step that used several models has a row for each and counts as one step. */
export const fromLedger = (
  entries: ReadonlyArray<Entry.Entry>
): ReadonlyArray<readonly [Entry.Entry, Budget.Amount]> => {
  if (entries.length === 0) return nothing
  const steps = new Set<string>()
  return entries.map((entry) => {
    const amount = fromEntry(entry)
    if (entry.kind !== "model" || amount.steps !== 1) return [entry, amount]
    const step = `${AgentPath.key(entry.path)}${entry.step}`
    if (steps.has(step)) return [entry, { ...amount, steps: 0 }]
    steps.add(step)
    return [entry, amount]
  })
}

const nothing: ReadonlyArray<readonly [Entry.Entry, Budget.Amount]> = []
