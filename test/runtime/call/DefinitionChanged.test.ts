/**
 * What a person allowed is what runs: an answer, a grant and a policy's verdict hold for the definition they were given
 * about, also where the tool has another one by the time the call would run.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Approval, type Envelope, Ordering } from "@reins/protocol"
import { Agent, Decision, Deployment, Model, Runtime, ToolSettings } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, Schema, Scope } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"

const parameters = Schema.Struct({ euros: Schema.Natural })
const Draft = Tool.make("send", {
  description: "Drafts a letter",
  parameters,
  success: Schema.String
}).setNeedsApproval(true)

const Wire = Tool.make("send", { description: "Wires money", parameters, success: Schema.String }).setNeedsApproval(
  true
)
type Send = typeof Draft

const respond: ScriptedModel.Responder = (request) =>
  ScriptedModel.lastResults(request).length > 0
    ? ScriptedModel.text("Done.")
    : ScriptedModel.calls([{ id: "c1", name: "send", args: { euros: 5 } }])

/** A journal, and processes over it that may define the tool in different ways. `ran`: the descriptions of what ran. */
const world = () => {
  const journal = MemoryJournal.make()
  const ran: Array<string> = []
  const process = Effect.fnUntraced(function* (tool: Send, hangs = false) {
    const scope = yield* Scope.make()
    const Kit = Toolkit.make(tool)
    const send = ({ euros }: typeof parameters.Type) =>
      Effect.suspend(() => {
        ran.push(`${tool.description}: ${euros}`)
        return hangs ? Effect.never : Effect.succeed("sent")
      })
    const layer = Runtime.layer({ agents: [Agent.make("clerk", { toolkit: Kit })] }).pipe(
      Layer.provide([
        Kit.toLayer({ send }),
        Layer.succeed(Model, ScriptedModel.make({ respond })),
        Layer.succeed(Deployment.Deployment, journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY }))
      ])
    )
    const runtime = Context.get(yield* Scope.provide(Layer.build(layer), scope), Runtime)
    yield* TestClock.adjust("1 second")
    return { runtime, end: Scope.close(scope, Exit.void) }
  })
  /** A question that the first process asks under the definition of `tool`; the process ends. */
  const askedBefore = Effect.fnUntraced(function* (tool: Send = Draft) {
    const first = yield* process(tool)
    yield* first.runtime.start("Go.", { runId: "run", threadId: "thread" })
    yield* TestClock.adjust("1 second")
    const [question] = yield* open(first.runtime)
    yield* first.end
    assert.isDefined(question)
    return question
  })
  const log = () => journal.log("run")
  const isWhole = () => {
    assert.deepStrictEqual(Ordering.check(log()), [])
    assert.strictEqual(log().at(-1)?.event.type, "data-latency-summary")
  }
  return { journal, ran, process, askedBefore, log, isWhole }
}

/** A process whose caller runs the tool itself. */
const caller = Effect.fnUntraced(function* (journal: MemoryJournal.MemoryJournal, tool: Send) {
  const scope = yield* Scope.make()
  const layer = Runtime.layer({ agents: [Agent.make("clerk", { clientTools: Toolkit.make(tool) })] }).pipe(
    Layer.provide([
      Layer.succeed(Model, ScriptedModel.make({ respond })),
      Layer.succeed(Deployment.Deployment, journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY }))
    ])
  )
  const runtime = Context.get(yield* Scope.provide(Layer.build(layer), scope), Runtime)
  yield* TestClock.adjust("1 second")
  return { runtime, end: Scope.close(scope, Exit.void) }
})

const open = (runtime: Runtime["Service"]) =>
  Effect.map(runtime.pendingApprovals(), (all) => all.map(({ request }) => request))

/** What the log says about approvals. */
const told = (log: ReadonlyArray<Envelope.Envelope>): ReadonlyArray<string> =>
  log.flatMap(({ event }) =>
    event.type === "approval-required"
      ? ["asked"]
      : event.type === "approval-decision"
        ? [event.data.outcome.outcome]
        : []
  )

const refusedWith = (runtime: Runtime["Service"], { id }: Approval.Request, decision: Decision) =>
  Effect.map(Effect.flip(runtime.respondToApproval(id, decision)), ({ reason }) => reason._tag)

