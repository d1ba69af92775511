/**
 * The invariants of money, as checks of a scenario's report: everything used is charged once, and nothing is held at
 * the end.
 */
import { CostSummary, type Envelope, LatencySummary, Usage } from "@reins/protocol"
import { costOfRequest } from "./ScenarioModels.ts"
import type { Report } from "./ScenarioRun.ts"

/** All violations of these invariants in a report. */
export const all = (report: Report): ReadonlyArray<string> => [
  ...budget(report),
  ...cost(report),
  ...bill(report),
  ...judged(report),
  ...quotas(report),
  ...books(report),
  ...folds(report)
]

/** Not for a run that a defect has ended, because its tree is lost. */
const budget = ({ budget, ended, stored }: Report) =>
  ended && !isStruck(stored) ? [...budget.faults, ...budget.open()] : budget.faults

const isStruck = (stored: ReadonlyArray<Envelope.Envelope>): boolean => {
  const last = stored.at(-1)?.event
  return last?.type === "error" && last.error.code === "E_INTERNAL_FAILURE"
}

const leaves = (node: CostSummary.CostNode): number =>
  node.rows.reduce((sum, row) => sum + row.costNanoUsd, 0) +
  node.children.reduce((sum, child) => sum + leaves(child), 0)

const cost = ({ marks, stored }: Report) => {
  const faults: Array<string> = []
  const summary = stored.find(({ event }) => event.type === "data-cost-summary")?.event
  const finish = stored.find(({ event }) => event.type === "finish")?.event
  if (summary?.type !== "data-cost-summary") return ["there is no cost summary"]
  const { root } = summary.data
  if (leaves(root) !== summary.data.costNanoUsd) faults.push("the cost tree's leaves do not add up to its root")
  if (finish?.type === "finish" && JSON.stringify(finish.usage) !== JSON.stringify(root.usage)) {
    faults.push(`finish says ${JSON.stringify(finish.usage)}, the cost summary ${JSON.stringify(root.usage)}`)
  }
  if (marks.length > 0) {
    const spent = marks.flatMap((mark) => mark.spent)
    const nano = spent.reduce((sum, row) => sum + ("costNanoUsd" in row ? (row.costNanoUsd ?? 0) : 0), 0)
    if (nano !== summary.data.costNanoUsd)
      faults.push(`the ledger says ${nano} nano-dollars, the summary ${summary.data.costNanoUsd}`)
    const usage = spent.reduce((sum, row) => (row.kind === "model" ? Usage.add(sum, row.usage) : sum), Usage.empty)
    if (JSON.stringify(Usage.toTotals(usage)) !== JSON.stringify(root.usage))
      faults.push("the ledger's usage is not the summary's")
  }
  return faults
}

const costs = ({ children, rows }: CostSummary.CostNode, kind: "model" | "tool"): number =>
  rows.reduce((sum, row) => (row.kind === kind ? sum + row.costNanoUsd : sum), 0) +
  children.reduce((sum, child) => sum + costs(child, kind), 0)

/**
 * The ledger and the list of runs have the same sums as the run's summary, to the nano-dollar, and none before its end.
 */
