import { assert, layer } from "@effect/vitest"
import { Fault } from "@reins/models/testing"
import { Deferred, Effect, Fiber } from "effect"
import { request } from "../Ask.ts"
import * as Asked from "../Provider.ts"

const answer = (api: (typeof Asked.apis)[number]) =>
  Asked.recordingOf(
    api,
    Asked.small(api, ["Grüße ", "aus ", "日本, ", "and ", "so ", "on."]).payloads.map((payload) => JSON.parse(payload))
  )

const cases = Asked.apis.flatMap((api) => Fault.all.map((fault) => [api, fault] as const))

// Real time: the providers stall.
layer(Asked.layer, { excludeTestServices: true })("a response under a fault", (it) => {
  it.effect.each(cases.map(([api, fault]) => ({ api, fault, name: Fault.nameOf(fault) })))(
    "of $api, $name leaves a valid, ended and complete log",
    ({ api, fault }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* Fault.play(answer(api), fault), [])
      })
  )

  it.effect("has its request aborted at the provider when it is interrupted", () =>
    Effect.gen(function* () {
      const provider = yield* Asked.Provider
      provider.push(Asked.recorded(answer("chat"), { seed: 1, stallAt: 0.5 }))
      const model = yield* Asked.modelOf("chat")
      const begun = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        model.attempt(request(), () => {
          Effect.runSync(Deferred.succeed(begun, undefined))
        })
      )
      yield* Deferred.await(begun)
      const received = provider.received.at(-1)
      assert.isFalse(received?.left)
      yield* Fiber.interrupt(fiber)
      yield* Effect.repeat(Effect.yieldNow, { until: () => received?.left === true })
      assert.isTrue(received?.left)
    })
  )
})
