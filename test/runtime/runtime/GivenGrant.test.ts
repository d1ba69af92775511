/** Grants that are given before anybody is asked. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Decision, type GrantOptions, Model, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import * as OneTool from "../../support/OneTool.ts"

const build = Effect.fnUntraced(function* (calls: ReadonlyArray<{ readonly n: number }> = [{ n: 1 }]) {
  const layer = OneTool.layer({ tool: OneTool.work.setNeedsApproval(true), handler: () => Effect.succeed("ok"), calls })
  const runtime = Context.get(yield* Layer.build(layer), Runtime)
  /** How many calls of the run ran, and how many were asked about and rejected. */
  const run = Effect.fnUntraced(function* (options: { readonly runId?: string; readonly resourceId?: string } = {}) {
    const { runId } = yield* runtime.start("go", { threadId: "thread", ...options })
    const probe = yield* Effect.provideService(Probe.watch(runId), Runtime, runtime)
    yield* TestClock.adjust("1 second")
    const open = yield* runtime.pendingApprovals(options)
    for (const { request } of open) yield* runtime.respondToApproval(request.id, Decision.reject())
    yield* probe.end
    const granted = probe.of("custom").filter(({ event_type }) => event_type === "approval_granted")
    return { granted: granted.length, asked: open.length }
  })
  return { runtime, run }
})

const inThread: GrantOptions = { tool: "work", scope: "thread", threadId: "thread" }

