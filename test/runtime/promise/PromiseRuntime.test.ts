import { assert, describe, it } from "@effect/vitest"
import type { Event } from "@reins/protocol"
import { Ordering } from "@reins/protocol"
import { type AnyModel, createRuntime, Decision, type ModelPart, QueryRejected, RunError } from "@reins/runtime/promise"
import { Prices } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { z } from "zod"
import { Redacted } from "effect"

const Order = z.object({ order: z.string() })

const collect = async <A>(items: AsyncIterable<A>): Promise<Array<A>> => {
  const all: Array<A> = []
  for await (const item of items) all.push(item)
  return all
}

const types = (events: ReadonlyArray<Event>) => events.map((event) => event.type)

const caller = (...more: ReadonlyArray<ScriptedModel.Reply>) =>
  ScriptedModel.make({
    replies: [
      ScriptedModel.calls([{ id: "c", name: "look", args: { order: "A-1" } }]),
      ...more,
      ScriptedModel.text("done")
    ]
  })

/** A model that streams until its reader leaves. */
const endless = (onAbort: () => void): AnyModel => ({
  provider: "test",
  model: "endless",
  open: async function* (_request, signal): AsyncGenerator<ModelPart> {
    signal.addEventListener("abort", onAbort)
    for (;;) {
      yield { type: "text", text: "and " }
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
})

describe("runs", () => {
  it("are listed with their ends, found by what is known of them, and summed by what they cost", async () => {
    await using runtime = createRuntime({
      model: ScriptedModel.make({
        respond: () => ScriptedModel.text("hello", { usage: { inputUncached: 10, outputText: 0 } })
      }),
      agents: [{ name: "desk" }, { name: "clerk" }],
      services: Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 0.1, outputPerMillionUsd: 1 } })
    })
    await runtime.complete("go", { runId: "r1", principal: "ana" })
    await runtime.complete("go", { runId: "r2", agent: "clerk", resourceId: "shop" })
    const ids = async (filter: Parameters<typeof runtime.runs.list>[0]) =>
      (await runtime.runs.list(filter)).runs.map(({ runId }) => runId).toSorted()
    assert.deepStrictEqual(await ids({}), ["r1", "r2"])
    assert.deepStrictEqual(await ids({ resourceId: "shop" }), ["r2"])
    assert.deepStrictEqual(await ids({ principal: "ana", since: new Date(0), minCostUsd: 0.000_001 }), ["r1"])
    assert.deepStrictEqual(await ids({ maxCostUsd: 0.000_000_9 }), [])
    assert.deepStrictEqual(await ids({ until: new Date(0) }), [])
    const run = await runtime.runs.get("r1")
    assert.deepStrictEqual(
      [run?.state, run?.endReason, run?.costNanoUsd, run?.cost?.costNanoUsd, run?.lastSeq],
      ["ended", "stop", 1000, 1000, 5]
    )
    assert.isNumber(run?.latency?.totalMs)
    assert.isUndefined(await runtime.runs.get("r1", { resourceId: "shop" }))
    assert.isUndefined(await runtime.runs.get("r3"))
    const { sum, totals } = await runtime.costs.by({ dimensions: ["tenant", "root"] })
    assert.deepStrictEqual(
      totals.map(({ costNanoUsd, root, tenant }) => [tenant, root, costNanoUsd]),
      [
        ["default", "desk", 1000],
        ["shop", "clerk", 1000]
      ]
    )
    assert.deepStrictEqual([sum.costNanoUsd, sum.costUsd, sum.runs], [2000, 0.000_002, 2])
  })
})

