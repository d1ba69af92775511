import { assert, describe, it } from "@effect/vitest"
import { Money } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import { Agent, Budget, Deployment, type Model, type ModelPart, Prices, Runtime, Specialist } from "@reins/runtime"
import { BudgetWatch, Probe, ScriptedModel, Tap } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import * as Desk from "../support/Desk.ts"
import * as Story from "../support/Story.ts"

const rates = { inputPerMillionUsd: 1, outputPerMillionUsd: 10 }
const prices = Prices.layerTable({ "scripted/scripted-1": rates })
const price = { model: "scripted-1", match: "exact", source: "table", ...rates } as const

/** Below this number of output tokens a step waits for what others may release. */
const useful = 1024

interface Draw {
  readonly width: number
  readonly steps: number
  readonly words: number
  readonly limit: Budget.Options
  readonly own: Budget.Options
}

const draw = (seed: number): Draw => {
  const random = Generated.seeded(seed)
  const upTo = (max: number) => Math.floor(random() * max)
  const limits: ReadonlyArray<Budget.Options> = [
    { maxCostUsd: upTo(4000) / 1e6 },
    { maxOutputTokens: upTo(400) },
    { maxTotalTokens: upTo(3000) },
    { maxInputTokens: upTo(3000) },
    { maxSteps: upTo(12) },
    { maxToolCalls: upTo(8) }
  ]
  const pick = () => limits[upTo(limits.length)] ?? {}
  return {
    width: 1 + upTo(6),
    steps: 1 + upTo(3),
    words: 1 + upTo(60),
    limit: { ...pick(), ...pick(), onExhausted: random() < 0.5 ? "stop" : "wrap-up" },
    own: random() < 0.5 ? {} : pick()
  }
}

/** A model that respects its output limit and its input estimate, and pauses between the parts of a response. */
const obedient = ({ steps, width, words }: Draw) =>
  ScriptedModel.make({
    respond: ({ maxOutputTokens, metadata, tools }) => {
      const usage = { inputUncached: 5, outputText: Math.min(words, maxOutputTokens ?? words) }
      const helper = metadata.agent === "desk" ? "middle" : "leaf"
      const calls = Array.from({ length: width }, (_, index) => ({
        id: `s${metadata.step}.${index}`,
        name: helper,
        args: { prompt: "go" }
      }))
      const finish = { type: "finish" as const, reason: "stop" as const, usage }
      const said = { type: "text" as const, text: "so" }
      const goesOn = metadata.step <= steps && tools.length > 0 && metadata.agent !== "leaf"
      return goesOn
        ? { parts: [[said], calls.map((call) => ({ type: "tool-call" as const, ...call })), [finish]] }
        : { parts: [[said], [finish]] }
    }
  })

const runs = (seed: number) => {
  const drawn = draw(seed)
  const watch = BudgetWatch.make()
  const model = obedient(drawn)
  const leaf = Specialist.make("leaf", { description: "Works" })
  const middle = Specialist.make("middle", {
    description: "Divides",
    specialists: [leaf],
    budget: Budget.make({ ...drawn.own, maxSteps: 2 })
  })
  const desk = Agent.make("desk", { specialists: [middle], budget: Budget.make(drawn.limit) })
  return Effect.gen(function* () {
    const runtime = yield* Runtime
    yield* runtime.start("go", { runId: "run" })
    const probe = yield* Probe.watch("run")
    yield* probe.end
    Story.isWhole(probe.envelopes)
    const [summary] = probe.of("data-cost-summary")
    Story.addsUp(summary?.data)
    assert.deepStrictEqual(watch.faults, [])
    assert.deepStrictEqual(watch.open(), [])
    const {
      maxCostUsd = Infinity,
      maxOutputTokens = Infinity,
      maxSteps = Infinity,
      maxTotalTokens = Infinity
    } = drawn.limit
    assert.isAtMost(summary?.data.costUsd ?? Infinity, maxCostUsd)
    assert.isAtMost(summary?.data.root.usage.completionTokens ?? Infinity, maxOutputTokens)
    assert.isAtMost(summary?.data.root.usage.totalTokens ?? Infinity, maxTotalTokens)
    assert.isAtMost(model.requests.length, maxSteps)
    const told = probe.of("budget_exhausted").map(({ data }) => JSON.stringify([data.agentPath, data.limit]))
    assert.strictEqual(new Set(told).size, told.length, "a limit is told once")
    return probe.of("finish")[0]?.finishReason
  }).pipe(
    Effect.scoped,
    Effect.provide(Desk.plain(model, { agents: [desk] }).pipe(Layer.provide([prices, BudgetWatch.layer(watch)]))),
    Effect.onError(() => Effect.logError(`seed ${seed}: ${JSON.stringify(drawn)}`))
  )
}

