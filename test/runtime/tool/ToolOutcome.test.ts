import { assert, describe, it } from "@effect/vitest"
import type { Message } from "@reins/protocol"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Schema } from "effect"
import * as OneTool from "../../support/OneTool.ts"

const replies = [ScriptedModel.calls([{ id: "c1", name: "work", args: {} }]), ScriptedModel.text("done")]

/** What the model is sent in its second step as the result of its call, and what the log has. */
const answered = (value: unknown, maxResultCharacters?: number) =>
  Effect.gen(function* () {
    const model = ScriptedModel.make({ replies })
    const probe = yield* OneTool.finished({
      handler: () => Effect.succeed(value),
      model,
      runtime: maxResultCharacters === undefined ? {} : { maxResultCharacters }
    })
    const message = model.requests[1]?.messages.at(-1)
    const sent: Message.ResultPart | undefined = message?.role === "tool" ? message.content[0] : undefined
    const [logged] = probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event] : []))
    return { sent, logged: logged?.result }
  }).pipe(Effect.scoped)

const textOf = (part: Message.ResultPart | undefined): string => {
  const [only, ...more] = part?.content ?? []
  assert.strictEqual(more.length, 0)
  return only?.type === "text" ? only.text : ""
}

const note = /^([^]*)\n\[… (\d+) of (\d+) characters are left out here …\]\n([^]*)$/u

describe("a result that is too long for a model", () => {
  it.effect("of 10 MB is sent as its beginning and its end, and stays complete in the log", () =>
    Effect.gen(function* () {
      const { logged, sent } = yield* answered(`first ${"x".repeat(10_000_000)} last`)
      assert.strictEqual(typeof logged === "string" ? logged.length : 0, 10_000_011)
      const [, head = "", missing, length, tail = ""] = note.exec(textOf(sent)) ?? []
      assert.strictEqual(head.length + tail.length, 200_000)
      assert.isTrue(head.startsWith("first x") && tail.endsWith("x last"))
      assert.strictEqual(Number(missing), 10_000_011 - 200_000)
      assert.strictEqual(Number(length), 10_000_011)
    })
  )

  it.effect("is not cut inside a surrogate pair", () =>
    Effect.gen(function* () {
      const { sent } = yield* answered("🙂".repeat(50), 30)
      assert.isTrue(textOf(sent).isWellFormed())
    })
  )

  it.effect.prop(
    "is cut exactly when its text is longer than the limit",
    { value: Schema.Json, most: Schema.Natural.check(Schema.isLessThanOrEqualTo(60)) },
    ({ most, value: given }) =>
      Effect.gen(function* () {
        const value = OneTool.wellFormed(given)
        const { logged, sent } = yield* answered(value, most)
        const text = typeof value === "string" ? value : JSON.stringify(value)
        assert.strictEqual(JSON.stringify(logged), JSON.stringify(value))
        assert.strictEqual(JSON.stringify(sent?.result), JSON.stringify(value))
        if (text.length <= most) return assert.isUndefined(sent?.content)
        const [, head = "", missing, , tail = ""] = note.exec(textOf(sent)) ?? []
        assert.strictEqual(head.length + tail.length, most)
        assert.strictEqual(head.length + tail.length + Number(missing), text.length)
      }),
    { arbitrary: { runs: 200 } }
  )
})
