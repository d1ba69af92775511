import { assert, describe, it } from "@effect/vitest"
import { Budget } from "@reins/protocol"
import { Result, Schema } from "effect"

const limits = (options: Budget.Options, path: ReadonlyArray<string> = [], sinceMs?: number) =>
  Budget.node(path, Budget.make(options), sinceMs)

const reserved = (chain: Budget.Chain, amount: Budget.Amount, elapsedMs = 0): Budget.Chain =>
  Result.getOrThrowWith(Budget.reserve(chain, amount, elapsedMs), (refusal) => new Error(JSON.stringify(refusal)))

const refused = (chain: Budget.Chain, amount: Budget.Amount, elapsedMs = 0): Budget.Refusal =>
  Result.getOrThrow(Result.flip(Budget.reserve(chain, amount, elapsedMs)))

const spend = (chain: Budget.Chain, amount: Budget.Amount): Budget.Chain =>
  Budget.settle(reserved(chain, amount), amount, amount)

describe("Budget.reserve", () => {
  it("admits exactly what is needed and nothing more", () => {
    const chain = spend(spend([limits({ maxSteps: 2 })], { steps: 1 }), { steps: 1 })
    assert.deepStrictEqual(refused(chain, { steps: 1 }), {
      limit: "maxSteps",
      max: 2,
      used: 2,
      path: [],
      heldByOthers: false
    })
  })

  it("admits nothing at a limit of 0", () => {
    const amount = { steps: 1, toolCalls: 1, tool: "t", inputTokens: 1, outputTokens: 1, nanoUsd: 1, agents: 1 }
    const zeros: ReadonlyArray<Budget.Options> = [
      { maxSteps: 0 },
      { maxToolCalls: 0 },
      { maxCallsPerTool: { t: 0 } },
      { maxInputTokens: 0 },
      { maxOutputTokens: 0 },
      { maxTotalTokens: 0 },
      { maxCostUsd: 0 },
      { maxAgents: 0 },
      { maxDuration: 0 }
    ]
    for (const options of zeros) {
      const limit = "maxCallsPerTool" in options ? "maxCallsPerTool.t" : Object.keys(options)[0]
      assert.strictEqual(refused([limits(options)], amount).limit, limit)
    }
  })

  it("holds amounts on all ancestors, so that siblings cannot spend the same twice", () => {
    const root = limits({ maxCostUsd: 10 })
    const [, taken = root] = reserved([limits({}, ["a#1"]), root], { nanoUsd: 9_900_000_000 })
    const refusal = refused([limits({}, ["b#2"]), taken], { nanoUsd: 200_000_000 })
    assert.deepStrictEqual(refusal, { limit: "maxCostUsd", max: 10, used: 9.9, path: [], heldByOthers: true })
  })

  it("holds on the whole chain or nowhere", () => {
    const chain = [limits({ maxSteps: 5 }, ["a#1"]), limits({ maxSteps: 0 })]
    refused(chain, { steps: 1 })
    assert.strictEqual(chain[0]?.held.steps, 0)
  })

  it("names the node nearest to the root when several refuse", () => {
    const chain = [
      limits({ maxSteps: 0 }, ["a#1", "b#2"]),
      limits({ maxToolCalls: 0 }, ["a#1"]),
      limits({ maxSteps: 0 })
    ]
    assert.deepStrictEqual(refused(chain, { steps: 1, toolCalls: 1 }).path, [])
    assert.deepStrictEqual(refused(chain.slice(0, 2), { steps: 1, toolCalls: 1 }).path, ["a#1"])
  })

  it("names a limit that waiting does not resolve before one that it would", () => {
    const root = reserved([limits({ maxOutputTokens: 10 })], { outputTokens: 10 })
    const refusal = refused([limits({ maxSteps: 0 }, ["a#1"]), ...root], { steps: 1, outputTokens: 1 })
    assert.deepStrictEqual(refusal.path, ["a#1"])
    assert.isFalse(refusal.heldByOthers)
    assert.isTrue(refused(root, { outputTokens: 1 }).heldByOthers)
    assert.isFalse(refused(root, { outputTokens: 11 }).heldByOthers)
  })

  it("counts input and output against the total", () => {
    const chain = spend([limits({ maxTotalTokens: 100 })], { inputTokens: 60, outputTokens: 30 })
    assert.strictEqual(refused(chain, { inputTokens: 6, outputTokens: 5 }).limit, "maxTotalTokens")
    assert.strictEqual(refused(chain, { inputTokens: 6, outputTokens: 5 }).used, 90)
    reserved(chain, { inputTokens: 5, outputTokens: 5 })
  })

  it("limits each tool by its own name, whatever the name", () => {
    const chain = spend([limits({ maxCallsPerTool: { constructor: 1 } })], { toolCalls: 1, tool: "constructor" })
    assert.strictEqual(refused(chain, { toolCalls: 1, tool: "constructor" }).limit, "maxCallsPerTool.constructor")
    reserved(chain, { toolCalls: 1, tool: "toString" })
    reserved(chain, { toolCalls: 1, tool: "__proto__" })
    reserved(chain, { steps: 1 })
  })

  it("measures time from the start of the agent", () => {
    const late = limits({ maxDuration: "1 second" }, ["a#1"], 60_000)
    reserved([late], {}, 60_999)
    assert.deepStrictEqual(refused([late], {}, 61_000), {
      limit: "maxDuration",
      max: 1000,
      used: 1000,
      path: ["a#1"],
      heldByOthers: false
    })
  })

  it("checks only the limits that the amount needs: a tool call is not refused for used-up tokens", () => {
    const chain = spend([limits({ maxOutputTokens: 10 })], { outputTokens: 10 })
    reserved(chain, { toolCalls: 1, tool: "t" })
  })

  it("rejects invalid numbers, and rounds fractions up", () => {
    const chain = [limits({ maxOutputTokens: 1000, maxSteps: 10 })]
    for (const outputTokens of [NaN, Infinity, 2 ** 53]) {
      assert.strictEqual(refused(chain, { outputTokens }).limit, "maxOutputTokens", String(outputTokens))
    }
    assert.strictEqual(reserved(chain, { outputTokens: -5 })[0]?.held.outputTokens, 0)
    assert.strictEqual(reserved(chain, { outputTokens: 0.5 })[0]?.held.outputTokens, 1)
  })

  it("leaves nodes without limits unchanged", () => {
    const free = Budget.node([])
    assert.isTrue(Budget.isUnlimited(free))
    const chain = [free]
    assert.strictEqual(reserved(chain, { steps: 1 }), chain)
    assert.strictEqual(Budget.settle(chain, { steps: 1 }, { steps: 1 }), chain)
    const mixed = reserved([free, limits({ maxSteps: 1 })], { steps: 1 })
    assert.strictEqual(mixed[0], free)
    assert.strictEqual(mixed[1]?.held.steps, 1)
    for (const options of [{ maxDepth: 1 }, { maxDuration: 1 }, { maxCallsPerTool: { a: 1 } }]) {
      assert.isFalse(Budget.isUnlimited(limits(options)))
    }
  })
})

