/**
 * One row of a run's ledger: a model step, a tool call, a call of a specialist, or a wait, with what it cost and when
 * it happened.
 *
 * Both summaries are folds of these rows only, so a run that is resumed from its log has the same figures. Times are
 * epoch milliseconds of the run's clock. Rows never change; a lost attempt is part of the row of the step that repeats
 * it.
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

/**
 * The rates of calls whose input, including cached parts, is above `aboveInputTokens`.
 *
 * @since 0.1.0
 * @category models
 */
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
 * The price of a model, in US dollars per million tokens. `model` is the row's own model id, `match` whether it matches
 * exactly or as a prefix, `source` the origin and date of the row. An absent cache price means the input price, an
 * absent reasoning price the output price. `tiers` have other rates for long inputs: the highest tier below the input
 * applies to the whole call. `toolFees` are the prices of one call of tools that the provider runs itself, in US
 * dollars by tool name; a tool without an entry has no known fee.
 *
 * @since 0.1.0
 * @category schemas
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
  error: Schema.optionalKey(Schema.String),
  estimated: Schema.optionalKey(Usage),
  responseId: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "Attempt" })

/**
 * One request on the wire. `firstTokenAt` is the time of the first text, reasoning or call; `error` the tag of the
 * failure. `abandoned` is true if it did not end in time and was abandoned. `lost` attempts ended with their process;
 * their tokens are estimated. `estimated`: what was counted for it, where the provider did not report all of it;
 * `responseId`: the provider's id of its response, by which it can be asked for that, if it is known.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Attempt extends Schema.Schema.Type<typeof AttemptStruct> {}
export const Attempt: Schema.Codec<Attempt> = AttemptStruct

const FeeStruct = Schema.Struct({
  toolName: Schema.String,
  calls: Schema.Natural,
  costNanoUsd: Schema.optionalKey(Schema.Natural)
}).annotate({ identifier: "Fee" })

/**
 * Calls of a tool that the provider ran itself, and their cost besides tokens; absent if the fee is unknown.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fee extends Schema.Schema.Type<typeof FeeStruct> {}

const ModelStruct = Schema.Struct({
  kind: Schema.Literal("model"),
  path: AgentPath,
  step: Schema.Natural,
  purpose: Schema.optionalKey(Schema.Literals(["compaction", "hook"])),
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
 * A model step, or with a `purpose` another request of the agent: to compact its conversation before that step, or a
 * hook's question around that step or its calls.
 *
 * **Details**
 * - `usage`: of all attempts. `estimated`: true if any part of it was estimated because the provider did not report it.
 * - `costNanoUsd`: without fees; absent, never 0, if the price is unknown.
 * - `fees`: absent if the provider ran no tool.
 * - `overrun`: true if the step used more than was reserved for it.
 *
 * @since 0.1.0
 * @category models
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
  overrun: Schema.optionalKey(Schema.Boolean),
  late: Schema.optionalKey(Schema.Literal(true)),
  hook: Schema.optionalKey(Schema.Literal(true)),
  startedAt: Schema.Natural,
  endedAt: Schema.Natural,
  attempts: Schema.Natural
}).annotate({ identifier: "ToolEntry" })

/**
 * A tool call that ran. `costNanoUsd` is the cost that the tool reported; absent: none. `attempts` is how often the
 * handler was started. `abandoned` is true where it did not end in time and was abandoned. `overrun` is true if it
 * reported more than was reserved for it, or, without a reservation, more than a money limit had left. `late`: not a call,
 * but the cost that came with its late result. `hook`: not a call, but what a hook reported as its cost: `toolName` is
 * `hook` and its name, `callId` the work that it was around.
 *
 * @since 0.1.0
 * @category models
 */
export interface ToolEntry extends Schema.Schema.Type<typeof ToolStruct> {}

const WaitStruct = Schema.Struct({
  kind: Schema.Literal("wait"),
  path: AgentPath,
  reason: Schema.Literals(["approval", "client-tool", "timer", "result"]),
  id: Schema.String,
  startedAt: Schema.Natural,
  endedAt: Schema.Natural
}).annotate({ identifier: "WaitEntry" })

/**
 * A wait that ended: for a person's decision, a caller's tool result, a time, or late results of calls. `id` identifies
 * what it waited for.
 *
 * @since 0.1.0
 * @category models
 */
export interface WaitEntry extends Schema.Schema.Type<typeof WaitStruct> {}

const AgentStruct = Schema.Struct({
  kind: Schema.Literal("agent"),
  path: AgentPath,
  agentName: Schema.String,
  callId: Schema.String,
  startedAt: Schema.Natural,
  endedAt: Schema.Natural
}).annotate({ identifier: "AgentEntry" })

