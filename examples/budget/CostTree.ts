/** The cost of a run as lines: each agent with its cost and that of everything below it, as far as prices are known. */
import type { CostSummary } from "@reins/protocol"

const usd = ({ costUsd, pricedUsd = 0, unpriced }: CostSummary.CostNode): string =>
  costUsd === undefined ? `${pricedUsd.toFixed(4)} USD and ${unpriced} unpriced calls` : `${costUsd.toFixed(4)} USD`

export const lines = (node: CostSummary.CostNode, depth = 0): ReadonlyArray<string> => [
  `${"  ".repeat(depth + 1)}${node.agentPath.at(-1) ?? "the run"}: ${usd(node)}`,
  ...node.children.flatMap((child) => lines(child, depth + 1))
]
