import { assert, describe, it } from "@effect/vitest"
import { Decision, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import * as Clerk from "./Clerk.ts"
import { Bookkeeper, Payments, respond } from "./Payments.ts"

const live = () =>
  Runtime.layer({ agents: [Bookkeeper], approvalExpiresIn: "1 day" }).pipe(
    Layer.provide([Payments.layer, ScriptedModel.layer({ respond })])
  )

const begin = Effect.fnUntraced(function* (prompt: string) {
  const runtime = yield* Runtime
  const run = yield* runtime.start(prompt, { threadId: "month-end" })
  return yield* Probe.watch(run.runId)
})

/** A run whose `count` approvals the clerk answers. */
const answered = Effect.fnUntraced(function* (prompt: string, count = 1) {
  const probe = yield* begin(prompt)
  yield* probe.next("approval-required", count)
  yield* Clerk.answer
  yield* probe.end
  return probe
})

const results = (probe: Probe.Probe) =>
  probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event] : []))

describe("approvals answered from another fiber", () => {
  it.effect("are approved, revised and rejected by their ids", () =>
    Effect.gen(function* () {
      const probe = yield* answered("Pay Paper 40, Coffee 90, Yachts 900.", 3)
      const byCall = results(probe).sort((a, b) => a.toolInvocationId.localeCompare(b.toolInvocationId))
      assert.deepStrictEqual(byCall.map(({ result }) => result).slice(0, 2), [
        "paid 40 USD to Paper",
        "paid 60 USD to Coffee"
      ])
      assert.strictEqual(byCall[2]?.status, "denied")
      assert.include(JSON.stringify(byCall[2]?.result), "we have no yacht")
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("leave no approval pending, and are answered once", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const probe = yield* answered("Pay Paper 40.")
      assert.deepStrictEqual(yield* runtime.approvals.pending(), [])
      const id = probe.of("approval-required")[0]?.data.id ?? ""
      const late = yield* Effect.flip(runtime.approvals.respond(id, Decision.reject()))
      assert.include(["ApprovalResolved", "ApprovalNotFound"], late.reason._tag)
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("expire when nobody answers, and the call does not run", () =>
    Effect.gen(function* () {
      const probe = yield* begin("Pay Paper 40.")
      yield* probe.next("approval-required")
      yield* TestClock.adjust("1 day")
      yield* probe.end
      assert.strictEqual(probe.of("approval-decision")[0]?.data.outcome.outcome, "expired")
      assert.strictEqual(results(probe)[0]?.status, "denied")
    }).pipe(Effect.provide(live()), Effect.scoped)
  )
})

describe("the grant", () => {
  it.effect("lets two more payments to the same supplier run, and a third asks again", () =>
    Effect.gen(function* () {
      yield* answered("Pay Paper 40.")
      for (const amount of [10, 20]) {
        const probe = yield* begin(`Pay Paper ${amount}.`)
        yield* probe.end
        assert.strictEqual(probe.of("approval-required").length, 0)
        assert.strictEqual(probe.of("custom")[0]?.event_type, "approval_granted")
      }
      assert.strictEqual((yield* answered("Pay Paper 30.")).of("approval-required").length, 1)
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("covers only its supplier, and only its hour", () =>
    Effect.gen(function* () {
      yield* answered("Pay Paper 40.")
      assert.strictEqual((yield* answered("Pay Coffee 90.")).of("approval-required").length, 1)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* answered("Pay Paper 40.")).of("approval-required").length, 1)
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("can be listed and revoked", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* answered("Pay Paper 40.")
      const [grant] = yield* runtime.grants.list()
      assert.deepInclude(grant, { scope: "thread", toolName: "pay", usesLeft: 2, by: "mia" })
      assert.isTrue(yield* runtime.grants.revoke(grant?.id ?? ""))
      assert.strictEqual((yield* answered("Pay Paper 40.")).of("approval-required").length, 1)
    }).pipe(Effect.provide(live()), Effect.scoped)
  )
})

describe("a question of the agent", () => {
  it.effect("is answered like an approval, and what it lacked is paid", () =>
    Effect.gen(function* () {
      const probe = yield* begin("Pay Printer.")
      for (const count of [1, 2]) {
        yield* probe.next("approval-required", count)
        yield* Clerk.answer
      }
      yield* probe.end
      assert.deepStrictEqual(
        results(probe).map(({ result }) => result),
        [{ amountUsd: 45, costCentre: "workshop" }, "paid 45 USD to Printer (workshop)"]
      )
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("refuses an answer that does not fit its form", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const probe = yield* begin("Pay Printer.")
      const { data } = yield* probe.next("approval-required")
      const wrong = Decision.answer({ amountUsd: "a lot", costCentre: "garden" })
      const refused = yield* Effect.flip(runtime.approvals.respond(data.id, wrong))
      assert.include(refused.message, 'costCentre (one of "office", "workshop")')
      yield* runtime.approvals.respond(data.id, Decision.reject({ feedback: "I do not know it" }))
      yield* probe.end
      assert.lengthOf(results(probe), 1)
    }).pipe(Effect.provide(live()), Effect.scoped)
  )
})

describe("the program", () => {
  it("runs to its end and prints every step", async () => {
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [`${import.meta.dirname}/main.ts`])
    assert.strictEqual(stderr, "")
    assert.include(stdout, "! revise by mia")
    assert.include(stdout, "! approval_granted")
    assert.include(stdout, "! answer by mia")
    assert.include(stdout, "paid 45 USD to Printer (workshop)")
    assert.include(stdout, "with 1 use left, revoked:\ntrue")
    assert.include(stdout, "! expired by nobody")
  })
})
