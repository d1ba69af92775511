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

describe("a query's options", () => {
  const canary = "sk-canary-5f3b0c9d"
  const wrong: ReadonlyArray<readonly [options: unknown, words: RegExp]> = [
    [{ thread: "t" }, /Unknown option thread\. Available options: threadId, /],
    [{ threadID: "t" }, /Unknown option threadID\. Available options: threadId, /],
    [{ threadId: 7 }, /Invalid option threadId: 7\. Give the id of a thread/],
    [{ threadId: null }, /Invalid option threadId: null\. Give the id of a thread/],
    [{ resourceId: null }, /Invalid option resourceId: null\. Give the name of a tenant/],
    [{ principal: { id: "ann" } }, /Invalid option principal: an object\. Give the id of a principal/],
    [{ budget: null }, /Invalid option budget: null\. Give an object such as/],
    [{ budget: { maxStep: 1 } }, /maxStep is not a limit\. Available limits: maxSteps/],
    [{ quotas: { per: "tenant" } }, /Invalid option quotas: an object\. Give a list of quotas/],
    [{ onBusy: "wait" }, /Invalid option onBusy: "wait"\. Use "reject" or "queue"/],
    [{ onThread: "add" }, /Invalid option onThread: "add"\. Use "ignore" or "append"/],
    [{ view: "all" }, /Invalid option view: "all"\. Use "root" or "progress"/],
    [{ signal: "stop" }, /Invalid option signal: "stop"\. Give the signal of an AbortController/],
    [{ output: "json" }, /Invalid option output: "json"\. Give a schema of zod/],
    [{ repeatedCallLimit: 0 }, /Invalid option repeatedCallLimit: 0\. Use a whole number of at least 1/],
    [{ providerKeys: canary }, /Invalid option providerKeys\. Give an object of keys by provider/],
    [{ apiKey: canary }, /Unknown option apiKey\. Available options: /],
    ["t", /Invalid option of the query: "t"\. Give an object of options, such as \{ threadId: "t1" \}/]
  ]

  it.each(wrong)("are refused by name, and nothing is started: %j", async (options, words) => {
    const { model, runtime } = begin(ScriptedModel.text("never"))
    await using _closed = runtime
    const said = (asked: Promise<unknown>) => asked.then(() => "", String)
    const given = options as never
    const messages = await Promise.all([
      said(runtime.complete("hello?", given)),
      said(runtime.complete(clerk, "hello?", given)),
      said(runtime.start("hello?", given)),
      said(runtime.query("hello?", given).next()),
      said(runtime.preview("hello?", given))
    ])
    for (const message of messages) {
      assert.match(message, /^QueryRejected: Invalid /)
      assert.match(message, words)
      assert.notInclude(message, canary)
    }
    assert.lengthOf(model.requests, 0)
    assert.deepStrictEqual((await runtime.runs.list()).runs, [])
  })

  it("of a specialist's run are refused in the same way, and so are those that only a query has", async () => {
    const { model, runtime } = begin(sorted)
    await using _closed = runtime
    for (const options of [{ thread: "t" }, { onBusy: "queue" }, { tools: {} }]) {
      const message = await runtime.complete(triage, { ticket: "A-1" }, options as never).then(() => "", String)
      assert.match(
        message,
        /^QueryRejected: Invalid input for triage: Unknown option \w+\. Available options: threadId, /
      )
    }
    assert.lengthOf(model.requests, 0)
  })

  it.each([[undefined], [null], [5], [{ prompt: "hello?" }], [() => "hello?"]])(
    "follow a prompt, which is text or a list: %j is refused",
    async (prompt) => {
      const { runtime } = begin()
      await using _closed = runtime
      const message = await runtime.complete(prompt as never).then(() => "", String)
      assert.match(
        message,
        /^QueryRejected: Invalid input for desk: Invalid option prompt: .+\. Give text, or a list of /
      )
    }
  )
})

describe("an agent's value", () => {
  it.each([
    [{ name: 5 }, "agent.name: 5"],
    [{ name: undefined, description: "Sorts" }, "agent.name: undefined"],
    [{ name: { key: "sk-canary-5f3b0c9d" }, description: "Sorts" }, "agent.name: an object"],
    [{ name: "" }, 'agent.name: ""']
  ])("is refused where its name is none: %j", async (value, words) => {
    const { runtime } = begin()
    await using _closed = runtime
    const said = (asked: Promise<unknown>) => asked.then(() => "", String)
    for (const message of await Promise.all([
      said(runtime.complete(value as never, "hello?")),
      said(runtime.start(value as never, "hello?")),
      said(runtime.query(value as never, "hello?").next())
    ]))
      assert.match(
        message,
        new RegExp(`^QueryRejected: Invalid input for .*: Invalid option ${words}\\. Give an agent's`)
      )
  })

  it.each([[5], [null], [{ name: "desk" }]])("is a name where it is an option: %j is refused", async (agent) => {
    const { runtime } = begin()
    await using _closed = runtime
    const said = (asked: Promise<unknown>) => asked.then(() => "", String)
    for (const message of await Promise.all([
      said(runtime.complete("hello?", { agent } as never)),
      said(runtime.preview("hello?", { agent } as never))
    ]))
      assert.match(
        message,
        /^QueryRejected: Invalid input for desk: Invalid option agent: .+\. Give the name of an agent/
      )
  })
})

