/** The cost of a run as lines: each agent with what it and everything below it cost. */
import type { CostSummary } from "@reins/protocol"

export const lines = (node: CostSummary.CostNode, depth = 0): ReadonlyArray<string> => [
  `${"  ".repeat(depth + 1)}${node.agentPath.at(-1) ?? "the run"}: ${node.costUsd.toFixed(4)} USD`,
  ...node.children.flatMap((child) => lines(child, depth + 1))
]
