import { assert, describe, it } from "@effect/vitest"
import { Message, Ordering } from "@reins/protocol"
import { Agent, Decision, Deployment, type Envelope, Model, Observer, Runtime, ToolRun } from "@reins/runtime"
import {
  journalHost,
  type JournalHostOptions,
  type JournalStore,
  MemoryJournal,
  Names,
  type Opened,
  StoreFailure
} from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Queue, References, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { TestClock } from "effect/testing"
import * as OneTool from "../../../support/OneTool.ts"
import * as Opening from "../../../support/Opening.ts"

const Pay = Tool.make("pay", { parameters: Schema.Struct({}), success: Schema.String, needsApproval: true })
class Tools extends Toolkit.make(Pay) {}
const desk = Agent.make("desk", { instructions: "Pay.", toolkit: Tools })

/** A runtime over the store; `paid` hears of each payment. */
const runtime = (
  store: JournalStore,
  options: JournalHostOptions & { readonly expires?: string; readonly paid?: () => void } = {}
) =>
  Runtime.layer({ agents: [desk], approvalExpiresIn: options.expires === undefined ? undefined : "1 hour" }).pipe(
    Layer.provide([
      Tools.toLayer({
        pay: () =>
          Effect.sync(() => {
            options.paid?.()
            return "paid"
          })
      }),
      Layer.succeed(
        Model,
        ScriptedModel.make({
          respond: (request) =>
            ScriptedModel.lastResults(request).length > 0
              ? ScriptedModel.text("Done.")
              : ScriptedModel.calls([{ id: "c1", name: "pay", args: {} }])
        })
      ),
      Layer.succeed(
        Deployment.Deployment,
        journalHost(store, { pollMs: Number.POSITIVE_INFINITY, gatherMs: 0, ...options })
      )
    ])
  )

/** A journal that counts how often a run was opened, as it was created or later. */
const counting = (of: Opening.Way["of"]) => {
  const journal = of(MemoryJournal.make())
  const count = { opened: 0 }
  const counted = <E>(opening: Effect.Effect<Opened | undefined, E>) =>
    Effect.tap(opening, (opened) => Effect.sync(() => (opened === undefined ? 0 : count.opened++)))
  const store: JournalStore = {
    ...journal,
    create: (record, change, opens) => counted(journal.create(record, change, opens)),
    open: (runId, at) => counted(journal.open(runId, at))
  }
  return { store, count }
}

const started = Effect.gen(function* () {
  const { pendingApprovals, start, watch } = yield* Runtime
  yield* start("Pay.", { runId: "run" })
  const seen: Array<Envelope.Envelope> = []
  const watcher = yield* Effect.forkChild(
    Stream.runForEach(watch("run"), (envelope) => Effect.sync(() => seen.push(envelope)))
  )
  yield* TestClock.adjust("1 second")
  const [question] = yield* pendingApprovals()
  return { id: question?.request.id ?? "", seen, watcher }
})

