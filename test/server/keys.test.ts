import { assert, describe, it } from "@effect/vitest"
import { Authenticator } from "@reins/server"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"

/** What the keys of a setting let in, or why they cannot be read. */
const opened = (env: { readonly [name: string]: string }, key = "") =>
  Effect.gen(function* () {
    const { authenticate } = yield* Authenticator
    return yield* authenticate({ key: Redacted.make(key), headers: {} })
  }).pipe(
    Effect.provide(Layer.provide(Authenticator.layerConfig(), ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))
  )

describe("the keys of the configuration", () => {
  it.effect("let in who has one, as its tenant and with its role", () =>
    Effect.gen(function* () {
      const env = { REINS_API_KEYS: "a=shop, b=x=bank:operator," }
      assert.deepStrictEqual(yield* opened(env, "a"), { tenant: "shop" })
      assert.deepStrictEqual(yield* opened(env, "b=x"), { tenant: "bank", roles: ["operator"] })
      assert.isUndefined(yield* opened(env, "c"))
    })
  )

  it.effect(
    "fail where there are none or one has no tenant, in a sentence that says what to set and quotes no key",
    () =>
      Effect.gen(function* () {
        const none = yield* Effect.flip(opened({}))
        assert.include(
          none.message,
          "REINS_API_KEYS is not set. Set it to KEY=TENANT, or several separated by commas; for local use without keys"
        )
        const wrong = yield* Effect.flip(opened({ REINS_API_KEYS: "a=shop,secret-key" }))
        assert.include(wrong.message, "REINS_API_KEYS has an entry that is not KEY=TENANT: number 2. Set it to")
        assert.notInclude(wrong.message, "secret")
      })
  )
})
