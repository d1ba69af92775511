/** The verbs of the runtime without Effect, given agents' values; and what the types of agents say of their answers. */
import { assert, describe, it } from "@effect/vitest"
import { agent, createRuntime, type Completion } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { expectTypeOf } from "vitest"
import { z } from "zod"

const parameters = { type: "object", properties: {} } as const
const tools = { find: { parameters, execute: () => "found" } }

const desk = agent({ name: "desk", tools: ["find"] })
const clerk = agent({ name: "clerk" })
const triage = agent({
  name: "triage",
  description: "Sorts a ticket",
  input: z.object({ ticket: z.string(), copies: z.number().default(1) }),
  output: z.object({ team: z.enum(["billing", "shipping"]), due: z.string().default("today") })
})

const begin = (...replies: ReadonlyArray<ScriptedModel.Reply>) => {
  const model = ScriptedModel.make({ replies })
  return { model, runtime: createRuntime({ model, tools, agents: [desk, clerk, triage] }) }
}

const sorted = ScriptedModel.text('{"team":"billing"}')

describe("a verb", () => {
  it("completes a specialist's value, typed by its schemas", async () => {
    const { runtime } = begin(sorted)
    await using _closed = runtime
    const { output } = await runtime.complete(triage, { ticket: "A-1" })
    expectTypeOf(output).toEqualTypeOf<{ team: "billing" | "shipping"; due: string }>()
    assert.deepStrictEqual(output, { team: "billing", due: "today" })
  })

  it("starts a specialist's value, whose result is typed", async () => {
    const { runtime } = begin(sorted)
    await using _closed = runtime
    const run = await runtime.start(triage, { ticket: "A-1" })
    expectTypeOf(run.result).returns.toEqualTypeOf<Promise<Completion<{ team: "billing" | "shipping"; due: string }>>>()
    assert.deepStrictEqual((await run.result()).output, { team: "billing", due: "today" })
    assert.strictEqual((await runtime.runs.status(run.runId))?.agent, "triage")
  })

  it("queries an agent's value", async () => {
    const { model, runtime } = begin(ScriptedModel.text("hello"))
    await using _closed = runtime
    const said = []
    for await (const event of runtime.query(clerk, "hello?", { threadId: "t" })) {
      if (event.type === "text") said.push(event.text)
    }
    assert.deepStrictEqual(said, ["hello"])
    assert.deepStrictEqual(model.requests[0]?.tools, [])
    assert.strictEqual((await runtime.threads.info("t"))?.threadId, "t")
  })

  it("does not compile with another input, or an agent of another runtime", () => {
    const { runtime } = begin()
    const other = agent({ name: "other", description: "Another" })
    // Never called: the compiler is the judge.
    assert.isFunction(() => [
      // @ts-expect-error -- it has no ticket
      runtime.complete(triage, { topic: "tides" }),
      // @ts-expect-error -- it is not text
      runtime.complete(triage, "tides"),
      // @ts-expect-error -- it is none of this runtime's
      runtime.complete(other, "tides"),
      // @ts-expect-error -- it is none of this runtime's
      runtime.complete("tides", { agent: "other" })
    ])
  })
})

describe("a specialist by its name", () => {
  it("is typed by its schemas", async () => {
    const { runtime } = begin(sorted)
    await using _closed = runtime
    const { output } = await runtime.completeSpecialist("triage", { ticket: "A-1" })
    expectTypeOf(output.team).toEqualTypeOf<"billing" | "shipping">()
    assert.strictEqual(output.team, "billing")
    // @ts-expect-error -- it has no ticket
    assert.isFunction(() => runtime.completeSpecialist("triage", {}))
  })

  it("is text where its schemas say nothing", () => {
    const model = ScriptedModel.make({ replies: [] })
    const plain = createRuntime({ model, agents: [{ name: "teller", description: "Tells" }] })
    expectTypeOf(plain.completeSpecialist<"teller">)
      .parameter(1)
      .toEqualTypeOf<string>()
    expectTypeOf(plain.completeSpecialist<"teller">).returns.toEqualTypeOf<Promise<Completion<string>>>()
  })
})

describe("the groups of a runtime", () => {
  it("have the methods under shorter names", async () => {
    const model = ScriptedModel.make({
      replies: [ScriptedModel.calls([{ id: "1", name: "find", args: {} }]), ScriptedModel.text("done")]
    })
    const asking = { name: "desk", tools: ["find"], approvals: { find: "always" } } as const
    await using runtime = createRuntime({ model, tools, agents: [asking] })
    const run = await runtime.start("go")
    for await (const event of run.events()) if (event.type === "approval-required") break
    const [open] = await runtime.approvals.pending()
    await runtime.approvals.respond(open?.request.id ?? "", "approve")
    assert.strictEqual((await run.result()).output, "done")
    assert.isFalse(await runtime.runs.cancel(run.runId))
    assert.isAbove((await runtime.approvals.history()).acts.length, 1)
  })
})
