/** What a tool asks a person while it runs: answered, declined, cut and asked again after a crash, on both engines. */
import { assert, describe, it } from "@effect/vitest"
import { Ordering } from "@reins/protocol"
import {
  Agent,
  Decision,
  Deployment,
  Model,
  Observer,
  Runtime,
  ToolRun,
  ToolSettings,
  type PersonAnswer,
  type QuestionDecided
} from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Exit, Layer, References, Scope } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Engines from "../../support/Engines.ts"
import * as OneTool from "../../support/OneTool.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const schema = { type: "object", properties: { size: { type: "integer" } }, required: ["size"] }
const question = { question: "What size?", schema }

/** Hears nothing. */
const deaf: Observer = {
  started: () => Effect.void,
  refused: () => Effect.void,
  asked: () => Effect.void,
  decided: () => Effect.void,
  ended: () => Effect.void
}

/** A handler that asks, and returns how its question ended. */
const asking = (ended: Array<PersonAnswer> = []) =>
  Effect.gen(function* () {
    const answer = yield* (yield* ToolRun).ask(question)
    ended.push(answer)
    return answer._tag === "Answered" ? answer.value : answer._tag
  })

const result = (probe: Probe.Probe) => {
  const found = probe.of("tool-invocation").find(({ state }) => state === "result")
  return found?.state === "result" ? found.result : undefined
}