describe("approvers", () => {
  it("answer with their roles, by a predicate that may be a promise, until there are enough", async () => {
    await using runtime = createRuntime({
      model: ScriptedModel.make({
        replies: [
          ScriptedModel.calls([
            { id: "c", name: "look", args: { order: "A-1" } },
            { id: "d", name: "pay", args: { order: "A-1" } }
          ]),
          ScriptedModel.text("done")
        ]
      }),
      tools: {
        look: { parameters: Order, execute: () => "seen", approvers: { roles: ["nobody"] } },
        pay: { parameters: Order, execute: () => "paid", needsApproval: true, approvers: { roles: ["lead"] } }
      },
      agents: [
        {
          name: "desk",
          tools: ["look", "pay"],
          approvals: {
            look: {
              ask: ({ order }: { readonly order: string }) => order === "A-1",
              approvers: { quorum: 2, who: async ({ id }) => id !== "cy" }
            }
          }
        }
      ]
    })
    const run = await runtime.start("go", { runId: "run", principal: "ana" })
    for await (const event of run.events()) {
      if (event.type !== "approval-required") continue
      const { id, target } = event.data
      const says = (principal: { readonly id: string; readonly roles?: ReadonlyArray<string> }) =>
        runtime.respondToApproval(id, Decision.approve(), { principal }).then(
          ({ decided }) => decided,
          (error) => error.reason._tag
        )
      if (target === "pay") {
        assert.strictEqual(await says({ id: "ben" }), "Forbidden")
        assert.strictEqual(await says({ id: "ben", roles: ["lead"] }), true)
      } else {
        assert.strictEqual(await says({ id: "cy" }), "Forbidden")
        assert.strictEqual(await says({ id: "ana" }), false)
        assert.strictEqual(await says({ id: "ben" }), true)
      }
    }
    const { acts } = await runtime.approvals.history({ principal: "cy" })
    assert.deepStrictEqual(
      acts.map(({ kind, reason }) => [kind, reason]),
      [["refused", "Forbidden"]]
    )
  })
})