describe.each(Opening.ways)("a run that waits for long in $way", ({ of }) => {
  it.effect("is unloaded, and an answer opens it again without its watchers noticing", () => {
    const { count, store } = counting(of)
    let paid = 0
    return Effect.gen(function* () {
      const { respondToApproval } = yield* Runtime
      const { id, seen, watcher } = yield* started
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(count.opened, 1)
      yield* respondToApproval(id, Decision.approve())
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(watcher)
      assert.strictEqual(count.opened, 2)
      assert.strictEqual(paid, 1)
      assert.deepStrictEqual(
        seen.map(({ seq }) => seq),
        seen.map((_, index) => index + 1)
      )
      const latency = seen.at(-1)?.event
      assert.isTrue(latency?.type === "data-latency-summary" && latency.data.humanWaitMs >= 600_000)
      assert.isTrue(latency?.type === "data-latency-summary" && latency.data.downMs === 0)
    }).pipe(Effect.provide(runtime(store, { paid: () => paid++ })))
  })

  it.effect.each([
    ["a cancel of this process", "cancelled"],
    ["a cancel of another process", "cancelled"],
    ["an answer of another process", "stop"]
  ] as const)("stays in memory while it looks for %s, however long that takes", ([whose, reason]) => {
    const journal = of(MemoryJournal.make())
    const wakes = Effect.runSync(Queue.unbounded<string>())
    let isSlow = false
    const find: JournalStore["find"] = (runId, name) => {
      const found = journal.find(runId, name)
      return Effect.suspend(() => (isSlow ? Effect.delay(found, "2 minutes") : found))
    }
    return Effect.gen(function* () {
      const other = Context.get(yield* Layer.build(runtime(journal, { carries: false })), Runtime)
      const { id, seen, watcher } = yield* started
      yield* TestClock.adjust("58 seconds")
      isSlow = true
      if (whose === "a cancel of this process") assert.isTrue(yield* (yield* Runtime).cancel("run"))
      else {
        if (whose === "a cancel of another process") assert.isTrue(yield* other.cancel("run"))
        else yield* other.respondToApproval(id, Decision.approve())
        yield* Queue.offer(wakes, "run")
      }
      yield* TestClock.adjust("10 minutes")
      yield* Fiber.join(watcher)
      assert.isTrue(seen.some(({ event }) => event.type === "finish" && event.finishReason === reason))
    }).pipe(Effect.scoped, Effect.provide(runtime({ ...journal, find, wakes: Stream.fromQueue(wakes) })))
  })

  it.effect("is opened again when its question expires", () => {
    const { count, store } = counting(of)
    return Effect.gen(function* () {
      const { seen, watcher } = yield* started
      yield* TestClock.adjust("2 hours")
      yield* Fiber.join(watcher)
      assert.strictEqual(count.opened, 2)
      const decision = seen.find(({ event }) => event.type === "approval-decision")?.event
      assert.isTrue(decision?.type === "approval-decision" && decision.data.outcome.outcome === "expired")
    }).pipe(Effect.provide(runtime(store, { expires: "1 hour" })))
  })

  it.effect("is opened again to be cancelled", () => {
    const { store } = counting(of)
    return Effect.gen(function* () {
      const { cancel } = yield* Runtime
      const { seen, watcher } = yield* started
      yield* TestClock.adjust("10 minutes")
      assert.isTrue(yield* cancel("run"))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(watcher)
      const finish = seen.find(({ event }) => event.type === "finish")?.event
      assert.isTrue(finish?.type === "finish" && finish.finishReason === "cancelled")
    }).pipe(Effect.provide(runtime(store)))
  })
})

describe.each(Opening.ways)("$way and that fails for a while", ({ of }) => {
  it.effect("delays the run only: it is resumed, and nothing is repeated", () => {
    const { store } = counting(of)
    const broken = { commits: 0, reads: 0 }
    const failing: JournalStore = {
      ...store,
      commit: (batch) =>
        Effect.suspend(() =>
          broken.commits-- > 0 ? Effect.fail(new StoreFailure({ operation: "commit" })) : store.commit(batch)
        ),
      find: (runId, name) =>
        Effect.suspend(() =>
          broken.reads-- > 0 ? Effect.fail(new StoreFailure({ operation: "find" })) : store.find(runId, name)
        )
    }
    let paid = 0
    return Effect.gen(function* () {
      const { respondToApproval } = yield* Runtime
      broken.commits = 3
      const { id, seen, watcher } = yield* started
      assert.strictEqual(id, "")
      yield* TestClock.adjust("10 seconds")
      const question = seen.find(({ event }) => event.type === "approval-required")?.event
      assert.isTrue(question?.type === "approval-required")
      broken.commits = 2
      broken.reads = 2
      if (question?.type === "approval-required") yield* respondToApproval(question.data.id, Decision.approve())
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(watcher)
      assert.deepStrictEqual(
        Ordering.check(seen).map(({ violation }) => violation.message),
        []
      )
      assert.isTrue(seen.some(({ event }) => event.type === "finish" && event.finishReason === "stop"))
      assert.strictEqual(paid, 1)
    }).pipe(
      Effect.provide(runtime(failing, { paid: () => paid++ })),
      Effect.provideService(References.MinimumLogLevel, "None")
    )
  })
})

