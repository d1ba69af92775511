/**
 * The part of the journal contract about memories: each is remembered once, visible in its own scope only, found by its
 * words, and limited in number and size.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { JournalStore } from "../host/journal/JournalStore.ts"
import * as Memory from "../memory/Memory.ts"
import type { MemoryFilter, MemoryStore, NewMemory } from "../memory/MemoryStore.ts"
import * as MemoryIds from "./JournalMemoryIdContract.ts"
import { type Clause, clause, same } from "./JournalSamples.ts"

const ann: Memory.MemoryScope = { resourceId: "tenant", principal: "ann" }
const bob: Memory.MemoryScope = { resourceId: "tenant", principal: "bob" }
const shared: Memory.MemoryScope = { resourceId: "tenant" }
const stranger: Memory.MemoryScope = { resourceId: "other", principal: "ann" }

const note = (id: string, text: string, over: Partial<NewMemory> = {}): NewMemory => ({
  id,
  text,
  scope: ann,
  at: 1000,
  ...over
})

const remember = (store: MemoryStore, memory: NewMemory, limits: Partial<Memory.MemoryLimits> = {}) =>
  store.remember(memory, { ...Memory.defaultLimits, ...limits })

/** Remembers these texts under their places in the list, from `m0`. */
const all = (store: MemoryStore, texts: ReadonlyArray<string>, over: Partial<NewMemory> = {}) =>
  Effect.forEach(texts, (text, place) => Effect.orDie(remember(store, note(`m${place}`, text, over))))

/** The ids that are recalled. */
const recalled = (store: MemoryStore, text: string, scope: Memory.MemoryScope = ann, limit = 10) =>
  Effect.map(store.recall({ scope, text, limit, at: 2000 }), (found) => found.map(({ id }) => id))

const listed = (store: MemoryStore, filter: MemoryFilter) =>
  Effect.map(store.list({ ...filter, limit: 100, at: 2000 }), ({ memories }) => memories.map(({ id }) => id).toSorted())

const refusal = (store: MemoryStore, memory: NewMemory, limits: Partial<Memory.MemoryLimits>) =>
  Effect.map(Effect.result(remember(store, memory, limits)), (outcome) =>
    Result.isFailure(outcome) ? [outcome.failure.limit, outcome.failure.max] : "no failure"
  )

const part = (name: string, check: (store: MemoryStore) => Effect.Effect<void>): Clause =>
  clause(name, ({ memories }: JournalStore) => (memories === undefined ? Effect.void : check(memories)))

/**
 * Clauses about memories.
 *
 * @since 0.1.0
 * @category constants
 */
