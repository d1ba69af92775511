/**
 * A call that answers later (`ToolRun.later`): the model reads a receipt and goes on, and the result enters the
 * conversation when it is delivered, once, from any process. The run waits for it unless it was asked not to.
 */
import { assert, describe, it } from "@effect/vitest"
import { Decision, type Message } from "@reins/protocol"
import { Agent, Model, type ModelRequest, Runtime, Specialist, ToolRun } from "@reins/runtime"
import { createRuntime, tool } from "@reins/runtime/promise"
import { GeneralWay, Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Deferred, Effect, Layer, References, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Lives from "../../support/Lives.ts"
import * as OneTool from "../../support/OneTool.ts"
import * as Story from "../../support/Story.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")
const ways = [
  ["in plain code", Layer.empty],
  ["as activities", GeneralWay.layer]
] as const

const Build = Tool.make("build", { success: Schema.Struct({ passed: Schema.Boolean }), dependencies: [ToolRun] })

/** What the model reads last: a late result, or else the receipt of its call. */
const read = (request: ModelRequest): string => {
  const last = request.messages.at(-1)
  if (last?.role === "user") return textOf(last)
  const [result] = ScriptedModel.lastResults(request)
  return `receipt ${JSON.stringify(result?.result)}`
}

const textOf = ({ content }: Message.User): string =>
  content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("")

/** Calls once, then says what it reads. */
const respond = (name: string) => (request: ModelRequest) =>
  request.messages.some(({ role }) => role === "tool")
    ? ScriptedModel.text(read(request))
    : ScriptedModel.calls([{ id: "c1", name, args: {} }])

const model = ScriptedModel.make({ respond: respond("work") })

const opened = (expiresIn?: "1 hour") => () =>
  Effect.gen(function* () {
    const ticket = yield* (yield* ToolRun).later({ receipt: "started", expiresIn })
    return yield* ticket.end
  })

const ticketOf = (probe: Probe.Probe): string =>
  probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event.later?.ticketId ?? ""] : []))[0] ??
  ""

const saidBy = (probe: Probe.Probe) => probe.of("text").map(({ text }) => text)

