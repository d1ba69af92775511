/** What a query would start: its tools and who is asked about them, the size of its request, the most that it may use. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Budget, Decision, Hook, Prices, Quota, Runtime, Specialist } from "@reins/runtime"
import { createRuntime } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"

const parameters = Schema.Struct({ amount: Schema.Number })
const tool = <const Name extends string>(name: Name) => Tool.make(name, { parameters, success: Schema.String })
class Kit extends Toolkit.make(tool("look"), tool("charge"), tool("wipe"), tool("pay"), tool("ship")) {}

let called = 0
const ran = () => Effect.sync(() => `${called++}`)

const writer = Specialist.make("writer", { description: "Writes", toolkit: Toolkit.make(tool("look")) })
const desk = Agent.make("desk", {
  instructions: "You answer for a shop, and you are brief.",
  toolkit: Kit,
  specialists: [writer],
  approvals: {
    charge: "always",
    wipe: { deny: "nothing is wiped" },
    pay: () => {
      called++
      return false
    },
    ship: { approvers: { roles: ["lead"], quorum: 2, excludeRequester: true } }
  },
  budget: Budget.make({ maxSteps: 12, maxCostUsd: 0.5, onExhausted: "wrap-up" })
})
const quiet = Agent.make("quiet", { toolkit: Kit, approvals: { charge: "always" }, unattended: "deny" })

const model = ScriptedModel.make({
  respond: ({ messages }) =>
    messages.some(({ role }) => role === "tool")
      ? ScriptedModel.text("Done.")
      : ScriptedModel.calls([{ id: "c1", name: "charge", args: { amount: 1 } }])
})

const layer = Runtime.layer({
  agents: [desk, quiet],
  quotas: [Quota.make({ name: "day", per: "tenant", window: "day", maxCostUsd: 0.2 })]
}).pipe(
  Layer.provide([
    Kit.toLayer({ look: ran, charge: ran, wipe: ran, pay: ran, ship: ran }),
    ScriptedModel.layer({ respond: () => ScriptedModel.text("Done.") }),
    Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1, outputPerMillionUsd: 2 } })
  ])
)

describe("a preview", () => {
  it.effect("says of each tool of each agent whether it runs, asks, is denied or depends, and who answers", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      called = 0
      const { agent, tools } = yield* runtime.preview("Sell shoes.")
      assert.strictEqual(agent, "desk")
      const at = { agents: ["desk"], execution: "server" } as const
      assert.deepStrictEqual(tools, [
        { name: "look", ...at, decision: "runs" },
        { name: "charge", ...at, decision: "asks" },
        { name: "wipe", ...at, decision: "denied", reason: "nothing is wiped" },
        { name: "pay", ...at, decision: "depends" },
        {
          name: "ship",
          ...at,
          decision: "asks",
          approvers: [{ quorum: 2, roles: ["lead"], excludesRequester: true }]
        },
        { name: "writer", agents: ["desk"], execution: "specialist", decision: "runs" },
        { name: "look", agents: ["desk", "writer"], execution: "server", decision: "runs" }
      ])
      const other = yield* runtime.preview("Sell shoes.", { agent: "quiet", tools: { without: ["look"] } })
      assert.deepStrictEqual(other.tools[0], {
        name: "charge",
        ...at,
        agents: ["quiet"],
        decision: "asks",
        unattended: "deny"
      })
      assert.strictEqual(called, 0)
    }).pipe(Effect.provide(layer))
  )

  it.effect("names the hooks around the agent's steps and each tool's calls, and runs none", () =>
    Effect.gen(function* () {
      const dying = (name: string, tools?: ReadonlyArray<string>) =>
        Hook.make(name, { tools, beforeCall: () => Effect.die("called"), beforeStep: () => Effect.die("called") })
      const shop = Agent.make("shop", {
        toolkit: Kit,
        specialists: [writer],
        hooks: [dying("agent", ["pay", "writer"])]
      })
      const hooked = Runtime.layer({ agents: [shop], hooks: [dying("runtime")] }).pipe(
        Layer.provide([
          Kit.toLayer({ look: ran, charge: ran, wipe: ran, pay: ran, ship: ran }),
          ScriptedModel.layer({ respond: () => ScriptedModel.text("Done.") })
        ])
      )
      const { hooks, tools } = yield* Effect.flatMap(Runtime, (runtime) => runtime.preview("Hi")).pipe(
        Effect.provide(hooked)
      )
      assert.deepStrictEqual(hooks, ["runtime", "agent"])
      const of = (name: string, agents: number) =>
        tools.find((one) => one.name === name && one.agents.length === agents)?.hooks
      assert.deepStrictEqual(of("look", 1), ["runtime"])
      assert.deepStrictEqual(of("pay", 1), ["runtime", "agent"])
      assert.deepStrictEqual(of("writer", 1), ["runtime", "agent"])
      assert.deepStrictEqual(of("look", 2), ["runtime"])
    })
  )

  it.effect("measures the first request as the runtime counts it", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const history = [{ role: "user", content: [{ type: "text", text: "Hello there." }] } as const]
      const { inputTokens, messages } = yield* runtime.preview("Sell shoes.", { history })
      assert.strictEqual(inputTokens.total, yield* runtime.countTokens("Sell shoes.", { history }))
      assert.strictEqual(inputTokens.total, inputTokens.instructions + inputTokens.tools + inputTokens.messages)
      assert.strictEqual(messages, 2)
      assert.isAbove(inputTokens.tools, inputTokens.instructions)
    }).pipe(Effect.provide(layer))
  )

  it.effect("says the most that limits of the run, its thread and quotas let it use, and starts nothing", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const { most, onExhausted } = yield* runtime.preview("Sell shoes.")
      assert.deepStrictEqual(most, { steps: 12, costUsd: 0.2 })
      assert.strictEqual(onExhausted, "wrap-up")
      const less = yield* runtime.preview("Sell shoes.", {
        budget: Budget.make({ maxCostUsd: 0.1, maxDuration: "1 minute" })
      })
      assert.deepStrictEqual(less.most, { steps: 12, costUsd: 0.1, durationMs: 60_000 })
      yield* runtime.threads.import([], { threadId: "thread" })
      yield* runtime.threads.limit("thread", Budget.make({ maxSteps: 3 }))
      const inThread = yield* runtime.preview("Sell shoes.", { threadId: "thread" })
      assert.deepStrictEqual(inThread.most, { steps: 3, costUsd: 0.2 })
      assert.deepStrictEqual(
        (yield* runtime.threads.list()).map(({ threadId }) => threadId),
        ["thread"]
      )
      const rejected = yield* Effect.flip(runtime.preview("", {}))
      assert.strictEqual(rejected.reason._tag, "EmptyPrompt")
      const none = yield* Effect.flip(runtime.preview("Hi", { agent: "nobody" }))
      assert.strictEqual(none.reason._tag, "UnknownAgent")
      const [usage] = yield* runtime.quotas.usage()
      assert.strictEqual(usage?.runs.used, 0)
    }).pipe(Effect.provide(layer))
  )

  it("counts remembered approvals of the thread, without Effect as well", async () => {
    await using runtime = createRuntime({
      model,
      tools: {
        charge: {
          parameters: { type: "object", properties: { amount: { type: "number" } } },
          needsApproval: true,
          execute: () => "charged"
        }
      },
      agents: [{ name: "till", tools: ["charge"] }]
    })
    const before = await runtime.preview("Charge.", { threadId: "shop" })
    assert.deepInclude(before.tools[0], { name: "charge", decision: "asks" })
    assert.notProperty(before.tools[0], "grants")
    const run = await runtime.start("Charge.", { threadId: "shop" })
    for await (const event of run.events()) {
      if (event.type === "approval-required") {
        await runtime.approvals.respond(event.data.id, Decision.approve({ scope: "thread" }))
      }
    }
    const after = await runtime.preview("Charge.", { threadId: "shop" })
    assert.deepInclude(after.tools[0], { name: "charge", decision: "asks", grants: 1 })
    assert.strictEqual(after.messages, 5)
  })
})