/** A random tree of specialists: each agent divides its work among some below it, who may divide it again. */
const tree = (seed: number) => {
  const random = Generated.seeded(seed)
  const upTo = (max: number) => Math.floor(random() * max)
  const depth = 1 + upTo(4)
  const limitNanoUsd = Math.floor(10 ** (5 + 4 * random()))
  const cancelAt = random() < 0.3 ? 1 + upTo(20) : undefined
  const names = Array.from({ length: depth }, (_, level) => `level${level + 1}`)
  const own = names.map(() =>
    random() < 0.3 ? Budget.make({ maxCostUsd: upTo(1_000_000) / 1e9, maxSteps: 30 }) : Budget.make({ maxSteps: 30 })
  )
  const onExhausted = random() < 0.5 ? ("stop" as const) : ("wrap-up" as const)
  const specialist = names.reduceRight<Specialist.Specialist<string, string, Model> | undefined>(
    (below, name, level) =>
      Specialist.make(name, {
        description: "Divides",
        budget: own[level],
        specialists: below === undefined ? [] : [below]
      }),
    undefined
  )
  const model = ScriptedModel.make({
    respond: ({ maxOutputTokens, metadata: { agentPath, attempt, step }, tools }) => {
      const here = Generated.seeded(seed ^ hash(`${agentPath.join("/")} ${step} ${attempt}`))
      // Sometimes it uses everything that was reserved for it.
      const most = maxOutputTokens ?? 500
      const usage = { inputUncached: 5, outputText: here() < 0.05 ? most : Math.min(most, 1 + Math.floor(here() * 60)) }
      const [offered] = tools
      const parts: ReadonlyArray<ModelPart> = [{ type: "text", text: "so" }]
      const finish: ModelPart = { type: "finish", reason: "stop", usage }
      // Calls are output too: a response that is cut off is estimated by what was streamed.
      if (offered === undefined || most < 200 || here() < 0.3) return { parts: [parts, [finish]] }
      const calls = Array.from({ length: 1 + Math.floor(here() * 4) }, (_, index): ModelPart => ({
        type: "tool-call",
        id: `${step}.${index}`,
        name: offered.name,
        args: { prompt: "go" }
      }))
      return { parts: [parts, calls, [finish]] }
    }
  })
  const root = Agent.make("root", {
    specialists: specialist === undefined ? [] : [specialist],
    budget: Budget.make({ maxCostUsd: limitNanoUsd / 1e9, maxSteps: 150, onExhausted })
  })
  return { root, model, limitNanoUsd, cancelAt }
}

const hash = (text: string): number => {
  let sum = 0x811c9dc5
  for (let index = 0; index < text.length; index++) sum = Math.imul(sum ^ text.charCodeAt(index), 0x01000193)
  return sum
}

/** Runs one tree. Whatever happens, the sum of used and held amounts stays within the limit, to the nano-dollar. */
const carries = (seed: number) => {
  const { cancelAt, limitNanoUsd, model, root } = tree(seed)
  const watch = BudgetWatch.make()
  let most = 0
  let overrunNanoUsd = 0
  let writes = 0
  const small = new Set<Budget.Amount>()
  const hasty: Array<string> = []
  const cancelling = Tap.layer(({ cancel }) => {
    if (++writes === cancelAt) cancel()
  })
  const look: BudgetWatch.BudgetWatch["look"] = (nodes) => {
    watch.look(nodes)
    for (const { held, overrun, path, used } of nodes) {
      if (path.length === 0) most = Math.max(most, used.nanoUsd + held.nanoUsd)
      overrunNanoUsd += overrun.nanoUsd
    }
    for (const { holds, path } of nodes) {
      // Only a model call holds output. `most` is what would be available if all holds were released.
      const amount = holds?.amount
      if (amount?.outputTokens === undefined || amount.outputTokens >= useful || small.has(amount)) continue
      small.add(amount)
      const above = nodes.filter((node) => node.path.every((name, level) => path[level] === name))
      const leftNanoUsd = Math.min(...above.map(({ max, used }) => max.nanoUsd - used.nanoUsd))
      const most = Money.outputTokensFor(price, amount.inputTokens ?? 0, leftNanoUsd)
      if (most > amount.outputTokens) hasty.push(`${path.join("/")} took ${amount.outputTokens} of ${most}`)
    }
  }
  return Effect.gen(function* () {
    const runtime = yield* Runtime
    yield* runtime.start("go", { runId: "run" })
    const probe = yield* Probe.watch("run")
    yield* probe.end
    Story.isWhole(probe.envelopes)
    const [summary] = probe.of("data-cost-summary")
    Story.addsUp(summary?.data)
    assert.deepStrictEqual(watch.faults, [])
    assert.deepStrictEqual(watch.open(), [])
    assert.deepStrictEqual(hasty, [], "nobody takes little while others may give back more")
    assert.strictEqual(overrunNanoUsd, 0, "nobody used more than was reserved")
    assert.isAtMost(most, limitNanoUsd)
    assert.isAtMost(summary?.data.costNanoUsd ?? Infinity, limitNanoUsd)
    const depth = Math.max(...probe.envelopes.map(({ agentPath }) => agentPath.length))
    return { ending: probe.of("finish")[0]?.finishReason, depth, requests: model.requests.length, small: small.size }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      Desk.plain(model, { agents: [root] }).pipe(
        Layer.provide(
          Layer.provideMerge(
            cancelling,
            Layer.mergeAll(Deployment.layerMemory(), prices, BudgetWatch.layer({ ...watch, look }))
          )
        )
      )
    ),
    Effect.onError(() => Effect.logError(`seed ${seed}`))
  )
}

