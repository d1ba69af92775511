/**
 * A call whose process died in the middle may have taken effect: it is made once more only where its tool does no harm
 * by that, or where a person allows it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import {
  Agent,
  Decision,
  Deployment,
  Model,
  type ModelRequest,
  Runtime,
  type RuntimeOptions,
  ToolRun
} from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, References, Schema, Scope } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const parameters = Schema.Struct({ euros: Schema.Natural })
const Pay = Tool.make("pay", { parameters, success: Schema.String, dependencies: [ToolRun] })

const respond = (request: ModelRequest) =>
  ScriptedModel.lastResults(request).length > 0
    ? ScriptedModel.text("Done.")
    : ScriptedModel.calls([{ id: "c1", name: "pay", args: { euros: 5 } }])

interface Begun {
  readonly key: string
  readonly attempt: number
  readonly euros: number
}

/**
 * A journal, the payments that were started, and processes over it. `tool`: absent, one that must not be made twice.
 */
const world = (tool: typeof Pay = Pay, options: Omit<RuntimeOptions<[]>, "agents"> = {}) => {
  const journal = MemoryJournal.make()
  const begun: Array<Begun> = []
  const Kit = Toolkit.make(tool)
  /** A process, until it is ended; in one that `hangs` no payment ends. */
  const process = Effect.fnUntraced(function* (hangs: boolean) {
    const scope = yield* Scope.make()
    const pay = Effect.fnUntraced(function* ({ euros }: typeof parameters.Type) {
      const run = yield* ToolRun
      begun.push({ key: run.idempotencyKey, attempt: run.attempt, euros })
      return hangs ? yield* Effect.never : `paid ${euros}`
    })
    const host = journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
    const layer = Runtime.layer({ ...options, agents: [Agent.make("desk", { toolkit: Kit })] }).pipe(
      Layer.provide([
        Kit.toLayer({ pay }),
        Layer.succeed(Model, ScriptedModel.make({ respond })),
        Layer.succeed(Deployment.Deployment, host)
      ])
    )
    const runtime = Context.get(yield* Scope.provide(Layer.build(layer), scope), Runtime)
    return { runtime, end: Scope.close(scope, Exit.void) }
  })
  /** A process that begins the payment and dies, then another that finds the run. */
  const followed = Effect.fnUntraced(function* (hangs = false) {
    const first = yield* process(true)
    yield* first.runtime.start("Pay.", { runId: "run" })
    yield* TestClock.adjust("1 second")
    yield* first.end
    const second = yield* process(hangs)
    yield* TestClock.adjust("1 second")
    return second
  })
  const asked = (runtime: Runtime["Service"]) =>
    Effect.map(runtime.pendingApprovals(), (all) => all.map(({ request }) => request))
  const results = () =>
    journal
      .log("run")
      .flatMap(({ event }) =>
        event.type === "tool-invocation" && event.state === "result"
          ? [{ result: event.result, status: event.status }]
          : []
      )
  const isWhole = () => {
    const log = journal.log("run")
    assert.deepStrictEqual(Ordering.check(log), [])
    assert.strictEqual(log.at(-1)?.event.type, "data-latency-summary")
  }
  return { journal, begun, process, followed, asked, results, isWhole }
}

const lost = "The process that ran this call died before it ended, so the call may or may not have taken effect"

