import { assert, describe, it, layer } from "@effect/vitest"
import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { AiSdkModel } from "@reins/models"
import { Recording } from "@reins/models/testing"
import { Deferred, Effect } from "effect"
import { request } from "../Ask.ts"
import * as Asked from "../Provider.ts"

const key = "sk-live-0123456789abcdefghijklmnop"

layer(Asked.layer)("a recorder", (it) => {
  it.effect("stores what a provider streamed, and passes it through", () =>
    Effect.gen(function* () {
      const provider = yield* Asked.Provider
      const done = yield* Deferred.make<Recording.Recorded>()
      const answer = Asked.small("chat", ["one ", "two"])
      provider.push(Asked.recorded(answer))
      const recording = Recording.recorder({
        fetch: globalThis.fetch,
        onRecorded: (recorded) => Effect.runSync(Deferred.succeed(done, recorded))
      })
      const model = createOpenAICompatible({
        name: "p",
        baseURL: provider.url,
        apiKey: key,
        fetch: recording
      }).chatModel("m")
      let said = ""
      yield* AiSdkModel.make(model).attempt(request(), (parts) => {
        for (const part of parts) if (part.type === "text") said += part.text
      })
      const recorded = yield* Deferred.await(done)
      assert.strictEqual(said, "one two")
      assert.deepStrictEqual(recorded.payloads, answer.payloads)
      assert.deepStrictEqual(Recording.parse("openai-chat", "x", recorded.text).payloads, answer.payloads)
    })
  )

  it.effect("removes the request's keys wherever the provider repeats them", () =>
    Effect.gen(function* () {
      const done = yield* Deferred.make<Recording.Recorded>()
      const recording = Recording.recorder({
        fetch: () =>
          Promise.resolve(new Response(`{"error":"Incorrect API key: ${key}, or short-key"}`, { status: 401 })),
        onRecorded: (recorded) => Effect.runSync(Deferred.succeed(done, recorded))
      })
      yield* Effect.promise(() =>
        recording("https://example.com/v1?key=short-key", { headers: { authorization: `Bearer ${key}` } })
      )
      assert.deepStrictEqual(yield* Deferred.await(done), {
        url: "https://example.com/v1",
        status: 401,
        payloads: ['{"error":"Incorrect API key: REMOVED, or REMOVED"}'],
        text: '{"error":"Incorrect API key: REMOVED, or REMOVED"}\n'
      })
    })
  )
})

describe("a recording", () => {
  it("has the kind of API of its payloads, whatever its folder is called", () => {
    for (const api of Asked.apis) {
      const text = Asked.small(api, ["a"]).payloads.join("\n")
      assert.strictEqual(Recording.parse("somebody", "x", text).api, api)
    }
  })

  it("can be parsed from its own bytes", () => {
    for (const api of Asked.apis) {
      const recording = Asked.small(api, ["a", "b\nc"])
      assert.deepStrictEqual(
        Recording.payloadsOf(new TextDecoder().decode(Recording.bytes(recording))),
        recording.payloads
      )
    }
  })
})