describe("Budget.settle", () => {
  it("releases what was not spent", () => {
    const held = { steps: 1, outputTokens: 1000 }
    const [node] = Budget.settle(reserved([limits({ maxOutputTokens: 1000 })], held), held, {
      steps: 1,
      outputTokens: 10
    })
    assert.strictEqual(node?.held.outputTokens, 0)
    assert.strictEqual(node?.used.outputTokens, 10)
    assert.strictEqual(node?.overrun.outputTokens, 0)
    assert.isUndefined(node?.holds)
  })

  it("counts what was spent beyond the hold, and records it", () => {
    const held = { outputTokens: 100 }
    const chain = Budget.settle(reserved([limits({ maxOutputTokens: 100 })], held), held, { outputTokens: 130 })
    assert.strictEqual(chain[0]?.used.outputTokens, 130)
    assert.strictEqual(chain[0]?.overrun.outputTokens, 30)
    assert.strictEqual(refused(chain, { outputTokens: 1 }).used, 130)
  })

  it("releases nothing of other holds when it is repeated", () => {
    const mine = { steps: 1, outputTokens: 50 }
    const theirs = { steps: 1, outputTokens: 50 }
    const both = reserved(reserved([limits({ maxOutputTokens: 100 })], mine), theirs)
    const once = Budget.settle(both, mine, { steps: 1, outputTokens: 20 })
    const twice = Budget.settle(once, mine, {})
    assert.deepStrictEqual(twice, once)
    assert.strictEqual(twice[0]?.held.outputTokens, 50)
    assert.strictEqual(Budget.settle(twice, mine, { outputTokens: 7 })[0]?.used.outputTokens, 27)
    assert.strictEqual(Budget.settle(twice, { ...theirs }, {})[0]?.held.outputTokens, 50)
    assert.strictEqual(Budget.settle(twice, theirs, {})[0]?.held.outputTokens, 0)
  })

  it("counts a tool's calls under its name, also where the spent amount leaves it out", () => {
    const held = { toolCalls: 1, tool: "search" }
    const chain = Budget.settle(reserved([limits({ maxCallsPerTool: { search: 1 } })], held), held, { toolCalls: 1 })
    assert.strictEqual(refused(chain, { toolCalls: 1, tool: "search" }).limit, "maxCallsPerTool.search")
  })

  it("records calls of a tool beyond the hold", () => {
    const held = { toolCalls: 1, tool: "search" }
    const [node] = Budget.settle(reserved([limits({ maxCallsPerTool: { search: 2 } })], held), held, { toolCalls: 3 })
    assert.deepStrictEqual(node?.byTool.get("search"), { used: 3, held: 0, overrun: 2 })
    assert.strictEqual(node?.overrun.toolCalls, 2)
  })

  it("releases the call of a tool that did not run", () => {
    const held = { toolCalls: 1, tool: "search" }
    const chain = Budget.settle(reserved([limits({ maxCallsPerTool: { search: 1 } })], held), held, {})
    reserved(chain, { toolCalls: 1, tool: "search" })
  })

  it("treats an invalid amount as everything that is left", () => {
    const held = { outputTokens: 10 }
    const chain = Budget.settle(reserved([limits({ maxOutputTokens: 100 })], held), held, { outputTokens: NaN })
    assert.strictEqual(refused(chain, { outputTokens: 1 }).heldByOthers, false)
  })
})

