/** What is derived of a typed answer while it is written. */
import { assert, describe, it } from "@effect/vitest"
import type { Event } from "@reins/protocol"
import { Output } from "@reins/runtime"
import { Effect, Schema, Stream } from "effect"

const start: Event = { type: "step-start" }
const said = (text: string): Event => ({ type: "text", text })

/** The partial values of an answer that comes in pieces of `size` characters. */
const partialsOf = (text: string, size: number, before: ReadonlyArray<Event> = []) => {
  const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? []
  const events = Stream.rechunk(Stream.fromIterable([...before, start, ...pieces.map(said)]), 1)
  return Effect.map(Stream.runCollect(Output.partials(events)), (all) => Array.from(all))
}

const Leaf = Schema.NullOr(Schema.Union([Schema.String, Schema.Int, Schema.Finite, Schema.Boolean]))
const Answer = Schema.Struct({
  title: Schema.String,
  lines: Schema.Array(Schema.Struct({ name: Schema.String, more: Schema.Array(Leaf) })),
  'a "b"': Leaf,
  tree: Schema.Record(Schema.String, Leaf)
})

/** Whether `one` is what is there so far of `whole`: of the last member, perhaps a part. */
const begins = (one: unknown, whole: unknown): boolean => {
  if (typeof one === "string" && typeof whole === "string") return whole.startsWith(one)
  if (Array.isArray(one) && Array.isArray(whole)) return one.every((item, index) => begins(item, whole[index]))
  if (typeof one === "object" && one !== null && typeof whole === "object" && whole !== null) {
    const all = new Map<string, unknown>(Object.entries(whole))
    return Object.entries(one).every(([key, value]) => all.has(key) && begins(value, all.get(key)))
  }
  return one === whole
}

describe("the partial values of an answer", () => {
  it.effect.prop(
    "are beginnings of the whole, also behind a fence",
    { value: Answer, isFenced: Schema.Boolean },
    ({ isFenced, value }) =>
      Effect.gen(function* () {
        const text = JSON.stringify(value)
        const whole: unknown = JSON.parse(text)
        const all = yield* partialsOf(isFenced ? `\`\`\`json\n${text}\n\`\`\`` : text, 3)
        assert.isAbove(all.length, 0)
        for (const one of all) assert.isTrue(begins(one, whole), JSON.stringify([one, whole]))
      })
  )

  it.effect("begin anew with each step, and are none of prose", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* partialsOf("Let me look {that} up", 4), [])
      const before = [start, said('{"a":1,'), { type: "step-retracted", reason: "OutputInvalid" } as const]
      assert.deepStrictEqual(yield* partialsOf('{"b":2}', 20, before), [{ a: 1 }, { b: 2 }])
    })
  )

  it.effect("of a long answer are so few that parsing them all costs its length some 64 times", () =>
    Effect.gen(function* () {
      const text = JSON.stringify({ items: Array.from({ length: 10_000 }, (_, index) => `item ${index}`) })
      const all = yield* partialsOf(text, 8)
      const parsed = all.reduce<number>((sum, value) => sum + JSON.stringify(value).length, 0)
      assert.isAbove(all.length, 200)
      assert.isBelow(parsed, 70 * text.length)
    })
  )

  it.effect("end with the checked value", () =>
    Effect.gen(function* () {
      const usage = {
        promptTokens: 1,
        completionTokens: 1,
        totalTokens: 2,
        cacheReadInputTokens: 0,
        cacheCreationInputTokens: 0
      }
      const finish: Event = { type: "finish", finishReason: "stop", usage, output: { n: 12 } }
      const events = Stream.make(start, said('{"n":12'), finish)
      const all = yield* Stream.runCollect(Output.partials(events, Schema.Struct({ n: Schema.Number })))
      assert.deepStrictEqual(Array.from(all).at(-1), { n: 12 })
    })
  )
})