const books = ({ books, ended, stored }: Report) => {
  if (books === undefined) return []
  const { costs, run } = books
  const summary = stored.find(({ event }) => event.type === "data-cost-summary")?.event
  const finish = stored.find(({ event }) => event.type === "finish")?.event
  if (!ended || summary?.type !== "data-cost-summary") {
    return costs.totals.length === 0 ? [] : ["a run that has not ended is booked"]
  }
  const { costNanoUsd, root, unpriced } = summary.data
  const faults: Array<string> = []
  const same = (what: string, found: unknown, wanted: unknown) => {
    if (JSON.stringify(found) === JSON.stringify(wanted)) return
    faults.push(`${what}: ${JSON.stringify(found)}, the summary says ${JSON.stringify(wanted)}`)
  }
  const { completionTokens, promptTokens } = root.usage
  const wanted = [costNanoUsd, unpriced, promptTokens, completionTokens]
  const { sum, totals } = costs
  same("the ledger's sum", [sum.costNanoUsd, sum.unpriced, sum.promptTokens, sum.completionTokens], wanted)
  same("the list", [run?.costNanoUsd, run?.unpriced ?? 0, run?.promptTokens, run?.completionTokens], wanted)
  same("how it ended", run?.endReason, finish?.type === "finish" ? finish.finishReason : "failed")
  same("its last event", [run?.state, run?.lastSeq], ["ended", stored.length])
  const groups = new Map<string, number>()
  const walk = ({ agentPath, children, rows }: CostSummary.CostNode): void => {
    for (const { costNanoUsd, kind, name, provider } of rows) {
      const key = [agentPath.at(-1)?.split("#")[0], kind, name, provider].join(" ")
      groups.set(key, (groups.get(key) ?? 0) + costNanoUsd)
    }
    for (const child of children) walk(child)
  }
  walk(root)
  const booked = totals.map(({ agent, costNanoUsd, model, provider, tool }): readonly [string, number] => [
    [agent === run?.agent ? undefined : agent, model === undefined ? "tool" : "model", model ?? tool, provider].join(
      " "
    ),
    costNanoUsd
  ])
  same("the ledger's groups", booked.toSorted(byName), [...groups].toSorted(byName))
  return faults
}

const byName = ([a]: readonly [string, number], [b]: readonly [string, number]): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * Costs that tools have reported are charged once: all acknowledged ones, and of the rest those stored before a crash.
 * Usage that models have reported is charged once; if an answer was cut or lost, the summary is marked as estimated.
 * Grants hold nothing at the end.
 */
const bill = ({ deaths, ended, grants, stored, world }: Report) => {
  const summary = stored.find(({ event }) => event.type === "data-cost-summary")?.event
  if (!ended || summary?.type !== "data-cost-summary") return []
  const faults: Array<string> = []
  const { estimated, root } = summary.data
  const sum = (costs: typeof world.costs) => costs.reduce((all, { nanoUsd }) => all + nanoUsd, 0)
  const [billed, reported] = [costs(root, "tool"), sum(world.costs)]
  const taken = sum(world.costs.filter((cost) => cost.taken))
  if (billed < taken || billed > reported) {
    faults.push(`tools have reported ${taken} to ${reported} nano-dollars, charged are ${billed}`)
  }
  const used = world.used ?? []
  const usage = Usage.toTotals(used.reduce((all, one) => Usage.add(all, one.usage), Usage.empty))
  if (
    world.used !== undefined &&
    !estimated &&
    deaths.length === 0 &&
    JSON.stringify(usage) !== JSON.stringify(root.usage)
  ) {
    faults.push(`models have used ${JSON.stringify(usage)}, charged are ${JSON.stringify(root.usage)}`)
  }
  const spent = used.reduce((all, one) => all + costOfRequest(one), 0)
  if (world.used !== undefined && !estimated && deaths.length === 0 && spent !== costs(root, "model")) {
    faults.push(`models have cost ${spent} nano-dollars, charged are ${costs(root, "model")}`)
  }
  for (const { id, nanoUsdHeld = 0 } of grants) {
    if (nanoUsdHeld !== 0) faults.push(`the grant ${id} still holds ${nanoUsdHeld} nano-dollars`)
  }
  return faults
}

/**
 * The answers that models gave to hooks are charged once: all where no process died, and else those in work that is
 * stored, and those since the last crash.
 */
