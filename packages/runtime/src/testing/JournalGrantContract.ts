/**
 * What every journal store promises of grants: each call takes its use once, and money is held for it, also where many ask at once.
 */
import * as Effect from "effect/Effect"
import { claim, grant, type Clause, clause, same } from "./JournalSamples.ts"

/** All of them. */
export const clauses: ReadonlyArray<Clause> = [
  clause("a grant covers what it says, as often as it says, and each call takes one use", (store) =>
    Effect.gen(function* () {
      const kept = store.grants
      if (kept === undefined) return
      yield* kept.add(grant("g1", { usesLeft: 2 }))
      yield* kept.add(grant("g1", { usesLeft: 99 }))
      yield* same(yield* kept.claim("k0", { ...claim, toolName: "other" }, 5000), undefined, "another tool's claim")
      const keys = ["k1", "k2", "k1", "k3", "k4"]
      const taken = yield* Effect.all(
        keys.map((key) => kept.claim(key, claim, 5000)),
        { concurrency: "unbounded" }
      )
      const held = new Set(keys.filter((_, index) => taken[index] !== undefined))
      yield* same(held.size, 2, "how many calls took a use")
      yield* same(yield* kept.list("tenant"), [], "grants that are left")
    })
  ),
  clause("a grant that limits money holds for each call what it may cost, and takes back what it has not", (store) =>
    Effect.gen(function* () {
      const kept = store.grants
      if (kept === undefined) return
      const left = Effect.map(kept.list("tenant"), (all) => all.map((one) => [one.nanoUsdLeft, one.nanoUsdHeld]))
      yield* kept.add(grant("g1", { nanoUsdLeft: 10 }))
      // Ten at once that do not say what they may cost: the first holds all.
      const keys = Array.from({ length: 10 }, (_, index) => `k${index}`)
      const taken = yield* Effect.all(
        keys.map((key) => kept.claim(key, claim, 5000)),
        { concurrency: "unbounded" }
      )
      const holders = keys.filter((_, index) => taken[index] !== undefined)
      yield* same(holders.length, 1, "how many calls share the money")
      yield* same(taken.find((one) => one !== undefined)?.nanoUsdHeld, 10, "what it holds")
      yield* same(yield* left, [[0, 10]], "what is left then")
      const [holder = ""] = holders
      yield* same((yield* kept.claim(holder, claim, 5000))?.nanoUsdHeld, 10, "what it holds when it is begun again")
      yield* kept.settle(holder, "g1", 4, 5000)
      yield* same(yield* left, [[6, 0]], "what is left when it has cost 4")
      yield* kept.settle(holder, "g1", 1, 5000)
      yield* same(yield* left, [[5, 0]], "what is left when it was made again and has cost 1")
      const declared = { ...claim, nanoUsd: 2 }
      const two = yield* Effect.all(
        ["d1", "d2", "d3"].map((key) => kept.claim(key, declared, 5000)),
        { concurrency: "unbounded" }
      )
      yield* same(two.filter((one) => one !== undefined).length, 2, "how many calls of 2 a grant of 5 has room for")
      yield* same(yield* left, [[1, 4]], "what is left beside them")
    })
  ),
  clause("a grant is listed until it is used up or revoked", (store) =>
    Effect.gen(function* () {
      const kept = store.grants
      if (kept === undefined) return
      yield* kept.add(grant("g1", { nanoUsdLeft: 10 }))
      yield* kept.add(grant("g2", { grantedAt: 2000, expiresAt: 3000 }))
      const ids = Effect.map(kept.list("tenant"), (all) => all.map(({ id }) => id))
      yield* same(yield* ids, ["g1", "g2"], "the grants")
      yield* kept.settle("k8", "g1", 4, 5000)
      yield* same((yield* kept.list("tenant"))[0]?.nanoUsdLeft, 6, "what is left of the first")
      yield* kept.settle("k9", "g1", 7, 5000)
      yield* same(yield* ids, ["g2"], "the grants after all was spent")
      yield* same(yield* kept.claim("k1", claim, 3000), undefined, "a claim after its time")
      yield* same(
        [yield* kept.revoke("g2", { at: 6000 }), yield* kept.revoke("g2", { at: 6000 })],
        [true, false],
        "that it was revoked"
      )
      yield* same(yield* ids, [], "the grants at the end")
    })
  )
]
