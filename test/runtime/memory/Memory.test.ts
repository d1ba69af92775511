import { assert, describe, it } from "@effect/vitest"
import { Memory, MemoryStore, WordSearch } from "@reins/runtime/journal"
import { Effect, Result, Schema } from "effect"

const memory = (id: string, text: string, updatedAt = 0): Memory.Memory => ({
  id,
  text,
  resourceId: "tenant",
  createdAt: 0,
  updatedAt
})

const Scope = Schema.Struct({
  resourceId: Schema.Literals(["a", "b"]),
  principal: Schema.optionalKey(Schema.Literals(["ann", "bob"])),
  agent: Schema.optionalKey(Schema.Literals(["desk", "clerk"]))
})
const Words = Schema.Literals(["tea", "green tea", "coffee", "no sugar", "tea and coffee", ""])
const Steps = Schema.Array(Schema.Struct({ scope: Scope, text: Words, forget: Schema.Boolean })).check(
  Schema.isMaxLength(12)
)
const Given = Schema.Array(Schema.Struct({ text: Words, at: Schema.Literals([0, 1, 2, 3]) })).check(
  Schema.isMaxLength(8)
)
const count = (most: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: most }))

describe("a memory", () => {
  it.effect.prop(
    "is recalled only from its own tenant, by its own principal and agent, whatever was remembered",
    { steps: Steps, asker: Scope, query: Words },
    ({ asker, query, steps }) =>
      Effect.gen(function* () {
        const store = new MemoryStore.MemoryMemories()
        const known = new Map<string, Memory.MemoryScope>()
        for (const [place, { forget, scope, text }] of steps.entries()) {
          const id = `m${place}`
          yield* store.remember({ id, scope, text: `${text} ${place}`, at: place }, Memory.defaultLimits)
          known.set(id, scope)
          // Another tenant reaches nothing of it.
          assert.isFalse(yield* store.forget(id, { ...scope, resourceId: scope.resourceId === "a" ? "b" : "a" }))
          if (forget && (yield* store.forget(id, { ...scope, isExact: true }))) known.delete(id)
        }
        const sees = ({ agent, principal, resourceId }: Memory.MemoryScope) =>
          resourceId === asker.resourceId &&
          (principal === undefined || principal === asker.principal) &&
          (agent === undefined || agent === asker.agent)
        const found = yield* store.recall({ scope: asker, text: query, limit: 100, at: 1000 })
        for (const memory of found) assert.isTrue(sees(memory) && known.has(memory.id))
        if (query === "") assert.lengthOf(found, [...known.values()].filter(sees).length)
      })
  )

  it.prop(
    "is ranked by those alone that are seen with it, and in one order, however they are given",
    { given: Given, text: Words, limit: count(8) },
    ({ given, limit, text }) => {
      const all = given.map((one, place) => memory(`m${place}`, one.text, one.at))
      const ranked = Memory.rank(all, { text, at: 10, limit })
      assert.deepStrictEqual(Memory.rank(all.toReversed(), { text, at: 10, limit }), ranked)
      const asked = WordSearch.askedWords(text)
      const matches = (one: Memory.Memory) =>
        asked.length === 0 || Memory.wordsOf(one).some((word) => asked.some((each) => begins(word, each)))
      assert.isTrue(ranked.every(matches))
      assert.strictEqual(ranked.length, Math.min(limit, all.filter(matches).length))
    }
  )

  it.prop("belongs to scopes whose keys differ where the scopes do", { one: Scope, other: Scope }, ({ one, other }) => {
    const isSame = one.resourceId === other.resourceId && one.principal === other.principal && one.agent === other.agent
    assert.strictEqual(Memory.keyOf(one) === Memory.keyOf(other), isSame)
  })

  it.prop(
    "is refused exactly where a limit would be passed",
    { memories: count(4), bytes: count(20), size: count(20) },
    ({ bytes, memories, size }) => {
      const refusal = Memory.refusalOf({ memories, bytes }, size, { memories: 3, bytes: 20, textBytes: 10 })
      assert.strictEqual(refusal === undefined, memories < 3 && bytes + size <= 20 && size <= 10)
    }
  )

  it.prop("is divided into words that need no quoting, whatever its text", { text: Schema.String }, ({ text }) => {
    for (const word of WordSearch.wordsOf(text)) assert.match(word, /^[\p{L}\p{N}\p{M}]+$/u)
  })

  it("is divided into words without case and accents, and into pairs of letters where words have no spaces", () => {
    assert.deepStrictEqual(WordSearch.wordsOf("Don't e-mail MÜLLER at 10:30, 東京都!"), [
      "don",
      "t",
      "e",
      "mail",
      "muller",
      "at",
      "10",
      "30",
      "東京",
      "京都"
    ])
  })
  it("finds words of Korean by their first two syllables, and pairs of Chinese by their first letter", () => {
    const found = (text: string, query: string) =>
      WordSearch.index([{ id: "one", text }])
        .search(query)
        .map(({ id }) => id)
    assert.deepStrictEqual(
      [
        found("커피를 좋아한다", "커피"),
        found("茶が好き", "茶"),
        found("tea", "te"),
        found("커피를 좋아한다", "커"),
        found("コンテスト", "コーヒー")
      ],
      [["one"], ["one"], [], [], []]
    )
  })

  it.effect("keeps its limit when others come first", () =>
    Effect.gen(function* () {
      const store = new MemoryStore.MemoryMemories()
      const limits = { ...Memory.defaultLimits, memories: 1 }
      const remember = (id: string) => store.remember({ id, scope: { resourceId: "t" }, text: id, at: 0 }, limits)
      yield* remember("one")
      const second = yield* Effect.result(remember("two"))
      assert.strictEqual(
        Result.isFailure(second) ? second.failure.message : "",
        "Nothing was remembered: there are 1 memories already. Forget one that is no longer needed"
      )
    })
  )
})

const begins = (word: string, asked: string): boolean =>
  word === asked || (WordSearch.isPrefix(asked) && word.startsWith(asked))
