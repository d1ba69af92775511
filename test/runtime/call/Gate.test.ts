import { assert, describe, it } from "@effect/vitest"
import type { Json } from "@reins/protocol"
import { Agent, Decision, Model, Runtime } from "@reins/runtime"
import type { Policy, RuntimeOptions } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import * as OneTool from "../../support/OneTool.ts"
import * as Story from "../../support/Story.ts"

interface Rules {
  readonly declared?: boolean | undefined
  readonly agent?: Policy | undefined
  readonly floor?: Policy | undefined
  readonly runtime?: Omit<RuntimeOptions<[]>, "agents" | "approvals"> | undefined
  readonly calls?: ReadonlyArray<Json> | undefined
}

/** A run that calls `work` under these rules; `ran` counts how often it ran. */
const under = Effect.fnUntraced(function* (rules: Rules) {
  const ran = { count: 0 }
  const handler = () => Effect.sync(() => void ran.count++)
  const tool = rules.declared === undefined ? OneTool.work : OneTool.work.setNeedsApproval(rules.declared)
  const started = yield* OneTool.start({
    tool,
    handler,
    calls: rules.calls,
    agent: rules.agent === undefined ? {} : { approvals: { work: rules.agent } },
    runtime: { ...rules.runtime, approvals: rules.floor }
  })
  return { ...started, ran }
})

const asked = (rules: Rules) =>
  Effect.map(under(rules), ({ probe, ran }) => {
    const asks = probe.of("approval-required").length === 1
    assert.strictEqual(ran.count, asks ? 0 : 1)
    return asks
  }).pipe(Effect.scoped)

/** Forgets a type, for what a caller without types may hand in. */
const untyped = Schema.decodeUnknownSync(Schema.Any)

