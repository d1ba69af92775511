/**
 * Specialists without Effect: from code, typed by any schema library; and an agent's word on approvals as a function.
 */
import { assert, describe, it } from "@effect/vitest"
import { createRuntime, Decision, type Event, type Parameters, QueryRejected, RunError } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import * as v from "valibot"
import { z } from "zod"

const rejected = async (promise: Promise<unknown>): Promise<unknown> => {
  const none = Symbol("none")
  const failure: unknown = await promise.then(
    () => none,
    (error: unknown) => error
  )
  assert.notStrictEqual(failure, none)
  return failure
}

const libraries: ReadonlyArray<readonly [string, Parameters, Parameters]> = [
  [
    "zod",
    z.object({ topic: z.string().min(3) }),
    z.object({ pages: z.number(), titles: z.string().array().default([]) })
  ],
  [
    "valibot",
    toStandardJsonSchema(v.object({ topic: v.pipe(v.string(), v.minLength(3)) })),
    toStandardJsonSchema(v.object({ pages: v.number(), titles: v.optional(v.array(v.string()), []) }))
  ]
]

describe.each(libraries)("a specialist whose input and output are schemas of %s", (_, input, output) => {
  const begin = (...replies: ReadonlyArray<ScriptedModel.Reply>) => {
    const model = ScriptedModel.make({ replies })
    const runtime = createRuntime({
      model,
      agents: [
        { name: "desk", specialists: ["reader"] },
        { name: "reader", description: "Reads", input, output }
      ]
    })
    return { model, runtime }
  }

  it("is called from code, and returns its text as transformed by its schema", async () => {
    const { model, runtime } = begin(ScriptedModel.text('{"pages":3}'))
    await using _closed = runtime
    const { output, summary } = await runtime.completeSpecialist("reader", { topic: "tides" })
    assert.deepStrictEqual(output, { pages: 3, titles: [] })
    assert.strictEqual(summary.cost.root.rows.length, 1)
    assert.include(JSON.stringify(model.requests[0]?.messages), "tides")
    assert.include(JSON.stringify(model.requests[0]?.output), "pages")
  })

  it("rejects invalid input before anything runs", async () => {
    const { model, runtime } = begin()
    await using _closed = runtime
    for (const input of [{ topic: "x" }, { theme: "tides" }, "tides", 1n]) {
      const failure = await rejected(runtime.completeSpecialist("reader", input))
      assert.instanceOf(failure, QueryRejected)
      assert.match(String(failure), /Invalid input for/)
    }
    assert.strictEqual(model.requests.length, 0)
  })

  it("has one chance to correct an invalid answer, and no more", async () => {
    const mended = begin(ScriptedModel.text("three"), ScriptedModel.text('{"pages":3,"titles":["Moon"]}'))
    await using _mended = mended.runtime
    const { output } = await mended.runtime.completeSpecialist("reader", { topic: "tides" })
    assert.deepStrictEqual(output, { pages: 3, titles: ["Moon"] })
    const wrong = begin(ScriptedModel.text("three"), ScriptedModel.text('{"pages":"three"}'))
    await using _wrong = wrong.runtime
    const failure = await rejected(wrong.runtime.completeSpecialist("reader", { topic: "tides" }))
    assert.instanceOf(failure, RunError)
    assert.strictEqual(wrong.model.requests.length, 2)
  })

  it("is called by a coordinator's model with the same checks", async () => {
    const { model, runtime } = begin(
      ScriptedModel.calls([{ id: "c1", name: "reader", args: { topic: "x" } }]),
      ScriptedModel.calls([{ id: "c2", name: "reader", args: { topic: "tides" } }]),
      ScriptedModel.text('{"pages":3}'),
      ScriptedModel.text("Three pages.")
    )
    await using _closed = runtime
    assert.strictEqual((await runtime.complete("How long is it?")).output, "Three pages.")
    assert.include(JSON.stringify(model.requests[1]?.messages), "InvalidArguments")
    assert.include(JSON.stringify(model.requests[3]?.messages), '"result":{"pages":3}')
  })
})

describe("a specialist without schemas", () => {
  const begin = () => {
    const model = ScriptedModel.make({ respond: () => ScriptedModel.text("done") })
    return createRuntime({ model, agents: [{ name: "desk" }, { name: "reader", description: "Reads" }] })
  }

  it("is read event by event, to its end", async () => {
    await using runtime = begin()
    const events: Array<Event> = []
    for await (const event of runtime.runSpecialist("reader", "Read this.")) events.push(event)
    assert.deepStrictEqual(
      events.map(({ type }) => type),
      ["step-start", "text", "finish", "data-cost-summary", "data-latency-summary"]
    )
  })

  it("accepts the id, the limits and the signal of its caller", async () => {
    await using runtime = begin()
    const options = { runId: "run", budget: { maxSteps: 0 } }
    assert.instanceOf(await rejected(runtime.completeSpecialist("reader", "Read.", options)), RunError)
    assert.strictEqual((await runtime.status("run"))?.state, "ended")
    const signal = AbortSignal.abort(new Error("no more"))
    assert.match(String(await rejected(runtime.completeSpecialist("reader", "Read.", { signal }))), /no more/)
  })

  it("is an agent with a description, and no other", async () => {
    await using runtime = begin()
    // @ts-expect-error -- it has no description
    const failure = await rejected(runtime.completeSpecialist("desk", "Read."))
    assert.instanceOf(failure, QueryRejected)
    assert.include(String(failure), "reader")
  })
})

it("an agent without a description has no input", () => {
  const model = ScriptedModel.make({ replies: [] })
  assert.throws(() => createRuntime({ model, agents: [{ name: "desk", input: z.string() }] }), /description/)
})

describe("an agent's approval setting as a function of the arguments", () => {
  const asksFor = async (asks: (args: { readonly usd: number }) => boolean | Promise<boolean>, usd: number) => {
    const model = ScriptedModel.make({
      replies: [ScriptedModel.calls([{ id: "c1", name: "pay", args: { usd } }]), ScriptedModel.text("done")]
    })
    await using runtime = createRuntime({
      model,
      tools: { pay: { parameters: z.object({ usd: z.number() }), needsApproval: false, execute: () => "paid" } },
      agents: [{ name: "clerk", tools: ["pay"], approvals: { pay: asks } }]
    })
    let asked = 0
    for await (const event of runtime.query("Pay.")) {
      if (event.type !== "approval-required") continue
      asked++
      await runtime.respondToApproval(event.data.id, Decision.approve())
    }
    return asked
  }

  it("overrides the tool's own, and one that throws means ask", async () => {
    assert.strictEqual(await asksFor(({ usd }) => usd > 100, 50), 0)
    assert.strictEqual(await asksFor(({ usd }) => usd > 100, 500), 1)
    assert.strictEqual(await asksFor(({ usd }) => Promise.resolve(usd > 100), 50), 0)
    assert.strictEqual(await asksFor(() => Promise.reject(new Error("no")), 50), 1)
  })
})