describe("an answer", () => {
  for (const decision of [Decision.approve(), Decision.approve({ scope: "thread" }), Decision.revise({ euros: 1 })]) {
    it.effect(
      `to ${decision.type} under another definition runs nothing, grants nothing, and the question is asked again`,
      () =>
        Effect.gen(function* () {
          const { askedBefore, isWhole, log, process, ran } = world()
          const before = yield* askedBefore()
          const { end, runtime } = yield* process(Wire)
          assert.strictEqual(yield* refusedWith(runtime, before, decision), "DefinitionChanged")
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(ran, [])
          assert.deepStrictEqual(yield* runtime.grants.list(), [])
          const [anew] = yield* open(runtime)
          assert.isDefined(anew)
          assert.deepInclude(anew, { target: "send", payload: { euros: 5 }, toolInvocationId: "c1", begunBefore: 0 })
          assert.notStrictEqual(anew.toolHash, before.toolHash)
          // The old question stays answered.
          assert.strictEqual(yield* refusedWith(runtime, before, Decision.approve()), "DefinitionChanged")
          yield* runtime.respondToApproval(anew.id, Decision.approve())
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(ran, ["Wires money: 5"])
          assert.deepStrictEqual(told(log()), ["asked", "superseded", "asked", "approve"])
          isWhole()
          yield* end
        })
    )
  }

  it.effect("that rejects counts under any definition", () =>
    Effect.gen(function* () {
      const { askedBefore, isWhole, log, process, ran } = world()
      const before = yield* askedBefore()
      const { end, runtime } = yield* process(Wire)
      yield* runtime.respondToApproval(before.id, Decision.reject())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(ran, [])
      assert.deepStrictEqual(told(log()), ["asked", "reject"])
      isWhole()
      yield* end
    })
  )

  it.effect("that was stored before the definition changed runs nothing of the new one", () =>
    Effect.gen(function* () {
      const { askedBefore, isWhole, journal, log, process, ran } = world()
      const before = yield* askedBefore()
      const value = { resolution: { id: before.id, outcome: { outcome: "approve" } } }
      yield* journal.answer("run", `approval/${before.id}`, value, 0)
      const { end, runtime } = yield* process(Wire)
      assert.deepStrictEqual(ran, [])
      const [anew] = yield* open(runtime)
      assert.isDefined(anew)
      assert.notStrictEqual(anew.toolHash, before.toolHash)
      assert.strictEqual(anew.begunBefore, 0)
      yield* runtime.respondToApproval(anew.id, Decision.approve())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(ran, ["Wires money: 5"])
      assert.deepStrictEqual(told(log()), ["asked", "approve", "asked", "approve"])
      isWhole()
      yield* end
    })
  )

  it.effect("that was stored before a client tool changed does not let the caller run the new one", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const first = yield* caller(journal, Draft)
      yield* first.runtime.start("Go.", { runId: "run", threadId: "thread" })
      yield* TestClock.adjust("1 second")
      const [before] = yield* open(first.runtime)
      assert.isDefined(before)
      yield* first.end
      const value = { resolution: { id: before.id, outcome: { outcome: "approve" } } }
      yield* journal.answer("run", `approval/${before.id}`, value, 0)
      const { end, runtime } = yield* caller(journal, Wire)
      yield* Effect.flip(runtime.submitToolResult("run", "c1", { result: "sent" }))
      const [anew] = yield* open(runtime)
      assert.isDefined(anew)
      assert.notStrictEqual(anew.toolHash, before.toolHash)
      yield* runtime.respondToApproval(anew.id, Decision.approve())
      yield* TestClock.adjust("1 second")
      yield* runtime.submitToolResult("run", "c1", { result: "sent" })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told(journal.log("run")), ["asked", "approve", "asked", "approve"])
      assert.deepStrictEqual(Ordering.check(journal.log("run")), [])
      assert.strictEqual(journal.log("run").at(-1)?.event.type, "data-latency-summary")
      yield* end
    })
  )

  it.effect("about a call that may have run applies to the definition of its question", () =>
    Effect.gen(function* () {
      const { isWhole, process, ran } = world()
      const first = yield* process(Draft, true)
      yield* first.runtime.start("Go.", { runId: "run", threadId: "thread" })
      yield* TestClock.adjust("1 second")
      const [question] = yield* open(first.runtime)
      assert.isDefined(question)
      yield* first.runtime.respondToApproval(question.id, Decision.approve())
      yield* TestClock.adjust("1 second")
      yield* first.end
      const second = yield* process(Draft)
      const [again] = yield* open(second.runtime)
      assert.isDefined(again)
      assert.strictEqual(again.begunBefore, 1)
      assert.strictEqual(again.toolHash, question.toolHash)
      yield* second.end
      const { end, runtime } = yield* process(Wire)
      assert.strictEqual(yield* refusedWith(runtime, again, Decision.approve()), "DefinitionChanged")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(ran, ["Drafts a letter: 5"])
      const [anew] = yield* open(runtime)
      assert.isDefined(anew)
      assert.strictEqual(anew.begunBefore, 1)
      yield* runtime.respondToApproval(anew.id, Decision.approve())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(ran, ["Drafts a letter: 5", "Wires money: 5"])
      isWhole()
      yield* end
    })
  )

  it.effect("about a plan applies to the tool that was to execute it", () =>
    Effect.gen(function* () {
      const { askedBefore, isWhole, log, process, ran } = world()
      const before = yield* askedBefore(Draft.annotate(ToolSettings.IsPlan, true))
      const { end, runtime } = yield* process(Wire.annotate(ToolSettings.IsPlan, true))
      assert.strictEqual(yield* refusedWith(runtime, before, Decision.approve()), "DefinitionChanged")
      yield* TestClock.adjust("1 second")
      const [anew] = yield* open(runtime)
      assert.isDefined(anew)
      assert.strictEqual(anew.kind, "plan")
      yield* runtime.respondToApproval(anew.id, Decision.approve())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(ran, ["Wires money: 5"])
      assert.deepStrictEqual(told(log()), ["asked", "superseded", "asked", "approve"])
      isWhole()
      yield* end
    })
  )
})

describe("a definition", () => {
  const others: { readonly [what: string]: Send } = {
    "its annotations": Draft.annotate(Tool.Destructive, false),
    "its title": Draft.annotate(Tool.Title, "Letters"),
    "the server it is of": Draft.annotate(ToolSettings.Server, "post"),
    "its description": Wire
  }
  for (const [what, other] of Object.entries(others)) {
    it.effect(`changes with ${what}`, () =>
      Effect.gen(function* () {
        const hash = (tool: Send) => Effect.map(world().askedBefore(tool), ({ toolHash }) => toolHash)
        assert.notStrictEqual(yield* hash(Draft), yield* hash(other))
      })
    )
  }

  it.effect("is the same in every process that defines the tool the same way", () =>
    Effect.gen(function* () {
      const { askedBefore, isWhole, process, ran } = world()
      const before = yield* askedBefore()
      const { end, runtime } = yield* process(Draft)
      yield* runtime.respondToApproval(before.id, Decision.approve())
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(ran, ["Drafts a letter: 5"])
      isWhole()
      yield* end
    })
  )
})