describe.each(Opening.ways)("a host that does not execute runs yet, over $way", ({ of }) => {
  it.effect("leaves runs alone, and resumes all of them when it may", () =>
    Effect.gen(function* () {
      const { count, store } = counting(of)
      const mayCarry = yield* Deferred.make<void>()
      yield* Effect.gen(function* () {
        const { pendingApprovals, start, status } = yield* Runtime
        yield* start("Pay.", { runId: "run" })
        yield* TestClock.adjust("1 minute")
        assert.strictEqual(count.opened, 0)
        assert.strictEqual((yield* status("run"))?.state, "running")
        yield* Deferred.succeed(mayCarry, undefined)
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* pendingApprovals()).length, 1)
      }).pipe(Effect.provide(runtime(store, { carries: Deferred.await(mayCarry) })))
    })
  )
})

describe.each(Opening.ways)("a host that hears of a run from another process, over $way", ({ of }) => {
  it.effect("executes it", () =>
    Effect.gen(function* () {
      const { store } = counting(of)
      const wakes = yield* Queue.unbounded<string>()
      yield* Effect.gen(function* () {
        const { pendingApprovals } = yield* Runtime
        const record = { resourceId: "default", agent: "desk", prompt: "Pay.", isolated: false, startedAt: 0 }
        yield* store.create({ ...record, runId: "run", threadId: "thread" })
        yield* Queue.offer(wakes, "run")
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* pendingApprovals()).length, 1)
      }).pipe(Effect.provide(runtime({ ...store, wakes: Stream.fromQueue(wakes) })))
    })
  )

  it.effect("executes it, also where it hears so while it tries to create the same run", () =>
    Effect.gen(function* () {
      const { store } = counting(of)
      const wakes = yield* Queue.unbounded<string>()
      const gate = yield* Deferred.make<void>()
      const create: JournalStore["create"] = (record, change, opens) =>
        Effect.andThen(Deferred.await(gate), store.create(record, change, opens))
      yield* Effect.gen(function* () {
        const { pendingApprovals, start } = yield* Runtime
        const record = { resourceId: "default", agent: "desk", prompt: "Pay.", isolated: false, startedAt: 0 }
        yield* store.create({ ...record, runId: "run", threadId: "thread" })
        const again = yield* Effect.forkChild(Effect.exit(start("Pay.", { runId: "run", threadId: "thread" })))
        yield* TestClock.adjust("1 second")
        yield* Queue.offer(wakes, "run")
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* pendingApprovals()).length, 0)
        yield* Deferred.succeed(gate, undefined)
        yield* TestClock.adjust("1 second")
        assert.isTrue(Exit.isFailure(yield* Fiber.join(again)))
        assert.strictEqual((yield* pendingApprovals()).length, 1)
      }).pipe(Effect.provide(runtime({ ...store, create, wakes: Stream.fromQueue(wakes) })))
    })
  )
})

