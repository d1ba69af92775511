/** The two tables that end a run: its costs and its times. Pure. */
import { type CostNode, type CostSummary, type LatencySummary, Money } from "@reins/protocol"
import * as Style from "../text/Style.ts"
import * as Text from "../text/Text.ts"

/** A name from a model or a provider, on one line and without control characters. */
const name = (text: string): string => Text.harmless(text).replaceAll("\n", " ")

/** An agent's name in a table, indented by its depth. */
const indented = (agentPath: ReadonlyArray<string>, root: string): string => {
  const segment = agentPath.at(-1)
  return segment === undefined ? root : `${"  ".repeat(agentPath.length)}${name(segment)}`
}

/**
 * The costs of a run: a row for each agent's model and each of its tools, and their sum. `root` names the root agent.
 */
export const cost = (summary: CostSummary.CostSummary, root: string, look: Style.Look): ReadonlyArray<string> => {
  const rows = rowsOf(summary.root, root)
  const { usage } = summary.root
  const total = [
    "total",
    "",
    "",
    Text.count(usage.promptTokens),
    Text.count(usage.completionTokens),
    usd(summary.costNanoUsd)
  ]
  return [
    Style.paint(look, "bold", "Cost"),
    ...Style.table(
      [
        { title: "agent" },
        { title: "model or tool" },
        { title: "calls", side: "right", expendable: 2 },
        { title: "tokens in", side: "right", expendable: 3 },
        { title: "out", side: "right", expendable: 3 },
        { title: "USD", side: "right" }
      ],
      [...rows, total],
      look
    ),
    ...notes(summary).flatMap((note) => folded(note, look))
  ]
}

const rowsOf = (node: CostNode, root: string): ReadonlyArray<ReadonlyArray<string>> => [
  ...node.rows.map((row, index) => [
    index === 0 ? indented(node.agentPath, root) : "",
    name(row.name),
    Text.count(row.calls),
    row.usage === undefined ? "" : Text.count(row.usage.promptTokens),
    row.usage === undefined ? "" : Text.count(row.usage.completionTokens),
    row.unpriced > 0 ? "unknown" : usd(row.costNanoUsd)
  ]),
  ...node.children.flatMap((child) => rowsOf(child, root))
]

/** Six decimals: a token of a cheap model costs a fraction of a thousandth. */
const usd = (nanoUsd: number): string => Money.toUsd(nanoUsd).toFixed(6)

const notes = (summary: CostSummary.CostSummary): ReadonlyArray<string> => {
  const sources = new Set(pricesOf(summary.root))
  return [
    ...[...sources].map((source) => `Prices: ${source}.`),
    ...(summary.estimated
      ? ["Some token counts are estimates: a model call ended before its provider reported them."]
      : []),
    ...(summary.unpriced > 0
      ? [`${Text.counted(summary.unpriced, "call")} without a known price: at least this much.`]
      : [])
  ]
}

const pricesOf = (node: CostNode): ReadonlyArray<string> => [
  ...node.rows.flatMap(({ price }) => (price === undefined ? [] : [price.source])),
  ...node.children.flatMap(pricesOf)
]

/** The times of a run: its steps, tool calls and waits in the order they began. `root` names the root agent. */
export const latency = (
  summary: LatencySummary.LatencySummary,
  root: string,
  look: Style.Look
): ReadonlyArray<string> => {
  const rows = [
    ...summary.steps.map((one) => ({ ...one, what: `step ${one.step}`, note: retries(one.attempts.length) })),
    ...summary.tools.map((one) => ({ ...one, what: name(one.toolName), note: one.status ?? retries(one.attempts) })),
    ...summary.waits.map((one) => ({ ...one, what: "waiting", note: one.reason }))
  ].toSorted((a, b) => a.startedAfterMs - b.startedAfterMs)
  return [
    Style.paint(look, "bold", "Time"),
    ...Style.table(
      [
        { title: "agent" },
        { title: "what" },
        { title: "began after", side: "right", expendable: 2 },
        { title: "took", side: "right" },
        { title: "", expendable: 1 }
      ],
      [
        ...rows.map((one) => [
          indented(one.agentPath, root),
          one.what,
          Style.time(one.startedAfterMs),
          Style.time(one.durationMs),
          one.note
        ]),
        ["total", "", "", Style.time(summary.totalMs), ""]
      ],
      look
    ),
    ...folded(sums(summary), look)
  ]
}

const retries = (attempts: number): string => (attempts > 1 ? `${attempts} attempts` : "")

const sums = (summary: LatencySummary.LatencySummary): string =>
  [
    `machine ${Style.time(summary.machineMs)}`,
    `people ${Style.time(summary.humanWaitMs)}`,
    ...(summary.idleMs === undefined ? [] : [`idle ${Style.time(summary.idleMs)}`]),
    // The moment between a run's start and its first owner does not count as time without an owner.
    ...(summary.downMs >= 1000 ? [`down ${Style.time(summary.downMs)}`] : []),
    `in models ${Style.time(summary.modelMs)}`,
    `in tools ${Style.time(summary.toolMs)}`,
    ...(summary.timeToFirstTextMs === undefined ? [] : [`first text after ${Style.time(summary.timeToFirstTextMs)}`])
  ].join(", ")

const folded = (text: string, look: Style.Look): ReadonlyArray<string> =>
  Style.fold(text, look.columns ?? Infinity).map((line) => Style.paint(look, "dim", line))
