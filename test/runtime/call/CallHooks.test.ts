/** What hooks around calls see, rewrite, refuse and end, and that nothing passes a hook that fails, on both engines. */
import { assert, describe, it } from "@effect/vitest"
import { type Json, Ordering } from "@reins/protocol"
import {
  Agent,
  Decision,
  Deployment,
  Hook,
  Model,
  type ModelRequest,
  Runtime,
  Specialist,
  ToolSettings
} from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, References, Schema, Scope } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Engines from "../../support/Engines.ts"
import * as OneTool from "../../support/OneTool.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

/** A run of `work { n: 1 }`, what its handler was called with, and what its model was sent. */
const world = (services: () => Layer.Layer<never>) => (options: Partial<OneTool.Options>) => {
  const called: Array<unknown> = []
  const requests: Array<ModelRequest> = []
  const respond: ScriptedModel.Responder = (request) => {
    requests.push(request)
    return ScriptedModel.lastResults(request).length > 0
      ? ScriptedModel.text("done")
      : ScriptedModel.calls([{ id: "c1", name: "work", args: { n: 1 } }])
  }
  const handler: OneTool.Handler = (args) => {
    called.push(args)
    return Effect.succeed("secret 42")
  }
  const started = OneTool.start({ handler, model: ScriptedModel.make({ respond }), services: services(), ...options })
  const read = () =>
    ScriptedModel.lastResults(requests.at(-1) as ModelRequest).map(({ result, status }) => ({ result, status }))
  return { called, requests, started, read }
}

const resultOf = (probe: Probe.Probe) => {
  const found = probe.of("tool-invocation").find(({ state }) => state === "result")
  return found?.state === "result" ? { args: found.args, result: found.result, status: found.status } : undefined
}

const rewriting = (name: string, change: (args: Json) => Json) =>
  Hook.make(name, { beforeCall: ({ args }) => Effect.succeed(Hook.withArguments(change(args))) })