describe("Budget.charge", () => {
  it("adds the spending of an earlier process to all ancestors", () => {
    const chain = Budget.charge([limits({ maxSteps: 3 }, ["a#1"]), limits({ maxSteps: 3 })], { steps: 2 })
    assert.strictEqual(chain[0]?.used.steps, 2)
    assert.strictEqual(chain[1]?.used.steps, 2)
    assert.strictEqual(chain[1]?.overrun.steps, 0)
    reserved(chain, { steps: 1 })
    refused(chain, { steps: 2 })
  })

  it("records as overrun only what exceeds the limit", () => {
    const options = { maxSteps: 3, maxTotalTokens: 100, maxCallsPerTool: { t: 1 } }
    const amount = { steps: 5, inputTokens: 90, outputTokens: 30, toolCalls: 3, tool: "t" }
    const [node] = Budget.charge([limits(options)], amount)
    assert.strictEqual(node?.overrun.steps, 2)
    assert.strictEqual((node?.overrun.inputTokens ?? 0) + (node?.overrun.outputTokens ?? 0), 20)
    assert.strictEqual(node?.overrun.toolCalls, 0)
    assert.deepStrictEqual(node?.byTool.get("t"), { used: 3, held: 0, overrun: 2 })
  })
})

describe("Budget.addSpent", () => {
  const count = Schema.optionalKey(
    Schema.Union([Schema.Natural, Schema.Finite, Schema.Literal(Number.MAX_SAFE_INTEGER)])
  )
  const amounts = Schema.Array(
    Schema.Struct({
      steps: count,
      toolCalls: count,
      tool: Schema.optionalKey(Schema.Literals(["t", "u"])),
      inputTokens: count,
      outputTokens: count,
      nanoUsd: count,
      agents: count
    })
  )

  it.prop("sums amounts as a node does that is charged with them", { amounts }, ({ amounts }) => {
    const options = { maxSteps: 1, maxCallsPerTool: { t: 1, u: 1 } }
    const [node] = amounts.reduce<Budget.Chain>((chain, amount) => Budget.charge(chain, amount), [limits(options)])
    const { callsPerTool, durationMs, ...counters } = Budget.addSpent(Budget.nothingSpent, amounts, 2.4)
    assert.deepStrictEqual(counters, { ...node?.used })
    assert.strictEqual(durationMs, 2)
    for (const calls of Object.values(callsPerTool)) assert.isAtMost(calls, counters.toolCalls)
  })

  it("adds to what earlier runs have spent, by tool as well", () => {
    const before = Budget.addSpent(Budget.nothingSpent, [{ steps: 1 }, { toolCalls: 2, tool: "t" }], 10)
    assert.deepStrictEqual(
      Budget.addSpent(before, [{ toolCalls: 1, tool: "t" }, { toolCalls: 1 }, { nanoUsd: 7 }], 5),
      {
        ...Budget.nothingSpent,
        steps: 1,
        toolCalls: 4,
        nanoUsd: 7,
        durationMs: 15,
        callsPerTool: { t: 3 }
      }
    )
  })
})

describe("Budget.depthRefusal", () => {
  it("counts levels from the agent whose budget it is", () => {
    const root = limits({ maxDepth: 2 })
    const child = limits({ maxDepth: 0 }, ["a#1"])
    assert.isUndefined(Budget.depthRefusal([root], 1))
    assert.isUndefined(Budget.depthRefusal([root], 2))
    assert.deepStrictEqual(Budget.depthRefusal([root], 3), {
      limit: "maxDepth",
      max: 2,
      used: 2,
      path: [],
      heldByOthers: false
    })
    assert.deepStrictEqual(Budget.depthRefusal([child, root], 2)?.path, ["a#1"])
    assert.isUndefined(Budget.depthRefusal([limits({}, ["b#1"]), Budget.node([])], 99))
  })
})