describe("the options of a method", () => {
  it("that misspell or lack the tenant's name reach no other tenant", async () => {
    const { runtime } = begin(ScriptedModel.text("hello"))
    await using _closed = runtime
    await runtime.complete("hello?", { threadId: "t", resourceId: "acme", runId: "r" })
    const methods: ReadonlyArray<readonly [name: string, call: (options: never) => Promise<unknown>]> = [
      ["runs.list", (options) => runtime.runs.list(options)],
      ["runs.get", (options) => runtime.runs.get("r", options)],
      ["runs.export", (options) => runtime.runs.export("r", options)],
      ["costs.by", (options) => runtime.costs.by(options)],
      ["costs.estimates", (options) => runtime.costs.estimates("r", options)],
      ["approvals.pending", (options) => runtime.pendingApprovals(options)],
      ["approvals.respond", (options) => runtime.respondToApproval("a", "approve", options)],
      ["results.deliver", (options) => runtime.results.deliver("i", { value: "late" }, options)],
      ["results.get", (options) => runtime.results.get("i", options)],
      ["steer", (options) => runtime.steer("r", "wait", options)],
      ["erase", (options) => runtime.erase(options)],
      ["webhooks.add", (options) => runtime.webhooks.add(options)],
      ["webhooks.list", (options) => runtime.webhooks.list(options)],
      ["webhooks.rotate", (options) => runtime.webhooks.rotate("w", options)],
      ["webhooks.remove", (options) => runtime.webhooks.remove("w", options)],
      ["webhooks.ofRuns", (options) => runtime.webhooks.ofRuns(options)],
      ["webhooks.waiting", (options) => runtime.webhooks.waiting("w", options)],
      ["webhooks.retry", (options) => runtime.webhooks.retry("w", options)],
      ["memory.remember", (options) => runtime.memory.remember("Likes tea", options)],
      ["memory.recall", (options) => runtime.memory.recall("tea", options)],
      ["memory.forget", (options) => runtime.memory.forget("m", options)],
      ["approvals.history", (options) => runtime.approvals.history(options)],
      ["files.get", (options) => runtime.files.get("f", options)],
      ["files.list", (options) => runtime.files.list("t", options)],
      ["memory.list", (options) => runtime.memory.list(options)],
      ["grants.list", (options) => runtime.grants.list(options)],
      ["grants.revoke", (options) => runtime.grants.revoke("g", options)],
      ["threads.get", (options) => runtime.threads.get("t", options)],
      ["threads.info", (options) => runtime.threads.info("t", options)],
      ["threads.list", (options) => runtime.threads.list(options)],
      ["threads.import", (options) => runtime.threads.import([], options)],
      ["threads.fork", (options) => runtime.threads.fork("t", options)],
      ["threads.rewind", (options) => runtime.threads.rewind("t", options)],
      ["threads.branches", (options) => runtime.threads.branches("t", options)],
      ["threads.returnTo", (options) => runtime.threads.returnTo("t", "b", options)],
      ["threads.describe", (options) => runtime.threads.describe("t", {}, options)],
      ["threads.replace", (options) => runtime.threads.replace("t", [], options)],
      ["threads.before", (options) => runtime.threads.before("t", "r", options)],
      ["threads.places", (options) => runtime.threads.places("t", options)],
      ["costs.correct", (options) => runtime.costs.correct(options)],
      ["raiseBudget", (options) => runtime.raiseBudget("r", { maxSteps: 1 }, options)],
      ["quotas.usage", (options) => runtime.quotas.usage(options)],
      ["quotas.limit", (options) => runtime.quotas.limit("q", { maxSteps: 1 } as never, options)],
      ["threads.limit", (options) => runtime.threads.limit("t", { maxSteps: 1 }, options)],
      ["threads.delete", (options) => runtime.threads.delete("t", options)],
      ["grants.give", (options) => runtime.grants.give(options)]
    ]
    for (const [name, call] of methods) {
      const said = (options: unknown) => call(options as never).then(() => "taken", String)
      assert.include(await said({ resourceID: "other" }), `Unknown option ${name}().resourceID. Available options: `)
      assert.include(
        await said({ resourceId: null }),
        `Invalid option ${name}().resourceId: null. Give the name of a tenant`
      )
      assert.include(await said("other"), `Invalid option ${name}(): "other". Give an object of options`)
    }
    assert.lengthOf((await runtime.runs.list({ resourceId: "acme", limit: 5 })).runs, 1)
    assert.isDefined(await runtime.threads.info("t", { resourceId: "acme" }))
  })

  it("are refused where they misspell a limit of a grant, or the failure of a client's result", async () => {
    const { runtime } = begin()
    await using _closed = runtime
    const said = (call: Promise<unknown>) => call.then(() => "taken", String)
    const grant = { scope: "run", runId: "r", threadId: "t", tool: "find" } as const
    assert.match(
      await said(runtime.grants.give({ ...grant, use: 1 } as never)),
      /Unknown option grants\.give\(\)\.use\. Available options: .*\buses\b/
    )
    assert.deepStrictEqual(await runtime.grants.list(), [])
    assert.match(
      await said(runtime.submitToolResult("r", "1", { result: "no", isFailed: true } as never)),
      /Unknown option submitToolResult\(\)\.isFailed\. Available options: .*\bisFailure\b/
    )
  })
})
