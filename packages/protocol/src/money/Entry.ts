/**
 * One row of a run's ledger: a model step, a tool call, a specialist admitted, or a wait for a person, with what it cost and when it happened.
 *
 * Both summaries are folds of these rows and of nothing else, so a run resumed from its log sums up to the same figures.
 * Times are epoch milliseconds of the run's clock. Rows never change; a lost attempt is part of the row of its re-run.
 */
import * as Schema from "effect/Schema"
import { AgentPath } from "../AgentPath.ts"
import * as Count from "./Count.ts"
import { Usage } from "./Usage.ts"

const rates = {
  inputPerMillionUsd: Schema.Finite,
  outputPerMillionUsd: Schema.Finite,
  cacheReadPerMillionUsd: Schema.optionalKey(Schema.Finite),
  cacheWritePerMillionUsd: Schema.optionalKey(Schema.Finite),
  cacheWriteLongPerMillionUsd: Schema.optionalKey(Schema.Finite),
  reasoningPerMillionUsd: Schema.optionalKey(Schema.Finite)
}

const TierStruct = Schema.Struct({ aboveInputTokens: Schema.Natural, ...rates }).annotate({ identifier: "PriceTier" })

/** The rates of a call whose whole input, cached parts included, is above so many tokens. */
export interface PriceTier extends Schema.Schema.Type<typeof TierStruct> {}

const PriceStruct = Schema.Struct({
  model: Schema.String,
  match: Schema.Literals(["exact", "prefix"]),
  source: Schema.String,
  ...rates,
  tiers: Schema.optionalKey(Schema.Array(TierStruct)),
  toolFees: Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite))
}).annotate({ identifier: "Price" })

/**
 * The price row that a model call was paid by, in US dollars per million tokens. `model` is the row's own model id,
 * `match` whether it named the model exactly or by prefix, `source` where the row is from and of which date. An absent
 * cache price means the input price, an absent reasoning price the output price. `tiers` have other rates for long inputs:
 * the highest one that the input is above holds for the whole call. `toolFees` is what a call of a tool costs that the provider
 * runs itself, in US dollars by tool name; a tool that it does not name has no known fee.
 */
export interface Price extends Schema.Schema.Type<typeof PriceStruct> {}
export const Price: Schema.Codec<Price> = PriceStruct