/**
 * A call of a specialist that was admitted: `path` is its caller's, and both times are the admission. Its steps and
 * calls have their own rows.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentEntry extends Schema.Schema.Type<typeof AgentStruct> {}

/**
 * The sum of the row's known fees, in nano-dollars.
 *
 * @since 0.1.0
 * @category operations
 */
export const feesOf = ({ fees }: ModelEntry): number =>
  fees === undefined ? 0 : fees.reduce((sum, fee) => Count.add(sum, fee.costNanoUsd ?? 0), 0)

/**
 * One row of the ledger.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Entry = ModelEntry | ToolEntry | WaitEntry | AgentEntry
export const Entry: Schema.Codec<Entry> = Schema.Union([ModelStruct, ToolStruct, WaitStruct, AgentStruct])

// The constructors use object literals and leave absent fields out, so that the usual row of a kind has one hidden
// class and the code that reads every row of a run stays fast. Fields are in the order of the schemas.

/** The parameter of a constructor: an optional field may also be `undefined`. */
type Given<Row> = { readonly [Name in keyof Row]: object extends Pick<Row, Name> ? Row[Name] | undefined : Row[Name] }

/**
 * An attempt's row.
 *
 * @since 0.1.0
 * @category operations
 */
export const attempt = (row: Given<Attempt>): Attempt => {
  const { abandoned, endedAt, error, estimated, firstTextAt, firstTokenAt, outcome, responseId, startedAt } = row
  if (error === undefined && abandoned === undefined && estimated === undefined && responseId === undefined) {
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
    ...(abandoned === undefined ? {} : { abandoned }),
    ...(estimated === undefined ? {} : { estimated }),
    ...(responseId === undefined ? {} : { responseId })
  }
}

/**
 * A model step's row.
 *
 * @since 0.1.0
 * @category operations
 */
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

/**
 * A tool call's row.
 *
 * @since 0.1.0
 * @category constructors
 */
export const tool = (row: Given<Omit<ToolEntry, "kind">>): ToolEntry => {
  const { abandoned, attempts, callId, costNanoUsd, endedAt, overrun, path, startedAt, status, toolName } = row
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
    ...(overrun === undefined ? {} : { overrun }),
    startedAt,
    endedAt,
    attempts
  }
}

/**
 * The row of the cost that came with the late result of a call, at `at`. `overrun`: it is more than a money limit had left.
 *
 * @since 0.2.0
 * @category constructors
 */
export const lateCost = (
  path: AgentPath,
  call: { readonly id: string; readonly name: string },
  costNanoUsd: number,
  at: number,
  overrun = false
): ToolEntry => ({
  kind: "tool",
  path,
  callId: call.id,
  toolName: call.name,
  costNanoUsd,
  ...(overrun ? { overrun } : {}),
  late: true,
  startedAt: at,
  endedAt: at,
  attempts: 0
})

/**
 * The row of what a hook reported as its cost, in the work of that name.
 *
 * @since 0.2.0
 * @category constructors
 */
export const hookCost = (
  path: AgentPath,
  about: { readonly work: string; readonly toolName: string },
  costNanoUsd: number,
  overrun: boolean,
  at: number
): ToolEntry => ({
  kind: "tool",
  path,
  callId: about.work,
  toolName: about.toolName,
  costNanoUsd,
  ...(overrun ? { overrun } : {}),
  hook: true,
  startedAt: at,
  endedAt: at,
  attempts: 0
})

/**
 * Whether a tool's row is that of a call that ran, and not of a cost besides.
 *
 * @since 0.2.0
 * @category guards
 */
export const isCall = ({ hook, late }: ToolEntry): boolean => late !== true && hook !== true

/**
 * A wait's row: `about` identifies what it waited for.
 *
 * @since 0.1.0
 * @category operations
 */
export const wait = (
  about: { readonly path: AgentPath; readonly reason: WaitEntry["reason"]; readonly id: string },
  startedAt: number,
  endedAt: number
): WaitEntry => ({ kind: "wait", path: about.path, reason: about.reason, id: about.id, startedAt, endedAt })

/**
 * The row of a specialist's call that was admitted at `at`: `path` is its caller's.
 *
 * @since 0.1.0
 * @category operations
 */
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

/**
 * The fee row of a tool that the provider ran; `costNanoUsd` is absent if the fee is unknown.
 *
 * @since 0.1.0
 * @category operations
 */
export const fee = (toolName: string, calls: number, costNanoUsd: number | undefined): Fee =>
  costNanoUsd === undefined ? { toolName, calls } : { toolName, calls, costNanoUsd }