export const clauses: ReadonlyArray<Clause> = [
  ...MemoryIds.clauses,
  part("a memory is returned unchanged, with any text", (store) =>
    Effect.gen(function* () {
      const text = `It's "50%"; DROP TABLE x; -- \u0000 \u{1F600} \ud800 नमस्ते`
      const given = note("m", ` ${text} `, {
        kind: "fact",
        tags: ['a "tag"', "ü"],
        expiresAt: 9000,
        runId: "run",
        writtenBy: "desk",
        scope: { ...ann, agent: "desk" }
      })
      const wanted: Memory.Memory = {
        id: "m",
        text: text.toWellFormed(),
        resourceId: "tenant",
        principal: "ann",
        agent: "desk",
        kind: "fact",
        tags: ['a "tag"', "ü"],
        createdAt: 1000,
        updatedAt: 1000,
        expiresAt: 9000,
        runId: "run",
        writtenBy: "desk"
      }
      yield* same(yield* Effect.orDie(remember(store, given)), { memory: wanted, isNew: true }, "what was remembered")
      const seen = yield* store.recall({ scope: { ...ann, agent: "desk" }, text: "drop", limit: 1, at: 2000 })
      yield* same(seen, [wanted], "what is recalled")
      yield* same((yield* store.list({ ...shared, limit: 9, at: 2000 })).memories, [wanted], "what is listed")
    })
  ),
  part("a call that is repeated remembers once, also after others", (store) =>
    Effect.gen(function* () {
      const first = yield* Effect.orDie(remember(store, note("m", "Likes tea")))
      yield* Effect.orDie(remember(store, note("n", "Likes cake")))
      const again = yield* Effect.orDie(remember(store, note("m", "Likes tea", { at: 1500 })))
      yield* same(again, { memory: first.memory, isNew: false }, "what the repeated call has remembered")
      yield* same(yield* listed(store, shared), ["m", "n"], "the stored memories")
    })
  ),
  part("the same text is remembered once in a scope, and updated", (store) =>
    Effect.gen(function* () {
      yield* Effect.orDie(remember(store, note("m", "Likes  tea", { kind: "taste" })))
      const again = yield* Effect.orDie(remember(store, note("n", " Likes tea\n", { at: 1500, tags: ["drink"] })))
      const { createdAt, id, kind, tags, updatedAt } = again.memory
      yield* same(
        [again.isNew, id, createdAt, updatedAt, kind, tags],
        [false, "m", 1000, 1500, "taste", ["drink"]],
        "it"
      )
      yield* same(yield* recalled(store, "drink"), ["m"], "what its new tag finds")
      yield* Effect.orDie(remember(store, note("of bob", "Likes tea", { scope: bob })))
      yield* same(yield* listed(store, shared), ["m", "of bob"], "the stored memories")
    })
  ),
  part("concurrent calls with one text make one memory, and never exceed a limit together", (store) =>
    Effect.gen(function* () {
      const ids = ["a", "b", "c", "d", "e"]
      const one = yield* Effect.forEach(ids, (id) => Effect.orDie(remember(store, note(id, "Likes tea"))), {
        concurrency: "unbounded"
      })
      yield* same(one.filter(({ isNew }) => isNew).length, 1, "the number of new memories")
      yield* same((yield* listed(store, shared)).length, 1, "the number of stored memories")
      const more = yield* Effect.forEach(
        ids,
        (id) => Effect.result(remember(store, note(`more ${id}`, `Fact ${id}`), { memories: 3 })),
        { concurrency: "unbounded" }
      )
      yield* same(more.filter(Result.isSuccess).length, 2, "the number of accepted memories")
      yield* same((yield* listed(store, shared)).length, 3, "the number of stored memories")
    })
  ),
  part("memories are not visible to other tenants or other principals", (store) =>
    Effect.gen(function* () {
      yield* Effect.orDie(remember(store, note("ann", "secret tea")))
      yield* Effect.orDie(remember(store, note("bob", "secret tea", { scope: bob })))
      yield* Effect.orDie(remember(store, note("tenant", "secret tea", { scope: shared })))
      yield* Effect.orDie(remember(store, note("stranger", "secret tea", { scope: stranger })))
      const seen = (scope: Memory.MemoryScope) =>
        Effect.map(Effect.all([recalled(store, "secret", scope), recalled(store, "", scope)]), (both) =>
          both.map((ids) => ids.toSorted())
        )
      yield* same(
        yield* seen(ann),
        [
          ["ann", "tenant"],
          ["ann", "tenant"]
        ],
        "what ann sees"
      )
      yield* same(
        yield* seen(bob),
        [
          ["bob", "tenant"],
          ["bob", "tenant"]
        ],
        "what bob sees"
      )
      yield* same(yield* seen(shared), [["tenant"], ["tenant"]], "the memories without a principal")
      yield* same(yield* seen(stranger), [["stranger"], ["stranger"]], "what another tenant sees")
      yield* same(yield* seen({ resourceId: "third" }), [[], []], "what a third tenant sees")
      yield* same(yield* listed(store, { resourceId: "other" }), ["stranger"], "what another tenant lists")
      yield* same(yield* store.forget("ann", { resourceId: "other" }), false, "that another tenant forgot it")
    })
  ),
  part("a memory of one agent is not visible to another agent", (store) =>
    Effect.gen(function* () {
      yield* Effect.orDie(remember(store, note("own", "tea at five", { scope: { ...ann, agent: "desk" } })))
      yield* Effect.orDie(remember(store, note("any", "tea at four")))
      yield* Effect.orDie(remember(store, note("team", "tea at six", { scope: { ...shared, agent: "desk" } })))
      const seen = (scope: Memory.MemoryScope) => Effect.map(recalled(store, "tea", scope), (ids) => ids.toSorted())
      yield* same(yield* seen({ ...ann, agent: "desk" }), ["any", "own", "team"], "what the agent sees")
      yield* same(yield* seen({ ...ann, agent: "clerk" }), ["any"], "what another agent sees")
      yield* same(yield* seen(ann), ["any"], "what is seen without an agent")
      yield* same(yield* listed(store, { ...shared, agent: "desk" }), ["own", "team"], "what is listed of the agent")
      yield* same(yield* listed(store, { ...ann, isExact: true }), ["any"], "what is listed of the scope alone")
    })
  ),
  part("a query finds the memories with its words, best match first", (store) =>
    Effect.gen(function* () {
      yield* all(store, [
        "The customer prefers delivery on Friday mornings",
        "The invoice goes to the office in Berlin",
        "The office in Berlin is closed on Fridays",
        "Prefers to be called Mia"
      ])
      yield* same(yield* recalled(store, "Berlin office Friday"), ["m2", "m1", "m0"], "the office on a Friday")
      yield* same(yield* recalled(store, "INVOICE"), ["m1"], "a word in capitals")
      yield* same(yield* recalled(store, "Which name was she called by?"), ["m3"], "a question")
      yield* same(yield* recalled(store, "prefers", ann, 1), ["m3"], "the best one: the shorter")
      yield* same(yield* recalled(store, "deliv"), ["m0"], "the beginning of a word")
      yield* same(yield* recalled(store, "nothing of it"), [], "other words")
    })
  ),
  part("equally good matches are returned latest first, and a query without words returns the latest", (store) =>
    Effect.gen(function* () {
      for (const [id, at] of [
        ["old", 1000],
        ["new", 9_000_000_000],
        ["middle", 5_000_000_000]
      ] as const) {
        yield* Effect.orDie(remember(store, note(id, `Ordered tea, order ${id}`, { at })))
      }
      const at = 9_000_000_001
      const ids = (text: string) =>
        Effect.map(store.recall({ scope: ann, text, limit: 2, at }), (found) => found.map(({ id }) => id))
      yield* same(yield* ids("tea"), ["new", "middle"], "for a word")
      yield* same(yield* ids(" ?! "), ["new", "middle"], "for no word")
    })
  ),
  part("a query has no special characters", (store) =>
    Effect.gen(function* () {
      yield* all(store, ["one tea", "two cakes", "NOT AND OR NEAR"])
      const queries = [
        `"tea"`,
        `tea" OR "cakes`,
        "tea'); DROP TABLE reins_memories; --",
        "scope : tea",
        "tea*",
        "^tea",
        "tea:*",
        "-tea",
        "(tea",
        "tea \u0000 \ud800",
        "'tea' & !x | <->",
        "{words} : tea",
        "tea\\"
      ]
      for (const query of queries) {
        const found = yield* recalled(store, query)
        yield* same(found.includes("m0"), true, `that ${JSON.stringify(query)} finds it`)
      }
      yield* same(yield* recalled(store, "NEAR"), ["m2"], "a word of the index's own language")
      yield* same((yield* recalled(store, "")).length, 3, "the number of stored memories")
    })
  ),
  part("words of other languages are found, accents and case aside", (store) =>
    Effect.gen(function* () {
      yield* all(store, [
        "Möchte Tee aus Straßburg",
        "Любит чёрный чай",
        "喜欢喝绿茶和咖啡",
        "गर्म चाय पसंद है",
        "يفضل الشاي الأخضر",
        "お茶が好きです"
      ])
      for (const [query, id] of [
        ["mochte", "m0"],
        ["ЧЕРНЫЙ", "m1"],
        ["绿茶", "m2"],
        ["चाय", "m3"],
        ["الشاي", "m4"],
        ["お茶", "m5"]
      ] as const) {
        yield* same((yield* recalled(store, query))[0], id, `what ${query} finds`)
      }
    })
  ),
  part("a scope is full at its limits, and only that scope", (store) =>
    Effect.gen(function* () {
      yield* all(store, ["12345678", "abcdefgh"])
      yield* same(yield* refusal(store, note("x", "third"), { memories: 2 }), ["memories", 2], "one more")
      yield* same(yield* refusal(store, note("x", "third"), { bytes: 20 }), ["bytes", 20], "more bytes")
      yield* same(yield* refusal(store, note("x", "äääää"), { textBytes: 9 }), ["textBytes", 9], "a long text")
      yield* same(yield* refusal(store, note("m0", "12345678"), { memories: 2 }), "no failure", "a repeated call")
      yield* same(yield* refusal(store, note("x", "12345678"), { memories: 2 }), "no failure", "a known text")
      yield* same(yield* refusal(store, note("y", "third", { scope: bob }), { memories: 2 }), "no failure", "another's")
      yield* same(yield* store.forget("m1", { ...ann, isExact: true }), true, "that one was forgotten")
      yield* same(yield* refusal(store, note("x", "third"), { memories: 2 }), "no failure", "one in its place")
    })
  ),
  part("an expired memory is not found and does not count", (store) =>
    Effect.gen(function* () {
      yield* Effect.orDie(remember(store, note("m", "Away until Monday", { expiresAt: 1500 })))
      const at = (at: number) =>
        Effect.map(store.recall({ scope: ann, text: "monday", limit: 5, at }), (all) => all.length)
      yield* same([yield* at(1499), yield* at(1500)], [1, 0], "before and after")
      yield* same(yield* listed(store, shared), [], "what is listed")
      const more = yield* refusal(store, note("n", "Back again", { at: 1600 }), { memories: 1 })
      yield* same(more, "no failure", "one in its place")
      const anew = yield* Effect.orDie(remember(store, note("o", "Away until Monday", { at: 1700 })))
      yield* same([anew.isNew, anew.memory.expiresAt], [true, undefined], "the same text anew")
    })
  ),
  part("a memory is forgotten once, and only within its scope", (store) =>
    Effect.gen(function* () {
      yield* Effect.orDie(remember(store, note("m", "Likes tea")))
      yield* Effect.orDie(remember(store, note("t", "Shop closes at six", { scope: shared })))
      yield* same(yield* store.forget("m", { ...bob, isExact: true }), false, "by another principal")
      yield* same(yield* store.forget("m", { ...ann, agent: "desk", isExact: true }), false, "as an agent's own")
      yield* same(yield* store.forget("t", { ...ann, isExact: true }), false, "the tenant's, by a principal")
      yield* same(yield* store.forget("m", { ...ann, isExact: true }), true, "by its principal")
      yield* same(yield* store.forget("m", shared), false, "again")
      yield* same(yield* store.forget("t", shared), true, "by the tenant itself")
      yield* same([yield* recalled(store, "tea"), yield* recalled(store, "")], [[], []], "what is left")
    })
  ),
  part("lists are paged, latest first, and new memories do not move a page", (store) =>
    Effect.gen(function* () {
      for (const [id, at] of [
        ["a", 1000],
        ["c", 1200],
        ["b", 1200],
        ["d", 1300]
      ] as const) {
        yield* Effect.orDie(remember(store, note(id, `Fact ${id}`, { at })))
      }
      const page = (after?: string) =>
        store.list({ ...shared, limit: 2, at: 2000, ...(after === undefined ? {} : { after }) })
      const first = yield* page()
      yield* Effect.orDie(remember(store, note("e", "Fact e", { at: 1400 })))
      const second = yield* page(first.next)
      const ids = [first, second].map(({ memories }) => memories.map(({ id }) => id))
      yield* same(
        ids,
        [
          ["d", "b"],
          ["c", "a"]
        ],
        "the pages"
      )
      yield* same([second.next, (yield* page("none")).memories[0]?.id], [undefined, "e"], "the end, and a false cursor")
    })
  )
]
