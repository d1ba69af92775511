import { assert, describe, it } from "@effect/vitest"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect } from "effect"
import * as Solo from "../../support/Solo.ts"

describe("a scripted model", () => {
  it.effect("gives its replies in turn, then calls its responder", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({
        replies: [ScriptedModel.text("one")],
        respond: () => ScriptedModel.text("more")
      })
      model.push(ScriptedModel.text("two"))
      const runtime = yield* Solo.runtime(model)
      const said = yield* Effect.forEach([1, 2, 3, 4], () => Effect.map(runtime.complete("hi"), ({ output }) => output))
      assert.deepStrictEqual(said, ["one", "two", "more", "more"])
    }).pipe(Effect.scoped)
  )

  it.effect("that two runs share says in the second run's error what ran out", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ replies: [ScriptedModel.text("one")] })
      const runtime = yield* Solo.runtime(model)
      yield* runtime.complete("hi")
      const error = yield* Effect.flip(runtime.complete("hi"))
      assert.include(error.message, "request 2 found no reply, for the script had 1. Push more replies")
    }).pipe(Effect.scoped)
  )

  it.effect("fails when replies are left over", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({ replies: [ScriptedModel.text("one"), ScriptedModel.text("two")] })
      yield* Solo.finished(model)
      assert.strictEqual(
        (yield* Effect.flip(model.done)).message,
        "1 scripted replies were not requested. Remove them, or send as many requests"
      )
      const runtime = yield* Solo.runtime(model)
      yield* runtime.complete("hi")
      yield* model.done
    }).pipe(Effect.scoped)
  )

  it.effect("keeps its requests unchanged, though the run continues", () =>
    Effect.gen(function* () {
      const model = ScriptedModel.make({
        replies: [ScriptedModel.calls([{ id: "1", name: "none", args: {} }]), ScriptedModel.text("done")]
      })
      yield* Solo.finished(model)
      assert.deepStrictEqual(
        model.requests.map(({ messages }) => messages.length),
        [1, 3]
      )
      assert.isTrue(model.requests.every((request) => Object.isFrozen(request) && Object.isFrozen(request.messages)))
    }).pipe(Effect.scoped)
  )

  it.effect("holds a reply until the test lets it go", () =>
    Effect.gen(function* () {
      const hold = yield* ScriptedModel.hold
      const { probe } = yield* Solo.start([{ ...ScriptedModel.words("one two three"), hold, heldAfter: 2 }])
      yield* hold.reached
      assert.strictEqual(probe.of("text").length, 2)
      yield* hold.release
      yield* probe.end
      assert.strictEqual(probe.of("text").length, 3)
    }).pipe(Effect.scoped)
  )
})
