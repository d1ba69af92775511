/**
 * The payload of `data-cost-summary`: a tree by agent, with rows by model and by tool, whose leaves sum exactly to its
 * root. `CostSummary` folds it from the ledger.
 */
import * as Schema from "effect/Schema"
import { AgentPath } from "../AgentPath.ts"
import { Price } from "./Entry.ts"
import { UsageTotals } from "./Usage.ts"

const Amount = {
  costNanoUsd: Schema.Natural,
  costUsd: Schema.Finite
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
 * What one agent spent on one model or one tool. `costNanoUsd` is the exact sum in integer nano-dollars (10⁻⁹ USD),
 * `costUsd` the same as a decimal number. `unpriced` counts calls whose price is unknown: they are not in the sum.
 * `usage` is absent on tool rows; a tool row with a `provider` is of a tool that the provider ran for a fee. `price` names the price row used.
 */
export interface CostRow extends Schema.Schema.Type<typeof RowStruct> {}

/** One agent: its own rows, its specialists, and the sum of both. */
export interface CostNode {
  readonly agentPath: AgentPath
  readonly costNanoUsd: number
  readonly costUsd: number
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
 * What a run cost. `unpriced` above 0 means that the sum is a lower bound: so many calls have no known price. `estimated`
 * means that some tokens were counted by us because a provider had not reported them.
 */
export interface CostSummary extends Schema.Schema.Type<typeof CostSummaryStruct> {}
export const CostSummary: Schema.Codec<CostSummary> = CostSummaryStruct
