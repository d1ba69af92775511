import { assert, describe, it } from "@effect/vitest"
import { Budget } from "@reins/protocol"
import { Result, Schema } from "effect"

/**
 * Random trees, used by many branches at once. Beside the tree stands the simplest book there is: a list of what is
 * open and of what was spent, summed anew for every look.
 */

const whole = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))
const Limit = Schema.optionalKey(whole(25))

const Limits = Schema.Struct({
  maxSteps: Limit,
  maxToolCalls: Limit,
  maxCallsPerTool: Schema.optionalKey(Schema.Struct({ a: Limit, b: Limit })),
  maxInputTokens: Limit,
  maxOutputTokens: Limit,
  maxTotalTokens: Limit,
  maxNanoUsd: Limit,
  maxAgents: Limit
})

const Part = Schema.optionalKey(whole(12))
const Amount = Schema.Struct({
  steps: Part,
  toolCalls: Part,
  tool: Schema.optionalKey(Schema.Literals(["a", "b", "c"])),
  inputTokens: Part,
  outputTokens: Part,
  nanoUsd: Part,
  agents: Part
})

const Tree = Schema.Array(Schema.Struct({ above: whole(100), limits: Limits })).check(
  Schema.isMinLength(1),
  Schema.isMaxLength(8)
)

const Action = Schema.Struct({
  does: Schema.Literals(["reserve", "reserve", "reserve", "settle", "settle again", "charge"]),
  at: whole(100),
  hold: whole(100),
  amount: Amount
})
const Actions = Schema.Array(Action).check(Schema.isMinLength(10), Schema.isMaxLength(60))

const keys = ["steps", "toolCalls", "inputTokens", "outputTokens", "nanoUsd", "agents"] as const

interface Booked {
  readonly at: number
  readonly amount: Budget.Amount
}

const maxDepth = 5

/** A tree with its nodes in an array, as an owner would keep it, and the book beside it. */
class World {
  readonly nodes: Array<Budget.Node> = []
  readonly above: Array<number> = []
  open: Array<Booked> = []
  readonly closed: Array<Booked> = []
  readonly spent: Array<Booked> = []

  constructor(tree: typeof Tree.Type) {
    for (const [
      index,
      {
        above,
        limits: { maxNanoUsd, ...limits }
      }
    ] of tree.entries()) {
      const parent = index === 0 ? -1 : this.shallow(above % index)
      const path = index === 0 ? [] : [...this.node(parent).path, `agent#${index}`]
      this.above.push(parent)
      const money = maxNanoUsd === undefined ? {} : { maxCostUsd: maxNanoUsd / 1e9 }
      this.nodes.push(Budget.node(path, Budget.make({ ...limits, ...money })))
    }
  }

  private shallow(index: number): number {
    return this.node(index).path.length < maxDepth ? index : this.shallow(this.above[index] ?? 0)
  }

  node(index: number): Budget.Node {
    const node = this.nodes[index]
    assert.isDefined(node)
    return node
  }

  line(index: number): ReadonlyArray<number> {
    const parent = this.above[index] ?? -1
    return parent === -1 ? [index] : [index, ...this.line(parent)]
  }

  chain(index: number): Budget.Chain {
    return this.line(index).map((at) => this.node(at))
  }

  put(index: number, chain: Budget.Chain): void {
    for (const [step, at] of this.line(index).entries()) {
      const node = chain[step]
      assert.isDefined(node)
      this.nodes[at] = node
    }
  }

  sum(book: ReadonlyArray<Booked>, index: number, count: (amount: Budget.Amount) => number): number {
    return book.filter(({ at }) => this.line(at).includes(index)).reduce((sum, { amount }) => sum + count(amount), 0)
  }
}

const counts = (node: Budget.Node) => [
  ...keys.map((key) => ({
    name: `${key}`,
    max: node.max[key],
    overrun: node.overrun[key],
    of: (amount: Budget.Amount) => amount[key] ?? 0
  })),
  {
    name: "total",
    max: node.max.totalTokens,
    overrun: node.overrun.inputTokens + node.overrun.outputTokens,
    of: (amount: Budget.Amount) => (amount.inputTokens ?? 0) + (amount.outputTokens ?? 0)
  },
  ...["a", "b", "c"].map((tool) => ({
    name: `tool ${tool}`,
    max: Object.entries(node.budget.maxCallsPerTool ?? {}).find(([name]) => name === tool)?.[1] ?? Infinity,
    overrun: node.byTool.get(tool)?.overrun ?? 0,
    of: (amount: Budget.Amount) => (amount.tool === tool ? (amount.toolCalls ?? 0) : 0)
  }))
]

const check = (world: World): void => {
  for (const [index, node] of world.nodes.entries()) {
    if (Budget.isUnlimited(node)) continue
    for (const key of keys) {
      assert.strictEqual(
        node.used[key],
        world.sum(world.spent, index, (amount) => amount[key] ?? 0)
      )
      assert.strictEqual(
        node.held[key],
        world.sum(world.open, index, (amount) => amount[key] ?? 0)
      )
      assert.isAtLeast(node.overrun[key], 0)
      assert.isAtMost(node.overrun[key], node.used[key])
    }
    for (const { max, name, of, overrun } of counts(node)) {
      const taken = world.sum(world.spent, index, of) + world.sum(world.open, index, of)
      assert.isAtMost(taken - overrun, max, `${name} of node ${index}`)
    }
  }
}

