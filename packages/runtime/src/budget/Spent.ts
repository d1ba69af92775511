/**
 * What a ledger row used up of a budget.
 */
import { type Budget, type Entry, Usage } from "@reins/protocol"

/** The amount of one row; a wait uses up nothing but time, which is not counted for people. */
export const fromEntry = (entry: Entry.Entry): Budget.Amount => {
  switch (entry.kind) {
    case "model":
      return {
        steps: 1,
        inputTokens: Usage.inputTokens(entry.usage),
        outputTokens: Usage.outputTokens(entry.usage),
        nanoUsd: entry.costNanoUsd ?? 0
      }
    case "tool":
      return { toolCalls: 1, tool: entry.toolName, nanoUsd: entry.costNanoUsd ?? 0 }
    case "agent":
      return { agents: 1 }
    case "wait":
      return {}
  }
}
