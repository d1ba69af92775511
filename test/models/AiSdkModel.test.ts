import { assert, describe, it } from "@effect/vitest"
import { AiSdkModel } from "@reins/models"
import { Deferred, Effect, Fiber, Option } from "effect"
import { TestClock } from "effect/testing"
import { ask, request } from "./Ask.ts"
import { fake, finish, type Part, streaming, text } from "./FakeModel.ts"

const usageOf = (usage: Extract<Part, { type: "finish" }>["usage"]) =>
  Effect.map(ask(fake([finish("stop", { usage })])), ({ parts }) => {
    const found = parts.find((part) => part.type === "usage")
    return found?.type === "usage" ? found.usage : undefined
  })

describe("an AI SDK model", () => {
  it("is named by its provider's name and its id", () => {
    const model = AiSdkModel.make(fake())
    assert.deepStrictEqual([model.provider, model.model], ["fake", "fake-1"])
    const named = AiSdkModel.make(fake(), { provider: "ours", model: "one" })
    assert.deepStrictEqual([named.provider, named.model], ["ours", "one"])
  })

  it("refuses a silence that is no time", () => {
    const made = (idleTimeout: unknown) => () => AiSdkModel.make(fake(), { idleTimeout: idleTimeout as never })
    assert.throws(made("soon"), 'Invalid option idleTimeout: "soon". Use milliseconds, or text such as "2 seconds"')
    assert.throws(made(-1), "Invalid option idleTimeout: -1")
    assert.doesNotThrow(made({ seconds: 1 }))
  })

  it.effect("passes on everything of one turn of the event loop in one array", () =>
    Effect.gen(function* () {
      const { batches } = yield* ask(fake([...text("a"), ...text("b"), finish()]))
      assert.strictEqual(batches[0]?.length, 3)
    })
  )

  it.effect("reports its usage before its finish, which comes last", () =>
    Effect.gen(function* () {
      const { exit, parts } = yield* ask(fake([...text("hi"), finish("length")]))
      assert.strictEqual(exit._tag, "Success")
      assert.deepStrictEqual(parts.slice(1), [
        { type: "usage", usage: { inputUncached: 10, outputText: 5 } },
        { type: "finish", reason: "length", raw: "length" }
      ])
    })
  )

  it.effect("names the stop sequence that ended the answer, if the provider does", () =>
    Effect.gen(function* () {
      const named = finish("stop", { providerMetadata: { other: { cached: true }, fake: { stopSequence: "END" } } })
      assert.deepInclude((yield* ask(fake([...text("hi"), named]))).parts.at(-1), { stopSequence: "END" })
      const none = finish("stop", { providerMetadata: { fake: { stopSequence: null } } })
      assert.notProperty((yield* ask(fake([...text("hi"), none]))).parts.at(-1), "stopSequence")
    })
  )

  it.effect("keeps a provider's separate parts separate, with their metadata", () =>
    Effect.gen(function* () {
      const { parts } = yield* ask(
        fake([
          { type: "reasoning-start", id: "0" },
          { type: "reasoning-delta", id: "0", delta: "think" },
          { type: "reasoning-delta", id: "0", delta: "", providerMetadata: { fake: { signature: "s" } } },
          { type: "reasoning-end", id: "0" },
          { type: "reasoning-start", id: "0", providerMetadata: { fake: { redacted: "r" } } },
          { type: "reasoning-end", id: "0" },
          ...text("hi"),
          finish()
        ])
      )
      assert.deepStrictEqual(parts.slice(0, 4), [
        { type: "reasoning", text: "think", part: "0" },
        { type: "reasoning", text: "", part: "0", metadata: { fake: { signature: "s" } } },
        { type: "reasoning", text: "", part: "1", metadata: { fake: { redacted: "r" } } },
        { type: "text", text: "hi", part: "2" }
      ])
    })
  )

  it.effect("parses a call's arguments, and passes on text that is not JSON", () =>
    Effect.gen(function* () {
      const call = (toolCallId: string, input: string): Part => ({
        type: "tool-call",
        toolCallId,
        toolName: "t",
        input
      })
      const { parts } = yield* ask(
        fake([call("1", '{"a":1}'), call("2", '{"a":'), call("3", ""), finish("tool-calls")])
      )
      assert.deepStrictEqual(
        parts.flatMap((part) => (part.type === "tool-call" ? [part.args] : [])),
        [{ a: 1 }, '{"a":', {}]
      )
    })
  )

  it.effect("reports provider-run calls with their final results", () =>
    Effect.gen(function* () {
      const { parts } = yield* ask(
        fake([
          { type: "tool-call", toolCallId: "1", toolName: "search", input: "{}", providerExecuted: true },
          { type: "tool-result", toolCallId: "1", toolName: "search", result: ["so far"], preliminary: true },
          { type: "tool-result", toolCallId: "1", toolName: "search", result: ["found"] },
          finish()
        ])
      )
      assert.deepStrictEqual(parts.slice(0, 2), [
        { type: "tool-call", id: "1", name: "search", args: {}, execution: "provider" },
        { type: "tool-result", id: "1", name: "search", result: ["found"] }
      ])
    })
  )

  it.effect("reports files, sources, warnings and the responding model", () =>
    Effect.gen(function* () {
      const { parts } = yield* ask(
        fake([
          { type: "stream-start", warnings: [{ type: "unsupported", feature: "topK" }] },
          { type: "response-metadata", id: "r1", modelId: "fake-1-2026" },
          { type: "file", mediaType: "image/png", data: { type: "data", data: new Uint8Array([1, 2, 3]) } },
          { type: "source", sourceType: "url", id: "s1", url: "https://example.com/" },
          finish()
        ])
      )
      assert.deepStrictEqual(parts.slice(0, 4), [
        { type: "warning", message: "topK is not supported" },
        { type: "response", id: "r1", model: "fake-1-2026" },
        { type: "file", mediaType: "image/png", data: "AQID" },
        { type: "source", source: { sourceType: "url", id: "s1", url: "https://example.com/" } }
      ])
    })
  )

  it.effect("sums the usage of a stream with several messages, and finishes once", () =>
    Effect.gen(function* () {
      const { parts } = yield* ask(fake([...text("a"), finish("tool-calls"), ...text("b"), finish("stop")]))
      assert.deepStrictEqual(
        parts.filter((part) => part.type === "finish").map((part) => part.raw),
        ["stop"]
      )
      assert.deepStrictEqual(
        parts.findLast((part) => part.type === "usage"),
        {
          type: "usage",
          usage: { inputUncached: 20, outputText: 10 }
        }
      )
    })
  )

  it.effect("waits for its reader before it reads on", () =>
    Effect.gen(function* () {
      let pulled = 0
      const model = streaming(
        () =>
          new ReadableStream(
            {
              pull: (controller) => {
                pulled++
                controller.enqueue({ type: "text-delta", id: "0", delta: "x" })
              }
            },
            { highWaterMark: 1 }
          )
      )
      let held = false
      const reached = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(
        AiSdkModel.make(model).attempt(request(), () => {
          if (held) return undefined
          held = true
          Effect.runSync(Deferred.succeed(reached, undefined))
          return new Promise(() => {})
        })
      )
      yield* Deferred.await(reached)
      for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
      const seen = pulled
      for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
      assert.strictEqual(pulled, seen)
      yield* Fiber.interrupt(fiber)
    })
  )

  it.effect("aborts its request when it is interrupted", () =>
    Effect.gen(function* () {
      const opened = yield* Deferred.make<AbortSignal>()
      const model = streaming((options) => {
        if (options.abortSignal !== undefined) Effect.runSync(Deferred.succeed(opened, options.abortSignal))
        return new ReadableStream()
      })
      const fiber = yield* Effect.forkChild(ask(model))
      const signal = yield* Deferred.await(opened)
      assert.isFalse(signal.aborted)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(signal.aborted)
    })
  )

  it.effect("fails after idleTimeout, and not before", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(
        ask(
          streaming(() => new ReadableStream()),
          { idleTimeout: "30 seconds" }
        )
      )
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const { failure } = yield* Fiber.join(fiber)
      assert.deepInclude(Option.getOrThrow(failure), { _tag: "ModelTimedOut", afterMs: 30_000 })
    })
  )
})