/** What the book says about a reservation: the nodes where it does not fit, from the root down. */
const misfits = (world: World, at: number, amount: Budget.Amount): ReadonlyArray<ReadonlyArray<string>> =>
  world
    .line(at)
    .toReversed()
    .filter((index) =>
      counts(world.node(index)).some(
        ({ max, of }) =>
          of(amount) > 0 && world.sum(world.spent, index, of) + world.sum(world.open, index, of) + of(amount) > max
      )
    )
    .map((index) => world.node(index).path)

const act = (world: World, action: typeof Action.Type, spend: (held: Budget.Amount) => Budget.Amount): void => {
  const at = action.at % world.nodes.length
  switch (action.does) {
    case "reserve": {
      const amount = { ...action.amount }
      const before = world.chain(at)
      const result = Budget.reserve(before, amount, 0)
      const expected = misfits(world, at, amount)
      assert.deepStrictEqual(world.chain(at), before)
      if (Result.isFailure(result)) {
        assert.deepInclude(expected, result.failure.path)
        if (!result.failure.heldByOthers) return
        assert.deepStrictEqual(result.failure.path, expected[0])
        return
      }
      assert.deepStrictEqual(expected, [])
      world.put(at, result.success)
      world.open.push({ at, amount })
      return
    }
    case "settle": {
      const hold = world.open[action.hold % Math.max(1, world.open.length)]
      if (hold === undefined) return
      const spent = spend(hold.amount)
      world.put(hold.at, Budget.settle(world.chain(hold.at), hold.amount, spent))
      world.open = world.open.filter((other) => other !== hold)
      world.closed.push(hold)
      world.spent.push({ at: hold.at, amount: { ...spent, tool: hold.amount.tool } })
      return
    }
    case "settle again": {
      const hold = world.closed[action.hold % Math.max(1, world.closed.length)]
      if (hold === undefined) return
      world.put(hold.at, Budget.settle(world.chain(hold.at), hold.amount, {}))
      return
    }
    case "charge": {
      world.put(at, Budget.charge(world.chain(at), action.amount))
      world.spent.push({ at, amount: action.amount })
      return
    }
  }
}

const settleAll = (world: World): void => {
  for (const { amount, at } of world.open) world.put(at, Budget.settle(world.chain(at), amount, {}))
  for (const node of world.nodes) {
    for (const key of keys) assert.strictEqual(node.held[key], 0)
    for (const calls of node.byTool.values()) assert.strictEqual(calls.held, 0)
    assert.isUndefined(node.holds)
  }
}

describe("a budget tree under many branches", () => {
  it.prop(
    "never has more used and held than its limits and recorded overruns, and releases every hold",
    { tree: Tree, actions: Actions, spent: Amount },
    ({ actions, spent, tree }) => {
      const world = new World(tree)
      for (const [index, action] of actions.entries()) {
        const { tool: _, ...amount } = spent
        act(world, action, (held) => (index % 3 === 0 ? held : index % 3 === 1 ? {} : amount))
        check(world)
      }
      settleAll(world)
    },
    { arbitrary: { runs: 400 }, timeout: 60_000 }
  )

  it.prop(
    "never spends more than its limits while no branch spends more than it holds",
    { tree: Tree, actions: Actions },
    ({ actions, tree }) => {
      const world = new World(tree)
      for (const action of actions) {
        if (action.does === "charge") continue
        act(world, action, (held) => held)
        for (const node of world.nodes) {
          for (const key of keys) {
            assert.isAtMost(node.used[key] + node.held[key], Budget.isUnlimited(node) ? Infinity : node.max[key])
            assert.strictEqual(node.overrun[key], 0)
          }
        }
      }
    },
    { arbitrary: { runs: 300 }, timeout: 60_000 }
  )

  it.prop(
    "refuses the larger amount wherever it refuses the smaller",
    { limits: Limits, used: Amount, small: Amount, more: Amount, elapsed: whole(100) },
    ({ elapsed, limits: { maxNanoUsd = 25, ...limits }, more, small, used }) => {
      const budget = Budget.make({ ...limits, maxCostUsd: maxNanoUsd / 1e9, maxDuration: 90 })
      const [node] = Budget.charge([Budget.node([], budget)], used)
      assert.isDefined(node)
      const large: Budget.Amount = {
        tool: small.tool,
        ...Object.fromEntries(keys.map((key) => [key, (small[key] ?? 0) + (more[key] ?? 0)]))
      }
      const reserved = Budget.reserve([node], small, elapsed)
      assert.deepStrictEqual(
        Budget.check(node, small, elapsed),
        Result.isFailure(reserved) ? reserved.failure : undefined
      )
      if (Result.isFailure(reserved)) {
        assert.isDefined(Budget.check(node, large, elapsed))
        assert.isDefined(Budget.check(node, small, elapsed + 1))
      }
    },
    { arbitrary: { runs: 1000 } }
  )
})
