import { assert, describe, it } from "@effect/vitest"
import { Agent, Decision, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Fiber, Schema } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Desk from "../../support/Desk.ts"
import * as OneTool from "../../support/OneTool.ts"
import * as Story from "../../support/Story.ts"

const gated = OneTool.work.setNeedsApproval(true)

/** A run that asks about `work({ n: 1 })`; `ran` has the arguments that it ran with. */
const asking = Effect.fnUntraced(function* (runtime?: OneTool.Options["runtime"]) {
  const ran: Array<unknown> = []
  const started = yield* OneTool.start({
    tool: gated,
    calls: [{ n: 1 }],
    runtime,
    handler: (args) => Effect.sync(() => void ran.push(args))
  })
  const { data } = yield* started.probe.next("approval-required")
  return { ...started, ran, id: data.id }
})

const reasonOf = <A>(answer: Effect.Effect<A, { readonly reason: { readonly _tag: string } }>) =>
  Effect.map(Effect.flip(answer), ({ reason }) => reason._tag)

describe("an answer to an approval", () => {
  it.effect("to an unknown question is not found", () =>
    Effect.gen(function* () {
      const { runtime, ran } = yield* asking()
      assert.strictEqual(
        yield* reasonOf(runtime.respondToApproval("apr_unknown", Decision.approve())),
        "ApprovalNotFound"
      )
      assert.deepStrictEqual(ran, [])
    }).pipe(Effect.scoped)
  )

  it.effect("of another tenant is forbidden, and leaves the question open", () =>
    Effect.gen(function* () {
      const { id, ran, runtime } = yield* asking()
      const foreign = runtime.respondToApproval(id, Decision.approve(), { resourceId: "other" })
      assert.strictEqual(yield* reasonOf(foreign), "ApprovalForbidden")
      assert.deepStrictEqual(ran, [])
      yield* runtime.respondToApproval(id, Decision.approve(), { resourceId: "default" })
      assert.deepStrictEqual(ran, [{ n: 1 }])
    }).pipe(Effect.scoped)
  )

  it.effect("counts once; the second is told the first one's outcome", () =>
    Effect.gen(function* () {
      const { id, probe, ran, runtime } = yield* asking()
      yield* runtime.respondToApproval(id, Decision.reject())
      const error = yield* Effect.flip(runtime.respondToApproval(id, Decision.approve()))
      assert.deepStrictEqual(error.reason._tag === "ApprovalResolved" ? error.reason.outcome : error.reason, {
        outcome: "reject"
      })
      yield* probe.end
      assert.deepStrictEqual(ran, [])
      assert.strictEqual(yield* reasonOf(runtime.respondToApproval(id, Decision.approve())), "ApprovalResolved")
    }).pipe(Effect.scoped)
  )

  it.effect("given twice in the same tick is accepted from one of the two", () =>
    Effect.gen(function* () {
      const { id, probe, ran, runtime } = yield* asking()
      const exits = yield* Effect.all(
        [
          Effect.exit(runtime.respondToApproval(id, Decision.approve())),
          Effect.exit(runtime.respondToApproval(id, Decision.reject()))
        ],
        { concurrency: "unbounded" }
      )
      yield* probe.end
      assert.deepStrictEqual(
        exits.map(({ _tag }) => _tag),
        ["Success", "Failure"]
      )
      assert.strictEqual(ran.length, 1)
      assert.strictEqual(probe.of("approval-decision").length, 1)
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("that comes at its expiry is too late, even before the run has noticed", () =>
    Effect.gen(function* () {
      const { id, probe, ran, runtime } = yield* asking({ approvalExpiresIn: "1 minute" })
      yield* TestClock.adjust("59 seconds")
      assert.strictEqual((yield* runtime.pendingApprovals()).length, 1)
      const late = yield* Effect.forkScoped(
        Effect.andThen(Effect.sleep("1 second"), reasonOf(runtime.respondToApproval(id, Decision.approve()))),
        { startImmediately: true }
      )
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(late), "ApprovalExpired")
      yield* probe.end
      assert.deepStrictEqual(ran, [])
      assert.deepStrictEqual(probe.of("approval-decision")[0]?.data.outcome, { outcome: "expired" })
      assert.strictEqual(yield* reasonOf(runtime.respondToApproval(id, Decision.approve())), "ApprovalExpired")
    }).pipe(Effect.scoped)
  )

  it.effect("that comes after a cancel is rejected, with the reason", () =>
    Effect.gen(function* () {
      const { handle, id, probe, ran, runtime } = yield* asking()
      yield* handle.cancel
      assert.strictEqual(yield* reasonOf(runtime.respondToApproval(id, Decision.approve())), "ApprovalResolved")
      yield* probe.end
      assert.deepStrictEqual(ran, [])
      assert.deepStrictEqual(probe.of("approval-decision")[0]?.data.outcome, { outcome: "cancelled" })
    }).pipe(Effect.scoped)
  )

  it.effect("removes its question from the list at once", () =>
    Effect.gen(function* () {
      const { id, runtime } = yield* asking()
      assert.deepStrictEqual(
        (yield* runtime.pendingApprovals({ runId: "run", threadId: "thread" })).map(({ request }) => request.id),
        [id]
      )
      assert.deepStrictEqual(yield* runtime.pendingApprovals({ resourceId: "other" }), [])
      assert.deepStrictEqual(yield* runtime.pendingApprovals({ threadId: "other" }), [])
      yield* runtime.respondToApproval(id, Decision.approve())
      assert.deepStrictEqual(yield* runtime.pendingApprovals(), [])
    }).pipe(Effect.scoped)
  )
})

describe("the arguments that a person was asked about", () => {
  it.effect("are those that run, whatever a reader does to the events meanwhile", () =>
    Effect.gen(function* () {
      const { id, probe, ran, runtime } = yield* asking()
      const [call] = probe.of("tool-invocation")
      const [question] = probe.of("approval-required")
      for (const args of [call?.args, question?.data.payload]) {
        assert.isFalse(typeof args === "object" && args !== null && Reflect.set(args, "n", 999))
      }
      yield* runtime.respondToApproval(id, Decision.approve())
      yield* probe.end
      assert.deepStrictEqual(ran, [{ n: 1 }])
    }).pipe(Effect.scoped)
  )

  it.effect("are those that run, whatever happens to the passed revision", () =>
    Effect.gen(function* () {
      const { id, probe, runtime } = yield* asking()
      const revision = { n: 5 }
      yield* runtime.respondToApproval(id, Decision.revise(revision))
      revision.n = 6
      yield* probe.end
      assert.deepStrictEqual(probe.of("approval-decision")[0]?.data.outcome, { outcome: "revise", partial: { n: 5 } })
      assert.deepStrictEqual(probe.of("tool-invocation")[1]?.args, { n: 5 })
    }).pipe(Effect.scoped)
  )
})

describe("a decision that cannot be applied", () => {
  /** Forgets a type, for what a caller without types may hand in. */
  const untyped = Schema.decodeUnknownSync(Schema.Any)
  const cycle = (): unknown => {
    const own: { self?: unknown } = {}
    own.self = own
    return own
  }
  it.effect.each<readonly [string, Decision]>([
    ["a revision that does not fit the schema", Decision.revise({ n: "many" })],
    ["a revision to what is no object", Decision.revise([1])],
    ["a revision to nothing", Decision.revise(null)],
    ["a revision with a BigInt", Decision.revise(untyped({ n: 1n }))],
    ["a revision with a cycle", Decision.revise(untyped(cycle()))],
    ["a revision to a class", Decision.revise(untyped(new Map()))],
    ["a raise, which answers another kind of question", Decision.raise({ maxSteps: 9 })],
    ["a grant of no lawful amount", Decision.approve({ scope: "thread", maxCostUsd: -1 })],
    ["what is no decision", untyped({ type: "shrug" })],
    ["a text that is no decision", untyped("yes")],
    ["a decision by a number", untyped({ type: "approve", by: 7 })],
    ["a rejection with a remark that is no text", untyped({ type: "reject", feedback: ["no"] })],
    ["an approval of a scope that does not exist", untyped({ type: "approve", scope: "everything" })],
    ["an approval with a scope that is no text", untyped({ type: "approve", feedback: "yes", scope: 1 })]
  ])("is rejected with a reason and leaves the question open: %s", ([, decision]) =>
    Effect.gen(function* () {
      const { id, probe, ran, runtime } = yield* asking()
      const error = yield* Effect.flip(runtime.respondToApproval(id, decision))
      assert.strictEqual(error.reason._tag, "InvalidArguments")
      assert.match(error.message, /cannot be applied: \S/)
      assert.deepStrictEqual(ran, [])
      assert.strictEqual((yield* runtime.pendingApprovals()).length, 1)
      yield* runtime.respondToApproval(id, Decision.approve())
      yield* probe.end
      assert.deepStrictEqual(ran, [{ n: 1 }])
    }).pipe(Effect.scoped)
  )
})

describe("a decision by its type alone", () => {
  it.effect.each([["approve", [{ n: 1 }]] as const, ["reject", []] as const])("is taken: %s", ([decision, ran]) =>
    Effect.gen(function* () {
      const asked = yield* asking()
      yield* asked.runtime.respondToApproval(asked.id, decision)
      yield* asked.probe.end
      assert.deepStrictEqual(asked.ran, [...ran])
    }).pipe(Effect.scoped)
  )
})

describe("a revision", () => {
  it.effect("replaces the arguments that it names, and its result reports the arguments that ran", () =>
    Effect.gen(function* () {
      const { id, probe, ran, runtime } = yield* asking()
      yield* runtime.respondToApproval(id, Decision.revise({ n: 5 }, { by: "mia", feedback: "five" }))
      yield* probe.end
      assert.deepStrictEqual(ran, [{ n: 5 }])
      assert.deepStrictEqual(
        probe.of("tool-invocation").map(({ args }) => args),
        [{ n: 1 }, { n: 5 }]
      )
      assert.deepInclude(probe.of("approval-decision")[0]?.data, { by: "mia", feedback: "five" })
    }).pipe(Effect.scoped)
  )

  it.effect("to the same arguments is an approval", () =>
    Effect.gen(function* () {
      const { id, probe, ran, runtime } = yield* asking()
      yield* runtime.respondToApproval(id, Decision.revise({}))
      yield* probe.end
      assert.deepStrictEqual(ran, [{ n: 1 }])
    }).pipe(Effect.scoped)
  )

  it.effect.each<readonly [string, string]>([
    [`{ "m": 2 }`, "m"],
    [`{ "n": 2, "admin": true }`, "admin"],
    [`{ "n": 3, "__proto__": { "admin": true } }`, "__proto__"]
  ])(
    "of an argument that the tool does not have is refused, names it and leaves the question open: %s",
    ([text, name]) =>
      Effect.gen(function* () {
        const { id, ran, runtime } = yield* asking()
        const error = yield* Effect.flip(runtime.respondToApproval(id, Decision.revise(JSON.parse(text))))
        assert.include(error.message, `Unknown argument "${name}". Arguments of the tool: n`)
        assert.deepStrictEqual(ran, [])
        assert.strictEqual((yield* runtime.pendingApprovals()).length, 1)
        assert.isUndefined(Reflect.get({}, "admin"))
      }).pipe(Effect.scoped)
  )
})

describe("a result from the client", () => {
  const Ask = Tool.make("ask", { parameters: Schema.Struct({}), success: Schema.String })
  const client = (approvals: "always" | "never") =>
    Desk.plain(
      ScriptedModel.make({
        respond: (request) =>
          ScriptedModel.lastResults(request).length > 0
            ? ScriptedModel.text("done")
            : ScriptedModel.calls([{ id: "c", name: "ask", args: {} }])
      }),
      { agents: [Agent.make("desk", { clientTools: Toolkit.make(Ask), approvals: { ask: approvals } })] }
    )
  const begun = Effect.gen(function* () {
    const runtime = yield* Runtime
    const { runId } = yield* runtime.start("go", { runId: "run" })
    return { runtime, probe: yield* Probe.watch(runId) }
  })

  it.effect("ends the call that waits for it, once", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* begun
      yield* runtime.submitToolResult("run", "c", { result: "yes" })
      const again = yield* Effect.flip(runtime.submitToolResult("run", "c", { result: "no" }))
      assert.strictEqual(again._tag, "CallNotFound")
      yield* probe.end
      Story.isWhole(probe.envelopes)
      const [call, result] = probe.of("tool-invocation")
      assert.strictEqual(call?.execution, "client")
      assert.strictEqual(result?.state === "result" ? result.result : undefined, "yes")
    }).pipe(Effect.scoped, Effect.provide(client("never")))
  )

  it.effect("that is not JSON is a failure that the model reads", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* begun
      yield* runtime.submitToolResult("run", "c", { result: Schema.decodeUnknownSync(Schema.Any)({ n: 1n }) })
      yield* probe.end
      Story.isWhole(probe.envelopes)
      const [, result] = probe.of("tool-invocation")
      assert.strictEqual(result?.state === "result" ? result.status : undefined, "failed")
      assert.include(JSON.stringify(result), "ResultInvalid")
    }).pipe(Effect.scoped, Effect.provide(client("never")))
  )

  it.effect("that the tool's schema rejects is a failure that the model reads", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* begun
      yield* runtime.submitToolResult("run", "c", { result: 7 })
      yield* probe.end
      Story.isWhole(probe.envelopes)
      const [, result] = probe.of("tool-invocation")
      assert.strictEqual(result?.state === "result" ? result.status : undefined, "failed")
      assert.include(JSON.stringify(result), "ResultInvalid")
      assert.include(JSON.stringify(result), "Expected string")
    }).pipe(Effect.scoped, Effect.provide(client("never")))
  )

  it.effect("for an unknown call or run is not found", () =>
    Effect.gen(function* () {
      const { runtime } = yield* begun
      for (const [run, call] of [
        ["run", "other"],
        ["other", "c"]
      ] as const) {
        const error = yield* Effect.flip(runtime.submitToolResult(run, call, { result: 1 }))
        assert.match(error.message, /no open client call/)
      }
    }).pipe(Effect.scoped, Effect.provide(client("never")))
  )

  it.effect("does not count before a person has approved the call, nor after a rejection", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* begun
      const { data } = yield* probe.next("approval-required")
      const early = yield* Effect.flip(runtime.submitToolResult("run", "c", { result: "early" }))
      assert.strictEqual(early._tag, "CallNotFound")
      yield* runtime.respondToApproval(data.id, Decision.approve())
      yield* runtime.submitToolResult("run", "c", { result: "allowed" })
      yield* probe.end
      Story.isWhole(probe.envelopes)
      const [, result] = probe.of("tool-invocation")
      assert.strictEqual(result?.state === "result" ? result.result : undefined, "allowed")
    }).pipe(Effect.scoped, Effect.provide(client("always")))
  )
})
