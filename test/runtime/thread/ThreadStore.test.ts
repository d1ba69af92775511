import { assert, describe, it } from "@effect/vitest"
import { ModelFailure, Transcript } from "@reins/protocol"
import { Agent, Deployment, Runtime, Specialist } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect } from "effect"
import * as Desk from "../../support/Desk.ts"
import * as OneTool from "../../support/OneTool.ts"
import * as Solo from "../../support/Solo.ts"

const echo = () => ScriptedModel.make({ respond: (request) => ScriptedModel.text(ScriptedModel.lastPrompt(request)) })

const texts = (messages: ReadonlyArray<{ readonly content: ReadonlyArray<unknown> }>) =>
  messages.map(({ content }) => JSON.stringify(content))

describe("a thread", () => {
  it.effect("gives its history to the next run, which adds to it", () =>
    Effect.gen(function* () {
      const model = echo()
      const runtime = yield* Solo.runtime(model)
      yield* runtime.complete("one", { threadId: "thread" })
      yield* runtime.complete("two", { threadId: "thread" })
      const said = (text: string) => JSON.stringify([{ type: "text", text }])
      assert.deepStrictEqual(texts(model.requests[1]?.messages ?? []), [said("one"), said("one"), said("two")])
      assert.deepStrictEqual(
        texts(yield* runtime.threads.get("thread")),
        ["one", "one", "two", "two"].map((text) => said(text))
      )
      const { spent, ...info } = (yield* runtime.threads.info("thread")) ?? {}
      const times = { createdAt: 0, updatedAt: 0 }
      assert.deepStrictEqual(info, {
        threadId: "thread",
        resourceId: "default",
        version: 4,
        runId: undefined,
        ...times
      })
      assert.deepStrictEqual([spent?.steps, spent?.inputTokens], [2, 20])
    }).pipe(Effect.scoped)
  )

  it.effect("keeps the prompt of a run that failed, and no incomplete step", () =>
    Effect.gen(function* () {
      const lost = new ModelFailure.NetworkFailed({ provider: "p", model: "m" })
      const { probe, runtime } = yield* Solo.finished([ScriptedModel.failure(lost, "half an ans")])
      assert.strictEqual(probe.of("error").length, 1)
      const thread = yield* runtime.threads.get("thread")
      assert.isTrue(Transcript.isPairComplete(thread))
      assert.deepStrictEqual(thread, Transcript.messages(Transcript.fold(probe.envelopes, "hello")))
    }).pipe(Effect.scoped)
  )

  it.effect("of a query that names none is new, and has a name", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(echo())
      const first = yield* runtime.complete("one")
      const second = yield* runtime.complete("two")
      assert.notStrictEqual(first.threadId, second.threadId)
      assert.strictEqual((yield* runtime.threads.get(first.threadId)).length, 2)
    }).pipe(Effect.scoped)
  )

  it.effect(
    "with the oldest last run is forgotten when there are more than the limit, unless it has an active run",
    () =>
      Effect.gen(function* () {
        const hold = yield* ScriptedModel.hold
        const model = ScriptedModel.make({
          respond: (request) =>
            ScriptedModel.lastPrompt(request) === "wait"
              ? { ...ScriptedModel.text("waited"), hold }
              : ScriptedModel.text("done")
        })
        const runtime = yield* Solo.runtime(model, { services: Deployment.layerMemory({ keptThreads: 2 }) })
        const held = yield* runtime.start("wait", { threadId: "held" })
        // "a" is used again, and so no longer the oldest.
        for (const threadId of ["a", "b", "a", "c"]) yield* runtime.complete("hello", { threadId })
        const kept = Effect.map(runtime.threads.list(), (all) => all.map(({ threadId }) => threadId))
        assert.deepStrictEqual(yield* kept, ["held", "a", "c"])
        assert.deepStrictEqual(yield* runtime.threads.get("b"), [])
        yield* hold.release
        yield* held.result
        assert.deepStrictEqual(yield* kept, ["held", "c"])
      }).pipe(Effect.scoped)
  )

  it.effect("that does not exist has no messages and no info", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(echo())
      assert.deepStrictEqual(yield* runtime.threads.get("nowhere"), [])
      assert.isUndefined(yield* runtime.threads.info("nowhere"))
      assert.isFalse(yield* runtime.threads.delete("nowhere"))
    }).pipe(Effect.scoped)
  )

  it.effect("is deleted with its messages, but not while it has an active run", () =>
    Effect.gen(function* () {
      const { handle, probe, runtime } = yield* OneTool.start({ handler: () => Effect.never })
      assert.deepInclude(yield* runtime.threads.info("thread"), { runId: "run", version: 0 })
      assert.isFalse(yield* runtime.threads.delete("thread"))
      yield* handle.cancel
      yield* probe.end
      assert.isTrue(yield* runtime.threads.delete("thread"))
      assert.deepStrictEqual(yield* runtime.threads.get("thread"), [])
      assert.isFalse(yield* runtime.threads.delete("thread"))
    }).pipe(Effect.scoped)
  )

  it.effect("that was deleted starts empty", () =>
    Effect.gen(function* () {
      const model = echo()
      const runtime = yield* Solo.runtime(model)
      yield* runtime.complete("one", { threadId: "thread" })
      yield* runtime.threads.delete("thread")
      yield* runtime.complete("two", { threadId: "thread", resourceId: "tom" })
      assert.strictEqual(model.requests[1]?.messages.length, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("is listed for its tenant only, in the order of creation", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(echo())
      for (const [threadId, resourceId] of [
        ["b", "mia"],
        ["c", "tom"],
        ["a", "mia"]
      ] as const) {
        yield* runtime.complete("hi", { threadId, resourceId })
      }
      const listed = (resourceId?: string) =>
        Effect.map(runtime.threads.list(resourceId === undefined ? {} : { resourceId }), (all) =>
          all.map(({ threadId }) => threadId)
        )
      assert.deepStrictEqual(yield* listed("mia"), ["b", "a"])
      assert.deepStrictEqual(yield* listed("tom"), ["c"])
      assert.deepStrictEqual(yield* listed(), [])
    }).pipe(Effect.scoped)
  )

  it.effect("cannot be changed by who has read it", () =>
    Effect.gen(function* () {
      const runtime = yield* Solo.runtime(echo())
      yield* runtime.complete("one", { threadId: "thread" })
      const read = yield* runtime.threads.get("thread")
      Reflect.set(read, "length", 0)
      assert.strictEqual((yield* runtime.threads.get("thread")).length, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("is neither read, written nor leased by a specialist called from code", () => {
    const reader = Specialist.make("reader", { description: "Reads" })
    const model = echo()
    return Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* runtime.complete("one", { threadId: "thread" })
      const before = yield* runtime.threads.get("thread")
      const hanging = yield* runtime.start("wait", { threadId: "thread", agent: "slow" })
      const done = yield* runtime.completeSpecialist(reader, "two", { threadId: "thread" })
      assert.strictEqual(done.output, "two")
      assert.strictEqual(done.threadId, "thread")
      assert.strictEqual(model.requests.at(-1)?.messages.length, 1)
      assert.deepStrictEqual(yield* runtime.threads.get("thread"), before)
      yield* hanging.cancel
    }).pipe(
      Effect.provide(
        Desk.plain(
          {
            ...model,
            attempt: (request, emit) =>
              request.metadata.agent === "slow" ? Effect.never : model.attempt(request, emit)
          },
          { agents: [Agent.make("desk", {}), Agent.make("slow", {}), reader] }
        )
      )
    )
  })
})
