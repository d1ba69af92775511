/**
 * What a run cost: folds the rows of its ledger to the payload of `data-cost-summary`.
 *
 * A tree by agent path, with a row for each model and price and for each tool. Amounts are whole nano-dollars, so the rows
 * add up to the root exactly, in whatever order they were written.
 */
import type { AgentPath } from "../AgentPath.ts"
import { root } from "../AgentPath.ts"
import type { CostNode, CostRow, CostSummary } from "./CostSummaryData.ts"
import type { Entry, Fee, ModelEntry, Price, ToolEntry } from "./Entry.ts"
import * as Money from "./Money.ts"
import type { UsageTotals } from "./Usage.ts"
import { addTotals, toTotals } from "./Usage.ts"

export { CostNode, CostSummary } from "./CostSummaryData.ts"
export type { CostRow } from "./CostSummaryData.ts"

const noUsage: UsageTotals = toTotals({})

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const money = (costNanoUsd: Money.NanoUsd) => ({ costNanoUsd, costUsd: Money.toUsd(costNanoUsd) })

/** Equal exactly for equal price rows. */
const priceKey = (price: Price): string =>
  JSON.stringify([
    price.model,
    price.match,
    price.source,
    price.inputPerMillionUsd,
    price.outputPerMillionUsd,
    price.cacheReadPerMillionUsd,
    price.cacheWritePerMillionUsd,
    price.cacheWriteLongPerMillionUsd,
    price.reasoningPerMillionUsd,
    price.toolFees
  ])

/** Equal exactly for rows that are counted together. `price`: the key of the row's price. */
const rowKey = ({ kind, name, provider = "" }: CostRow, price: string): string =>
  `${kind} ${name.length} ${name} ${provider.length} ${provider} ${price}`

/** The keys of prices; most rows of a run share one object. */
const priceKeys = (): ((price: Price | undefined) => string) => {
  const known = new Map<Price, string>()
  return (price) => {
    if (price === undefined) return ""
    const key = known.get(price) ?? priceKey(price)
    known.set(price, key)
    return key
  }
}

const modelRow = (entry: ModelEntry): CostRow => ({
  kind: "model",
  name: entry.model,
  provider: entry.provider,
  calls: 1,
  attempts: entry.attempts.length,
  usage: toTotals(entry.usage),
  ...money(entry.costNanoUsd ?? 0),
  unpriced: entry.costNanoUsd === undefined ? 1 : 0,
  estimated: entry.estimated,
  overrun: entry.overrun === true,
  ...(entry.price === undefined ? {} : { price: entry.price })
})

/** Calls of a tool that the provider ran: a fee that nobody knows is unknown, not 0. */
const feeRow = ({ calls, costNanoUsd, toolName }: Fee, { estimated, provider }: ModelEntry): CostRow => ({
  kind: "tool",
  name: toolName,
  provider,
  calls,
  attempts: calls,
  ...money(costNanoUsd ?? 0),
  unpriced: costNanoUsd === undefined ? calls : 0,
  estimated,
  overrun: false
})

/** A tool that reported no cost costs us nothing; that is not an unknown price. */
const toolRow = (entry: ToolEntry): CostRow => ({
  kind: "tool",
  name: entry.toolName,
  calls: 1,
  attempts: entry.attempts,
  ...money(entry.costNanoUsd ?? 0),
  unpriced: 0,
  estimated: false,
  overrun: false
})

const plusRow = (a: CostRow, b: CostRow): CostRow => ({
  ...a,
  calls: a.calls + b.calls,
  attempts: a.attempts + b.attempts,
  ...(a.usage === undefined || b.usage === undefined ? {} : { usage: addTotals(a.usage, b.usage) }),
  ...money(Money.add(a.costNanoUsd, b.costNanoUsd)),
  unpriced: a.unpriced + b.unpriced,
  estimated: a.estimated || b.estimated,
  overrun: a.overrun || b.overrun
})

/** One agent while the rows are read. */
interface Agent {
  readonly path: AgentPath
  readonly rows: Map<string, CostRow>
  readonly children: Map<string, Agent>
}

const agent = (path: AgentPath): Agent => ({ path, rows: new Map(), children: new Map() })

/** The agent at `path`; it and those above it are made where they are not there yet. */
const at = (top: Agent, path: AgentPath): Agent => {
  let here = top
  for (const [index, segment] of path.entries()) {
    const next = here.children.get(segment) ?? agent(path.slice(0, index + 1))
    here.children.set(segment, next)
    here = next
  }
  return here
}

const inOrder = (rows: Iterable<CostRow>, keyOf: (price: Price | undefined) => string): ReadonlyArray<CostRow> =>
  [...rows].toSorted(
    (a, b) =>
      compare(a.kind, b.kind) ||
      compare(a.name, b.name) ||
      compare(a.provider ?? "", b.provider ?? "") ||
      compare(keyOf(a.price), keyOf(b.price))
  )

const node = (agent: Agent, keyOf: (price: Price | undefined) => string): CostNode => {
  const rows = inOrder(agent.rows.values(), keyOf)
  const children = [...agent.children].toSorted(([a], [b]) => compare(a, b)).map(([, child]) => node(child, keyOf))
  const parts = [...rows, ...children]
  return {
    agentPath: agent.path,
    ...money(parts.reduce((sum, part) => Money.add(sum, part.costNanoUsd), 0)),
    unpriced: parts.reduce((sum, part) => sum + part.unpriced, 0),
    estimated: parts.some((part) => part.estimated),
    usage: parts.reduce((sum, part) => (part.usage === undefined ? sum : addTotals(sum, part.usage)), noUsage),
    rows,
    children
  }
}

const rowsOf = (entry: ModelEntry | ToolEntry): ReadonlyArray<CostRow> =>
  entry.kind === "tool"
    ? [toolRow(entry)]
    : entry.fees === undefined
      ? [modelRow(entry)]
      : [modelRow(entry), ...entry.fees.map((fee) => feeRow(fee, entry))]

/**
 * The cost summary of a run's rows. Waits cost nothing. Agents without rows of their own stand in the tree where somebody
 * below them has some; the root always does. Rows are ordered by kind, name, provider and price, agents by path.
 *
 * **Gotchas**: sums stop at `Money.max`, some nine million US dollars.
 */
export const fold = (entries: ReadonlyArray<Entry>): CostSummary => {
  const top = agent(root)
  const keyOf = priceKeys()
  for (const entry of entries) {
    if (entry.kind === "wait" || entry.kind === "agent") continue
    const { rows } = at(top, entry.path)
    for (const row of rowsOf(entry)) {
      const name = rowKey(row, keyOf(row.price))
      const sum = rows.get(name)
      rows.set(name, sum === undefined ? row : plusRow(sum, row))
    }
  }
  const tree = node(top, keyOf)
  const { costNanoUsd, costUsd, estimated, unpriced } = tree
  return { currency: "USD", costNanoUsd, costUsd, unpriced, estimated, root: tree }
}