describe("a grant given beforehand", () => {
  it.effect("allows the calls of a thread without asking, until it is revoked", () =>
    Effect.gen(function* () {
      const { run, runtime } = yield* build()
      const grant = yield* runtime.grants.give({ ...inThread, by: "mia" })
      assert.deepInclude(grant, { toolName: "work", scope: "thread", by: "mia" })
      assert.deepStrictEqual(yield* run(), { granted: 1, asked: 0 })
      assert.deepStrictEqual(yield* runtime.grants.list(), [grant])
      yield* runtime.grants.revoke(grant.id)
      assert.deepStrictEqual(yield* run(), { granted: 0, asked: 1 })
    }).pipe(Effect.scoped)
  )

  it.effect("covers a run that has not started, and no other", () =>
    Effect.gen(function* () {
      const { run, runtime } = yield* build()
      yield* runtime.grants.give({ tool: "work", scope: "run", runId: "second", threadId: "thread" })
      assert.deepStrictEqual(yield* run({ runId: "first" }), { granted: 0, asked: 1 })
      assert.deepStrictEqual(yield* run({ runId: "second" }), { granted: 1, asked: 0 })
    }).pipe(Effect.scoped)
  )

  it.effect("has the same limits as an answer's: uses, arguments, time", () =>
    Effect.gen(function* () {
      const { run, runtime } = yield* build([{ n: 1 }, { n: 2 }, { n: 1 }])
      yield* runtime.grants.give({ ...inThread, matcher: { n: 1 }, uses: 1 })
      assert.deepStrictEqual(yield* run(), { granted: 1, asked: 2 })
      yield* runtime.grants.give({ ...inThread, expiresIn: "1 minute" })
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(yield* run(), { granted: 0, asked: 3 })
    }).pipe(Effect.scoped)
  )

  it.effect("covers no other tenant", () =>
    Effect.gen(function* () {
      const { run, runtime } = yield* build()
      yield* runtime.grants.give({ ...inThread, resourceId: "other" })
      assert.deepStrictEqual(yield* run(), { granted: 0, asked: 1 })
    }).pipe(Effect.scoped)
  )

  it.effect("is for one definition: where agents define the tool differently, it names the agent", () => {
    const clerk = (name: string, description: string) => {
      const send = Tool.make("send", { description, parameters: Schema.Struct({}), success: Schema.String })
      const kit = Toolkit.make(send)
      return Agent.make(name, { toolkit: Effect.provide(kit, kit.toLayer({ send: () => Effect.succeed("sent") })) })
    }
    const layer = Runtime.layer({ agents: [clerk("drafter", "Drafts"), clerk("wirer", "Wires money")] }).pipe(
      Layer.provide(Layer.succeed(Model, ScriptedModel.make()))
    )
    return Effect.gen(function* () {
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      const asked = { ...inThread, tool: "send" }
      assert.match((yield* Effect.flip(runtime.grants.give(asked))).message, /differently/)
      const grants = yield* Effect.forEach(["drafter", "wirer"], (agent) => runtime.grants.give({ ...asked, agent }))
      assert.notStrictEqual(grants[0]?.toolHash, grants[1]?.toolHash)
    }).pipe(Effect.scoped)
  })

  it.effect("is refused for an invalid tool, run, tenant or amount", () =>
    Effect.gen(function* () {
      const { run, runtime } = yield* build()
      yield* run({ runId: "first" })
      const refused = (options: GrantOptions) =>
        Effect.map(Effect.flip(runtime.grants.give(options)), ({ reason }) => reason._tag)
      assert.strictEqual(yield* refused({ ...inThread, tool: "other" }), "InvalidArguments")
      assert.strictEqual(yield* refused({ ...inThread, agent: "nobody" }), "InvalidArguments")
      assert.strictEqual(yield* refused({ tool: "work", scope: "run", runId: "new" }), "InvalidArguments")
      assert.strictEqual(yield* refused({ ...inThread, maxCostUsd: -1 }), "InvalidArguments")
      assert.strictEqual(yield* refused({ ...inThread, uses: 0.5 }), "InvalidArguments")
      assert.strictEqual(yield* refused({ ...inThread, expiresIn: { day: 3 } as never }), "InvalidArguments")
      const foreign = refused({ tool: "work", scope: "run", runId: "first", resourceId: "other" })
      assert.strictEqual(yield* foreign, "ApprovalForbidden")
      assert.deepStrictEqual(yield* runtime.grants.list(), [])
    }).pipe(Effect.scoped)
  )

  const ofRun = { tool: "work", scope: "run", runId: "first", threadId: "thread" }
  const misfits: ReadonlyArray<readonly [unknown, RegExp]> = [
    [undefined, /Invalid option grants\.give\(\): undefined\. Give an object/],
    [null, /Invalid option grants\.give\(\): null\. Give an object/],
    [{ ...ofRun, tool: undefined }, /grants\.give\(\)\.tool/],
    [{ ...ofRun, scope: "call" }, /grants\.give\(\)\.scope: "call"/],
    [{ ...ofRun, runId: undefined }, /grants\.give\(\)\.runId/],
    [{ ...ofRun, runId: "" }, /grants\.give\(\)\.runId/],
    [{ ...ofRun, agentPath: ["clerk#1"] }, /Unknown option grants\.give\(\)\.agentPath/],
    [{ ...ofRun, scope: "subtree" }, /grants\.give\(\)\.agentPath: undefined/],
    [{ ...ofRun, scope: "subtree", agentPath: "root" }, /grants\.give\(\)\.agentPath: "root"/],
    [{ ...ofRun, scope: "subtree", agentPath: [1] }, /grants\.give\(\)\.agentPath\[0\]: 1/],
    [{ ...ofRun, scope: "subtree", runId: undefined, agentPath: [] }, /grants\.give\(\)\.runId/],
    [{ ...inThread, threadId: undefined }, /grants\.give\(\)\.threadId/],
    [{ ...inThread, runId: "first" }, /Unknown option grants\.give\(\)\.runId/],
    [{ ...inThread, agentPath: [] }, /Unknown option grants\.give\(\)\.agentPath/]
  ]

  it.effect.each(misfits)("is refused where an option is not its scope's: %o", ([options, words]) =>
    Effect.gen(function* () {
      const { runtime } = yield* build()
      const refused = yield* Effect.flip(runtime.grants.give(options as GrantOptions))
      assert.strictEqual(refused.reason._tag, "InvalidArguments")
      assert.match(refused.message, words)
      assert.deepStrictEqual(yield* runtime.grants.list(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("is refused where a limit is misspelt, which would be none", () =>
    Effect.gen(function* () {
      const { runtime } = yield* build()
      const refused = yield* Effect.flip(runtime.grants.give({ ...inThread, use: 1 } as GrantOptions))
      assert.match(refused.message, /Unknown option grants\.give\(\)\.use\. Available options: .*\buses\b/)
      assert.deepStrictEqual(yield* runtime.grants.list(), [])
    }).pipe(Effect.scoped)
  )
})

describe("a decision", () => {
  const given = [
    ["states no time for its grant", { scope: "thread", expiresIn: { day: 3 } }, /expiresIn must be a duration/],
    ["misspells a limit of its grant", { scope: "thread", use: 1 }, /\buse\b/],
    ["misspells its scope", { scop: "thread" }, /\bscop\b/]
  ] as const

  it.effect.each(given)("is refused where it %s, and the question stays open", ([, options, words]) =>
    Effect.gen(function* () {
      const { runtime } = yield* build()
      const { runId } = yield* runtime.start("go", { threadId: "thread" })
      yield* TestClock.adjust("1 second")
      const [open] = yield* runtime.pendingApprovals()
      const id = open?.request.id ?? ""
      const refused = yield* Effect.flip(runtime.respondToApproval(id, Decision.approve(options as never)))
      assert.strictEqual(refused.reason._tag, "InvalidArguments")
      assert.match(refused.message, words)
      assert.lengthOf(yield* runtime.pendingApprovals(), 1)
      assert.deepStrictEqual(yield* runtime.grants.list(), [])
      yield* runtime.cancel(runId)
    }).pipe(Effect.scoped)
  )
})