describe.each(Engines.all)("a question of a running call, %s", (_, services) => {
  const started = (options: Partial<OneTool.Options> = {}) =>
    OneTool.start({ handler: () => asking(), services: services(), ...options })

  it.effect("is answered by a person with a value that fits its schema, and the call goes on", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* started()
      const { data } = yield* probe.next("approval-required")
      assert.deepInclude(data, { kind: "question", target: "work", toolInvocationId: "c1", payload: question })
      const wrong = yield* Effect.flip(runtime.respondToApproval(data.id, Decision.answer({ size: "big" })))
      assert.strictEqual(wrong.reason._tag, "InvalidArguments")
      yield* runtime.respondToApproval(data.id, Decision.answer({ size: 42 }))
      yield* probe.end
      assert.deepStrictEqual(result(probe), { size: 42 })
      assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    }).pipe(Effect.scoped)
  )

  it.effect("is declined, expires, and is declined at once where nobody can be asked", () =>
    Effect.gen(function* () {
      const declined = yield* started()
      const { data } = yield* declined.probe.next("approval-required")
      yield* declined.runtime.respondToApproval(data.id, Decision.reject({ feedback: "Not my size" }))
      yield* declined.probe.end
      assert.strictEqual(result(declined.probe), "Declined")
      const expired = yield* started({ runtime: { approvalExpiresIn: "1 minute" } })
      const asked = yield* expired.probe.next("approval-required")
      assert.isDefined(asked.data.expiresAt)
      yield* TestClock.adjust("2 minutes")
      yield* expired.probe.end
      assert.strictEqual(result(expired.probe), "Expired")
      const nobody = yield* started({ runtime: { unattended: "approve" } })
      yield* nobody.probe.end
      assert.strictEqual(result(nobody.probe), "Declined")
    }).pipe(Effect.scoped)
  )

  it.effect("is withdrawn when the run is cancelled or the call is too late, and the log is valid", () =>
    Effect.gen(function* () {
      const cancelled = yield* started()
      yield* cancelled.probe.next("approval-required")
      yield* cancelled.runtime.cancel("run")
      yield* TestClock.adjust("10 seconds")
      yield* cancelled.probe.end
      assert.deepStrictEqual(Ordering.check(cancelled.probe.envelopes), [])
      assert.strictEqual(cancelled.probe.of("finish")[0]?.finishReason, "cancelled")
      const late = yield* started({
        tool: OneTool.work.annotate(ToolSettings.Timeout, "5 seconds"),
        query: { runId: "late", threadId: "late" }
      })
      const { data } = yield* late.probe.next("approval-required")
      yield* TestClock.adjust("10 seconds")
      yield* late.probe.end
      assert.deepStrictEqual(Ordering.check(late.probe.envelopes), [])
      assert.deepInclude(late.probe.of("approval-decision")[0]?.data, {
        id: data.id,
        outcome: { outcome: "cancelled" }
      })
      assert.deepInclude(result(late.probe), { error: "ToolTimedOut" })
      assert.deepStrictEqual(yield* late.runtime.pendingApprovals(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("is decided once where its handler is not interrupted by the cut and goes on waiting for it", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* started({
        tool: OneTool.work.annotate(ToolSettings.Timeout, "5 seconds"),
        handler: () => Effect.uninterruptible(asking())
      })
      const { data } = yield* probe.next("approval-required")
      yield* TestClock.adjust("1 minute")
      yield* probe.end
      assert.deepInclude(result(probe), { error: "ToolTimedOut" })
      const late = yield* Effect.flip(runtime.respondToApproval(data.id, Decision.answer({ size: 1 })))
      assert.strictEqual(late.reason._tag, "ApprovalResolved")
      assert.deepStrictEqual(
        probe.of("approval-decision").map(({ data: { outcome } }) => outcome),
        [{ outcome: "cancelled" }]
      )
      assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    }).pipe(Effect.scoped)
  )

  it.effect("waits for the one before it", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* started({
        handler: () =>
          Effect.map(
            Effect.flatMap(ToolRun, (run) => Effect.all([run.ask(question), run.ask(question)], { concurrency: 2 })),
            (answers) => answers.map((one) => (one._tag === "Answered" ? one.value : one._tag))
          )
      })
      for (const size of [1, 2]) {
        yield* TestClock.adjust("1 second")
        const open = yield* runtime.pendingApprovals()
        assert.lengthOf(open, 1)
        yield* runtime.respondToApproval(open[0]?.request.id ?? "", Decision.answer({ size }))
      }
      yield* probe.end
      assert.deepStrictEqual(result(probe), [{ size: 1 }, { size: 2 }])
      assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    }).pipe(Effect.scoped)
  )

  it.effect("is withdrawn when its handler stops waiting, and the next one is asked", () =>
    Effect.gen(function* () {
      const impatient = Effect.flatMap(ToolRun, (run) =>
        Effect.gen(function* () {
          const first = yield* Effect.timeoutOption(run.ask(question), "1 second")
          const second = yield* run.ask(question)
          return [first._tag, second._tag]
        })
      )
      const { probe, runtime } = yield* started({ handler: () => impatient })
      const { data } = yield* probe.next("approval-required")
      yield* TestClock.adjust("2 seconds")
      const [open] = yield* runtime.pendingApprovals()
      assert.notStrictEqual(open?.request.id, data.id)
      const late = yield* Effect.flip(runtime.respondToApproval(data.id, Decision.answer({ size: 1 })))
      assert.strictEqual(late.reason._tag, "ApprovalResolved")
      yield* runtime.respondToApproval(open?.request.id ?? "", Decision.answer({ size: 2 }))
      yield* probe.end
      assert.deepStrictEqual(result(probe), ["None", "Answered"])
      assert.deepInclude(probe.of("approval-decision")[0]?.data, { id: data.id, outcome: { outcome: "cancelled" } })
      assert.lengthOf(probe.of("data-latency-summary")[0]?.data.waits ?? [], 2)
      assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    }).pipe(Effect.scoped)
  )

  it.effect("is asked once for all attempts of a call, and still open for the next one when an attempt is cut", () =>
    Effect.gen(function* () {
      const tool = OneTool.work.annotate(ToolSettings.Retries, 2).annotate(ToolSettings.Timeout, "5 seconds")
      const handler = Effect.flatMap(ToolRun, (run) =>
        Effect.flatMap(run.ask(question), (answer) =>
          run.attempt < 2 ? Effect.fail("not yet") : Effect.succeed(answer._tag === "Answered" ? answer.value : 0)
        )
      )
      const { probe, runtime } = yield* started({ handler: () => handler, tool })
      const { data } = yield* probe.next("approval-required")
      yield* TestClock.adjust("6 seconds")
      const [open] = yield* runtime.pendingApprovals()
      assert.strictEqual(open?.request.id, data.id)
      yield* runtime.respondToApproval(data.id, Decision.answer({ size: 3 }))
      yield* TestClock.adjust("10 seconds")
      yield* probe.end
      assert.deepStrictEqual(result(probe), { size: 3 })
      assert.lengthOf(probe.of("approval-required"), 1)
      assert.lengthOf(probe.of("data-latency-summary")[0]?.data.waits ?? [], 1)
    }).pipe(Effect.scoped, quiet)
  )

  it.effect("is withdrawn when the next attempt asks one that the attempt before had not come to", () =>
    Effect.gen(function* () {
      const tool = OneTool.work.annotate(ToolSettings.Retries, 1).annotate(ToolSettings.Timeout, "5 seconds")
      const together = Effect.flatMap(ToolRun, (run) =>
        Effect.map(
          Effect.all(
            [run.ask(question), Effect.timeoutOption(run.ask(question), "1 second"), run.ask(question)] as const,
            { concurrency: "unbounded" }
          ),
          ([first, second, third]) => [first._tag, second._tag, third._tag]
        )
      )
      const { probe, runtime } = yield* started({ handler: () => together, tool })
      yield* TestClock.adjust("2 seconds")
      const answer = Effect.gen(function* () {
        const [open] = yield* runtime.pendingApprovals()
        yield* runtime.respondToApproval(open?.request.id ?? "", Decision.answer({ size: 1 }))
      })
      yield* answer
      // The third one is open when the attempt is cut; the next attempt comes to the second.
      yield* TestClock.adjust("3500 millis")
      yield* answer
      yield* TestClock.adjust("1 second")
      yield* probe.end
      assert.deepStrictEqual(result(probe), ["Answered", "Some", "Cancelled"])
      assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
    }).pipe(Effect.scoped, quiet)
  )

  it.effect("is not asked again when its handler goes on after a sleep", () =>
    Effect.gen(function* () {
      const handler = Effect.flatMap(ToolRun, (run) => Effect.andThen(run.sleep("1 hour"), asking()))
      const before = Effect.flatMap(asking(), (size) => Effect.map(handler, (again) => [size, again]))
      const { probe, runtime } = yield* started({ handler: () => before })
      for (const size of [1, 2]) {
        yield* TestClock.adjust("1 hour")
        const open = yield* runtime.pendingApprovals()
        assert.lengthOf(open, 1)
        yield* runtime.respondToApproval(open[0]?.request.id ?? "", Decision.answer({ size }))
      }
      yield* probe.end
      assert.deepStrictEqual(result(probe), [{ size: 1 }, { size: 2 }])
      assert.lengthOf(probe.of("approval-required"), 2)
    }).pipe(Effect.scoped)
  )
})

