import { assert, describe, it } from "@effect/vitest"
import { Runtime } from "@reins/runtime"
import { Sqlite } from "@reins/store/sqlite"
import { Context, Deferred, Effect, Exit, Layer, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { Carrier } from "./Carrier.ts"
import { Mail } from "./Mail.ts"
import { Clerk, model, Shop } from "./Shop.ts"

/** A folder for a database, for the duration of a test. */
const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-example-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A runtime of the shop over a file, as a process has one; the carrier and the mail are outside, and outlive it. */
const shop = Effect.fnUntraced(function* (filename: string, carrier: Carrier["Service"], mail: Mail["Service"]) {
  const scope = yield* Scope.make()
  const layer = Runtime.layer({ agents: [Clerk] }).pipe(
    Layer.provide([Shop.layer(), model, Sqlite.layer({ filename })]),
    Layer.provide([Layer.succeed(Carrier, carrier), Layer.succeed(Mail, mail)])
  )
  const runtime = Context.get(yield* Layer.buildWithScope(layer, scope), Runtime)
  /** The run's events until one that `what` names. */
  const until = (what: string) =>
    Effect.gen(function* () {
      const read = yield* Effect.forkChild(
        Stream.runCollect(
          Stream.takeUntil(
            Stream.map(runtime.watch("order"), ({ event }) => event),
            (event) => event.type === what || (event.type === "custom" && event.event_type === what)
          )
        )
      )
      while (read.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
      const exit = read.pollUnsafe()
      return exit !== undefined && Exit.isSuccess(exit) ? [...exit.value] : []
    })
  const end = Effect.gen(function* () {
    const ended = yield* Effect.forkChild(Scope.close(scope, Exit.void))
    while (ended.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
  })
  return { runtime, until, end }
})

const question = "Please send me order A-7."

describe("an order that takes its time", () => {
  it.effect(
    "is booked, reported and followed up once, by three runtimes one after the other, over four days of a test clock",
    () =>
      Effect.gen(function* () {
        const file = join(yield* folder, "runs.db")
        const carrier = Carrier.make()
        const mail = Mail.make()
        const first = yield* shop(file, carrier, mail)
        yield* first.runtime.start(question, { runId: "order", threadId: "customer" })
        yield* first.until("results_awaited")
        assert.deepInclude((yield* first.runtime.runs.list()).runs[0], { state: "waiting", waitsFor: ["result"] })
        yield* first.end
        yield* TestClock.adjust("3 days")
        const [booking] = (yield* carrier.bookings).all
        const second = yield* shop(file, carrier, mail)
        yield* second.runtime.results.deliver(
          booking?.ticketId ?? "",
          { value: { place: "at the door" } },
          { costUsd: 4.5 }
        )
        yield* second.until("call_sleeps")
        assert.deepStrictEqual(yield* mail.sent, [])
        yield* second.end
        yield* TestClock.adjust("1 day")
        const third = yield* shop(file, carrier, mail)
        const events = yield* third.until("data-latency-summary")
        const said = events.flatMap((event) => (event.type === "text" ? [event.text] : []))
        assert.deepStrictEqual(said, [
          "Your order is with the carrier. I will tell you when it has arrived.",
          "Your order has arrived. ",
          "Tell us how you like it."
        ])
        const costs = events.flatMap((event) => (event.type === "data-cost-summary" ? [event.data.pricedUsd] : []))
        assert.deepStrictEqual(costs, [4.5])
        assert.strictEqual((yield* carrier.bookings).sent, 1)
        assert.strictEqual((yield* mail.sent).length, 1)
        yield* third.end
      }).pipe(Effect.scoped)
  )

  it.effect("is booked again with the same key where the runtime closes before it has the carrier's answer", () =>
    Effect.gen(function* () {
      const file = join(yield* folder, "runs.db")
      const gate = Deferred.makeUnsafe<void>()
      const carrier = Carrier.make(Deferred.await(gate))
      const mail = Mail.make()
      const first = yield* shop(file, carrier, mail)
      yield* first.runtime.start(question, { runId: "order", threadId: "customer" })
      while ((yield* carrier.bookings).sent === 0) yield* TestClock.adjust("1 second")
      yield* first.end
      yield* Deferred.succeed(gate, undefined)
      const second = yield* shop(file, carrier, mail)
      yield* second.until("results_awaited")
      const { all, sent } = yield* carrier.bookings
      assert.deepStrictEqual([all.length, sent], [1, 2])
      yield* second.end
    }).pipe(Effect.scoped)
  )
})

describe("the program", () => {
  it("ships, waits for the carrier, and asks for a review", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [`${import.meta.dirname}/main.ts`])
    assert.include(stdout, 'ship_order, late: {"place":"at the door"}')
    assert.include(stdout, "It has cost 4.5 USD.")
    assert.include(stdout, "Mail: How do you like order A-7?")
  }, 60_000)
})
