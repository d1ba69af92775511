/** The lease of a web hook whose sender's work is replaced: when the wall clock jumps past it, or its secret is replaced. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Deployment, Model, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Server, WebhookSignature } from "@reins/server"
import { Clock, Context, Effect, Layer, References } from "effect"
import { FetchHttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as WallClock from "../support/WallClock.ts"

const url = "https://receiver.example/told"

interface Receipt {
  readonly headers: { readonly [name: string]: string }
  readonly body: string
}

/** A process that sends, over a receiver that answers as it is told to. */
const sending = Effect.fnUntraced(function* (answer: () => Promise<number>) {
  const received: Array<Receipt> = []
  const fetch = (_: unknown, { body, headers }: RequestInit = {}): Promise<Response> => {
    const text = typeof body === "string" ? body : new TextDecoder().decode(body as Uint8Array)
    received.push({ headers: Object.fromEntries(new Headers(headers)), body: text })
    return answer().then((status) => new Response(null, { status }))
  }
  const runtime = Runtime.layer({ agents: [Agent.make("clerk", {})] }).pipe(
    Layer.provide([
      Layer.succeed(Model, ScriptedModel.make({ respond: () => ScriptedModel.text("Good day.") })),
      Layer.succeed(
        Deployment.Deployment,
        journalHost(MemoryJournal.make(), { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
      )
    ])
  )
  const server = Layer.effectDiscard(Server.context({ webhooks: { allow: () => true } }))
  const context = yield* Layer.build(Layer.provideMerge(server, runtime)).pipe(
    Effect.provide(Layer.succeed(FetchHttpClient.Fetch, fetch))
  )
  return { received, runtime: Context.get(context, Runtime) }
})

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

describe("the lease of a web hook", () => {
  it.effect("is not ended by work that it replaces, when the clock is set forward during a delivery", () =>
    Effect.gen(function* () {
      const wall = yield* WallClock.make
      yield* Effect.gen(function* () {
        const { received, runtime } = yield* sending(() => new Promise(() => {}))
        yield* runtime.webhooks.add({ url })
        yield* runtime.complete("hello", { runId: "run" })
        yield* TestClock.adjust("2 seconds")
        assert.lengthOf(received, 1)
        wall.set(3_600_000)
        yield* Effect.repeat(TestClock.adjust("1 second"), { times: 13 })
        assert.lengthOf(received, 2)
        const [standing] = yield* runtime.webhooks.list()
        assert.deepInclude(standing, { failures: 1, lastError: "no response in time", waiting: 1 })
      }).pipe(Effect.provideService(Clock.Clock, wall.clock))
    }).pipe(Effect.scoped, quiet)
  )

  it.effect("ends when its secret is replaced: what waits is signed with both from the next notices on", () =>
    Effect.gen(function* () {
      let accept = () => {}
      const isRotated = new Promise<void>((resolve) => (accept = resolve))
      const { received, runtime } = yield* sending(() => isRotated.then(() => 204))
      const { id, secret } = yield* runtime.webhooks.add({ url })
      for (let index = 0; index < 40; index++) yield* runtime.complete("hello", { runId: `run ${index}` })
      yield* TestClock.adjust("2 seconds")
      const next = (yield* runtime.webhooks.rotate(id)) ?? ""
      accept()
      yield* Effect.repeat(TestClock.adjust("1 second"), { times: 9 })
      assert.deepStrictEqual(yield* runtime.webhooks.waiting(id), [])
      const now = yield* Clock.currentTimeMillis
      const signed = (by: string) => received.filter((one) => WebhookSignature.verify({ ...one, now }, [by])).length
      assert.strictEqual(signed(secret), received.length)
      assert.isAtLeast(signed(next), 24)
      assert.strictEqual(new Set(received.map(({ headers }) => headers["webhook-id"])).size, 40)
    }).pipe(Effect.scoped, quiet)
  )
})