describe("a call that was running when its process died", () => {
  it.effect("is asked about and, when approved, repeated under the same key", () =>
    Effect.gen(function* () {
      const { asked, begun, followed, isWhole, results } = world()
      const { end, runtime } = yield* followed()
      const [question] = yield* asked(runtime)
      assert.strictEqual(begun.length, 1, "nothing runs before the answer")
      assert.deepInclude(question, { kind: "tool", target: "pay", payload: { euros: 5 }, begunBefore: 1 })
      assert.strictEqual(question?.toolInvocationId, "c1")
      yield* runtime.respondToApproval(question?.id ?? "", Decision.approve({ by: "mia" }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(begun, [
        { key: "run:c1", attempt: 0, euros: 5 },
        { key: "run:c1", attempt: 1, euros: 5 }
      ])
      assert.deepStrictEqual(results(), [{ result: "paid 5", status: undefined }])
      isWhole()
      yield* end
    }).pipe(quiet)
  )

  it.effect("is not repeated after a rejection, and the model reads why", () =>
    Effect.gen(function* () {
      const { asked, begun, followed, isWhole, results } = world()
      const { end, runtime } = yield* followed()
      const [question] = yield* asked(runtime)
      yield* runtime.respondToApproval(question?.id ?? "", Decision.reject({ feedback: "the bank has it" }))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(begun.length, 1)
      const message = `${lost}; a person rejected repeating it: the bank has it`
      assert.deepStrictEqual(results(), [{ result: { error: "MayHaveRun", message }, status: "failed" }])
      isWhole()
      yield* end
    }).pipe(quiet)
  )

  it.effect("can be repeated with other arguments", () =>
    Effect.gen(function* () {
      const { asked, begun, followed, isWhole } = world()
      const { end, runtime } = yield* followed()
      const [question] = yield* asked(runtime)
      yield* runtime.respondToApproval(question?.id ?? "", Decision.revise({ euros: 2 }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        begun.map(({ euros }) => euros),
        [5, 2]
      )
      isWhole()
      yield* end
    }).pipe(quiet)
  )

  it.effect("is asked about each time a process dies during it", () =>
    Effect.gen(function* () {
      const { asked, begun, followed, isWhole, process } = world()
      const second = yield* followed(true)
      const [question] = yield* asked(second.runtime)
      yield* second.runtime.respondToApproval(question?.id ?? "", Decision.approve())
      yield* TestClock.adjust("1 second")
      yield* second.end
      const third = yield* process(false)
      yield* TestClock.adjust("1 second")
      const [again] = yield* asked(third.runtime)
      assert.notStrictEqual(again?.id, question?.id)
      assert.strictEqual(again?.begunBefore, 2)
      yield* third.runtime.respondToApproval(again?.id ?? "", Decision.approve())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(
        begun.map(({ attempt }) => attempt),
        [0, 1, 2]
      )
      isWhole()
      yield* third.end
    }).pipe(quiet)
  )

  it.effect("expires like any other question", () =>
    Effect.gen(function* () {
      const { followed, isWhole, results } = world(Pay, { approvalExpiresIn: "1 minute" })
      const { end } = yield* followed()
      yield* TestClock.adjust("2 minutes")
      const message = `${lost}; the approval to repeat it expired without an answer`
      assert.deepStrictEqual(results(), [{ result: { error: "MayHaveRun", message }, status: "failed" }])
      isWhole()
      yield* end
    }).pipe(quiet)
  )

  it.effect("is closed when its run is cancelled", () =>
    Effect.gen(function* () {
      const { followed, isWhole, results } = world()
      const { end, runtime } = yield* followed()
      yield* runtime.cancel("run")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(results()[0]?.status, "cancelled")
      isWhole()
      yield* end
    }).pipe(quiet)
  )

  it.effect("is not repeated when the runtime is unattended", () =>
    Effect.gen(function* () {
      const { begun, followed, isWhole, results } = world(Pay, { unattended: "deny" })
      const { end } = yield* followed()
      assert.strictEqual(begun.length, 1)
      assert.strictEqual(results()[0]?.status, "failed")
      isWhole()
      yield* end
    }).pipe(quiet)
  )

  it.effect("leaves no grant: the approval covers this call only", () =>
    Effect.gen(function* () {
      const { asked, followed } = world()
      const { end, runtime } = yield* followed()
      const [question] = yield* asked(runtime)
      const refused = yield* Effect.flip(
        runtime.respondToApproval(question?.id ?? "", Decision.approve({ scope: "thread" }))
      )
      assert.strictEqual(refused.reason._tag, "InvalidArguments")
      assert.deepStrictEqual(yield* asked(runtime), [question])
      yield* end
    }).pipe(quiet)
  )

  for (const [what, tool] of [
    ["idempotent", Pay.annotate(Tool.Idempotent, true)],
    ["only reads", Pay.annotate(Tool.Readonly, true)]
  ] as const) {
    it.effect(`is repeated without a question if its tool can be repeated without harm: ${what}`, () =>
      Effect.gen(function* () {
        const { begun, followed, isWhole, journal } = world(tool)
        const { end } = yield* followed()
        assert.deepStrictEqual(
          begun.map(({ attempt }) => attempt),
          [0, 1]
        )
        assert.isFalse(journal.log("run").some(({ event }) => event.type === "approval-required"))
        isWhole()
        yield* end
      }).pipe(quiet)
    )
  }
})
