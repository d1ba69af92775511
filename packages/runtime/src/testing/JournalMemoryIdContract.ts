/** The part of the journal contract about ids that callers give to memories: owners do not share them. */
import * as Effect from "effect/Effect"
import * as Memory from "../memory/Memory.ts"
import { type Clause, clause, same } from "./JournalSamples.ts"

/**
 * Clauses about ids of memories.
 *
 * @since 0.2.0
 * @category constants
 */
export const clauses: ReadonlyArray<Clause> = [
  clause("memories of two owners with the same id are both kept, each once", ({ memories: store }) =>
    Effect.gen(function* () {
      if (store === undefined) return
      const [ann, bob] = ["ann", "bob"].map((resourceId) => ({ resourceId, principal: "user" }))
      const remember = (text: string, scope: Memory.MemoryScope = { resourceId: "" }) =>
        Effect.orDie(store.remember({ id: "prefs", text, scope, at: 1000 }, Memory.defaultLimits))
      const texts = (scope: Memory.MemoryScope = { resourceId: "" }) =>
        Effect.map(store.list({ ...scope, limit: 9, at: 2000 }), (page) => page.memories.map(({ text }) => text))
      const first = yield* remember("tea", ann)
      const second = yield* remember("coffee", bob)
      yield* same([first.isNew, second.isNew, first.memory.id], [true, true, "prefs"], "what is new")
      const again = yield* remember("milk", bob)
      yield* same([again.isNew, again.memory], [false, second.memory], "the same id once more")
      yield* same([yield* texts(ann), yield* texts(bob)], [["tea"], ["coffee"]], "what each has")
      yield* same(yield* store.forget(second.memory.id, { resourceId: "bob" }), true, "that its owner forgets it")
      yield* same([yield* texts(ann), yield* texts(bob)], [["tea"], []], "what is left")
    })
  )
]
