/**
 * Sums of the cost ledger by tenant, principal, agent, run, model, tool and day, and their forms as CSV. Amounts are
 * whole nano-dollars, so the sums add up exactly in whatever grouping; `fold` is what the stores' statements do.
 */
import * as DateTime from "effect/DateTime"
import * as Schema from "effect/Schema"
import type { CostLine } from "./CostLine.ts"
import * as Money from "./Money.ts"

/**
 * What sums can be grouped by.
 *
 * **Details**
 * - `agent`: who spent, specialists included; `root`: the agent that was started.
 * - `model`, `tool`: a group without a model is what tools cost, and the other way round.
 * - `provider`: of models, and of tools that a provider ran for a fee.
 * - `day`: the day in UTC on which the run ended. A day that is over changes only where an estimate of it is corrected.
 *
 * @since 0.1.0
 * @category constants
 */
export const dimensions = ["tenant", "principal", "agent", "root", "run", "model", "tool", "provider", "day"] as const

/**
 * One of `dimensions`.
 *
 * @since 0.1.0
 * @category schemas
 */
export type Dimension = (typeof dimensions)[number]
export const Dimension: Schema.Codec<Dimension> = Schema.Literals(dimensions)

const Name = Schema.optionalKey(Schema.String)
const names = {
  tenant: Name,
  principal: Name,
  agent: Name,
  root: Name,
  run: Name,
  model: Name,
  tool: Name,
  provider: Name,
  day: Name
}

const sums = {
  runs: Schema.Natural,
  calls: Schema.Natural,
  costNanoUsd: Schema.Natural,
  costUsd: Schema.optionalKey(Schema.Finite),
  pricedUsd: Schema.Finite,
  unpriced: Schema.Natural,
  promptTokens: Schema.Natural,
  completionTokens: Schema.Natural,
  estimated: Schema.Boolean,
  corrections: Schema.optionalKey(Schema.Natural),
  correctedNanoUsd: Schema.optionalKey(Schema.Int)
}

const TotalStruct = Schema.Struct({ ...names, ...sums }).annotate({ identifier: "CostTotal" })

/**
 * One group: its values of the dimensions asked for, and its sums. A value is absent where a line has none, such as the
 * principal of a run without one. `runs`: how many runs spent it. The other fields are as on a row of a cost summary:
 * `costUsd` is absent if `unpriced` is above 0, and `pricedUsd` is then a lower bound. `corrections`: how many
 * estimated rows were corrected since, which is in all sums; absent: none. `correctedNanoUsd`: by how much that raised
 * the cost; negative where it lowered it.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface CostTotal extends Schema.Schema.Type<typeof TotalStruct> {}
export const CostTotal: Schema.Codec<CostTotal> = TotalStruct

const ReportStruct = Schema.Struct({
  dimensions: Schema.Array(Dimension),
  totals: Schema.Array(TotalStruct),
  sum: TotalStruct,
  isCut: Schema.optionalKey(Schema.Literal(true))
}).annotate({ identifier: "CostReport" })

/**
 * The groups, ordered by their values, and the sum of all of them. `isCut`: there are more groups than were asked for;
 * `sum` includes them.
 *
 * @since 0.1.0
 * @category schemas
 */
export interface CostReport extends Schema.Schema.Type<typeof ReportStruct> {}
export const CostReport: Schema.Codec<CostReport> = ReportStruct

/**
 * The sums of a group, before they are a total. They are exact, however large.
 *
 * @since 0.1.0
 * @category models
 */
export interface Sums {
  readonly runs: number
  readonly calls: bigint
  readonly costNanoUsd: bigint
  readonly unpriced: bigint
  readonly promptTokens: bigint
  readonly completionTokens: bigint
  readonly estimated: boolean
  readonly corrections: number
  readonly correctedNanoUsd: bigint
}

/**
 * The values of a group; absent ones are left out.
 *
 * @since 0.1.0
 * @category models
 */
export type Values = { readonly [D in Dimension]?: string }

const most = BigInt(Money.max)
const bounded = (sum: bigint): number => Number(sum > most ? most : sum)
const within = (sum: bigint): number => (sum < -most ? -Money.max : bounded(sum))