describe("usage", () => {
  it.effect("counts cached tokens once", () =>
    Effect.gen(function* () {
      const usage = yield* usageOf({
        inputTokens: { total: 100, noCache: 20, cacheRead: 50, cacheWrite: 30 },
        outputTokens: { total: 9, text: 4, reasoning: 5 },
        raw: { cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 } }
      })
      assert.deepStrictEqual(usage, {
        inputUncached: 20,
        inputCacheRead: 50,
        inputCacheWrite: 10,
        inputCacheWriteLong: 20,
        outputText: 4,
        outputReasoning: 5
      })
    })
  )

  it.effect("computes a missing part from the totals", () =>
    Effect.gen(function* () {
      const usage = yield* usageOf({
        inputTokens: { total: 100, noCache: undefined, cacheRead: 60, cacheWrite: undefined },
        outputTokens: { total: 9, text: undefined, reasoning: 5 }
      })
      assert.deepStrictEqual(usage, { inputUncached: 40, inputCacheRead: 60, outputText: 4, outputReasoning: 5 })
    })
  )

  it.effect("stays unknown when nothing, or an invalid count, was reported", () =>
    Effect.gen(function* () {
      const none = { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined }
      const nothing = yield* usageOf({
        inputTokens: none,
        outputTokens: { total: undefined, text: undefined, reasoning: undefined }
      })
      assert.isUndefined(nothing)
      const negative = yield* usageOf({
        inputTokens: { ...none, total: -5, cacheRead: Number.NaN },
        outputTokens: { total: 2.5, text: 7, reasoning: undefined }
      })
      assert.deepStrictEqual(negative, { outputText: 7 })
    })
  )

  it.effect("is never below 0 when the cache count exceeds the total", () =>
    Effect.gen(function* () {
      const usage = yield* usageOf({
        inputTokens: { total: 10, noCache: undefined, cacheRead: 15, cacheWrite: undefined },
        outputTokens: { total: 2, text: undefined, reasoning: undefined }
      })
      assert.deepStrictEqual(usage, { inputUncached: 0, inputCacheRead: 15, outputText: 2 })
    })
  )

  it.effect("adds reasoning to an output count that excludes it", () =>
    Effect.gen(function* () {
      const inputTokens = { total: 10, noCache: 10, cacheRead: undefined, cacheWrite: undefined }
      const more = yield* usageOf({ inputTokens, outputTokens: { total: 2, text: 0, reasoning: 6 } })
      assert.deepStrictEqual(more, { inputUncached: 10, outputText: 2, outputReasoning: 6 })
      const outputTokens = { total: 8, text: 2, reasoning: 6 }
      const within = yield* usageOf({ inputTokens, outputTokens, raw: { total_tokens: 18 } })
      assert.deepStrictEqual(within, { inputUncached: 10, outputText: 2, outputReasoning: 6 })
      const apart = yield* usageOf({ inputTokens, outputTokens, raw: { total_tokens: 24 } })
      assert.deepStrictEqual(apart, { inputUncached: 10, outputText: 8, outputReasoning: 6 })
    })
  )
})
