import { assert, describe, it } from "@effect/vitest"
import { AgentPath, CostSummary, Entry, Money, Usage } from "@reins/protocol"
import { Schema } from "effect"

const price: Entry.Price = {
  model: "sonnet",
  match: "exact",
  source: "table 2026-11-01",
  inputPerMillionUsd: 3,
  outputPerMillionUsd: 15
}

const model = (options: Partial<Entry.ModelEntry> = {}): Entry.ModelEntry => ({
  kind: "model",
  path: [],
  step: 1,
  provider: "anthropic",
  model: "sonnet",
  usage: { inputUncached: 100, outputText: 10 },
  estimated: false,
  costNanoUsd: 450_000,
  price,
  startedAt: 0,
  endedAt: 10,
  attempts: [{ startedAt: 0, endedAt: 10, outcome: "completed" }],
  ...options
})

const tool = (options: Partial<Entry.ToolEntry> = {}): Entry.ToolEntry => ({
  kind: "tool",
  path: [],
  callId: "c1",
  toolName: "search",
  startedAt: 0,
  endedAt: 10,
  attempts: 1,
  ...options
})

const unpriced = ({ costNanoUsd: _, price: __, ...rest }: Entry.ModelEntry): Entry.ModelEntry => rest

const wait: Entry.WaitEntry = { kind: "wait", path: ["late#9"], reason: "approval", id: "a", startedAt: 0, endedAt: 9 }

/** All rows of a tree. */
const leaves = (node: CostSummary.CostNode): ReadonlyArray<CostSummary.CostRow> => [
  ...node.rows,
  ...node.children.flatMap(leaves)
]

const nodes = (node: CostSummary.CostNode): ReadonlyArray<CostSummary.CostNode> => [
  node,
  ...node.children.flatMap(nodes)
]

