/** The commands that list runs and sum their costs, with the same filters on a local store and on a server. */
import { CostReport, ListedRun, Money } from "@reins/protocol"
import type { CostOptions, RunFilter } from "@reins/runtime"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Desk } from "../desk/Desk.ts"
import { type CommandFailed, misused } from "../setting/CommandFailed.ts"
import * as Moment from "../setting/Moment.ts"
import { Screen } from "../terminal/Screen.ts"
import * as Style from "../text/Style.ts"
import * as Text from "../text/Text.ts"
import * as Operate from "./Operate.ts"

/** Which runs are listed. Times and amounts as they were written. */
export interface RunsGiven extends Operate.Given {
  readonly limit: number
  readonly state?: RunFilter["state"]
  readonly agent?: string | undefined
  readonly thread?: string | undefined
  readonly principal?: string | undefined
  readonly ended?: ListedRun.EndReason | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly minUsd?: string | undefined
  readonly maxUsd?: string | undefined
}

/** Which costs are summed, and how. */
export interface CostsGiven extends Operate.Given {
  /** Whether `tenant` was named, and is not the usual one. */
  readonly isOneTenant: boolean
  readonly by: string
  readonly csv: boolean
  readonly principal?: string | undefined
  readonly agent?: string | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
}

const momentOf = (flag: string, text: string | undefined): Effect.Effect<number | undefined, CommandFailed> =>
  text === undefined
    ? Effect.undefined
    : Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const at = Moment.parse(text, now)
        return at === undefined
          ? Effect.fail(
              misused(`--${flag}: ${JSON.stringify(text)} is not a time. Write how long ago, such as 7d, or a date.`)
            )
          : Effect.succeed(at)
      })

const usdOf = (flag: string, text: string | undefined): Effect.Effect<number | undefined, CommandFailed> =>
  text === undefined
    ? Effect.undefined
    : /^\d{1,9}(\.\d{1,9})?$/.test(text)
      ? Effect.succeed(Number(text))
      : Effect.fail(
          misused(`--${flag}: ${JSON.stringify(text)} is not an amount of US dollars. Write one, such as 0.25.`)
        )

const filterOf = Effect.fnUntraced(function* (given: RunsGiven) {
  return {
    state: given.state,
    agent: given.agent,
    threadId: given.thread,
    principal: given.principal,
    endReason: given.ended,
    since: yield* momentOf("since", given.since),
    until: yield* momentOf("until", given.until),
    minCostUsd: yield* usdOf("min-usd", given.minUsd),
    maxCostUsd: yield* usdOf("max-usd", given.maxUsd)
  } satisfies RunFilter
})

/** The largest page that is asked for. */
const pageSize = 1000

/** Pages, one after the other, until there are as many as were asked for. */
const listed = Effect.fnUntraced(function* (desk: Desk, filter: RunFilter, limit: number) {
  const all: Array<ListedRun.ListedRun> = []
  let after: string | undefined
  while (all.length < limit) {
    const { next, runs } = yield* desk.runs({ ...filter, after, limit: Math.min(pageSize, limit - all.length) })
    all.push(...runs)
    if (next === undefined) break
    after = next
  }
  return all
})

/** What a run cost; `?` where a part of it has no known price. */
const costOf = ({ costNanoUsd, unpriced }: Pick<ListedRun.ListedRun, "costNanoUsd" | "unpriced">): string =>
  costNanoUsd === undefined ? "" : `${usd(costNanoUsd)}${(unpriced ?? 0) > 0 ? "?" : ""}`

/** Six decimals, as in the table of a run's costs. */
const usd = (nanoUsd: number): string => Money.toUsd(nanoUsd).toFixed(6)

