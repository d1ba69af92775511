/**
 * What a run cost: the payload of `data-cost-summary`, folded from the ledger's rows.
 *
 * The summary is a tree by agent path, with a row for each model and price and for each tool. Amounts are whole
 * nano-dollars, so the rows add up to the root exactly, in whatever order they were written. The fold reads each row
 * once and adds it to a running sum; the tree is built from the sums at the end.
 */
import { AgentPath, root } from "../AgentPath.ts"
import * as Count from "./Count.ts"
import { type Entry, type Fee, isCall, type ModelEntry, Price, type ToolEntry } from "./Entry.ts"
import * as Money from "./Money.ts"
import { addTotals, RunningTotals, toTotals, UsageTotals } from "./Usage.ts"
import * as Schema from "effect/Schema"

const noUsage: UsageTotals = toTotals({})

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

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
    price.tiers,
    price.toolFees
  ])

/** Cached keys of prices, computed only when two prices must be compared: most rows of a run share one object. */
class PriceKeys {
  private known: Map<Price, string> | undefined

  of(price: Price | undefined): string {
    if (price === undefined) return ""
    this.known ??= new Map()
    const key = this.known.get(price) ?? priceKey(price)
    this.known.set(price, key)
    return key
  }
}

/** The running sum of a row of the summary. */
interface Sum {
  readonly kind: "model" | "tool"
  readonly name: string
  readonly provider: string | undefined
  readonly price: Price | undefined
  calls: number
  attempts: number
  usage: RunningTotals | undefined
  costNanoUsd: number
  unpriced: number
  estimated: boolean
  overrun: boolean
}

const sum = (kind: Sum["kind"], name: string, provider: string | undefined, price: Price | undefined): Sum => ({
  kind,
  name,
  provider,
  price,
  calls: 0,
  attempts: 0,
  usage: undefined,
  costNanoUsd: 0,
  unpriced: 0,
  estimated: false,
  overrun: false
})

/** One agent while the rows are read. `models` and `tools`: its sums by name; each name has few. */
interface Agent {
  readonly path: AgentPath
  readonly models: Map<string, Array<Sum>>
  readonly tools: Map<string, Array<Sum>>
  readonly children: Map<string, Agent>
}

const agent = (path: AgentPath): Agent => ({ path, models: new Map(), tools: new Map(), children: new Map() })

/** The agent at `path`; it and its ancestors are created if needed. */
const at = (top: Agent, path: AgentPath): Agent => {
  let here = top
  for (let depth = 0; depth < path.length; depth++) {
    const segment = path[depth] ?? ""
    let next = here.children.get(segment)
    if (next === undefined) {
      next = agent(path.slice(0, depth + 1))
      here.children.set(segment, next)
    }
    here = next
  }
  return here
}

/** The sum for this name, provider and price. */
const sumOf = (
  sums: Map<string, Array<Sum>>,
  kind: Sum["kind"],
  name: string,
  provider: string | undefined,
  price: Price | undefined,
  keys: PriceKeys
): Sum => {
  let named = sums.get(name)
  if (named === undefined) {
    named = []
    sums.set(name, named)
  }
  for (const one of named) if (one.provider === provider && one.price === price) return one
  for (const one of named) if (one.provider === provider && keys.of(one.price) === keys.of(price)) return one
  const fresh = sum(kind, name, provider, price)
  named.push(fresh)
  return fresh
}

const addModel = (sum: Sum, entry: ModelEntry): void => {
  sum.calls += 1
  sum.attempts += entry.attempts.length
  ;(sum.usage ??= new RunningTotals()).add(entry.usage)
  if (entry.costNanoUsd === undefined) sum.unpriced += 1
  else sum.costNanoUsd = Count.add(sum.costNanoUsd, entry.costNanoUsd)
  sum.estimated ||= entry.estimated
  sum.overrun ||= entry.overrun === true
}

/** Calls of a tool that the provider ran. A fee without a known price is unpriced, not 0. */
const addFee = (sum: Sum, { calls, costNanoUsd }: Fee, { estimated }: ModelEntry): void => {
  sum.calls += calls
  sum.attempts += calls
  if (costNanoUsd === undefined) sum.unpriced += calls
  else sum.costNanoUsd = Count.add(sum.costNanoUsd, costNanoUsd)
  sum.estimated ||= estimated
}