describe("a question of a call whose process died", () => {
  const world = (
    tool: OneTool.Work,
    handler: OneTool.Handler = () => asking(),
    model: ScriptedModel.ScriptedModel = OneTool.caller()
  ) => {
    const journal = MemoryJournal.make()
    const Kit = Toolkit.make(tool)
    let begun = 0
    // `carries`: whether it executes runs.
    const process = Effect.fnUntraced(function* (carries = true) {
      const scope = yield* Scope.make()
      const layer = Runtime.layer({ agents: [Agent.make("desk", { toolkit: Kit })] }).pipe(
        Layer.provide([
          Kit.toLayer({ work: (args) => Effect.suspend(() => (begun++, handler(args))) }),
          Layer.succeed(Model, model),
          Layer.succeed(
            Deployment.Deployment,
            journalHost(journal, { carries, gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
          )
        ])
      )
      const runtime = Context.get(yield* Scope.provide(Layer.build(layer), scope), Runtime)
      return { runtime, end: Scope.close(scope, Exit.void) }
    })
    return { journal, process, begun: () => begun }
  }

  it.effect.each(["before", "after"] as const)(
    "is asked once by a call that is repeated, answered %s it goes on",
    (when) =>
      Effect.gen(function* () {
        const { begun, journal, process } = world(OneTool.work.annotate(Tool.Idempotent, true))
        const first = yield* process()
        yield* first.runtime.start("Go", { runId: "run" })
        yield* TestClock.adjust("1 second")
        const [open] = yield* first.runtime.pendingApprovals()
        yield* first.end
        const answer = Decision.answer({ size: 7 })
        if (when === "before") {
          const other = yield* process()
          yield* other.runtime.respondToApproval(open?.request.id ?? "", answer)
          yield* other.end
        }
        const second = yield* process()
        const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, second.runtime)
        if (when === "after") {
          yield* TestClock.adjust("1 second")
          yield* second.runtime.respondToApproval(open?.request.id ?? "", answer)
        }
        yield* probe.end
        assert.isAbove(begun(), 1)
        assert.lengthOf(probe.of("approval-required"), 1)
        assert.deepStrictEqual(result(probe), { size: 7 })
        assert.deepStrictEqual(Ordering.check(journal.log("run")), [])
        assert.deepInclude(yield* second.runtime.replay(journal.exportRun("run")), { _tag: "Identical" })
        yield* second.end
      }).pipe(Effect.scoped, quiet)
  )

  it.effect("is withdrawn before a person is asked whether the call is repeated, and asked anew by then", () =>
    Effect.gen(function* () {
      const { journal, process } = world(OneTool.work)
      const first = yield* process()
      yield* first.runtime.start("Go", { runId: "run" })
      yield* TestClock.adjust("1 second")
      const [open] = yield* first.runtime.pendingApprovals()
      yield* first.end
      const { end, runtime } = yield* process()
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
      yield* TestClock.adjust("1 second")
      const [again] = yield* runtime.pendingApprovals()
      assert.deepInclude(again?.request, { kind: "tool", begunBefore: 1 })
      const late = yield* Effect.flip(runtime.respondToApproval(open?.request.id ?? "", Decision.answer({ size: 1 })))
      assert.strictEqual(late.reason._tag, "ApprovalResolved")
      yield* runtime.respondToApproval(again?.request.id ?? "", Decision.approve())
      yield* TestClock.adjust("1 second")
      const [anew] = yield* runtime.pendingApprovals()
      yield* runtime.respondToApproval(anew?.request.id ?? "", Decision.answer({ size: 2 }))
      yield* probe.end
      assert.deepStrictEqual(result(probe), { size: 2 })
      assert.deepStrictEqual(Ordering.check(journal.log("run")), [])
      assert.deepInclude(yield* runtime.replay(journal.exportRun("run")), { _tag: "Identical" })
      yield* end
    }).pipe(Effect.scoped, quiet)
  )

  it.effect("has the answer that came while nobody executed the run, also where the call is not repeated", () =>
    Effect.gen(function* () {
      const { journal, process } = world(OneTool.work)
      const first = yield* process()
      yield* first.runtime.start("Go", { runId: "run" })
      yield* TestClock.adjust("1 second")
      const [open] = yield* first.runtime.pendingApprovals()
      yield* first.end
      const other = yield* process(false)
      yield* other.runtime.respondToApproval(open?.request.id ?? "", Decision.answer({ size: 9 }))
      yield* other.end
      const told: Array<QuestionDecided> = []
      const { end, runtime } = yield* Effect.provideService(process(), Observer, {
        ...deaf,
        decided: (question) => Effect.sync(() => void told.push(question))
      })
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
      yield* TestClock.adjust("1 second")
      const [again] = yield* runtime.pendingApprovals()
      yield* runtime.respondToApproval(again?.request.id ?? "", Decision.reject())
      yield* probe.end
      const decided = probe.of("approval-decision").find(({ data }) => data.id === open?.request.id)
      assert.deepInclude(decided?.data.outcome, { outcome: "answer", value: { size: 9 } })
      assert.deepStrictEqual(
        told.map(({ id, kind, outcome }) => [id, kind, outcome]),
        [
          [open?.request.id, "question", "answer"],
          [again?.request.id, "tool", "reject"]
        ]
      )
      assert.deepInclude(yield* runtime.replay(journal.exportRun("run")), { _tag: "Identical" })
      yield* end
    }).pipe(Effect.scoped, quiet)
  )

  it.effect("counts as waited for once its call has ended, and time without a process does not", () =>
    Effect.gen(function* () {
      const hold = yield* ScriptedModel.hold
      const model = ScriptedModel.make({
        replies: [
          ScriptedModel.calls([{ id: "c1", name: "work", args: {} }]),
          { ...ScriptedModel.text("lost"), hold },
          ScriptedModel.text("done")
        ]
      })
      const handler = Effect.flatMap(ToolRun, (run) =>
        Effect.as(Effect.andThen(Effect.timeoutOption(run.ask(question), "1 second"), run.ask(question)), "asked")
      )
      const { journal, process } = world(OneTool.work, () => handler, model)
      const first = yield* process()
      yield* first.runtime.start("Go", { runId: "run" })
      yield* TestClock.adjust("3 seconds")
      const [open] = yield* first.runtime.pendingApprovals()
      yield* first.runtime.respondToApproval(open?.request.id ?? "", Decision.answer({ size: 1 }))
      yield* hold.reached
      yield* first.end
      yield* TestClock.adjust("1 hour")
      const { end, runtime } = yield* process()
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
      yield* probe.end
      const { downMs, waits } = probe.of("data-latency-summary")[0]?.data ?? { downMs: 0, waits: [] }
      assert.deepStrictEqual([downMs, waits.map(({ durationMs }) => durationMs)], [3_600_000, [1000, 2000]])
      assert.deepInclude(yield* runtime.replay(journal.exportRun("run")), { _tag: "Identical" })
      yield* end
    }).pipe(Effect.scoped, quiet)
  )

  it.effect("is that of the allowed repetition also after a sleep", () =>
    Effect.gen(function* () {
      const handler = Effect.flatMap(asking(), (size) =>
        Effect.flatMap(ToolRun, (run) => Effect.as(run.sleep("1 hour"), size))
      )
      const { process } = world(OneTool.work, () => handler)
      const first = yield* process()
      yield* first.runtime.start("Go", { runId: "run" })
      yield* TestClock.adjust("1 second")
      yield* first.end
      const { end, runtime } = yield* process()
      const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
      for (const decision of [Decision.approve(), Decision.answer({ size: 5 })]) {
        yield* TestClock.adjust("1 second")
        const [open] = yield* runtime.pendingApprovals()
        yield* runtime.respondToApproval(open?.request.id ?? "", decision)
      }
      yield* TestClock.adjust("2 hours")
      yield* probe.end
      assert.deepStrictEqual(result(probe), { size: 5 })
      yield* end
    }).pipe(Effect.scoped, quiet)
  )
})