describe("a query", () => {
  it("is a valid run, read by a plain loop", async () => {
    await using runtime = createRuntime({
      model: caller(),
      tools: {
        look: {
          parameters: Order,
          execute: async ({ order }, call) => {
            await call.progress({ label: "looking", phaseIndex: 1, totalPhases: 1 })
            return { order, key: call.idempotencyKey }
          }
        }
      },
      agents: [{ name: "desk", tools: ["look"] }]
    })
    const events = await collect(runtime.query("go", { runId: "run", threadId: "thread" }))
    assert.deepStrictEqual(Ordering.checkEvents(events), [])
    assert.includeMembers(types(events), ["tool-progress", "text", "finish", "data-cost-summary"])
    const result = events.find((event) => event.type === "tool-invocation" && event.state === "result")
    assert.deepInclude(result, { result: { order: "A-1", key: "run:c" } })
  })

  it("asks first when the arguments require it, and accepts the answer from anywhere", async () => {
    await using runtime = createRuntime({
      model: caller(),
      tools: {
        look: {
          parameters: Order,
          needsApproval: async ({ order }) => order.startsWith("A"),
          execute: () => "found"
        }
      },
      agents: [{ name: "desk", tools: ["look"] }]
    })
    const reading = collect(runtime.query("go", { threadId: "thread" }))
    let pending = await runtime.pendingApprovals({ threadId: "thread" })
    while (pending.length === 0) pending = await runtime.pendingApprovals({ threadId: "thread" })
    for (const { request } of pending) await runtime.respondToApproval(request.id, Decision.approve())
    assert.includeMembers(types(await reading), ["approval-required", "approval-decision", "finish"])
    assert.strictEqual((await runtime.threads.get("thread")).length, 4)
  })

  it("reports to the model what a tool throws", async () => {
    const model = caller()
    await using runtime = createRuntime({
      model,
      tools: {
        look: {
          parameters: Order,
          execute: () => {
            throw new Error("the shelf is empty")
          }
        }
      },
      agents: [{ name: "desk", tools: ["look"] }]
    })
    await collect(runtime.query("go"))
    const [, [result] = []] = model.requests.map(ScriptedModel.lastResults)
    assert.deepInclude(result, { status: "failed", result: { message: "the shelf is empty" } })
  })

  it("continues to its last events when its signal is aborted", async () => {
    let stopped = false
    const controller = new AbortController()
    await using runtime = createRuntime({
      model: endless(() => {
        stopped = true
      }),
      agents: [{ name: "talker" }]
    })
    const events: Array<Event> = []
    for await (const event of runtime.query("go", { signal: controller.signal })) {
      events.push(event)
      if (event.type === "text") controller.abort()
    }
    assert.isTrue(stopped)
    assert.deepInclude(
      events.find((event) => event.type === "finish"),
      { finishReason: "cancelled" }
    )
    assert.strictEqual(events.at(-1)?.type, "data-latency-summary")
  })

  it("reports that a tool that ignored the abort and succeeded may have taken effect", async () => {
    const controller = new AbortController()
    let finish = (_sent: string) => {}
    await using runtime = createRuntime({
      model: caller(),
      tools: {
        look: {
          parameters: Order,
          execute: (_order, { signal }) => {
            signal.addEventListener("abort", () => finish("sent"))
            queueMicrotask(() => controller.abort())
            return new Promise<string>((resolve) => {
              finish = resolve
            })
          }
        }
      },
      agents: [{ name: "desk", tools: ["look"] }]
    })
    const events = await collect(runtime.query("go", { signal: controller.signal }))
    assert.deepStrictEqual(Ordering.checkEvents(events), [])
    const result = events.find((event) => event.type === "tool-invocation" && event.state === "result")
    assert.match(JSON.stringify(result), /then succeeded, so it may have taken effect/)
    const report = events.find((event) => event.type === "custom" && event.event_type === "cancellation_report")
    assert.match(JSON.stringify(report), /"stopped":\[\],"abandoned":\[\],"tookEffect":\[\{[^}]*"toolInvocationId":"c"/)
  })

  it("never starts when its signal was aborted before", async () => {
    const model = caller()
    await using runtime = createRuntime({ model, agents: [{ name: "desk" }] })
    const reason = new Error("too late")
    const failure = await collect(runtime.query("go", { signal: AbortSignal.abort(reason) })).catch((error) => error)
    assert.strictEqual(failure, reason)
    assert.strictEqual(model.requests.length, 0)
  })

  it("is cancelled by leaving the loop", async () => {
    let stopped = false
    await using runtime = createRuntime({
      model: endless(() => {
        stopped = true
      }),
      agents: [{ name: "talker" }]
    })
    for await (const event of runtime.query("go", { runId: "left" })) if (event.type === "text") break
    const rest = await collect(runtime.watch("left"))
    assert.isTrue(stopped)
    assert.deepInclude(
      rest.map(({ event }) => event).find((event) => event.type === "finish"),
      { finishReason: "cancelled" }
    )
  })

  it("throws at its first read when it is rejected", async () => {
    await using runtime = createRuntime({ model: caller(), agents: [{ name: "desk" }] })
    const failure = await runtime
      .query("  ")
      .next()
      .catch((error: unknown) => error)
    assert.instanceOf(failure, QueryRejected)
    assert.strictEqual(failure.reason._tag, "EmptyPrompt")
  })
})

describe("an iterator over a query", () => {
  it("serves reads that were requested in advance, in their order", async () => {
    await using runtime = createRuntime({
      model: ScriptedModel.make({ replies: [ScriptedModel.words("a b c")] }),
      agents: [{ name: "desk" }]
    })
    const events = runtime.query("go")
    const reads = await Promise.all(Array.from({ length: 9 }, () => events.next()))
    const seen = reads.flatMap((read) => (read.done === true ? [] : [read.value]))
    assert.deepStrictEqual(Ordering.checkEvents(seen), [])
    assert.deepStrictEqual(
      reads.map((read) => read.done === true),
      [...Array.from({ length: seen.length }, () => false), ...Array.from({ length: 9 - seen.length }, () => true)]
    )
  })
})

describe("an answer without the stream", () => {
  it("is the text, with its cost", async () => {
    await using runtime = createRuntime({
      model: ScriptedModel.make({ replies: [ScriptedModel.text("forty two")] }),
      agents: [{ name: "desk" }]
    })
    const { output, usage } = await runtime.complete("what is it?")
    assert.strictEqual(output, "forty two")
    assert.strictEqual(usage.completionTokens, 2)
  })

  it("is absent when its signal is aborted", async () => {
    const controller = new AbortController()
    await using runtime = createRuntime({ model: endless(() => {}), agents: [{ name: "talker" }] })
    const answer = runtime.complete("go", { runId: "run", signal: controller.signal }).catch((error: unknown) => error)
    for await (const { event } of runtime.watch("run")) if (event.type === "text") controller.abort()
    const failure = await answer
    assert.instanceOf(failure, RunError)
    assert.strictEqual(failure.reason._tag, "RunCancelled")
  })
})

describe("a started run", () => {
  it("continues without a reader, and can be read by many", async () => {
    await using runtime = createRuntime({
      model: ScriptedModel.make({ replies: [ScriptedModel.text("here")] }),
      agents: [{ name: "desk" }]
    })
    const run = await runtime.start("go")
    assert.strictEqual((await run.result()).output, "here")
    assert.deepStrictEqual(await collect(run.events()), await collect(run.events()))
    assert.strictEqual((await runtime.status(run.runId))?.state, "ended")
  })
})

describe("agents", () => {
  it("call each other as specialists, and have models of their own", async () => {
    await using runtime = createRuntime({
      model: ScriptedModel.make({
        replies: [
          ScriptedModel.calls([{ id: "s", name: "researcher", args: { prompt: "tides" } }]),
          ScriptedModel.text("both")
        ]
      }),
      agents: [
        { name: "desk", specialists: ["researcher"] },
        {
          name: "researcher",
          description: "Finds things out",
          model: ScriptedModel.make({ replies: [ScriptedModel.text("found")] })
        }
      ]
    })
    const events = await collect(runtime.query("go"))
    assert.deepInclude(
      events.find((event) => event.type === "tool-agent" && event.state === "result"),
      { agentName: "researcher", result: "found" }
    )
  })

  it("and tools are named by names that the types check", async () => {
    const tools = { look: { parameters: Order, execute: ({ order }: { readonly order: string }) => order.length } }
    await using runtime = createRuntime({ model: caller(), tools, agents: [{ name: "desk", tools: ["look"] }] })
    // @ts-expect-error -- there is no agent of this name
    const failure = await runtime.complete("go", { agent: "dsek" }).catch((error: unknown) => error)
    assert.match(String(failure), /dsek/)
    // @ts-expect-error -- there is no tool of this name
    assert.throws(() => createRuntime({ model: caller(), tools, agents: [{ name: "desk", tools: ["lok"] }] }), /"lok"/)
  })

  it("that name something unknown are rejected at once, with the cure", () => {
    const model = caller()
    assert.throws(() => createRuntime({ model, agents: [{ name: "a", specialists: ["b"] }] }), /Unknown agent "b"/)
    assert.throws(() => createRuntime({ model, agents: [{ name: "a" }, { name: "a" }] }), /Two agents are named "a"/)
    assert.throws(
      () => createRuntime({ model, agents: [{ name: "a", description: "A", specialists: ["a"] }] }),
      /its own specialist/
    )
  })
})

describe("a tool without a function", () => {
  it("waits for the caller's result", async () => {
    const model = caller()
    await using runtime = createRuntime({
      model,
      tools: { look: { parameters: Order } },
      agents: [{ name: "desk", tools: ["look"] }]
    })
    for await (const event of runtime.query("go", { runId: "run" })) {
      if (event.type !== "tool-invocation" || event.state !== "call") continue
      await runtime.submitToolResult("run", event.toolInvocationId, { result: "seen" })
    }
    const [, [result] = []] = model.requests.map(ScriptedModel.lastResults)
    assert.deepInclude(result, { result: "seen" })
  })
})

describe("a tenant's own key", () => {
  it("is found by a plain function before each request, and is not used for others", async () => {
    const model = ScriptedModel.make({
      provider: "acme",
      respond: ({ key }) => ScriptedModel.text(key === undefined ? "ours" : Redacted.value(key))
    })
    await using runtime = createRuntime({
      model,
      agents: [{ name: "desk" }],
      providerKeys: ({ provider, resourceId }) =>
        Promise.resolve(resourceId === "rich" ? `key of ${resourceId} for ${provider}` : undefined)
    })
    assert.strictEqual((await runtime.complete("hi", { resourceId: "rich" })).output, "key of rich for acme")
    assert.strictEqual((await runtime.complete("hi")).output, "ours")
    assert.strictEqual((await runtime.complete("hi", { providerKeys: { acme: "mine" } })).output, "mine")
  })
})