describe("a run that goes on from one of its questions while the other one waits", () => {
  it.effect("stays in memory while an observer hears of the answer", () =>
    Effect.gen(function* () {
      const ran: Array<string> = []
      const [quiet, decided] = [() => Effect.void, () => Effect.sleep("4 seconds")]
      const observer = Layer.succeed(Observer, { started: quiet, refused: quiet, asked: quiet, decided, ended: quiet })
      const host = journalHost(MemoryJournal.make(), { gatherMs: 0, pollMs: Infinity, hibernateMs: 10_000 })
      const { handle, probe, runtime } = yield* OneTool.start({
        tool: OneTool.work.setNeedsApproval(true),
        calls: [{ n: 1 }, { n: 2 }],
        handler: () => Effect.map(ToolRun, ({ callId }) => void ran.push(callId)),
        services: Layer.merge(observer, Layer.succeed(Deployment.Deployment, host))
      })
      yield* TestClock.adjust("9 seconds")
      const [first] = yield* runtime.pendingApprovals()
      yield* runtime.respondToApproval(first?.request.id ?? "", Decision.approve())
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(ran, [first?.request.toolInvocationId])
      yield* handle.cancel
      yield* TestClock.adjust("1 minute")
      yield* probe.end
    }).pipe(Effect.scoped)
  )
})

describe("a host that hears of a cancel from another process", () => {
  it.effect("cancels the run, also where it hears so while it opens it", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      yield* started.pipe(Effect.scoped, Effect.provide(runtime(journal)))
      const wakes = yield* Queue.unbounded<string>()
      const gate = yield* Deferred.make<void>()
      const found: Array<string> = []
      const store: JournalStore = {
        ...journal,
        wakes: Stream.fromQueue(wakes),
        open: (runId, at) => Effect.tap(journal.open(runId, at), () => Deferred.await(gate)),
        find: (runId, name) =>
          Effect.andThen(
            Effect.sync(() => found.push(name)),
            journal.find(runId, name)
          )
      }
      yield* Effect.gen(function* () {
        const { status } = yield* Runtime
        yield* TestClock.adjust("1 second")
        yield* journal.answer("run", Names.cancel, true, 1000)
        yield* Queue.offer(wakes, "run")
        yield* TestClock.adjust("1 second")
        yield* Deferred.succeed(gate, undefined)
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* status("run"))?.state, "ended")
      }).pipe(Effect.provide(runtime(store, { carries: Effect.void })))
      assert.include(found, Names.cancel)
    })
  )

  it.effect("looks for none where it hears of nothing while it opens the run", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      const { id } = yield* started.pipe(Effect.scoped, Effect.provide(runtime(journal)))
      const found: Array<string> = []
      const find: JournalStore["find"] = (runId, name) =>
        Effect.andThen(
          Effect.sync(() => found.push(name)),
          journal.find(runId, name)
        )
      yield* Effect.gen(function* () {
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(found, [Names.approval(id)])
      }).pipe(Effect.provide(runtime({ ...journal, find })))
    })
  )
})

/** A store whose members are those of a class, of which a copy has none. */
const ofClass = <A extends object>(members: A): A => Object.create(members) as A

describe("a host whose store is measured", () => {
  it.effect.each([
    ["of an object", (journal: JournalStore) => journal],
    ["of a frozen object", (journal: JournalStore) => Object.freeze({ ...journal })],
    ["of a class", (journal: JournalStore) => ofClass({ ...journal, threads: ofClass(journal.threads) })]
  ] as const)("does to the thread what a query says, as any other: %s", ([, made]) => {
    const journal = MemoryJournal.make()
    let count = 0
    const model = ScriptedModel.make({ respond: () => ScriptedModel.text(`a${++count}`) })
    return Effect.gen(function* () {
      const { complete } = yield* Runtime
      yield* complete("q1", { threadId: "t", runId: "r1" })
      yield* complete("q1", { threadId: "t", runId: "r2", replaces: "r1" })
      const messages = yield* journal.threads.read("t")
      assert.deepStrictEqual(messages.map(Message.text), ["q1", "a2"])
    }).pipe(
      Effect.provide(
        Runtime.layer({ agents: [Agent.make("solo", {})], metrics: true }).pipe(
          Layer.provide([
            Layer.succeed(Model, model),
            Layer.succeed(
              Deployment.Deployment,
              journalHost(made(journal), { pollMs: Number.POSITIVE_INFINITY, gatherMs: 0 })
            )
          ])
        )
      )
    )
  })
})