describe.each(Engines.all)("a hook around calls, %s", (_, services) => {
  const made = world(services)

  it.effect("gives the tool other arguments, and the history keeps the model's", () =>
    Effect.gen(function* () {
      const { called, requests, started } = made({ agent: { hooks: [rewriting("more", () => ({ n: 7 }))] } })
      const { probe } = yield* started
      yield* probe.end
      assert.deepStrictEqual(called, [{ n: 7 }])
      assert.deepInclude(resultOf(probe), { args: { n: 7 }, result: "secret 42" })
      assert.include(JSON.stringify(requests.at(-1)?.messages), '{"n":1}')
    }).pipe(Effect.scoped)
  )

  it.effect("has its arguments checked by the tool's schema", () =>
    Effect.gen(function* () {
      const { called, read, started } = made({ agent: { hooks: [rewriting("less", () => ({ n: -7 }))] } })
      const { probe } = yield* started
      yield* probe.end
      assert.deepStrictEqual(called, [])
      assert.deepInclude(read()[0]?.result, { error: "InvalidArguments" })
    }).pipe(Effect.scoped)
  )

  it.effect("shows the policy and the approver what it has made of the arguments, and that is what runs", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const { called, started } = made({
        tool: OneTool.work.setNeedsApproval((args) => {
          seen.push(args)
          return true
        }),
        agent: { hooks: [rewriting("more", () => ({ n: 7 }))] }
      })
      const { probe, runtime } = yield* started
      const { data } = yield* probe.next("approval-required")
      assert.deepStrictEqual(data.payload, { n: 7 })
      yield* runtime.respondToApproval(data.id, Decision.approve())
      yield* probe.end
      assert.deepStrictEqual(seen, [{ n: 7 }])
      assert.deepStrictEqual(called, [{ n: 7 }])
    }).pipe(Effect.scoped)
  )

  it.effect("runs outermost first before a call and innermost first after it: runtime, agent, tool", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const named = (name: string) =>
        Hook.make(name, {
          beforeCall: () => Effect.sync(() => (order.push(`before ${name}`), Hook.pass)),
          afterCall: ({ result }) =>
            Effect.sync(() => (order.push(`after ${name}`), Hook.withResult(`${String(result)} ${name}`)))
        })
      const { started } = made({
        runtime: { hooks: [named("a"), named("b")] },
        agent: { hooks: [named("c")] },
        tool: OneTool.work.annotate(ToolSettings.Hooks, [named("d")])
      })
      const { probe } = yield* started
      yield* probe.end
      const names = ["a", "b", "c", "d"]
      assert.deepStrictEqual(order, [
        ...names.map((name) => `before ${name}`),
        ...names.toReversed().map((name) => `after ${name}`)
      ])
      assert.strictEqual(resultOf(probe)?.result, "secret 42 d c b a")
    }).pipe(Effect.scoped)
  )

  it.effect("refuses with a reason that the model reads, and that the hooks outside of it see", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const seeing = (name: string) =>
        Hook.make(name, { afterCall: () => Effect.sync(() => (seen.push(name), Hook.pass)) })
      const { called, read, started } = made({
        agent: {
          hooks: [
            seeing("outer"),
            Hook.make("no", { beforeCall: () => Effect.succeed(Hook.refuse("Not on Sundays")) }),
            seeing("inner")
          ]
        }
      })
      const { probe } = yield* started
      yield* probe.end
      assert.deepStrictEqual(called, [])
      assert.deepStrictEqual(read(), [{ result: { error: "Denied", message: "Not on Sundays" }, status: "denied" }])
      assert.deepStrictEqual(seen, ["outer"])
    }).pipe(Effect.scoped)
  )

  it.effect("sees why a person has refused the call, and no event has it before", () =>
    Effect.gen(function* () {
      const { called, started } = made({
        tool: OneTool.work.setNeedsApproval(true),
        agent: { hooks: [Hook.make("quiet", { afterCall: () => Effect.succeed(Hook.refuse("No, for a reason")) })] }
      })
      const { probe, runtime } = yield* started
      const { data } = yield* probe.next("approval-required")
      yield* runtime.respondToApproval(data.id, "reject")
      yield* probe.end
      assert.deepStrictEqual(called, [])
      assert.deepInclude(resultOf(probe)?.result, { error: "Withheld", message: "No, for a reason" })
      assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    }).pipe(Effect.scoped)
  )

  it.effect("is only for the tools that it names", () =>
    Effect.gen(function* () {
      const refusing = (tools: ReadonlyArray<string>) =>
        Hook.make("no", { tools, beforeCall: () => Effect.succeed(Hook.refuse("no")) })
      const { called, started } = made({ agent: { hooks: [refusing(["other"])] } })
      yield* (yield* started).probe.end
      assert.lengthOf(called, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("ends the run with its reason", () =>
    Effect.gen(function* () {
      for (const hook of [
        Hook.make("stop", { beforeCall: () => Effect.succeed(Hook.end("This is over")) }),
        Hook.make("stop", { afterCall: () => Effect.succeed(Hook.end("This is over")) })
      ]) {
        const { requests, started } = made({ agent: { hooks: [hook] } })
        const { handle, probe } = yield* started
        const failure = yield* Effect.flip(handle.result)
        yield* probe.end
        assert.deepInclude(failure.reason, { _tag: "HookEnded", hook: "stop", description: "This is over" })
        assert.deepInclude(probe.of("error")[0]?.error, { code: "E_HOOK_ENDED" })
        assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
        assert.lengthOf(requests, 1)
        assert.notInclude(JSON.stringify(resultOf(probe)), "secret 42")
      }
    }).pipe(Effect.scoped)
  )

  const broken: ReadonlyArray<readonly [string, () => Effect.Effect<never, unknown>]> = [
    ["fails", () => Effect.fail({ why: "closed" })],
    ["dies", () => Effect.die("a defect")],
    [
      "throws",
      () => {
        throw new Error("a throw")
      }
    ],
    ["says something else", () => Effect.succeed({ _tag: "Fine" } as never)],
    ["never ends", () => Effect.never]
  ]
  it.effect.each(broken)("lets no call through when it %s", ([, act]) =>
    Effect.gen(function* () {
      const { called, read, started } = made({
        agent: { hooks: [Hook.make("guard", { beforeCall: act, timeout: "1 second" })] }
      })
      const { probe } = yield* started
      yield* TestClock.adjust("2 seconds")
      yield* probe.end
      assert.deepStrictEqual(called, [])
      assert.deepInclude(read()[0]?.result, { error: "HookFailed" })
    }).pipe(Effect.scoped, quiet)
  )

  it.effect.each(broken)("lets no result through when it %s after the call", ([, act]) =>
    Effect.gen(function* () {
      const { called, read, started } = made({
        agent: { hooks: [Hook.make("guard", { afterCall: act, timeout: "1 second" })] }
      })
      const { probe } = yield* started
      yield* TestClock.adjust("2 seconds")
      yield* probe.end
      assert.lengthOf(called, 1)
      assert.deepInclude(read()[0]?.result, { error: "HookFailed" })
      assert.notInclude(JSON.stringify(probe.envelopes), "secret 42")
    }).pipe(Effect.scoped, quiet)
  )

  it.effect("sees what the runtime says of a call that did not run, which may quote its arguments", () =>
    Effect.gen(function* () {
      const seen: Array<Json> = []
      const quieting = Hook.make("quiet", {
        afterCall: ({ result }) => Effect.sync(() => (seen.push(result), Hook.withResult("gone", { status: "failed" })))
      })
      for (const asks of [false, true]) {
        const { started } = made({
          tool: OneTool.work.setNeedsApproval(asks),
          model: OneTool.caller([{ n: "mia@example.org" }]),
          agent: { hooks: [quieting] }
        })
        const { probe } = yield* started
        yield* probe.end
        assert.deepInclude(resultOf(probe), { result: "gone", status: "failed" })
      }
      assert.lengthOf(seen, 2)
      for (const one of seen) assert.deepInclude(one, { error: "InvalidArguments" })
    }).pipe(Effect.scoped)
  )

  it.effect("asks a model within the run's budget, and the ledger and the last event say so", () =>
    Effect.gen(function* () {
      const asking = Hook.make("ask", {
        beforeCall: ({ ask }) =>
          Effect.map(ask({ prompt: "May it?" }), (said) => (said === "yes" ? Hook.pass : Hook.refuse(said))),
        afterCall: ({ ask, result }) => Effect.map(ask({ prompt: `Is ${String(result)} fine?` }), () => Hook.pass)
      })
      const respond: ScriptedModel.Responder = (request) => {
        if (request.tools.length === 0) return ScriptedModel.text("yes")
        return ScriptedModel.lastResults(request).length > 0
          ? ScriptedModel.text("done")
          : ScriptedModel.calls([{ id: "c1", name: "work", args: {} }])
      }
      const { called, started } = made({ model: ScriptedModel.make({ respond }), agent: { hooks: [asking] } })
      const { probe } = yield* started
      yield* probe.end
      assert.lengthOf(called, 1)
      const [summary] = probe.of("data-cost-summary")
      const [finish] = probe.of("finish")
      assert.deepInclude(summary?.data.root.rows[0], { kind: "model", calls: 4 })
      assert.deepStrictEqual(finish?.usage, summary?.data.root.usage)
    }).pipe(Effect.scoped)
  )
})

describe("a hook", () => {
  it.effect("is around the calls of specialists, and what ends there ends the run", () =>
    Effect.gen(function* () {
      const stop = Hook.make("stop", { afterCall: () => Effect.succeed(Hook.pass) })
      const secret = Hook.make("secret", {
        tools: ["helper"],
        beforeCall: ({ args, execution }) =>
          Effect.sync(() => {
            assert.strictEqual(execution, "agent")
            assert.deepStrictEqual(args, { prompt: "Help" })
            return Hook.withArguments({ prompt: "Help us" })
          }),
        afterCall: ({ result }) => Effect.succeed(Hook.withResult(`checked ${String(result)}`))
      })
      const seen: Array<string> = []
      const Helper = Specialist.make("helper", { description: "Helps" })
      const Desk = Agent.make("desk", { specialists: [Helper], hooks: [stop, secret] })
      const model = ScriptedModel.make({
        respond: (request) => {
          if (request.metadata.agent === "helper") {
            seen.push(JSON.stringify(request.messages))
            return ScriptedModel.text("helped")
          }
          return ScriptedModel.lastResults(request).length > 0
            ? ScriptedModel.text(JSON.stringify(ScriptedModel.lastResults(request)[0]?.result))
            : ScriptedModel.calls([{ id: "c1", name: "helper", args: { prompt: "Help" } }])
        }
      })
      const layer = Runtime.layer({ agents: [Desk] }).pipe(Layer.provide(Layer.succeed(Model, model)))
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      const { output } = yield* runtime.complete("Go")
      assert.strictEqual(output, '"checked helped"')
      assert.include(seen[0], "Help us")
    }).pipe(Effect.scoped)
  )

  it.effect("sees what a client and a person answer before the log has it", () =>
    Effect.gen(function* () {
      const Look = Tool.make("look", { parameters: Schema.Struct({}), success: Schema.String })
      const hidden = Hook.make("hidden", { afterCall: () => Effect.succeed(Hook.withResult("hidden")) })
      const Desk = Agent.make("desk", { clientTools: Toolkit.make(Look), hooks: [hidden] })
      const model = ScriptedModel.make({
        respond: (request) =>
          ScriptedModel.lastResults(request).length > 0
            ? ScriptedModel.text("done")
            : ScriptedModel.calls([{ id: "c1", name: "look", args: {} }])
      })
      const layer = Runtime.layer({ agents: [Desk] }).pipe(Layer.provide(Layer.succeed(Model, model)))
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      yield* runtime.start("Go", { runId: "run", threadId: "thread" })
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
      yield* probe.next("tool-invocation")
      yield* runtime.submitToolResult("run", "c1", { result: "a secret" })
      yield* probe.end
      assert.strictEqual(resultOf(probe)?.result, "hidden")
      assert.notInclude(JSON.stringify([probe.envelopes, yield* runtime.threads.get("thread")]), "a secret")
    }).pipe(Effect.scoped)
  )

  it.effect("runs once for a call, although its process dies while a person is asked", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      let asked = 0
      const called: Array<unknown> = []
      const Kit = Toolkit.make(OneTool.work.setNeedsApproval(true))
      const hook = Hook.make("once", {
        beforeCall: () => Effect.sync(() => Hook.withArguments({ n: ++asked })),
        afterCall: () => Effect.succeed(Hook.withResult("hidden"))
      })
      const process = Effect.fnUntraced(function* () {
        const scope = yield* Scope.make()
        const layer = Runtime.layer({ agents: [Agent.make("desk", { toolkit: Kit, hooks: [hook] })] }).pipe(
          Layer.provide([
            Kit.toLayer({ work: (args) => Effect.sync(() => (called.push(args), "secret 42")) }),
            Layer.succeed(Model, OneTool.caller()),
            Layer.succeed(
              Deployment.Deployment,
              journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
            )
          ])
        )
        const runtime = Context.get(yield* Scope.provide(Layer.build(layer), scope), Runtime)
        return { runtime, end: Scope.close(scope, Exit.void) }
      })
      const first = yield* process()
      yield* first.runtime.start("Go", { runId: "run" })
      yield* TestClock.adjust("1 second")
      yield* first.end
      const second = yield* process()
      yield* TestClock.adjust("1 second")
      const [question] = yield* second.runtime.pendingApprovals()
      assert.deepStrictEqual(question?.request.payload, { n: 1 })
      yield* second.runtime.respondToApproval(question?.request.id ?? "", "approve")
      yield* TestClock.adjust("1 second")
      yield* second.end
      assert.strictEqual(asked, 1)
      assert.deepStrictEqual(called, [{ n: 1 }])
      const rows = journal.marks("run")
      assert.notInclude(JSON.stringify([journal.log("run"), rows]), "secret 42")
      assert.include(JSON.stringify(rows), "hidden")
    }).pipe(quiet)
  )
})