describe("a call that answers later", () => {
  for (const [name, services] of ways) {
    it.effect(`gives its receipt at once, and its result when it is delivered, once, ${name}`, () =>
      Effect.gen(function* () {
        const { probe, runtime } = yield* OneTool.start({ model, services, handler: opened() })
        yield* TestClock.adjust("1 day")
        assert.isFalse(probe.ended, "the run waits")
        assert.deepStrictEqual(saidBy(probe), [`receipt "started"`])
        const ticket = ticketOf(probe)
        assert.deepInclude(yield* runtime.results.get(ticket), { toolName: "work", callId: "c1", state: "open" })
        const foreign = yield* Effect.flip(runtime.results.deliver(ticket, { value: 1 }, { resourceId: "other" }))
        assert.strictEqual(foreign.why, "unknown")
        yield* runtime.results.deliver(ticket, { value: { passed: true } }, { costUsd: 0.25 })
        const again = yield* Effect.flip(runtime.results.deliver(ticket, { value: { passed: true } }))
        assert.strictEqual(again.why, "already-delivered")
        yield* probe.end
        assert.deepStrictEqual(probe.of("late-result"), [
          { type: "late-result", toolInvocationId: "c1", toolName: "work", result: { passed: true } }
        ])
        assert.include(saidBy(probe)[1], `is here.\n{"passed":true}`)
        const cost = probe.of("data-cost-summary")[0]?.data
        assert.strictEqual(cost?.pricedUsd, 0.25)
        assert.deepInclude(
          cost?.root.rows.find(({ kind }) => kind === "tool"),
          { calls: 1, costNanoUsd: 250_000_000 }
        )
        const latency = probe.of("data-latency-summary")[0]?.data
        assert.deepInclude(latency, { idleMs: 24 * 60 * 60 * 1000, machineMs: 0 })
        assert.strictEqual(latency?.tools.length, 1)
        const ended = yield* Effect.flip(runtime.results.deliver(ticket, { value: 1 }))
        assert.strictEqual(ended.why, "already-delivered")
        Story.isWhole(probe.envelopes)
      }).pipe(Effect.scoped)
    )

    it.effect(`is closed by a cancel of its run, ${name}`, () =>
      Effect.gen(function* () {
        const { handle, probe, runtime } = yield* OneTool.start({ model, services, handler: opened() })
        yield* TestClock.adjust("1 hour")
        yield* handle.cancel
        yield* probe.end
        assert.strictEqual(probe.of("finish")[0]?.finishReason, "cancelled")
        assert.deepStrictEqual(
          probe.of("late-result").map(({ status }) => status),
          ["cancelled"]
        )
        const refused = yield* Effect.flip(runtime.results.deliver(ticketOf(probe), { value: 1 }))
        assert.strictEqual(refused.why, "closed")
        Story.isWhole(probe.envelopes)
      }).pipe(Effect.scoped)
    )
  }

  it.effect("expires, and the model reads that as a failure", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* OneTool.start({ model, handler: opened("1 hour") })
      yield* TestClock.adjust("1 hour")
      yield* probe.end
      assert.deepInclude(probe.of("late-result")[0], { status: "failed" })
      assert.include(saidBy(probe)[1], "expired")
      const refused = yield* Effect.flip(runtime.results.deliver(ticketOf(probe), { value: 1 }))
      assert.strictEqual(refused.why, "expired")
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("does not hold up an agent or a query that was asked to end", () =>
    Effect.gen(function* () {
      for (const asked of [{ agent: { onOpenResults: "end" } }, { query: { onOpenResults: "end" } }] as const) {
        const probe = yield* OneTool.finished({ model, handler: opened(), ...asked })
        assert.deepStrictEqual(
          probe.of("late-result").map(({ status }) => status),
          ["cancelled"]
        )
        assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
        Story.isWhole(probe.envelopes)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("has its own result where its handler returns or fails, and takes no other one", () =>
    Effect.gen(function* () {
      for (const end of [Effect.succeed("at once"), Effect.fail("no builder")]) {
        let id = ""
        const { probe, runtime } = yield* OneTool.start({
          model,
          handler: Effect.fnUntraced(function* () {
            const ticket = yield* (yield* ToolRun).later({ receipt: "started" })
            id = ticket.id
            return yield* end
          })
        })
        yield* probe.end
        assert.deepStrictEqual(probe.of("late-result"), [])
        const refused = yield* Effect.flip(runtime.results.deliver(id, { value: 1 }))
        assert.strictEqual(refused.why, "closed")
        Story.isWhole(probe.envelopes)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("costs what came with a result that its handler did not wait for", () =>
    Effect.gen(function* () {
      for (const end of [Effect.succeed("at once"), Effect.fail("no builder")]) {
        const started = Deferred.makeUnsafe<string>()
        const gate = Deferred.makeUnsafe<void>()
        const { probe, runtime } = yield* OneTool.start({
          model,
          handler: Effect.fnUntraced(function* () {
            yield* Deferred.succeed(started, (yield* (yield* ToolRun).later({ receipt: "started" })).id)
            yield* Deferred.await(gate)
            return yield* end
          })
        })
        yield* runtime.results.deliver(yield* Deferred.await(started), { value: "late" }, { costUsd: 0.25 })
        yield* Deferred.succeed(gate, undefined)
        yield* probe.end
        assert.deepStrictEqual(probe.of("late-result"), [])
        assert.strictEqual(probe.of("data-cost-summary")[0]?.data.pricedUsd, 0.25)
        Story.isWhole(probe.envelopes)
      }
    }).pipe(Effect.scoped)
  )

  it.effect(
    "is closed where a person does not repeat it after its process has died, and what came for it is paid",
    () =>
      Effect.gen(function* () {
        for (const isDelivered of [true, false]) {
          const tickets: Array<string> = []
          const { events, isWhole, process, results } = Lives.make({
            tool: Build,
            handler: Effect.fnUntraced(function* () {
              tickets.push((yield* (yield* ToolRun).later({ receipt: "started" })).id)
              return yield* Effect.never
            }),
            respond: respond("build")
          })
          const first = yield* process()
          yield* first.runtime.start("Build.", { runId: "run" })
          yield* TestClock.adjust("1 minute")
          const ticket = tickets[0] ?? ""
          if (isDelivered) yield* first.runtime.results.deliver(ticket, { value: { passed: true } }, { costUsd: 0.25 })
          yield* Effect.forkChild(first.end)
          yield* TestClock.adjust("1 minute")
          const second = yield* process()
          yield* TestClock.adjust("1 minute")
          const [asked] = yield* second.runtime.pendingApprovals()
          assert.strictEqual(asked?.request.begunBefore, 1)
          yield* second.runtime.respondToApproval(asked?.request.id ?? "", Decision.reject())
          yield* TestClock.adjust("1 minute")
          isWhole()
          assert.deepStrictEqual(
            results().map(({ status }) => status),
            ["failed"]
          )
          const summary = events().flatMap((event) => (event.type === "data-cost-summary" ? [event.data] : []))[0]
          assert.strictEqual(summary?.pricedUsd, isDelivered ? 0.25 : 0)
          const refused = yield* Effect.flip(second.runtime.results.deliver(ticket, { value: { passed: false } }))
          assert.strictEqual(refused.why, isDelivered ? "already-delivered" : "closed")
          yield* second.end
        }
      }).pipe(quiet)
  )

  it.effect("may have its result before its handler has ended", () =>
    Effect.gen(function* () {
      const built: Array<Runtime["Service"]> = []
      const kit = Toolkit.make(OneTool.work)
      const handlers = kit.toLayer({
        work: Effect.fnUntraced(function* () {
          const ticket = yield* (yield* ToolRun).later({ receipt: "started" })
          yield* Effect.orDie(built[0]?.results.deliver(ticket.id, { failure: "no space" }) ?? Effect.void)
          return yield* ticket.end
        })
      })
      const layer = Runtime.layer({ agents: [Agent.make("worker", { toolkit: kit })] }).pipe(
        Layer.provide([handlers, Layer.succeed(Model, model)])
      )
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      built.push(runtime)
      const { runId } = yield* runtime.start("work")
      const probe = yield* Effect.provideService(Probe.watch(runId), Runtime, runtime)
      yield* probe.end
      assert.deepInclude(probe.of("late-result")[0], { result: "no space", status: "failed" })
      assert.strictEqual(saidBy(probe).length, 1, "the next step reads both")
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("goes on waiting after a user's message was read", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* OneTool.start({ model, handler: opened() })
      yield* TestClock.adjust("1 minute")
      yield* runtime.steer("run", "How is it going?")
      yield* TestClock.adjust("1 minute")
      assert.include(saidBy(probe)[1], "How is it going?")
      assert.isFalse(probe.ended)
      yield* runtime.results.deliver(ticketOf(probe), { value: 1 })
      yield* probe.end
      assert.include(saidBy(probe)[2], "is here")
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("of a specialist is waited for by the specialist", () =>
    Effect.gen(function* () {
      const kit = Toolkit.make(OneTool.work)
      const builder = Specialist.make("builder", { toolkit: kit, description: "Builds" })
      const root = Agent.make("worker", { specialists: [builder] })
      const layer = Runtime.layer({ agents: [root] }).pipe(
        Layer.provide([
          kit.toLayer({ work: opened() }),
          Layer.succeed(
            Model,
            ScriptedModel.make({
              respond: (request) =>
                request.tools.some(({ name }) => name === "builder")
                  ? ScriptedModel.lastResults(request).length > 0
                    ? ScriptedModel.text("done")
                    : ScriptedModel.calls([{ id: "s1", name: "builder", args: { prompt: "build" } }])
                  : respond("work")(request)
            })
          )
        ])
      )
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      const { runId } = yield* runtime.start("work")
      const probe = yield* Effect.provideService(Probe.watch(runId), Runtime, runtime)
      yield* TestClock.adjust("1 hour")
      assert.isFalse(probe.ended)
      yield* runtime.results.deliver(ticketOf(probe), { value: 1 })
      yield* probe.end
      const late = probe.envelopes.find(({ event }) => event.type === "late-result")
      assert.deepStrictEqual(late?.agentPath, ["builder#s1"])
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("is delivered by another process while no process executes its run, and survives each of them", () =>
    Effect.gen(function* () {
      const { events, isWhole, journal, process } = Lives.make({
        tool: Build,
        handler: opened(),
        respond: respond("build"),
        host: { hibernateMs: 3_600_000 }
      })
      const first = yield* process()
      yield* first.runtime.start("Build.", { runId: "run", threadId: "thread" })
      yield* TestClock.adjust("1 day")
      yield* first.end
      const ticket = events().flatMap((event) =>
        event.type === "tool-invocation" && event.state === "result" ? [event.later?.ticketId ?? ""] : []
      )[0]
      const hook = yield* process(undefined, { carries: false })
      const { results } = hook.runtime
      const invalid = yield* Effect.flip(results.deliver(ticket ?? "", { value: { passed: "yes" } }))
      assert.strictEqual(invalid.why, "invalid")
      yield* results.deliver(ticket ?? "", { value: { passed: true } })
      assert.strictEqual((yield* Effect.flip(results.deliver(ticket ?? "", { failure: 1 }))).why, "already-delivered")
      yield* hook.end
      const second = yield* process()
      yield* TestClock.adjust("1 minute")
      isWhole()
      const late = events().filter(({ type }) => type === "late-result")
      assert.deepStrictEqual(late, [
        { type: "late-result", toolInvocationId: "c1", toolName: "build", result: { passed: true } }
      ])
      const messages = yield* second.runtime.threads.get("thread")
      assert.deepStrictEqual(
        messages.map(({ role }) => role),
        ["user", "assistant", "tool", "assistant", "user", "assistant"]
      )
      assert.strictEqual((yield* second.runtime.results.get(ticket ?? "")).state, "delivered")
      assert.isAbove(journal.log("run").length, 0)
      yield* second.end
    }).pipe(quiet)
  )

  it.effect("expires while no process runs", () =>
    Effect.gen(function* () {
      const { events, isWhole, process } = Lives.make({
        tool: Build,
        handler: opened("1 hour"),
        respond: respond("build")
      })
      const first = yield* process()
      yield* first.runtime.start("Build.", { runId: "run" })
      yield* TestClock.adjust("1 minute")
      yield* first.end
      yield* TestClock.adjust("1 day")
      const second = yield* process()
      yield* TestClock.adjust("1 minute")
      isWhole()
      assert.deepInclude(
        events().find(({ type }) => type === "late-result"),
        { status: "failed" }
      )
      yield* second.end
    }).pipe(quiet)
  )

  it.effect("has its late result in the log also where a defect stops the run", () =>
    Effect.gen(function* () {
      const probe = yield* OneTool.finished({
        model: ScriptedModel.make({
          respond: (request) => {
            if (ScriptedModel.lastResults(request).length > 0) throw new Error("the model is broken")
            return ScriptedModel.calls([{ id: "c1", name: "work", args: {} }])
          }
        }),
        handler: opened()
      })
      assert.strictEqual(probe.of("late-result").length, 1)
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped, quiet)
  )

  it("is delivered in the Promise front", async () => {
    const tickets: Array<string> = []
    const work = tool({
      parameters: { type: "object" },
      execute: async (_args, { later }) => {
        const ticket = await later({ receipt: "started" })
        tickets.push(ticket.id)
        return ticket.end()
      }
    })
    await using runtime = createRuntime({
      model,
      tools: { work },
      cancelGrace: "1 hour",
      agents: [{ name: "desk", tools: ["work"] }]
    })
    const said: Array<string> = []
    for await (const event of runtime.query("work")) {
      if (event.type === "text") {
        said.push(event.text)
        if (said.length === 1) await runtime.results.deliver(tickets[0] ?? "", { value: "built" })
      }
    }
    assert.strictEqual(said[0], `receipt "started"`)
    assert.include(said[1], "built")
  })
})
