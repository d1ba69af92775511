/**
 * What the runtime without Effect shares with the service: plans, fallbacks, grants, more budget, threads as a whole.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Event, ModelFailure, Ordering } from "@reins/protocol"
import { createRuntime, Decision, type Parameters, tool } from "@reins/runtime/promise"
import { ScriptedModel } from "@reins/runtime/testing"
import { toStandardJsonSchema } from "@valibot/to-json-schema"
import * as v from "valibot"
import { z } from "zod"

const collect = async <A>(items: AsyncIterable<A>): Promise<Array<A>> => {
  const all: Array<A> = []
  for await (const item of items) all.push(item)
  return all
}

const way = (events: ReadonlyArray<Event>) =>
  events.flatMap((event) => (event.type === "plan-status-change" ? [event.data.to] : []))

const propose = (id: string, moves: ReadonlyArray<string>) =>
  ScriptedModel.calls([{ id, name: "move", args: { moves } }])

const libraries: ReadonlyArray<readonly [string, Parameters]> = [
  ["zod", z.object({ moves: z.array(z.string().min(1)) })],
  ["valibot", toStandardJsonSchema(v.object({ moves: v.array(v.pipe(v.string(), v.minLength(1))) }))]
]

describe.each(libraries)("a plan whose parameters are a schema of %s", (_, parameters) => {
  const begin = (replies: ReadonlyArray<ScriptedModel.Reply>, needsApproval?: boolean) => {
    const carried: Array<unknown> = []
    const model = ScriptedModel.make({ replies, respond: () => ScriptedModel.text("settled in") })
    const runtime = createRuntime({
      model,
      tools: {
        move: {
          parameters,
          isPlan: true,
          needsApproval,
          execute: (plan: unknown) => {
            if (JSON.stringify(plan).includes("piano")) throw new Error("the piano is too heavy")
            carried.push(plan)
            return "moved"
          }
        }
      },
      agents: [{ name: "planner", tools: ["move"] }]
    })
    return { carried, model, runtime }
  }

  it("is asked about, returned with a revision, and executed once it is approved", async () => {
    const { carried, model, runtime } = begin([propose("p", ["desk"]), propose("q", ["lamp"])])
    await using _closed = runtime
    const events: Array<Event> = []
    const answers = [Decision.revise({ moves: ["lamp"] }, { feedback: "not the desk" }), Decision.approve()]
    for await (const event of runtime.query("Move.")) {
      events.push(event)
      if (event.type !== "approval-required") continue
      assert.strictEqual(event.data.kind, "plan")
      await runtime.respondToApproval(event.data.id, answers.shift() ?? Decision.reject())
    }
    assert.deepStrictEqual(Ordering.checkEvents(events), [])
    assert.deepStrictEqual(way(events), [
      "pending_approval",
      "draft",
      "pending_approval",
      "approved",
      "executing",
      "executed"
    ])
    assert.deepStrictEqual(carried, [{ moves: ["lamp"] }])
    const [, [read] = []] = model.requests.map(ScriptedModel.lastResults)
    assert.deepInclude(read?.result, { error: "RevisionWanted", partial: { moves: ["lamp"] } })
  })

  it("needs no approval if its tool says so; what it throws is its failure", async () => {
    const { carried, model, runtime } = begin([propose("p", ["piano"])], false)
    await using _closed = runtime
    const events = await collect(runtime.query("Move."))
    assert.deepStrictEqual(way(events), ["approved", "executing", "failed"])
    assert.deepStrictEqual(carried, [])
    const [, [read] = []] = model.requests.map(ScriptedModel.lastResults)
    assert.deepInclude(read, { status: "failed", result: { message: "the piano is too heavy" } })
  })

  it("with invalid arguments is never asked about", async () => {
    const { carried, runtime } = begin([propose("p", [""])])
    await using _closed = runtime
    assert.deepStrictEqual(way(await collect(runtime.query("Move."))), [])
    assert.deepStrictEqual(carried, [])
  })
})

describe("an agent's fallbacks", () => {
  it("replace a failing model, in order, each under its own name in the costs", async () => {
    const about = { provider: "scripted", model: "scripted-1" }
    const failing = (failure: ModelFailure.ModelFailure) =>
      ScriptedModel.make({ replies: [ScriptedModel.failure(failure)] })
    await using runtime = createRuntime({
      model: ScriptedModel.make({ replies: [] }),
      agents: [
        {
          name: "desk",
          model: failing(new ModelFailure.QuotaExceeded(about)),
          fallbacks: [
            failing(new ModelFailure.AuthenticationFailed(about)),
            {
              provider: "test",
              model: "last",
              open: async function* () {
                yield { type: "text", text: "the third" } as const
                yield { type: "finish", reason: "stop", usage: { inputUncached: 1, outputText: 2 } } as const
              }
            }
          ]
        }
      ]
    })
    const events = await collect(runtime.query("go"))
    const said = events.flatMap((event) => (event.type === "text" ? [event.text] : []))
    assert.deepStrictEqual(said, ["the third"])
    const cost = events.find((event) => event.type === "data-cost-summary")
    assert.include(JSON.stringify(cost), '"last"')
  })
})

describe("the runtime without Effect", () => {
  const Order = z.object({ order: z.string() })
  const look = tool({ parameters: Order, needsApproval: true, execute: ({ order }) => `found ${order}` })
  const call = (id: string) => ScriptedModel.calls([{ id, name: "look", args: { order: "A-1" } }])

  it("remembers an approval for the thread, lists it, and revokes it", async () => {
    const replies = [call("a"), ScriptedModel.text("1"), call("b"), ScriptedModel.text("2"), call("c")]
    const model = ScriptedModel.make({ replies, respond: () => ScriptedModel.text("3") })
    await using runtime = createRuntime({ model, tools: { look }, agents: [{ name: "desk", tools: ["look"] }] })
    const asked = async () => {
      let count = 0
      for await (const event of runtime.query("go", { threadId: "thread" })) {
        if (event.type !== "approval-required") continue
        count++
        await runtime.respondToApproval(event.data.id, Decision.approve({ scope: "thread" }))
      }
      return count
    }
    assert.deepStrictEqual([await asked(), await asked()], [1, 0])
    const [grant] = await runtime.grants.list()
    assert.isTrue(await runtime.grants.revoke(grant?.id ?? ""))
    assert.strictEqual(await asked(), 1)
  })

  it("lets an agent say that a tool needs no approval", async () => {
    const model = ScriptedModel.make({ replies: [call("a"), ScriptedModel.text("done")] })
    const agents = [{ name: "desk", tools: ["look"], approvals: { look: "never" } }] as const
    await using runtime = createRuntime({ model, tools: { look }, agents })
    assert.strictEqual((await runtime.complete("go")).output, "done")
  })

  it("continues when the budget of a paused run is raised", async () => {
    const model = ScriptedModel.make({ replies: [call("a"), ScriptedModel.text("done")] })
    await using runtime = createRuntime({
      model,
      tools: { look: { ...look, needsApproval: false } },
      agents: [{ name: "desk", tools: ["look"], budget: { maxSteps: 1, onExhausted: "pause" } }]
    })
    const reasons: Array<string> = []
    for await (const event of runtime.query("go", { runId: "run" })) {
      if (event.type === "approval-required") await runtime.raiseBudget("run", { maxSteps: 2 })
      if (event.type === "finish") reasons.push(event.finishReason)
    }
    assert.deepStrictEqual(reasons, ["stop"])
  })

  it("imports, forks and limits threads", async () => {
    const model = ScriptedModel.make({ respond: () => ScriptedModel.text("yes") })
    await using runtime = createRuntime({ model, agents: [{ name: "desk" }] })
    const { repairs, threadId } = await runtime.threads.import([
      { role: "user", content: [{ type: "text", text: "hello" }] },
      { role: "assistant", content: [{ type: "tool-call", id: "x", name: "gone", args: {} }] }
    ])
    assert.isAbove(repairs.length, 0)
    const forked = await runtime.threads.fork(threadId, { at: 1 })
    assert.strictEqual((await runtime.threads.get(forked.threadId)).length, 1)
    await runtime.threads.limit(forked.threadId, { maxSteps: 1 })
    assert.strictEqual((await runtime.complete("more?", { threadId: forked.threadId })).output, "yes")
    const refused: unknown = await runtime.complete("more?", { threadId: forked.threadId }).catch((error) => error)
    assert.propertyVal(refused, "_tag", "QueryRejected")
    assert.match(String(refused), /thread\.maxSteps/)
    await runtime.threads.limit(forked.threadId, undefined)
    assert.strictEqual((await runtime.complete("more?", { threadId: forked.threadId })).output, "yes")
  })

  it("rewinds threads, lists their branches and returns to one", async () => {
    const model = ScriptedModel.make({ respond: (request) => ScriptedModel.text(ScriptedModel.lastPrompt(request)) })
    await using runtime = createRuntime({ model, agents: [{ name: "desk" }] })
    const threadId = "t"
    await runtime.complete("one", { threadId, runId: "r1" })
    await runtime.complete("two", { threadId, replaces: "r1" })
    const { branchId, version } = await runtime.threads.rewind(threadId, { to: 0 })
    const branches = await runtime.threads.branches(threadId)
    assert.deepStrictEqual([version, branches.length, branches[1]?.branchId], [0, 2, branchId])
    assert.strictEqual((await runtime.threads.returnTo(threadId, branches[0]?.branchId ?? "")).version, 2)
    const [asked] = await runtime.threads.get(threadId)
    assert.deepStrictEqual(asked?.content, [{ type: "text", text: "one" }])
    const refused: unknown = await runtime.threads.returnTo(threadId, "none").catch((error) => error)
    assert.propertyVal(refused, "_tag", "BranchNotFound")
  })
})
