import { assert, describe, layer } from "@effect/vitest"
import { AiSdkModel } from "@reins/models"
import { ProviderPackage, type RecordedProvider, type Recording } from "@reins/models/testing"
import { Effect } from "effect"
import { request } from "./Ask.ts"
import * as Asked from "./Provider.ts"

const key = "sk-proj-abcdefghijkl0123456789"
const prompt = "the secret plan of the house"

/** The failure of an attempt when the provider responds like this. */
const failing = (api: Recording.Api, ...answers: ReadonlyArray<RecordedProvider.Answer>) =>
  Effect.gen(function* () {
    const provider = yield* Asked.Provider
    const model = yield* Asked.modelOf(api)
    provider.push(...answers)
    const sent = request({ messages: [{ role: "user", content: [{ type: "text", text: prompt }] }] })
    const failure = yield* Effect.flip(model.attempt(sent, () => {}))
    assert.notInclude(JSON.stringify(failure) + failure.message, key)
    assert.notInclude(JSON.stringify(failure) + failure.message, prompt)
    return failure
  })

layer(Asked.layer)("a provider's error", (it) => {
  const reasons = [
    [401, {}, "AuthenticationFailed"],
    [403, {}, "AuthenticationFailed"],
    [402, {}, "QuotaExceeded"],
    [400, { type: "invalid_request_error" }, "InvalidRequest"],
    [404, { code: "model_not_found" }, "InvalidRequest"],
    [413, {}, "InvalidRequest"],
    [429, { type: "rate_limit_error" }, "RateLimited"],
    [429, { code: "insufficient_quota" }, "QuotaExceeded"],
    [400, { code: "content_filter" }, "ContentRefused"],
    [400, { code: "context_length_exceeded" }, "ContextOverflow"],
    [500, { type: "api_error" }, "ProviderUnavailable"],
    [503, {}, "ProviderUnavailable"],
    [529, { type: "overloaded_error" }, "ProviderUnavailable"]
  ] as const

  it.effect.each(reasons)("with status %i and %j is %s, and repeats neither key nor prompt", ([status, error, tag]) =>
    Effect.gen(function* () {
      const failure = yield* failing(
        "chat",
        Asked.refusal(status, { ...error, message: `Incorrect API key provided: ${key}. You said: ${prompt}` })
      )
      assert.strictEqual(failure._tag, tag)
      assert.include(failure.message, `HTTP ${status}`)
    })
  )

  it.effect("states the retry delay, in seconds, milliseconds or as a date", () =>
    Effect.gen(function* () {
      const waits = yield* Effect.forEach(
        [
          { "retry-after": "7" },
          { "retry-after-ms": "1500", "retry-after": "2" },
          { "retry-after": "Thu, 01 Jan 1970 00:01:00 GMT" },
          { "retry-after": "soon" },
          {}
        ],
        (headers) => failing("chat", Asked.refusal(429, {}, headers))
      )
      // The test clock starts at the beginning of 1970.
      assert.deepStrictEqual(
        waits.map((failure) => ("retryAfterMs" in failure ? failure.retryAfterMs : undefined)),
        [7000, 1500, 60_000, undefined, undefined]
      )
    })
  )
})

layer(Asked.layer)("an invalid response", (it) => {
  it.effect("is reported when it is an HTML page", () =>
    Effect.gen(function* () {
      const failure = yield* failing("chat", Asked.page())
      assert.strictEqual(failure._tag, "InvalidModelOutput")
      assert.include(failure.message, "text/html")
    })
  )

  it.effect.each(Asked.apis)("of %s is reported when its frames are not JSON", (api) =>
    Effect.gen(function* () {
      const failure = yield* failing(api, { body: new TextEncoder().encode(`data: {"choices": ${key}\n\n`) })
      assert.strictEqual(failure._tag, "InvalidModelOutput")
    })
  )

  it.effect("is reported when it ends before it is complete", () =>
    Effect.gen(function* () {
      const { payloads } = Asked.small("chat", ["half"])
      const failure = yield* failing("chat", Asked.recorded({ api: "chat", payloads: payloads.slice(0, 1) }))
      assert.strictEqual(failure._tag, "NetworkFailed")
    })
  )

  it.effect("is reported when the connection breaks", () =>
    Effect.gen(function* () {
      const failure = yield* failing("chat", Asked.recorded(Asked.small("chat", ["whole"]), { cutAt: 0.5 }))
      assert.strictEqual(failure._tag, "NetworkFailed")
    })
  )

  it.effect("is reported when no server is listening", () =>
    Effect.gen(function* () {
      const { model } = yield* ProviderPackage.playerOf(Asked.recordingOf("chat", []), "http://127.0.0.1:9")
      const failure = yield* Effect.flip(AiSdkModel.make(model).attempt(request(), () => {}))
      assert.strictEqual(failure._tag, "NetworkFailed")
    })
  )

  it.effect("is reported by the error inside its stream", () =>
    Effect.gen(function* () {
      const provider = yield* Asked.Provider
      const model = yield* Asked.modelOf("anthropic")
      const { payloads } = Asked.small("anthropic", ["half"])
      provider.push(
        Asked.recorded({
          api: "anthropic",
          payloads: [
            ...payloads.slice(0, 3),
            JSON.stringify({ type: "error", error: { type: "overloaded_error", message: prompt } })
          ]
        })
      )
      const failure = yield* Effect.flip(model.attempt(request(), () => {}))
      assert.strictEqual(failure._tag, "ProviderUnavailable")
      assert.notInclude(JSON.stringify(failure), prompt)
    })
  )
})

describe("a run", () => {
  layer(Asked.layer, { excludeTestServices: true })("after a provider's error", (it) => {
    it.effect("waits for the requested delay, retries, and pays once", () =>
      Effect.gen(function* () {
        const provider = yield* Asked.Provider
        provider.push(Asked.refusal(429, {}, { "retry-after-ms": "1" }), Asked.recorded(Asked.small("chat", ["hi"])))
        const { cost, latency, text } = yield* Asked.run("chat", { modelRetries: 1 })
        assert.strictEqual(text, "hi")
        assert.strictEqual(latency?.steps[0]?.attempts.length, 2)
        assert.strictEqual(cost?.root.usage.totalTokens, 10)
        assert.isFalse(cost?.estimated)
      })
    )

    it.effect("ends with the typed error of a wrong key", () =>
      Effect.gen(function* () {
        const provider = yield* Asked.Provider
        provider.push(Asked.refusal(401, { message: `wrong: ${key}` }))
        const { error, events } = yield* Asked.run("chat")
        assert.strictEqual(error?.code, "E_AUTHENTICATION_FAILED")
        assert.notInclude(JSON.stringify(events), key)
      })
    )
  })
})
