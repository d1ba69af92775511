import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as OneTool from "../../support/OneTool.ts"

const isFrozen = (value: unknown): boolean =>
  typeof value !== "object" || value === null || (Object.isFrozen(value) && Object.values(value).every(isFrozen))

/** The result in the log, of a handler that answers with `value`. */
const logged = (value: unknown) =>
  Effect.map(OneTool.finished({ handler: () => Effect.succeed(value) }), (probe) => {
    const [result] = probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event] : []))
    return result
  }).pipe(Effect.scoped)

describe("a tool's result", () => {
  it.effect.prop(
    "is stored as the same text, deeply frozen",
    { value: Schema.Json },
    ({ value }) =>
      Effect.gen(function* () {
        const result = yield* logged(value)
        assert.isUndefined(result?.status)
        assert.strictEqual(JSON.stringify(result?.result), JSON.stringify(OneTool.wellFormed(value)))
        assert.isTrue(isFrozen(result?.result))
      }),
    { arbitrary: { runs: 200 } }
  )

  it.effect("keeps a member named __proto__ as data", () =>
    Effect.gen(function* () {
      const text = '{"a":1,"__proto__":{"admin":true}}'
      const result = yield* logged(JSON.parse(text))
      assert.strictEqual(JSON.stringify(result?.result), text)
      assert.isUndefined(Reflect.get(Object(result?.result), "admin"))
    })
  )

  it.effect("has no half of a character, in texts and in names", () =>
    Effect.gen(function* () {
      const value = { text: "a\ud83d", list: ["\ude00b", "😀"], ["\ud83d"]: 1 }
      assert.deepStrictEqual((yield* logged(value))?.result, { text: "a\ufffd", list: ["\ufffdb", "😀"], "\ufffd": 1 })
    })
  )

  it.effect("may contain the same value twice, but not itself", () =>
    Effect.gen(function* () {
      const shared = { n: 1 }
      assert.deepStrictEqual((yield* logged([shared, { shared }]))?.result, [{ n: 1 }, { shared: { n: 1 } }])
      const cycle: { [name: string]: unknown } = { shared }
      cycle["self"] = [cycle]
      for (const value of [cycle, 1n]) {
        const result = yield* logged({ value })
        assert.match(JSON.stringify(result?.result), /ResultInvalid.*is not JSON: value/)
      }
    })
  )
})
