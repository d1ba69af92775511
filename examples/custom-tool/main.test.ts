import { assert, describe, it } from "@effect/vitest"
import { Decision, type Event, Runtime } from "@reins/runtime"
import { Effect, Layer, Stream } from "effect"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { Desk, model } from "./Desk.ts"
import { PaymentLedger } from "./PaymentLedger.ts"
import { Refunds } from "./Refunds.ts"

const orders = {
  small: [{ id: "charge-1", amountUsd: 30 }],
  large: [
    { id: "charge-2", amountUsd: 60 },
    { id: "charge-3", amountUsd: 20 }
  ],
  "C-3": [{ id: "charge-4", amountUsd: 90 }]
}

/** A runtime and the ledger that its tool uses. A new one for each test. */
const live = () =>
  Runtime.layer({ agents: [Desk] }).pipe(
    Layer.provide([Refunds.layer, model]),
    Layer.provideMerge(PaymentLedger.layerMemory(orders))
  )

/** All events of a query; `decide` answers each approval request. */
const events = Effect.fnUntraced(function* (
  question: string,
  decide: () => Effect.Effect<Decision, never, PaymentLedger> = () => Effect.die("asked")
) {
  const runtime = yield* Runtime
  const all: Array<Event> = []
  yield* Stream.runForEach(runtime.query(question), (event) => {
    all.push(event)
    return event.type === "approval-required"
      ? Effect.flatMap(decide(), (decision) => runtime.approvals.respond(event.data.id, decision))
      : Effect.void
  })
  return all
})

const reversed = Effect.flatMap(PaymentLedger, (ledger) => ledger.reversed)

const result = (all: ReadonlyArray<Event>) =>
  all.flatMap((event) =>
    event.type === "tool-invocation" && event.state === "result" ? [{ ...event, args: undefined }] : []
  )[0]

describe("refund_order", () => {
  it.effect("runs a small refund at once", () =>
    Effect.gen(function* () {
      const all = yield* events("Please refund order small, 30 USD.")
      assert.deepStrictEqual(result(all)?.result, { reversed: 1 })
      assert.deepStrictEqual(yield* reversed, ["charge-1"])
    }).pipe(Effect.provide(live()))
  )

  it.effect("asks about a large one, and does nothing before the answer", () =>
    Effect.gen(function* () {
      const all = yield* events("Please refund order large, 80 USD.", () =>
        Effect.map(reversed, (before) => {
          assert.deepStrictEqual(before, [])
          return Decision.approve()
        })
      )
      assert.deepStrictEqual(result(all)?.result, { reversed: 2 })
      assert.deepStrictEqual(yield* reversed, ["charge-2", "charge-3"])
    }).pipe(Effect.provide(live()))
  )

  it.effect("does nothing after a rejection, and the model reads why", () =>
    Effect.gen(function* () {
      const all = yield* events("Please refund order large, 80 USD.", () =>
        Effect.succeed(Decision.reject({ feedback: "ask the manager" }))
      )
      assert.strictEqual(result(all)?.status, "denied")
      assert.include(JSON.stringify(result(all)?.result), "ask the manager")
      assert.deepStrictEqual(yield* reversed, [])
    }).pipe(Effect.provide(live()))
  )

  it.effect("is asked about by the order's number as the shop writes it, and that is what is refunded", () =>
    Effect.gen(function* () {
      const all = yield* events("Please refund order c3, 90 USD. My card is 4111 1111 1111 1111.", () =>
        Effect.succeed(Decision.approve())
      )
      const asked = all.find((event) => event.type === "approval-required")
      assert.deepStrictEqual(asked?.data.payload, { order: "C-3", amountUsd: 90 })
      assert.deepStrictEqual(yield* reversed, ["charge-4"])
    }).pipe(Effect.provide(live()))
  )

  it.effect("reports its progress", () =>
    Effect.gen(function* () {
      const all = yield* events("Please refund order large, 80 USD.", () => Effect.succeed(Decision.approve()))
      const news = all.flatMap((event) =>
        event.type === "tool-progress" ? [`${event.label} ${event.phaseIndex}/${event.totalPhases}`] : []
      )
      assert.deepStrictEqual(news, ["reversed charge-2 1/2", "reversed charge-3 2/2"])
    }).pipe(Effect.provide(live()))
  )

  it.effect("fails the second time with an error that the model reads", () =>
    Effect.gen(function* () {
      yield* events("Please refund order small, 30 USD.")
      const again = yield* events("Please refund order small, 30 USD.")
      assert.strictEqual(result(again)?.status, "failed")
      assert.deepStrictEqual(result(again)?.result, { _tag: "AlreadyRefunded", order: "small" })
      assert.deepStrictEqual(yield* reversed, ["charge-1"])
    }).pipe(Effect.provide(live()))
  )

  it.effect("does not pay more than the amount that its gate checked", () =>
    Effect.gen(function* () {
      const all = yield* events("Please refund order large, 1 USD.")
      assert.deepStrictEqual(result(all)?.result, { _tag: "AmountDiffers", order: "large", paidUsd: 80 })
      assert.deepStrictEqual(yield* reversed, [])
    }).pipe(Effect.provide(live()))
  )
})

describe("the program", () => {
  it("runs four requests and ends", async () => {
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [`${import.meta.dirname}/main.ts`])
    assert.strictEqual(stderr, "")
    assert.include(stdout, "answered: approve by clerk")
    assert.include(stdout, "AlreadyRefunded")
    assert.include(stdout, "answered: reject by clerk")
  })
})
