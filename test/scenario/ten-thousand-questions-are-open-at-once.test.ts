import { assert, describe, it } from "@effect/vitest"
import * as Generated from "@reins/protocol/testing"
import { Decision, Runtime, ToolRun } from "@reins/runtime"
import { Probe } from "@reins/runtime/testing"
import { Effect, Stream } from "effect"
import * as Desk from "../support/Desk.ts"
import { Loans } from "../support/Library.ts"
import * as OneTool from "../support/OneTool.ts"
import * as Story from "../support/Story.ts"

const shuffled = <A>(all: ReadonlyArray<A>, seed: number): ReadonlyArray<A> => {
  const random = Generated.seeded(seed)
  return all
    .map((one) => ({ one, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one)
}

/** Ten runs with a thousand gated calls each; `ran` counts the handlers, by run and call. */
const tenThousand = () => {
  const ran = new Map<string, number>()
  return {
    ran,
    layer: OneTool.layer({
      tool: OneTool.work.setNeedsApproval(true),
      calls: Array.from({ length: 1000 }, (_, n) => ({ n })),
      agent: { maxParallelCalls: 1000 },
      handler: () =>
        Effect.map(ToolRun, ({ idempotencyKey }) => void ran.set(idempotencyKey, (ran.get(idempotencyKey) ?? 0) + 1))
    })
  }
}

describe("ten thousand open questions", () => {
  it.live("are answered in any order, from other fibers, each once; a second answer is rejected", () => {
    const { layer, ran } = tenThousand()
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      const runs = Array.from({ length: 10 }, (_, index) => `run-${index}`)
      const probes = yield* Effect.forEach(runs, (runId) =>
        Effect.andThen(runtime.start("work", { runId }), Probe.watch(runId))
      )
      for (const probe of probes) yield* probe.next("approval-required", 1000)
      const pending = yield* runtime.pendingApprovals()
      assert.strictEqual(new Set(pending.map(({ request }) => request.id)).size, 10_000)
      assert.strictEqual(ran.size, 0)
      const rejected = new Set(pending.filter((_, index) => index % 3 === 0).map(({ request }) => request.id))
      // Everything is answered twice; one of the two answers counts.
      const answers = yield* Effect.forEach(
        shuffled([...pending, ...pending], 7),
        ({ request: { id } }) =>
          Effect.andThen(
            Effect.yieldNow,
            runtime.respondToApproval(id, rejected.has(id) ? Decision.reject() : Decision.approve())
          ).pipe(
            Effect.as("taken"),
            Effect.catch(({ reason }) => Effect.succeed(reason._tag))
          ),
        { concurrency: 100 }
      )
      for (const probe of probes) {
        yield* probe.end
        assert.strictEqual(probe.of("approval-decision").length, 1000)
        Story.isWhole(probe.envelopes)
      }
      assert.strictEqual(answers.filter((answer) => answer === "taken").length, 10_000)
      assert.strictEqual(answers.filter((answer) => answer === "ApprovalResolved").length, 10_000)
      assert.deepStrictEqual([...new Set(ran.values())], [1])
      assert.strictEqual(ran.size, 10_000 - rejected.size)
      assert.deepStrictEqual(yield* runtime.pendingApprovals(), [])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("of many runs and their specialists appear at the roots and resolve the right calls", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const { lent } = yield* Loans
      const runs = Array.from({ length: 100 }, (_, index) => `run-${index}`)
      const probes = yield* Effect.forEach(runs, (runId) =>
        Effect.andThen(runtime.start("What about tides?", { runId }), Probe.watch(runId))
      )
      for (const probe of probes) yield* probe.next("approval-required", 2)
      const pending = yield* runtime.pendingApprovals()
      assert.strictEqual(pending.length, 200)
      assert.deepStrictEqual(lent, [])
      const below = pending.filter(({ agentPath }) => agentPath.length > 0)
      assert.strictEqual(below.length, 100)
      yield* Effect.forEach(
        shuffled(pending, 11),
        ({ agentPath, request }) =>
          runtime.respondToApproval(
            request.id,
            agentPath.length > 0 ? Decision.approve() : Decision.revise({ copies: 7 })
          ),
        { concurrency: 50, discard: true }
      )
      for (const [index, probe] of probes.entries()) {
        yield* probe.end
        Story.isWhole(probe.envelopes)
        assert.strictEqual(probe.rootView.filter(({ type }) => type === "approval-required").length, 2)
        const results = probe
          .of("tool-invocation")
          .flatMap((event) => (event.state === "result" && event.toolName === "lend" ? [event.result] : []))
        assert.sameDeepMembers(results, [{ lent: 7 }, { lent: 1 }])
        assert.includeMembers(lent, [`run-${index}:l`, `run-${index}:reader#r/l`])
      }
      assert.strictEqual(lent.length, 200)
    }).pipe(Effect.scoped, Effect.provide(Desk.layer(Story.model())))
  )
})

describe("a question", () => {
  it.effect("can be answered from inside the handler of its own event", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const seen = yield* runtime.query("What about tides?").pipe(
        Stream.tap((event) =>
          event.type === "approval-required"
            ? Effect.all([
                runtime.respondToApproval(event.data.id, Decision.approve()),
                Effect.flip(runtime.respondToApproval(event.data.id, Decision.reject()))
              ])
            : Effect.void
        ),
        Stream.runCollect
      )
      assert.strictEqual(seen.filter(({ type }) => type === "finish").length, 1)
    }).pipe(Effect.provide(Desk.layer(Story.model())))
  )

  it.effect("can be found and answered before any watcher has seen it", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const { lent } = yield* Loans
      yield* runtime.start("What about tides?", { runId: "run" })
      let pending = yield* runtime.pendingApprovals()
      while (pending.length > 0) {
        for (const { request } of pending) yield* runtime.respondToApproval(request.id, Decision.approve())
        yield* Effect.yieldNow
        pending = yield* runtime.pendingApprovals()
      }
      const probe = yield* Probe.watch("run")
      yield* probe.end
      assert.strictEqual(lent.length, 2)
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped, Effect.provide(Desk.layer(Story.model())))
  )

  it.effect("that is never answered does not block its siblings", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* runtime.start("What about tides?", { runId: "run" })
      const probe = yield* Probe.watch("run")
      yield* probe.until(
        ({ event }) => event.type === "tool-invocation" && event.state === "result" && event.toolName === "index"
      )
      assert.isFalse(probe.ended)
      yield* runtime.cancel("run")
      yield* probe.end
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped, Effect.provide(Desk.layer(Story.model())))
  )
})
