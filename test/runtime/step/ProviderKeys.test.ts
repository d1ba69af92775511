import { assert, describe, it } from "@effect/vitest"
import { ModelFailure } from "@reins/protocol"
import { Agent, Model, type ModelPort, Runtime, type RuntimeOptions } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Redacted, Stream } from "effect"

class Second extends Context.Service<Second, ModelPort>()("test/Second") {}
const Solo = Agent.make("solo", { fallbacks: [Second] })

/** Says which key it was sent with; rejects those that begin with `bad`. */
const keyed = () =>
  ScriptedModel.make({
    provider: "acme",
    respond: ({ key }) => {
      if (key === undefined) return ScriptedModel.text("with the server's own")
      const value = Redacted.value(key)
      return value.startsWith("bad")
        ? ScriptedModel.failure(
            new ModelFailure.AuthenticationFailed({ provider: "acme", model: "scripted-1", description: value })
          )
        : ScriptedModel.text(`with ${value}`)
    }
  })

const served = (
  model: ModelPort,
  keys?: RuntimeOptions<ReadonlyArray<typeof Solo>>["providerKeys"],
  second = keyed()
) =>
  Runtime.layer({ agents: [Solo], providerKeys: keys }).pipe(
    Layer.provide([Layer.succeed(Model, model), Layer.succeed(Second, second)])
  )

const said = (options: Parameters<Runtime["Service"]["complete"]>[1]) =>
  Effect.flatMap(Runtime, (runtime) =>
    Effect.match(runtime.complete("hi", options), {
      onSuccess: ({ output }) => output,
      onFailure: (error) => JSON.stringify({ ...error.reason, message: error.message })
    })
  )

describe("a request to a model", () => {
  it.effect("is sent with the query's key, else with the tenant's, else with the model's own", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* said({}), "with the server's own")
      assert.strictEqual(yield* said({ resourceId: "rich" }), "with rich-acme")
      const providerKeys = { acme: Redacted.make("mine"), other: "else" }
      assert.strictEqual(yield* said({ resourceId: "rich", providerKeys }), "with mine")
      assert.strictEqual(yield* said({ providerKeys: { other: "else" } }), "with the server's own")
    }).pipe(
      Effect.provide(
        served(keyed(), ({ provider, resourceId }) =>
          Effect.succeed(resourceId === "rich" ? Redacted.make(`rich-${provider}`) : undefined)
        )
      )
    )
  )

  it.effect("with a rejected key fails with the key's owner but not the key, and asks no other model", () => {
    const second = keyed()
    return Effect.gen(function* () {
      const failed = JSON.parse(yield* said({ providerKeys: { acme: "bad-secret" } }))
      assert.deepInclude(failed, { _tag: "AuthenticationFailed", provider: "acme", key: "caller" })
      assert.notInclude(JSON.stringify(failed), "bad-secret")
      assert.strictEqual(second.requests.length, 0)
    }).pipe(Effect.provide(served(keyed(), undefined, second)))
  })

  it.effect("with a key for a model that does not take keys is not sent", () => {
    const { takesKeys: _, ...plain } = keyed()
    return Effect.gen(function* () {
      const failed = JSON.parse(yield* said({ providerKeys: { acme: "mine" } }))
      assert.deepInclude(failed, { _tag: "AuthenticationFailed", key: "caller" })
      assert.strictEqual(plain.requests.length, 0)
    }).pipe(Effect.provide(served(plain)))
  })

  it.effect("has no key in the run's events", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const { envelopes, result } = yield* runtime.start("hi", { providerKeys: { acme: "bad-secret" } })
      yield* Effect.result(result)
      const log = yield* Stream.runCollect(envelopes)
      assert.notInclude(JSON.stringify(log), "bad-secret")
    }).pipe(Effect.provide(served(keyed())))
  )
})