const judged = ({ deaths, ended, marks, stored, world: { judged = [] } }: Report) => {
  const summary = stored.find(({ event }) => event.type === "data-cost-summary")?.event
  if (!ended || marks.length === 0 || summary?.type !== "data-cost-summary") return []
  const nano = (all: typeof judged) => all.reduce((sum, { nanoUsd = 0 }) => sum + nanoUsd, 0)
  const rows = marks.flatMap(({ spent }) => spent.filter((row) => row.kind === "model" && row.purpose === "hook"))
  const billed = rows.reduce((sum, row) => sum + (row.kind === "model" ? (row.costNanoUsd ?? 0) : 0), 0)
  let from = 0
  const sure = deaths.flatMap((death) => {
    const until = death.judged ?? 0
    const own = judged.slice(from, until).filter(({ works }) => works.some((name) => death.results.has(name)))
    from = until
    return own
  })
  const least = nano([...sure, ...judged.slice(from)])
  const isExact = deaths.length === 0 && !summary.data.estimated
  return billed < least || (isExact && billed > least)
    ? [`hooks have asked models for ${least} nano-dollars, charged are ${billed}`]
    : []
}

/**
 * A quota's use equals the run's cost, nothing is held at the end, and no limit is exceeded unless a row is marked
 * `overrun`.
 */
const quotas = ({ ended, quotas, stored }: Report) => {
  const summary = stored.find(({ event }) => event.type === "data-cost-summary")?.event
  if (!ended || summary?.type !== "data-cost-summary") return []
  const { costNanoUsd, root } = summary.data
  return quotas.flatMap((quota) => {
    const { limit = Number.POSITIVE_INFINITY, reserved, used } = quota.costNanoUsd
    const faults: Array<string> = []
    // A sliding window does not count older use.
    const isWhole = typeof quota.window === "string"
    if (isWhole ? used !== costNanoUsd : used > costNanoUsd) {
      faults.push(`the quota ${quota.name} says ${used} nano-dollars, the summary ${costNanoUsd}`)
    }
    const tokens = quota.totalTokens.used
    if (isWhole ? tokens !== root.usage.totalTokens : tokens > root.usage.totalTokens) {
      faults.push(`the quota ${quota.name} says ${tokens} tokens, the summary ${root.usage.totalTokens}`)
    }
    if (reserved !== 0 || quota.totalTokens.reserved !== 0) faults.push(`the quota ${quota.name} is still held`)
    if (used > limit && !anyOverrun(root) && !summary.data.estimated) {
      faults.push(`the quota ${quota.name} of ${limit} nano-dollars is exceeded: ${used}`)
    }
    return faults
  })
}

const anyOverrun = ({ children, rows }: CostSummary.CostNode): boolean =>
  rows.some(({ overrun }) => overrun) || children.some(anyOverrun)

/**
 * The stored rows fold to the summaries that the run ended with: the whole cost summary, and of the latency summary the
 * steps and calls. The time that a call slept has no row.
 */
const folds = ({ marks, scenario, stored }: Report) => {
  if (marks.length === 0) return []
  const faults: Array<string> = []
  const spent = marks.flatMap((mark) => mark.spent)
  const sleeps = scenario.late || scenario.callsAsk
  for (const { event } of stored) {
    if (event.type === "data-cost-summary" && JSON.stringify(CostSummary.fold(spent)) !== JSON.stringify(event.data)) {
      faults.push("the stored rows fold to another cost summary")
    }
    if (event.type === "data-latency-summary") {
      const { modelMs, steps, toolMs, tools } = event.data
      const again = LatencySummary.fold(spent, { startedAt: 0, endedAt: event.data.totalMs, downMs: event.data.downMs })
      const calls = (all: typeof tools) => (sleeps ? all.map(({ durationMs: _, ...rest }) => rest) : all)
      const own = JSON.stringify([modelMs, sleeps || toolMs, steps, calls(tools)])
      const folded = JSON.stringify([again.modelMs, sleeps || again.toolMs, again.steps, calls(again.tools)])
      if (own !== folded) faults.push(`the stored rows fold to\n${folded}\nthe summary says\n${own}`)
    }
  }
  return faults
}