/** A tool that reports no cost costs nothing; that is not an unknown price. */
const addTool = (sum: Sum, entry: ToolEntry): void => {
  if (isCall(entry)) sum.calls += 1
  sum.attempts += entry.attempts
  if (entry.costNanoUsd !== undefined) sum.costNanoUsd = Count.add(sum.costNanoUsd, entry.costNanoUsd)
  sum.overrun ||= entry.overrun === true
}

/** The finished row: `costUsd` only if everything in it is priced. */
const row = (sum: Sum): CostRow => {
  const { attempts, calls, costNanoUsd, estimated, kind, name, overrun, price, provider, unpriced } = sum
  const usage = sum.usage?.totals
  const pricedUsd = Money.toUsd(costNanoUsd)
  const isPriced = unpriced === 0
  // The two usual rows, each as one object literal.
  if (isPriced && provider !== undefined && usage !== undefined && price !== undefined) {
    return {
      kind,
      name,
      provider,
      calls,
      attempts,
      usage,
      costNanoUsd,
      costUsd: pricedUsd,
      pricedUsd,
      unpriced,
      estimated,
      overrun,
      price: copyOf(price)
    }
  }
  if (isPriced && provider === undefined && usage === undefined && price === undefined) {
    return { kind, name, calls, attempts, costNanoUsd, costUsd: pricedUsd, pricedUsd, unpriced, estimated, overrun }
  }
  return {
    kind,
    name,
    ...(provider === undefined ? {} : { provider }),
    calls,
    attempts,
    ...(usage === undefined ? {} : { usage }),
    costNanoUsd,
    ...(isPriced ? { costUsd: pricedUsd } : {}),
    pricedUsd,
    unpriced,
    estimated,
    overrun,
    ...(price === undefined ? {} : { price: copyOf(price) })
  }
}

/** A copy of the price: events are frozen, and the price in the ledger belongs to the price book. */
const copyOf = ({ tiers, toolFees, ...price }: Price): Price => ({
  ...price,
  ...(tiers === undefined ? {} : { tiers: tiers.map((tier) => ({ ...tier })) }),
  ...(toolFees === undefined ? {} : { toolFees: { ...toolFees } })
})

const sumsOf = ({ models, tools }: Agent, keys: PriceKeys): ReadonlyArray<Sum> => {
  const sums: Array<Sum> = []
  for (const named of models.values()) for (const one of named) sums.push(one)
  for (const named of tools.values()) for (const one of named) sums.push(one)
  if (sums.length < 2) return sums
  return sums.sort(
    (a, b) =>
      compare(a.kind, b.kind) ||
      compare(a.name, b.name) ||
      compare(a.provider ?? "", b.provider ?? "") ||
      compare(keys.of(a.price), keys.of(b.price))
  )
}

const childrenOf = ({ children }: Agent, keys: PriceKeys): ReadonlyArray<CostNode> => {
  if (children.size === 0) return []
  return [...children].sort(([a], [b]) => compare(a, b)).map(([, child]) => node(child, keys))
}

const node = (agent: Agent, keys: PriceKeys): CostNode => {
  const agentPath = agent.path
  const rows = sumsOf(agent, keys).map(row)
  const children = childrenOf(agent, keys)
  let costNanoUsd = 0
  let unpriced = 0
  let estimated = false
  let usage = noUsage
  const add = (part: CostRow | CostNode): void => {
    costNanoUsd = Count.add(costNanoUsd, part.costNanoUsd)
    unpriced += part.unpriced
    estimated ||= part.estimated
    if (part.usage !== undefined) usage = usage === noUsage ? part.usage : addTotals(usage, part.usage)
  }
  for (const one of rows) add(one)
  for (const one of children) add(one)
  const pricedUsd = Money.toUsd(costNanoUsd)
  return unpriced === 0
    ? { agentPath, costNanoUsd, costUsd: pricedUsd, pricedUsd, unpriced, estimated, usage, rows, children }
    : { agentPath, costNanoUsd, pricedUsd, unpriced, estimated, usage, rows, children }
}

/**
 * The cost summary of a run's rows. Waits cost nothing. An agent without own rows is in the tree if an agent below it
 * has some; the root always is. Rows are ordered by kind, name, provider and price, agents by path.
 *
 * **Gotchas**: sums stop at `Money.max`, some nine million US dollars.
 *
 * @since 0.1.0
 * @category operations
 */