export const runs = (given: RunsGiven): Operate.Printed =>
  Effect.flatMap(filterOf(given), (filter) =>
    Operate.at(given, (desk) =>
      Effect.gen(function* () {
        const isFiltered = Object.values(filter).some((value) => value !== undefined)
        yield* Operate.table(
          given,
          yield* listed(desk, filter, Math.max(1, given.limit)),
          [
            { title: "run" },
            { title: "state" },
            { title: "how", expendable: 3 },
            { title: "began (UTC)", expendable: 2 },
            { title: "took", side: "right", expendable: 4 },
            { title: "USD", side: "right", expendable: 3 },
            { title: "agent", expendable: 1 },
            { title: "by", expendable: 5 },
            { title: "thread", expendable: 6 }
          ],
          (run) => [
            run.runId,
            run.state,
            run.endReason ?? ListedRun.inWords(run.waitsFor),
            Operate.when(run.startedAt),
            run.endedAt === undefined ? "" : Style.time(Math.max(0, run.endedAt - run.startedAt)),
            costOf(run),
            run.agent,
            run.principal ?? "",
            run.threadId
          ],
          isFiltered ? "No run matches." : "There is no run yet."
        )
      })
    )
  )

const dimensionsOf = (text: string): Effect.Effect<ReadonlyArray<CostReport.Dimension>, CommandFailed> => {
  const names = text.split(",").map((name) => name.trim())
  const known = names.flatMap((name) => CostReport.dimensions.filter((dimension) => dimension === name))
  return known.length === names.length
    ? Effect.succeed(known)
    : Effect.fail(
        misused(`--by: ${JSON.stringify(text)} is not a list of ${CostReport.dimensions.join(", ")}. Write day,model.`)
      )
}

const optionsOf = Effect.fnUntraced(function* (given: CostsGiven) {
  return {
    dimensions: yield* dimensionsOf(given.by),
    principal: given.principal,
    agent: given.agent,
    since: yield* momentOf("since", given.since),
    until: yield* momentOf("until", given.until),
    limit: 100_000
  } satisfies CostOptions
})

/** Stands where a group has no value of a dimension. What has no model is of tools, and what has no tool is of models. */
const absent = (dimension: CostReport.Dimension, dimensions: ReadonlyArray<CostReport.Dimension>): string => {
  const both = dimensions.includes("tool") && (dimensions.includes("model") || dimensions.includes("provider"))
  if (both) return "-"
  return dimension === "tool" ? "(models)" : dimension === "model" || dimension === "provider" ? "(tools)" : "-"
}

/** What ended runs cost, by what is asked for. */
export const costs = (given: CostsGiven): Operate.Printed =>
  Effect.flatMap(optionsOf(given), (options) =>
    Operate.at(given, (desk) =>
      Effect.gen(function* () {
        const { dimensions } = options
        const report = yield* desk.costs(options, !given.isOneTenant && dimensions.includes("tenant"))
        const screen = yield* Screen
        if (given.csv) return yield* screen.print(CostReport.toCsv(report))
        if (given.jsonOutput) return yield* Operate.print(report.totals.map((total) => JSON.stringify(total)))
        if (report.totals.length === 0) return yield* Operate.print(["Nothing was spent yet."])
        const row = (total: CostReport.CostTotal): ReadonlyArray<string> => [
          Text.count(total.runs),
          Text.count(total.calls),
          Text.count(total.promptTokens),
          Text.count(total.completionTokens),
          costOf(total)
        ]
        const groups = report.totals.map((total) => [
          ...dimensions.map((dimension) =>
            Text.harmless(total[dimension] ?? absent(dimension, dimensions)).replaceAll("\n", " ")
          ),
          ...row(total)
        ])
        const last = ["total", ...dimensions.slice(1).map(() => ""), ...row(report.sum)]
        yield* Operate.print([
          ...Style.table(
            [
              ...dimensions.map((title) => ({ title })),
              { title: "runs", side: "right", expendable: 1 },
              { title: "calls", side: "right", expendable: 2 },
              { title: "tokens in", side: "right", expendable: 3 },
              { title: "out", side: "right", expendable: 3 },
              { title: "USD", side: "right" }
            ],
            [...groups, last],
            screen.look()
          ),
          ...(report.isCut === true ? ["There are more groups; the total has them all."] : []),
          ...(report.sum.corrections === undefined
            ? []
            : [
                `With ${Text.counted(report.sum.corrections, "correction")} of estimates: ${usd(report.sum.correctedNanoUsd ?? 0)}.`
              ]),
          ...(report.sum.unpriced > 0
            ? [`${Text.counted(report.sum.unpriced, "call")} without a known price: at least this much (?).`]
            : [])
        ])
      })
    )
  )