/**
 * A group with its sums, which stop at `Money.max`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const total = (values: Values, sums: Sums): CostTotal => {
  const costNanoUsd = bounded(sums.costNanoUsd)
  const unpriced = bounded(sums.unpriced)
  const pricedUsd = Money.toUsd(costNanoUsd)
  return {
    ...values,
    runs: sums.runs,
    calls: bounded(sums.calls),
    costNanoUsd,
    ...(unpriced === 0 ? { costUsd: pricedUsd } : {}),
    pricedUsd,
    unpriced,
    promptTokens: bounded(sums.promptTokens),
    completionTokens: bounded(sums.completionTokens),
    estimated: sums.estimated,
    ...(sums.corrections === 0
      ? {}
      : { corrections: sums.corrections, correctedNanoUsd: within(sums.correctedNanoUsd) })
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * The report of `totals`, which may have one more than `limit`. Sorts them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  asked: ReadonlyArray<Dimension>,
  totals: ReadonlyArray<CostTotal>,
  sum: CostTotal,
  limit: number
): CostReport => {
  const ordered = totals.toSorted((a, b) =>
    asked.reduce((order, name) => order || compare(a[name] ?? "", b[name] ?? ""), 0)
  )
  const report = { dimensions: asked, totals: ordered.slice(0, limit), sum }
  return totals.length > limit ? { ...report, isCut: true } : report
}

/** Milliseconds of a day. */
const dayMs = 86_400_000

/**
 * A day since 1970 as text: `2026-03-01`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const dayOf = (days: number): string => DateTime.formatIsoDateUtc(DateTime.makeUnsafe(days * dayMs))

/**
 * The value of a line.
 *
 * @since 0.1.0
 * @category operations
 */
export const valueOf = (line: CostLine, dimension: Dimension): string | undefined => {
  switch (dimension) {
    case "tenant":
      return line.resourceId
    case "principal":
      return line.principal
    case "agent":
      return line.agent
    case "root":
      return line.root
    case "run":
      return line.runId
    case "model":
      return line.kind === "model" ? line.name : undefined
    case "tool":
      return line.kind === "tool" ? line.name : undefined
    case "provider":
      return line.provider
    case "day":
      return dayOf(Math.floor(line.at / dayMs))
  }
}

const sumsOf = (lines: ReadonlyArray<CostLine>): Sums => {
  const add = (of: (line: CostLine) => number) => lines.reduce((sum, line) => sum + BigInt(of(line)), 0n)
  return {
    runs: new Set(lines.map(({ runId }) => runId)).size,
    calls: add(({ calls }) => calls),
    costNanoUsd: add(({ costNanoUsd }) => costNanoUsd),
    unpriced: add(({ unpriced }) => unpriced),
    promptTokens: add(({ promptTokens }) => promptTokens),
    completionTokens: add(({ completionTokens }) => completionTokens),
    estimated: lines.some(({ estimated }) => estimated),
    corrections: lines.filter(({ isCorrection }) => isCorrection).length,
    correctedNanoUsd: add(({ costNanoUsd, isCorrection }) => (isCorrection === true ? costNanoUsd : 0))
  }
}

/**
 * The report of lines by these dimensions, with at most `limit` groups.
 *
 * @since 0.1.0
 * @category operations
 */
export const fold = (lines: ReadonlyArray<CostLine>, asked: ReadonlyArray<Dimension>, limit: number): CostReport => {
  const groups = new Map<string, Array<CostLine>>()
  for (const line of lines) {
    const key = JSON.stringify(asked.map((dimension) => valueOf(line, dimension)))
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [line])
    else group.push(line)
  }
  const totals = Array.from(groups.values(), (group) => {
    const [first] = group
    const values = asked.flatMap((dimension) => {
      const value = first === undefined ? undefined : valueOf(first, dimension)
      return value === undefined ? [] : [[dimension, value] as const]
    })
    return total(Object.fromEntries(values), sumsOf(group))
  })
  return make(asked, totals, total({}, sumsOf(lines)), limit)
}

const columns = ["runs", "calls", "costNanoUsd", "unpriced", "promptTokens", "completionTokens", "estimated"] as const

/** Escapes a text so that a spreadsheet neither splits nor executes it. */
const quoted = (text: string): string => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`

/**
 * The groups as CSV (RFC 4180), with a header: the dimensions, `usd` (the exact decimals of what is priced), and the
 * sums. A text that a spreadsheet would execute as a formula begins with an apostrophe.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toCsv = ({ dimensions: asked, totals }: CostReport): string =>
  [
    [...asked, "usd", ...columns].join(","),
    ...totals.map((one) =>
      [
        ...asked.map((dimension) => quoted(one[dimension] ?? "")),
        Money.format(one.costNanoUsd).slice(1),
        ...columns.map((column) => String(one[column]))
      ].join(",")
    )
  ]
    .map((line) => `${line}\r\n`)
    .join("")