export const fold = (entries: ReadonlyArray<Entry>): CostSummary => {
  const top = agent(root)
  const keys = new PriceKeys()
  let path: AgentPath = root
  let here = top
  for (const entry of entries) {
    if (entry.kind === "wait" || entry.kind === "agent") continue
    if (entry.path !== path) {
      path = entry.path
      here = at(top, path)
    }
    if (entry.kind === "tool") {
      addTool(sumOf(here.tools, "tool", entry.toolName, undefined, undefined, keys), entry)
      continue
    }
    const { fees, price, provider } = entry
    addModel(sumOf(here.models, "model", entry.model, provider, price, keys), entry)
    if (fees === undefined) continue
    for (const fee of fees) addFee(sumOf(here.tools, "tool", fee.toolName, provider, undefined, keys), fee, entry)
  }
  const tree = node(top, keys)
  const { costNanoUsd, estimated, unpriced } = tree
  const pricedUsd = Money.toUsd(costNanoUsd)
  return unpriced === 0
    ? { currency: "USD", costNanoUsd, costUsd: pricedUsd, pricedUsd, unpriced, estimated, root: tree }
    : { currency: "USD", costNanoUsd, pricedUsd, unpriced, estimated, root: tree }
}

const Amount = {
  costNanoUsd: Schema.Natural,
  costUsd: Schema.optionalKey(Schema.Finite),
  pricedUsd: Schema.optionalKey(Schema.Finite)
}

const RowStruct = Schema.Struct({
  kind: Schema.Literals(["model", "tool"]),
  name: Schema.String,
  provider: Schema.optionalKey(Schema.String),
  calls: Schema.Natural,
  attempts: Schema.Natural,
  usage: Schema.optionalKey(UsageTotals),
  ...Amount,
  unpriced: Schema.Natural,
  estimated: Schema.Boolean,
  overrun: Schema.Boolean,
  price: Schema.optionalKey(Price)
}).annotate({ identifier: "CostRow" })

/**
 * What one agent spent on one model or one tool.
 *
 * **Details**
 * - `costNanoUsd`: the exact sum of what is priced, in whole nano-dollars (10⁻⁹ USD). `pricedUsd`: the same in US
 *   dollars; absent in logs of versions before this field.
 * - `unpriced`: calls whose price is unknown. They are not in the sum.
 * - `costUsd`: what it cost, in US dollars. Absent, never 0, if `unpriced` is above 0. Logs without `pricedUsd` have
 *   the priced part here.
 * - `usage`: absent on tool rows. `provider`: on a tool row, the provider that ran the tool for a fee. `price`: the
 *   price row used.
 *
 * @since 0.1.0
 * @category models
 */
export interface CostRow extends Schema.Schema.Type<typeof RowStruct> {}

/**
 * One agent: its own rows, its specialists, and the sum of both. The money fields are as on a row, over everything
 * below.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface CostNode {
  readonly agentPath: AgentPath
  readonly costNanoUsd: number
  readonly costUsd?: number
  readonly pricedUsd?: number
  readonly unpriced: number
  readonly estimated: boolean
  readonly usage: UsageTotals
  readonly rows: ReadonlyArray<CostRow>
  readonly children: ReadonlyArray<CostNode>
}
export const CostNode: Schema.Codec<CostNode> = Schema.Struct({
  agentPath: AgentPath,
  ...Amount,
  unpriced: Schema.Natural,
  estimated: Schema.Boolean,
  usage: UsageTotals,
  rows: Schema.Array(RowStruct),
  children: Schema.Array(Schema.suspend((): Schema.Codec<CostNode> => CostNode))
}).annotate({ identifier: "CostNode" })

const CostSummaryStruct = Schema.Struct({
  currency: Schema.Literal("USD"),
  ...Amount,
  unpriced: Schema.Natural,
  estimated: Schema.Boolean,
  root: CostNode
}).annotate({ identifier: "CostSummary" })

/**
 * What a run cost. The money fields are as on a row, over the whole run: `costUsd` is absent if any call has no known
 * price, and `pricedUsd` is then a lower bound. `estimated` means that the runtime estimated some tokens,
 * because a provider had not reported them.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface CostSummary extends Schema.Schema.Type<typeof CostSummaryStruct> {}
export const CostSummary: Schema.Codec<CostSummary> = CostSummaryStruct