const AttemptStruct = Schema.Struct({
  startedAt: Schema.Natural,
  endedAt: Schema.Natural,
  firstTokenAt: Schema.optionalKey(Schema.Natural),
  firstTextAt: Schema.optionalKey(Schema.Natural),
  outcome: Schema.Literals(["completed", "failed", "cancelled", "lost"]),
  abandoned: Schema.optionalKey(Schema.Boolean),
  error: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Attempt" })

/**
 * One request on the wire. `firstTokenAt` is the first text, reasoning or call; `error` the tag of the reason it failed
 * with. `abandoned` is true where it did not end when it should and was left behind. `lost` attempts died with their process; their tokens are estimated.
 */
export interface Attempt extends Schema.Schema.Type<typeof AttemptStruct> {}
export const Attempt: Schema.Codec<Attempt> = AttemptStruct

const FeeStruct = Schema.Struct({
  toolName: Schema.String,
  calls: Schema.Natural,
  costNanoUsd: Schema.optionalKey(Schema.Natural)
}).annotate({ identifier: "Fee" })

/** Calls of a tool that the provider ran itself, and what they cost beside their tokens; absent where the fee is unknown. */
export interface Fee extends Schema.Schema.Type<typeof FeeStruct> {}

const ModelStruct = Schema.Struct({
  kind: Schema.Literal("model"),
  path: AgentPath,
  step: Schema.Natural,
  purpose: Schema.optionalKey(Schema.Literal("compaction")),
  provider: Schema.String,
  model: Schema.String,
  usage: Usage,
  estimated: Schema.Boolean,
  overrun: Schema.optionalKey(Schema.Boolean),
  costNanoUsd: Schema.optionalKey(Schema.Natural),
  price: Schema.optionalKey(PriceStruct),
  fees: Schema.optionalKey(Schema.Array(FeeStruct)),
  startedAt: Schema.Natural,
  endedAt: Schema.Natural,
  attempts: Schema.Array(AttemptStruct)
}).annotate({ identifier: "ModelEntry" })

/**
 * A model step, or with a `purpose` a request beside the steps, made before that one. `usage` covers every attempt; `estimated` is true where any part of it was counted by us because the
 * provider had not reported. `fees` is absent where the provider ran no tool; they are not in `costNanoUsd`, which is absent where the price is unknown, never 0 for that reason. `overrun` marks
 * a step that used more than was reserved for it.
 */
export interface ModelEntry extends Schema.Schema.Type<typeof ModelStruct> {}

const ToolStruct = Schema.Struct({
  kind: Schema.Literal("tool"),
  path: AgentPath,
  callId: Schema.String,
  toolName: Schema.String,
  costNanoUsd: Schema.optionalKey(Schema.Natural),
  status: Schema.optionalKey(Schema.Literals(["failed", "denied", "cancelled"])),
  abandoned: Schema.optionalKey(Schema.Boolean),
  startedAt: Schema.Natural,
  endedAt: Schema.Natural,
  attempts: Schema.Natural
}).annotate({ identifier: "ToolEntry" })

/**
 * A tool call that ran. `costNanoUsd` is what the tool reported; absent means it costs nothing to us. `attempts` counts
 * how often the handler was begun. `abandoned` is true where it did not end when it should and was left behind.
 */
export interface ToolEntry extends Schema.Schema.Type<typeof ToolStruct> {}

const WaitStruct = Schema.Struct({
  kind: Schema.Literal("wait"),
  path: AgentPath,
  reason: Schema.Literals(["approval", "client-tool", "timer"]),
  id: Schema.String,
  startedAt: Schema.Natural,
  endedAt: Schema.Natural
}).annotate({ identifier: "WaitEntry" })

/** A wait that ended: for a person's decision, a caller's tool result, or the clock. `id` names what was waited for. */
export interface WaitEntry extends Schema.Schema.Type<typeof WaitStruct> {}

const AgentStruct = Schema.Struct({
  kind: Schema.Literal("agent"),
  path: AgentPath,
  agentName: Schema.String,
  callId: Schema.String,
  startedAt: Schema.Natural,
  endedAt: Schema.Natural
}).annotate({ identifier: "AgentEntry" })

/** A specialist was admitted: `path` is its caller's, and both times are that moment. What it does has rows of its own. */
export interface AgentEntry extends Schema.Schema.Type<typeof AgentStruct> {}

/** What the fees of a row come to, those that are known. */
export const feesOf = ({ fees }: ModelEntry): number =>
  fees === undefined ? 0 : fees.reduce((sum, fee) => Count.add(sum, fee.costNanoUsd ?? 0), 0)

/** One row of the ledger. */
export type Entry = ModelEntry | ToolEntry | WaitEntry | AgentEntry
export const Entry: Schema.Codec<Entry> = Schema.Union([ModelStruct, ToolStruct, WaitStruct, AgentStruct])

// The constructors write rows out as literals, an absent field absent: the usual row of a kind has one shape, whoever made it, and
// the folds and budgets that read every row of a run stay fast. Fields stand in the order of the schemas.

/** What a constructor takes: an optional field may also be `undefined`. */
type Given<Row> = { readonly [Name in keyof Row]: object extends Pick<Row, Name> ? Row[Name] | undefined : Row[Name] }

/** An attempt's row. */
export const attempt = (row: Given<Attempt>): Attempt => {
  const { abandoned, endedAt, error, firstTextAt, firstTokenAt, outcome, startedAt } = row
  if (error === undefined && abandoned === undefined) {
    if (firstTokenAt === undefined) return { startedAt, endedAt, outcome }
    return firstTextAt === undefined
      ? { startedAt, endedAt, firstTokenAt, outcome }
      : { startedAt, endedAt, firstTokenAt, firstTextAt, outcome }
  }
  return {
    startedAt,
    endedAt,
    ...(firstTokenAt === undefined ? {} : { firstTokenAt }),
    ...(firstTextAt === undefined ? {} : { firstTextAt }),
    outcome,
    ...(error === undefined ? {} : { error }),
    ...(abandoned === undefined ? {} : { abandoned })
  }
}

/** A model step's row. */
export const model = (row: Given<Omit<ModelEntry, "kind">>): ModelEntry => {
  const { attempts, costNanoUsd, endedAt, estimated, fees, overrun, path, price, provider, purpose, startedAt } = row
  const { model, step, usage } = row
  const kind = "model"
  if (purpose === undefined && overrun === undefined && fees === undefined) {
    if (costNanoUsd !== undefined && price !== undefined) {
      return {
        kind,
        path,
        step,
        provider,
        model,
        usage,
        estimated,
        costNanoUsd,
        price,
        startedAt,
        endedAt,
        attempts
      }
    }
    if (costNanoUsd === undefined && price === undefined) {
      return { kind, path, step, provider, model, usage, estimated, startedAt, endedAt, attempts }
    }
  }
  return {
    kind,
    path,
    step,
    ...(purpose === undefined ? {} : { purpose }),
    provider,
    model,
    usage,
    estimated,
    ...(overrun === undefined ? {} : { overrun }),
    ...(costNanoUsd === undefined ? {} : { costNanoUsd }),
    ...(price === undefined ? {} : { price }),
    ...(fees === undefined ? {} : { fees }),
    startedAt,
    endedAt,
    attempts
  }
}

/** A tool call's row. */
export const tool = (row: Given<Omit<ToolEntry, "kind">>): ToolEntry => {
  const { abandoned, attempts, callId, costNanoUsd, endedAt, path, startedAt, status, toolName } = row
  const kind = "tool"
  if (costNanoUsd === undefined && status === undefined && abandoned === undefined) {
    return { kind, path, callId, toolName, startedAt, endedAt, attempts }
  }
  return {
    kind,
    path,
    callId,
    toolName,
    ...(costNanoUsd === undefined ? {} : { costNanoUsd }),
    ...(status === undefined ? {} : { status }),
    ...(abandoned === undefined ? {} : { abandoned }),
    startedAt,
    endedAt,
    attempts
  }
}

/** A wait's row: `about` says what was waited for. */
export const wait = (
  about: { readonly path: AgentPath; readonly reason: WaitEntry["reason"]; readonly id: string },
  startedAt: number,
  endedAt: number
): WaitEntry => ({ kind: "wait", path: about.path, reason: about.reason, id: about.id, startedAt, endedAt })

/** The row of a specialist that was admitted at `at`: `path` is its caller's. */
export const agent = (
  path: AgentPath,
  call: { readonly id: string; readonly name: string },
  at: number
): AgentEntry => ({
  kind: "agent",
  path,
  agentName: call.name,
  callId: call.id,
  startedAt: at,
  endedAt: at
})

/** The fee row of a tool that the provider ran; `costNanoUsd` is absent where the fee is unknown. */
export const fee = (toolName: string, calls: number, costNanoUsd: number | undefined): Fee =>
  costNanoUsd === undefined ? { toolName, calls } : { toolName, calls, costNanoUsd }