describe("a random tree of parallel specialists under one limit in dollars", () => {
  it.live("never exceeds its limit by a nano-dollar, and never hangs, for 500 trees", () =>
    Effect.gen(function* () {
      const endings = new Map<string | undefined, number>()
      let deepest = 0
      let requests = 0
      let small = 0
      for (let seed = 1; seed <= 500; seed++) {
        const carried = yield* carries(seed)
        endings.set(carried.ending, (endings.get(carried.ending) ?? 0) + 1)
        deepest = Math.max(deepest, carried.depth)
        requests += carried.requests
        small += carried.small
      }
      // Every outcome occurred often enough to be meaningful.
      assert.isAbove(endings.get("budget") ?? 0, 50)
      assert.isAbove(endings.get("stop") ?? 0, 50)
      assert.isAbove(endings.get("cancelled") ?? 0, 20)
      assert.strictEqual(deepest, 4)
      assert.isAbove(requests, 2000)
      assert.isAbove(small, 50)
    })
  )
})

describe("parallel specialists, two levels deep", () => {
  it.effect("never exceed the limits that they share, and never hang, for 300 random budgets", () =>
    Effect.gen(function* () {
      const endings = new Map<string | undefined, number>()
      for (let seed = 1; seed <= 300; seed++) {
        const ending = yield* runs(seed)
        endings.set(ending, (endings.get(ending) ?? 0) + 1)
      }
      // Both outcomes occurred often enough to be meaningful.
      assert.isAbove(endings.get("budget") ?? 0, 50)
      assert.isAbove(endings.get("stop") ?? 0, 20)
    })
  )

  it.effect("that each want the whole remainder wait for each other, and all get their turn", () =>
    Effect.gen(function* () {
      const watch = BudgetWatch.make()
      const model = ScriptedModel.make({
        respond: ({ maxOutputTokens, messages, metadata }) => {
          const usage = { inputUncached: 1, outputText: 10 }
          if (metadata.agent === "leaf") {
            caps.push(maxOutputTokens)
            return { parts: [[{ type: "text", text: "so" }], [{ type: "finish", reason: "stop", usage }]] }
          }
          return messages.length > 1
            ? ScriptedModel.text("done", { usage })
            : ScriptedModel.calls(
                Array.from({ length: 8 }, (_, index) => ({ id: `${index}`, name: "leaf", args: { prompt: "go" } })),
                { usage }
              )
        }
      })
      const caps: Array<number | undefined> = []
      const leaf = Specialist.make("leaf", { description: "Works", maxOutputTokens: 1000 })
      const desk = Agent.make("desk", {
        specialists: [leaf],
        maxOutputTokens: 1000,
        budget: Budget.make({ maxOutputTokens: 1100 })
      })
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const done = yield* runtime.complete("go")
        assert.strictEqual(done.output, "done")
        assert.strictEqual(done.usage.completionTokens, 100)
        assert.deepStrictEqual(
          caps,
          Array.from({ length: 8 }, () => 1000),
          "nobody makes do with the 90 that the first leaves"
        )
        assert.deepStrictEqual(watch.faults, [])
      }).pipe(Effect.provide(Desk.plain(model, { agents: [desk] }).pipe(Layer.provide(BudgetWatch.layer(watch)))))
    })
  )
})
