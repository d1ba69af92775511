/**
 * The payload of `data-cost-summary`: a tree by agent, with rows by model and by tool, whose leaves add up exactly to
 * its root. `CostSummary` folds it from the ledger.
 */
import * as Schema from "effect/Schema"
import { AgentPath } from "../AgentPath.ts"
import { Price } from "./Entry.ts"
import { UsageTotals } from "./Usage.ts"

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
 * - `costUsd`: what it cost, in US dollars. Absent, never 0, where `unpriced` is above 0. Logs without `pricedUsd` have
 *   the priced part here.
 * - `usage`: absent on tool rows. `provider`: on a tool row, the provider that ran the tool for a fee. `price`: the
 *   price row used.
 */
export interface CostRow extends Schema.Schema.Type<typeof RowStruct> {}

/**
 * One agent: its own rows, its specialists, and the sum of both. The money fields are as on a row, over everything
 * below.
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
 * What a run cost. The money fields are as on a row, over the whole run: `costUsd` is absent where any call has no
 * known price, and `pricedUsd` is then a lower bound. `estimated` means that some tokens were counted by us because a
 * provider had not reported them.
 */
export interface CostSummary extends Schema.Schema.Type<typeof CostSummaryStruct> {}
export const CostSummary: Schema.Codec<CostSummary> = CostSummaryStruct
