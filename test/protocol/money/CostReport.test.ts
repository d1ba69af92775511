import { assert, describe, it } from "@effect/vitest"
import { CostLine, CostReport, CostSummary, type Entry, Money } from "@reins/protocol"
import { seeded } from "@reins/protocol/testing"

const pick = <A>(random: () => number, all: ReadonlyArray<A>): A | undefined => all[Math.floor(random() * all.length)]

const paths = [[], ["helper#1"], ["helper#2"], ["helper#1", "writer#3"]]

/** Rows of a run, drawn from a seed. */
const entriesOf = (random: () => number): ReadonlyArray<Entry.Entry> =>
  Array.from({ length: Math.floor(random() * 12) }, (_, index): Entry.Entry => {
    const path = pick(random, paths) ?? []
    const priced = random() < 0.8 ? { costNanoUsd: Math.floor(random() * 1e9) } : {}
    const times = { startedAt: 0, endedAt: 1 }
    return random() < 0.6
      ? {
          kind: "model",
          path,
          step: index,
          provider: pick(random, ["acme", "other"]) ?? "",
          model: pick(random, ["large", "small"]) ?? "",
          usage: { inputUncached: Math.floor(random() * 100), outputText: 1 },
          estimated: random() < 0.1,
          ...priced,
          ...times,
          attempts: []
        }
      : {
          kind: "tool",
          path,
          callId: `c${index}`,
          toolName: pick(random, ["buy", "look"]) ?? "",
          ...priced,
          ...times,
          attempts: 1
        }
  })

const runOf = (random: () => number, runId: string) => {
  const summary = CostSummary.fold(entriesOf(random))
  const run = {
    runId,
    resourceId: pick(random, ["shop", "bank"]) ?? "",
    agent: pick(random, ["desk", "clerk"]) ?? "",
    principal: pick(random, ["ana", undefined])
  }
  return { summary, lines: CostLine.linesOf(summary, run, Math.floor(random() * 1e13)) }
}

describe("a cost report", () => {
  it("has, by any dimensions, the sum of the summaries that its lines are of", () => {
    for (let seed = 0; seed < 200; seed++) {
      const random = seeded(seed)
      const runs = Array.from({ length: 5 }, (_, index) => runOf(random, `r${index}`))
      const lines = runs.flatMap((run) => run.lines)
      const wanted = runs.reduce((sum, { summary }) => sum + summary.costNanoUsd, 0)
      const unpriced = runs.reduce((sum, { summary }) => sum + summary.unpriced, 0)
      const dimensions = CostReport.dimensions.filter(() => random() < 0.4)
      const { sum, totals } = CostReport.fold(lines, dimensions, 10_000)
      const add = (of: (total: CostReport.CostTotal) => number) => totals.reduce((all, total) => all + of(total), 0)
      assert.deepStrictEqual([sum.costNanoUsd, sum.unpriced], [wanted, unpriced], `seed ${seed}`)
      assert.deepStrictEqual([add((one) => one.costNanoUsd), add((one) => one.unpriced)], [wanted, unpriced])
      assert.strictEqual(sum.costUsd, unpriced === 0 ? Money.toUsd(wanted) : undefined)
      const groups = totals.map((total) => JSON.stringify(dimensions.map((dimension) => total[dimension] ?? null)))
      assert.strictEqual(new Set(groups).size, groups.length)
      for (const { lines, summary } of runs) {
        assert.strictEqual(
          lines.reduce((all, line) => all + line.costNanoUsd, 0),
          summary.costNanoUsd
        )
      }
    }
  })

  it("does not exceed the largest amount, and says when groups are left out", () => {
    const { lines } = runOf(seeded(3), "r")
    const [line] = lines
    assert.isDefined(line)
    if (line === undefined) return
    const large = [1, 2, 3].map((at) => ({ ...line, runId: `r${at}`, costNanoUsd: Money.max }))
    const report = CostReport.fold(large, ["run"], 2)
    assert.deepStrictEqual([report.sum.costNanoUsd, report.totals.length, report.isCut], [Money.max, 2, true])
    assert.notProperty(CostReport.fold(large, ["run"], 3), "isCut")
  })

  it("is CSV with exact dollars, whose texts a spreadsheet neither splits nor executes", () => {
    const names = ['=cmd("x")', 'a"b,c', "-1", "plain", "line\nbreak"]
    const lines = names.map((name, index): CostLine.CostLine => ({
      runId: "r",
      at: 1_767_225_600_000,
      resourceId: "shop",
      principal: undefined,
      root: "desk",
      agent: "desk",
      kind: "tool",
      name,
      provider: undefined,
      calls: 1,
      costNanoUsd: index === 3 ? 1_234_567_891 : 1,
      unpriced: 0,
      promptTokens: 0,
      completionTokens: 0,
      estimated: false
    }))
    assert.strictEqual(
      CostReport.toCsv(CostReport.fold(lines, ["tool", "day", "principal"], 10)),
      [
        "tool,day,principal,usd,runs,calls,costNanoUsd,unpriced,promptTokens,completionTokens,estimated",
        '"\'-1","2026-01-01","",0.000000001,1,1,1,0,0,0,false',
        '"\'=cmd(""x"")","2026-01-01","",0.000000001,1,1,1,0,0,0,false',
        '"a""b,c","2026-01-01","",0.000000001,1,1,1,0,0,0,false',
        '"line\nbreak","2026-01-01","",0.000000001,1,1,1,0,0,0,false',
        '"plain","2026-01-01","",1.234567891,1,1,1234567891,0,0,0,false',
        ""
      ].join("\r\n")
    )
  })
})
