import { assert, describe, it } from "@effect/vitest"
import type { Envelope } from "@reins/protocol"
import type { ModelPart, ModelPort } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Deferred, Effect, Exit, Fiber, Stream } from "effect"
import * as Solo from "../../support/Solo.ts"
import * as Story from "../../support/Story.ts"

const seqs = (envelopes: ReadonlyArray<Envelope.Envelope>) => envelopes.map(({ seq }) => seq)

const finish: ModelPart = { type: "finish", reason: "stop", usage: { inputUncached: 1, outputText: 1 } }

const pieces = (count: number): ReadonlyArray<ModelPart> =>
  Array.from({ length: count }, (_, index) => ({ type: "text" as const, text: `${index} ` }))

describe("the readers of a run's log", () => {
  it.effect.each([
    ["absent", undefined, [1, 2, 3, 4, 5]],
    ["negative", -3, [1, 2, 3, 4, 5]],
    ["not a number", Number.NaN, [1, 2, 3, 4, 5]],
    ["in its middle", 3, [4, 5]],
    ["a fraction", 3.5, [4, 5]],
    ["its last", 5, []],
    ["in the future", 99, []],
    ["infinite", Infinity, []]
  ] as const)("begin after the position that they name: %s", ([, after, expected]) =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* Solo.finished([ScriptedModel.text("hello")])
      assert.deepStrictEqual(seqs(probe.envelopes), [1, 2, 3, 4, 5])
      const read = yield* Stream.runCollect(Stream.take(runtime.watch("run", { after }), 20))
      assert.deepStrictEqual(seqs(read), [...expected])
    }).pipe(Effect.scoped)
  )

  it.effect("wait for a future position while the run continues, and see what follows it", () =>
    Effect.gen(function* () {
      const hold = yield* ScriptedModel.hold
      const { runtime } = yield* Solo.start([{ ...ScriptedModel.text("hello"), hold }])
      const late = yield* Effect.forkScoped(Stream.runCollect(runtime.watch("run", { after: 3 })), {
        startImmediately: true
      })
      yield* hold.release
      assert.deepStrictEqual(seqs(yield* Fiber.join(late)), [4, 5])
    }).pipe(Effect.scoped)
  )

  it.effect("see the same, whenever they came and however slowly they read", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* Solo.start([ScriptedModel.words("one two three four five six")])
      const slow = yield* Effect.forkScoped(
        Stream.runCollect(Stream.tap(runtime.watch("run"), () => Effect.yieldNow)),
        { startImmediately: true }
      )
      const torn = yield* Effect.forkScoped(Stream.runCollect(Stream.rechunk(runtime.watch("run"), 1)))
      yield* probe.end
      const late = yield* Stream.runCollect(runtime.watch("run"))
      for (const seen of [late, yield* Fiber.join(slow), yield* Fiber.join(torn)]) {
        assert.deepStrictEqual(seen, probe.envelopes)
      }
      Story.isWhole(probe.envelopes)
    }).pipe(Effect.scoped)
  )

  it.effect("get a long log piece by piece, so that one who stops reading holds a piece of it", () =>
    Effect.gen(function* () {
      const words = Array.from({ length: 5000 }, (_, index) => `w${index}`).join(" ")
      const { probe, runtime } = yield* Solo.finished([ScriptedModel.words(words)])
      for (const read of [runtime.watch("run"), runtime.watch("run", { after: 3 })]) {
        const sizes = yield* Stream.runCollect(Stream.mapArray(read, (piece): readonly [number] => [piece.length]))
        assert.isAtMost(Math.max(...sizes), 1000)
      }
      assert.deepStrictEqual(yield* Stream.runCollect(runtime.watch("run")), probe.envelopes)
      assert.isAbove(probe.envelopes.length, 5000)
    }).pipe(Effect.scoped)
  )

  it.effect("get the root view of a long log piece by piece, and all of it", () =>
    Effect.gen(function* () {
      const words = Array.from({ length: 5000 }, (_, index) => `w${index}`).join(" ")
      const runtime = yield* Solo.runtime(ScriptedModel.make({ replies: [ScriptedModel.words(words)] }))
      const sizes: Array<number> = []
      const events = yield* runtime.query("hello").pipe(
        Stream.mapArray((piece) => {
          sizes.push(piece.length)
          return piece
        }),
        Stream.tap(() => Effect.yieldNow),
        Stream.runCollect
      )
      assert.isAtMost(Math.max(...sizes), 1000)
      assert.lengthOf(
        events.filter(({ type }) => type === "text"),
        5000
      )
    }).pipe(Effect.scoped)
  )

  it.effect("find no run of another name", () =>
    Effect.gen(function* () {
      const { runtime } = yield* Solo.finished([ScriptedModel.text("hello")])
      const exit = yield* Effect.exit(Stream.runDrain(runtime.watch("another")))
      assert.match(Exit.isFailure(exit) ? String(exit.cause) : "", /Unknown run "another"/)
    }).pipe(Effect.scoped)
  )

  it.effect("block the model when a query's reader is far behind, and lose nothing", () =>
    Effect.gen(function* () {
      const batches = Array.from({ length: 100 }, () => pieces(100))
      let sent = 0
      const model: ModelPort = {
        provider: "counting",
        model: "counting-1",
        attempt: (_request, emit) =>
          Effect.gen(function* () {
            for (const batch of batches) {
              sent++
              const behind = emit(batch)
              if (behind !== undefined) yield* Effect.promise(() => behind)
              yield* Effect.yieldNow
            }
            void emit([finish])
          })
      }
      const runtime = yield* Solo.runtime(model)
      const go = yield* Deferred.make<void>()
      const reading = yield* Effect.forkScoped(
        Stream.runCollect(Stream.tap(runtime.query("hello"), () => Deferred.await(go))),
        { startImmediately: true }
      )
      for (let turn = 0; turn < 200; turn++) yield* Effect.yieldNow
      assert.isAbove(sent, 40)
      assert.isBelow(sent, 45)
      yield* Deferred.succeed(go, undefined)
      const seen = yield* Fiber.join(reading)
      assert.strictEqual(seen.filter(({ type }) => type === "text").length, 10_000)
      assert.strictEqual(seen.at(-1)?.type, "data-latency-summary")
    }).pipe(Effect.scoped)
  )

  it.effect("cannot keep a run from ending: a cancel reaches one that waits for a stalled reader", () =>
    Effect.gen(function* () {
      let requests = 0
      const heedless: ModelPort = {
        provider: "heedless",
        model: "heedless-1",
        attempt: (_request, emit) =>
          Effect.map(Effect.yieldNow, () => {
            requests++
            void emit([...pieces(5000), { type: "tool-call", id: `c${requests}`, name: "none", args: {} }, finish])
          })
      }
      const runtime = yield* Solo.runtime(heedless)
      const reading = yield* Effect.forkScoped(
        Stream.runForEach(runtime.query("hello", { runId: "run" }), () => Effect.never),
        { startImmediately: true }
      )
      const result = yield* Effect.forkScoped(Stream.runCollect(runtime.watch("run")), { startImmediately: true })
      for (let turn = 0; turn < 100; turn++) yield* Effect.yieldNow
      assert.strictEqual((yield* runtime.status("run"))?.state, "running")
      assert.isTrue(yield* runtime.cancel("run"))
      const log = yield* Fiber.join(result)
      Story.isWhole(log)
      assert.strictEqual(requests, 1)
      assert.deepStrictEqual(
        log.flatMap(({ event }) => (event.type === "finish" ? [event.finishReason] : [])),
        ["cancelled"]
      )
      yield* Fiber.interrupt(reading)
    }).pipe(Effect.scoped)
  )
})