describe("CostSummary.fold", () => {
  it("is an empty root when nothing was spent", () => {
    const usage = Usage.toTotals({})
    assert.deepStrictEqual(CostSummary.fold([wait]), {
      currency: "USD",
      costNanoUsd: 0,
      costUsd: 0,
      pricedUsd: 0,
      unpriced: 0,
      estimated: false,
      root: {
        agentPath: [],
        costNanoUsd: 0,
        costUsd: 0,
        pricedUsd: 0,
        unpriced: 0,
        estimated: false,
        usage,
        rows: [],
        children: []
      }
    })
  })

  it("sums the steps of one model, retries included", () => {
    const lost: Entry.Attempt = { startedAt: 0, endedAt: 5, outcome: "lost" }
    const summary = CostSummary.fold([model(), model({ step: 2, attempts: [lost, lost] })])
    assert.deepStrictEqual(summary.root.rows, [
      {
        kind: "model",
        name: "sonnet",
        provider: "anthropic",
        calls: 2,
        attempts: 3,
        usage: Usage.toTotals({ inputUncached: 200, outputText: 20 }),
        costNanoUsd: 900_000,
        costUsd: 0.0009,
        pricedUsd: 0.0009,
        unpriced: 0,
        estimated: false,
        overrun: false,
        price
      }
    ])
    assert.strictEqual(summary.costUsd, 0.0009)
  })

  it("separates providers and price rows of one model", () => {
    const later = { ...price, source: "table 2026-11-02" }
    const entries = [model({ price: later }), model(), model({ provider: "bedrock" }), unpriced(model())]
    const rows = CostSummary.fold(entries).root.rows.map((row) => [row.provider, row.price?.source, row.unpriced])
    assert.deepStrictEqual(rows, [
      ["anthropic", undefined, 1],
      ["anthropic", "table 2026-11-01", 0],
      ["anthropic", "table 2026-11-02", 0],
      ["bedrock", "table 2026-11-01", 0]
    ])
  })

  it("counts calls of unknown price and never treats them as free", () => {
    const summary = CostSummary.fold([
      model(),
      unpriced(model({ path: ["a#1"] })),
      unpriced(model({ path: ["a#1"], step: 2 }))
    ])
    assert.strictEqual(summary.unpriced, 2)
    assert.strictEqual(summary.costNanoUsd, 450_000)
    assert.strictEqual(summary.root.children[0]?.rows[0]?.unpriced, 2)
    assert.strictEqual(summary.root.usage.promptTokens, 300)
  })

  it("leaves the cost out when a call below has no known price, and keeps the known part", () => {
    const { root, ...whole } = CostSummary.fold([
      model({ costNanoUsd: 2_000_000_000 }),
      unpriced(model({ path: ["a#1"] })),
      model({ path: ["b#1"], costNanoUsd: 1_000_000_000 }),
      model({ path: ["c#1"], fees: [{ toolName: "search", calls: 2 }], costNanoUsd: 0 })
    ])
    assert.deepInclude(whole, { pricedUsd: 3, unpriced: 3 })
    assert.notProperty(whole, "costUsd")
    const shown = [root, ...root.children].map(({ costUsd, pricedUsd, unpriced }) => [costUsd, pricedUsd, unpriced])
    assert.deepStrictEqual(shown, [
      [undefined, 3, 3],
      [undefined, 0, 1],
      [1, 1, 0],
      [undefined, 0, 2]
    ])
    assert.notProperty(
      root.children[2]?.rows.find((row) => row.kind === "tool"),
      "costUsd"
    )
    assert.strictEqual(root.children[2]?.rows.find((row) => row.kind === "model")?.costUsd, 0)
  })

  it("reads a summary that was written before the priced part existed", () => {
    const old = { costNanoUsd: 5, costUsd: 5e-9, unpriced: 1, estimated: false }
    const root = { agentPath: [], ...old, usage: Usage.toTotals({}), rows: [], children: [] }
    assert.isTrue(Schema.is(CostSummary.CostSummary)({ currency: "USD", ...old, root }))
  })

  it("separates price rows that differ only in their tiers", () => {
    const tiers = [{ aboveInputTokens: 10, inputPerMillionUsd: 1, outputPerMillionUsd: 1 }]
    assert.strictEqual(CostSummary.fold([model(), model({ price: { ...price, tiers } })]).root.rows.length, 2)
  })

  it("equals the usage of `finish` and the ledger when sums exceed 2^53", () => {
    const huge = { inputUncached: Number.MAX_SAFE_INTEGER, inputCacheRead: 5, outputText: Number.MAX_SAFE_INTEGER }
    const entries = [
      model({ usage: huge, costNanoUsd: Money.max }),
      model({ usage: huge, costNanoUsd: 7, path: ["a#1"] })
    ]
    const { costNanoUsd, root } = CostSummary.fold(entries)
    const usage = entries.reduce((sum, entry) => Usage.add(sum, entry.usage), Usage.empty)
    assert.deepStrictEqual(root.usage, Usage.toTotals(usage))
    assert.strictEqual(root.usage.totalTokens, Number.MAX_SAFE_INTEGER)
    assert.strictEqual(costNanoUsd, Money.max)
    assert.isTrue(Schema.is(CostSummary.CostSummary)(CostSummary.fold(entries)))
  })

  it("treats a priced call of 0 as free", () => {
    assert.strictEqual(CostSummary.fold([model({ costNanoUsd: 0 })]).unpriced, 0)
  })

  it("lists every tool with its calls, and the cost that it reported", () => {
    const entries = [
      tool(),
      tool({ callId: "c2", costNanoUsd: 5, attempts: 3 }),
      tool({ callId: "c3", toolName: "fetch" })
    ]
    const { costNanoUsd, root, unpriced } = CostSummary.fold(entries)
    assert.deepStrictEqual(
      root.rows.map((row) => [row.name, row.calls, row.attempts, row.costNanoUsd]),
      [
        ["fetch", 1, 1, 0],
        ["search", 2, 4, 5]
      ]
    )
    assert.notProperty(root.rows[0], "usage")
    assert.strictEqual(costNanoUsd, 5)
    assert.strictEqual(unpriced, 0)
  })

  it("separates a model and a tool of the same name", () => {
    const { root } = CostSummary.fold([tool({ toolName: "sonnet", costNanoUsd: 1 }), model()])
    assert.deepStrictEqual(
      root.rows.map((row) => [row.kind, row.costNanoUsd]),
      [
        ["model", 450_000],
        ["tool", 1]
      ]
    )
  })

  it("lists every agent at its position, also one that only used specialists", () => {
    const entries = [
      model({ path: ["planner#2", "search#1"] }),
      model({ path: ["planner#10"] }),
      tool({ path: ["planner#2", "search#0"], costNanoUsd: 50_000 })
    ]
    const summary = CostSummary.fold(entries)
    assert.deepStrictEqual(
      nodes(summary.root).map((node) => [node.agentPath.join("/"), node.rows.length, node.costNanoUsd]),
      [
        ["", 0, 950_000],
        ["planner#10", 1, 450_000],
        ["planner#2", 0, 500_000],
        ["planner#2/search#0", 1, 50_000],
        ["planner#2/search#1", 1, 450_000]
      ]
    )
  })

  it("propagates estimates to the root and marks rows that exceeded their hold", () => {
    const summary = CostSummary.fold([
      model(),
      model({ path: ["a#1"], estimated: true, overrun: true }),
      model({ path: ["b#1"] })
    ])
    const [a, b] = summary.root.children
    assert.isTrue(summary.estimated)
    assert.isTrue(summary.root.estimated)
    assert.isTrue(a?.estimated)
    assert.isFalse(b?.estimated)
    assert.isTrue(a?.rows[0]?.overrun)
    assert.isFalse(summary.root.rows[0]?.overrun)
    const both = CostSummary.fold([model(), model({ step: 2, overrun: true })])
    assert.isTrue(both.root.rows[0]?.overrun)
  })

  it("accepts any names", () => {
    const summary = CostSummary.fold([tool({ toolName: "__proto__", path: ["constructor#1"] }), tool({ toolName: "" })])
    assert.strictEqual(leaves(summary.root).length, 2)
    assert.deepStrictEqual(summary.root.children[0]?.agentPath, ["constructor#1"])
  })

  const whole = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
  const Segment = Schema.Literals(["a#1", "a#2", "b#1", "c/d#~"])
  const Row = Schema.Struct({
    kind: Schema.Literals(["model", "model", "tool", "wait"]),
    path: Schema.Array(Segment).check(Schema.isMaxLength(4)),
    name: Schema.Literals(["x", "x y", "y", ""]),
    provider: Schema.Literals(["p", "q"]),
    rate: whole(2),
    cost: Schema.optionalKey(whole(1e12)),
    attempts: whole(3),
    tokens: Schema.Tuple([whole(1e6), whole(1e6), whole(1e6), whole(1e6), whole(1e6), whole(1e6)]),
    estimated: Schema.Boolean,
    turn: whole(1e6)
  })

  const entry = (row: typeof Row.Type): Entry.Entry => {
    const cost = row.cost === undefined ? {} : { costNanoUsd: row.cost }
    const [inputUncached, inputCacheRead, inputCacheWrite, inputCacheWriteLong, outputText, outputReasoning] =
      row.tokens
    switch (row.kind) {
      case "model":
        return {
          ...unpriced(model()),
          path: row.path,
          model: row.name,
          provider: row.provider,
          usage: { inputUncached, inputCacheRead, inputCacheWrite, inputCacheWriteLong, outputText, outputReasoning },
          estimated: row.estimated,
          ...cost,
          ...(row.cost === undefined ? {} : { price: { ...price, inputPerMillionUsd: row.rate } }),
          attempts: Array.from({ length: row.attempts }, () => ({ startedAt: 0, endedAt: 1, outcome: "failed" }))
        }
      case "tool":
        return { ...tool(), path: row.path, toolName: row.name, attempts: row.attempts, ...cost }
      case "wait":
        return { ...wait, path: row.path }
    }
  }

  it.prop(
    "has leaves that add up to every node and to the root, to the nano-dollar and the token, in any order of the rows",
    { rows: Schema.Array(Row).check(Schema.isMaxLength(40)) },
    ({ rows }) => {
      const entries = rows.map(entry)
      const summary = CostSummary.fold(entries)
      const shuffled = rows.toSorted((a, b) => a.turn - b.turn).map(entry)
      assert.deepStrictEqual(CostSummary.fold(shuffled), summary)
      assert.deepStrictEqual(CostSummary.fold(entries.toReversed()), summary)

      for (const node of nodes(summary.root)) {
        const within = entries.filter(
          ({ kind, path }) => (kind === "model" || kind === "tool") && AgentPath.isWithin(path, node.agentPath)
        )
        assert.isTrue(within.length > 0 || node.agentPath.length === 0)
        const below = leaves(node)
        const cost = within.reduce((sum, row) => sum + ("costNanoUsd" in row ? (row.costNanoUsd ?? 0) : 0), 0)
        const usage = within.reduce((sum, row) => (row.kind === "model" ? Usage.add(sum, row.usage) : sum), Usage.empty)
        assert.strictEqual(node.costNanoUsd, cost)
        assert.strictEqual(
          below.reduce((sum, row) => sum + row.costNanoUsd, 0),
          cost
        )
        assert.strictEqual(node.pricedUsd, Money.toUsd(cost))
        for (const part of [node, ...node.rows]) {
          assert.strictEqual(Object.hasOwn(part, "costUsd"), part.unpriced === 0)
          assert.strictEqual(part.costUsd, part.unpriced === 0 ? Money.toUsd(part.costNanoUsd) : undefined)
          assert.strictEqual(part.pricedUsd, Money.toUsd(part.costNanoUsd))
        }
        assert.deepStrictEqual(node.usage, Usage.toTotals(usage))
        assert.strictEqual(
          below.reduce((sum, row) => sum + (row.usage?.totalTokens ?? 0), 0),
          node.usage.totalTokens
        )
        assert.strictEqual(
          node.unpriced,
          within.filter((row) => row.kind === "model" && row.costNanoUsd === undefined).length
        )
        assert.strictEqual(
          below.reduce((sum, row) => sum + row.calls, 0),
          within.length
        )
        assert.strictEqual(
          node.estimated,
          within.some((row) => row.kind === "model" && row.estimated)
        )
      }
      assert.isTrue(Schema.is(CostSummary.CostSummary)(summary))
    },
    { arbitrary: { runs: 2000 }, timeout: 60_000 }
  )

  it.prop(
    "is the same after the rows were stored",
    { rows: Schema.Array(Row).check(Schema.isMaxLength(10)) },
    ({ rows }) => {
      const json = Schema.fromJsonString(Schema.Array(Entry.Entry))
      const entries = rows.map(entry)
      const stored = Schema.decodeSync(json)(Schema.encodeSync(json)(entries))
      assert.deepStrictEqual(CostSummary.fold(stored), CostSummary.fold(entries))
    }
  )
})
