/** The part of the journal contract about grants: which calls they cover, how often, and what they hold for them. */
import * as Effect from "effect/Effect"
import { claim, type Clause, clause, grant, same } from "./JournalSamples.ts"

/** Grants, their uses and their money. */
export const clauses: ReadonlyArray<Clause> = [
  clause("a grant covers the calls it names, up to its number of uses, and each call takes one use", (store) =>
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
      yield* same(held.size, 2, "the number of uses")
      yield* same(yield* kept.list("tenant"), [], "the remaining grants")
    })
  ),
  clause("a grant with a money limit holds each call's maximum cost, and releases what was not spent", (store) =>
    Effect.gen(function* () {
      const kept = store.grants
      if (kept === undefined) return
      const left = Effect.map(kept.list("tenant"), (all) => all.map((one) => [one.nanoUsdLeft, one.nanoUsdHeld]))
      yield* kept.add(grant("g1", { nanoUsdLeft: 10 }))
      // Ten concurrent claims without a maximum cost: the first holds everything.
      const keys = Array.from({ length: 10 }, (_, index) => `k${index}`)
      const taken = yield* Effect.all(
        keys.map((key) => kept.claim(key, claim, 5000)),
        { concurrency: "unbounded" }
      )
      const holders = keys.filter((_, index) => taken[index] !== undefined)
      yield* same(holders.length, 1, "the number of calls that hold money")
      yield* same(taken.find((one) => one !== undefined)?.nanoUsdHeld, 10, "its hold")
      yield* same(yield* left, [[0, 10]], "what is left while it is held")
      const [holder = ""] = holders
      yield* same((yield* kept.claim(holder, claim, 5000))?.nanoUsdHeld, 10, "what it holds when it is claimed again")
      yield* kept.settle(holder, "g1", 4, 5000)
      yield* same(yield* left, [[6, 0]], "what is left when it has cost 4")
      yield* kept.settle(holder, "g1", 4, 5000)
      yield* same(yield* left, [[6, 0]], "what is left when it is settled again")
      yield* kept.settle(holder, "g1", 5, 5000)
      yield* same(yield* left, [[5, 0]], "what is left when it was repeated and has cost 5 in all")
      const declared = { ...claim, nanoUsd: 2 }
      const two = yield* Effect.all(
        ["d1", "d2", "d3"].map((key) => kept.claim(key, declared, 5000)),
        { concurrency: "unbounded" }
      )
      yield* same(two.filter((one) => one !== undefined).length, 2, "how many calls of 2 a grant of 5 covers")
      yield* same(yield* left, [[1, 4]], "what is left beside them")
    })
  ),
  clause("what grants hold for the calls of a run is released when the run ends without settling them", (store) =>
    Effect.gen(function* () {
      const kept = store.grants
      if (kept === undefined) return
      const left = Effect.map(kept.list("tenant"), (all) => all.map((one) => [one.nanoUsdLeft, one.nanoUsdHeld]))
      yield* kept.add(grant("g1", { scope: "thread", nanoUsdLeft: 10 }))
      const declared = { ...claim, nanoUsd: 2 }
      for (const key of ["k1", "k2", "k3"]) yield* kept.claim(key, declared, 5000)
      yield* kept.claim("other", { ...declared, runId: "another" }, 5000)
      yield* kept.settle("k1", "g1", 1, 5000)
      yield* same(yield* left, [[3, 6]], "what is left beside those that run")
      yield* Effect.all([kept.release(claim.runId, 6000), kept.settle("k2", "g1", 2, 6000)], {
        concurrency: "unbounded"
      })
      yield* same(yield* left, [[5, 2]], "what is left beside another run's call")
      yield* kept.release(claim.runId, 7000)
      yield* same(yield* left, [[5, 2]], "what is left when it is released again")
    })
  ),
  clause("a grant is listed until it is used up or revoked, and covers a call until it expires", (store) =>
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
      yield* same((yield* kept.claim("k1", claim, 2999))?.id, "g2", "a claim before its expiry")
      yield* same(
        [yield* kept.stands("g2", 2999), yield* kept.stands("g2", 3000)],
        [true, false],
        "that it stands, before and after its expiry"
      )
      yield* same(yield* kept.claim("k1", claim, 3000), undefined, "the same claim after its expiry")
      yield* same(
        [yield* kept.revoke("g2", { at: 6000 }), yield* kept.revoke("g2", { at: 6000 })],
        [true, false],
        "that it was revoked"
      )
      yield* same(yield* ids, [], "the grants at the end")
    })
  ),
  clause("a call keeps its use of a grant that is used up, and loses it when the grant is revoked", (store) =>
    Effect.gen(function* () {
      const kept = store.grants
      if (kept === undefined) return
      yield* kept.add(grant("g1", { usesLeft: 1 }))
      const claimed = Effect.map(kept.claim("k1", claim, 5000), (one) => one?.id)
      yield* same([yield* claimed, yield* claimed], ["g1", "g1"], "the claims of one call")
      yield* same(yield* kept.stands("g1", 5000), true, "that a used-up grant stands")
      yield* kept.revoke("g1", { at: 6000 })
      yield* same(yield* kept.stands("g1", 6000), false, "that a revoked grant stands")
      yield* same(yield* claimed, undefined, "the same claim after the grant was revoked")
      yield* kept.add(grant("g2", { grantedAt: 7000 }))
      yield* same(yield* claimed, "g2", "the same claim when there is another grant")
    })
  )
]