describe("the gate", () => {
  it.effect("asks nobody about a tool that declares nothing", () =>
    Effect.gen(function* () {
      assert.isFalse(yield* asked({}))
    })
  )

  it.effect("asks a person about a tool that declares it", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* asked({ declared: true }))
    })
  )

  it.effect("follows the runtime's default for tools that declare nothing", () =>
    Effect.gen(function* () {
      assert.isTrue(yield* asked({ floor: "always" }))
      assert.isFalse(yield* asked({ floor: "always", declared: false }))
    })
  )

  it.effect("follows the agent's setting before the tool's and the runtime's", () =>
    Effect.gen(function* () {
      assert.isFalse(yield* asked({ agent: "never", declared: true, floor: "always" }))
      assert.isTrue(yield* asked({ agent: "always", declared: false, floor: "never" }))
    })
  )

  it.effect("evaluates a predicate over the arguments", () =>
    Effect.gen(function* () {
      const many: Policy = ({ n }) => n > 3
      assert.isTrue(yield* asked({ agent: many, calls: [{ n: 4 }] }))
      assert.isFalse(yield* asked({ agent: many, calls: [{ n: 3 }] }))
    })
  )

  it.effect("waits for an asynchronous predicate", () =>
    Effect.gen(function* () {
      const { probe, ran } = yield* under({ agent: () => Effect.as(Effect.sleep("9 seconds"), false) })
      yield* TestClock.adjust("9 seconds")
      yield* probe.end
      assert.deepStrictEqual(probe.of("approval-required"), [])
      assert.strictEqual(ran.count, 1)
    }).pipe(Effect.scoped)
  )

  it.effect.each<readonly [string, Policy]>([
    [
      "throws",
      () => {
        throw new Error("no")
      }
    ],
    ["fails", () => untyped(Effect.fail("no"))],
    ["dies", () => Effect.die("no")],
    ["interrupts itself", () => Effect.interrupt],
    ["answers nothing", () => untyped(undefined)],
    ["answers with a word", () => untyped("never")],
    ["answers with a promise", () => untyped(Promise.resolve(false))]
  ])("asks a person when the predicate %s", ([, policy]) =>
    Effect.gen(function* () {
      assert.isTrue(yield* asked({ agent: policy }))
    })
  )

  it.effect("asks a person when the predicate hangs, after ten seconds", () =>
    Effect.gen(function* () {
      const { probe, ran } = yield* under({ agent: () => Effect.never })
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(probe.of("approval-required").length, 0)
      yield* TestClock.adjust("1 second")
      yield* probe.next("approval-required")
      assert.strictEqual(ran.count, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("asks once about a predicate that changes its result", () =>
    Effect.gen(function* () {
      let times = 0
      const { probe, ran, runtime } = yield* under({ agent: () => times++ === 0 })
      const { data } = yield* probe.next("approval-required")
      yield* runtime.respondToApproval(data.id, Decision.approve())
      yield* probe.end
      assert.strictEqual(times, 1)
      assert.strictEqual(ran.count, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("asks nobody when the run was cancelled while the predicate ran", () =>
    Effect.gen(function* () {
      const { handle, probe, ran } = yield* under({ agent: () => Effect.never })
      yield* handle.cancel
      yield* probe.end
      assert.deepStrictEqual(probe.of("approval-required"), [])
      assert.strictEqual(ran.count, 0)
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("asks nobody about invalid arguments: the model reads why", () =>
    Effect.gen(function* () {
      const { probe, ran } = yield* under({ declared: true, calls: [{ n: -1 }] })
      yield* probe.end
      assert.deepStrictEqual(probe.of("approval-required"), [])
      const [, result] = probe.of("tool-invocation")
      assert.include(JSON.stringify(result), "InvalidArguments")
      assert.strictEqual(ran.count, 0)
    }).pipe(Effect.scoped)
  )

  it.effect("passes the predicate the call, its run and the conversation", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const policy: Policy = (args, { agentPath, messages, resourceId, runId, threadId, toolCallId, toolName }) => {
        seen.push({ args, agentPath, resourceId, runId, threadId, toolCallId, toolName })
        seen.push(messages.map(({ role }) => role))
        return false
      }
      const { probe } = yield* under({ agent: policy, calls: [{ n: 1 }] })
      yield* probe.end
      const call = { runId: "run", threadId: "thread", resourceId: "default", toolName: "work", toolCallId: "c1" }
      assert.deepStrictEqual(seen, [{ args: { n: 1 }, agentPath: [], ...call }, ["user", "assistant"]])
    }).pipe(Effect.scoped)
  )

  it.effect("asks about a tool called constructor like about any other", () => {
    const Odd = Tool.make("constructor", { success: Schema.String, needsApproval: true })
    const kit = Toolkit.make(Odd)
    let ran = 0
    const model = ScriptedModel.make({
      replies: [ScriptedModel.calls([{ id: "1", name: "constructor", args: {} }]), ScriptedModel.text("done")]
    })
    const handlers = kit.toLayer({ constructor: () => Effect.sync(() => String(ran++)) })
    const layer = Runtime.layer({ agents: [Agent.make("desk", { toolkit: kit })] }).pipe(
      Layer.provide([handlers, Layer.succeed(Model, model)])
    )
    return Effect.gen(function* () {
      const runtime = Context.get(yield* Layer.build(layer), Runtime)
      yield* runtime.start("go", { runId: "run" })
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
      const { data } = yield* probe.next("approval-required")
      assert.strictEqual(ran, 0)
      yield* runtime.respondToApproval(data.id, Decision.approve())
      yield* probe.end
      assert.strictEqual(ran, 1)
    }).pipe(Effect.scoped)
  })
})

describe("while a question is open, and when it is not approved, the tool has run 0 times", () => {
  const pending = under({ declared: true, runtime: { approvalExpiresIn: "1 minute" } })

  it.effect("pending", () =>
    Effect.gen(function* () {
      const { probe, ran } = yield* pending
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual(ran.count, 0)
      assert.isFalse(probe.ended)
    }).pipe(Effect.scoped)
  )

  it.effect("rejected, and the model reads what the person said", () =>
    Effect.gen(function* () {
      const { probe, ran, runtime } = yield* pending
      const { data } = yield* probe.next("approval-required")
      yield* runtime.respondToApproval(data.id, Decision.reject({ feedback: "too dear" }))
      yield* probe.end
      assert.strictEqual(ran.count, 0)
      const [, result] = probe.of("tool-invocation")
      assert.strictEqual(result?.state === "result" ? result.status : undefined, "denied")
      assert.include(JSON.stringify(result), "too dear")
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("pending forever, when questions never expire", () =>
    Effect.gen(function* () {
      const { probe, ran } = yield* under({ declared: true, runtime: { approvalExpiresIn: Infinity } })
      yield* TestClock.adjust("1000 days")
      assert.strictEqual(ran.count, 0)
      assert.isUndefined(probe.of("approval-required")[0]?.data.expiresAt)
    }).pipe(Effect.scoped)
  )

  it.effect("expired, which is not rejected", () =>
    Effect.gen(function* () {
      const { probe, ran } = yield* pending
      yield* TestClock.adjust("1 minute")
      yield* probe.end
      assert.strictEqual(ran.count, 0)
      assert.deepStrictEqual(probe.of("approval-decision")[0]?.data.outcome, { outcome: "expired" })
      assert.include(JSON.stringify(probe.of("tool-invocation")[1]), "Expired")
      assert.strictEqual(probe.of("finish")[0]?.finishReason, "stop")
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("cancelled", () =>
    Effect.gen(function* () {
      const { handle, probe, ran } = yield* pending
      yield* handle.cancel
      yield* probe.end
      assert.strictEqual(ran.count, 0)
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )
})

describe("unattended, a runtime", () => {
  it.effect("denies, and reports it", () =>
    Effect.gen(function* () {
      const { probe, ran } = yield* under({ declared: true, runtime: { unattended: "deny" } })
      yield* probe.end
      assert.strictEqual(ran.count, 0)
      assert.include(probe.of("approval-decision")[0]?.data, {
        by: "unattended",
        feedback: "no person is available to ask"
      })
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("approves, and reports it", () =>
    Effect.gen(function* () {
      const { probe, ran } = yield* under({ declared: true, runtime: { unattended: "approve" } })
      yield* probe.end
      assert.strictEqual(ran.count, 1)
      assert.strictEqual(probe.of("approval-decision")[0]?.data.by, "unattended")
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )
})
