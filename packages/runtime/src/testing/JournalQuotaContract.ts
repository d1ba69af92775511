/**
 * The part of the journal contract about quotas: runs that start, reserve and end at the same time never exceed a limit
 * together, and their use is booked once.
 */
import { CostSummary, Quota } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { JournalStore } from "../host/journal/JournalStore.ts"
import { begin, type Clause, clause, commit, create, finish, record, same, tagOf } from "./JournalSamples.ts"

const day = 24 * 60 * 60 * 1000
/** Noon of a day. */
const noon = 20_000 * day + day / 2

const daily = Quota.make({ per: "tenant", window: "day", maxCostUsd: 0.000_000_1, maxTotalTokens: 1000, maxRuns: 20 })
const charges = (...quotas: ReadonlyArray<Quota.Quota>) => Quota.charges(quotas, { resourceId: "tenant" })
const own = charges(daily)

const run = (runId: string, over: Parameters<typeof record>[0] = {}) =>
  record({ runId, threadId: runId, quotas: own, startedAt: noon, ...over })

const none = { nanoUsd: 0, tokens: 0 }
const used = (nanoUsd: number, tokens: number, at = noon): Quota.Booking => ({ nanoUsd, tokens, at })

const extend = (store: JournalStore, runId: string, need: Quota.Amount, over: Partial<Ask> = {}) =>
  store.quotas.extend({ runId, charges: own, used: [used(0, 0)], need, spare: false, now: noon, ...over })
type Ask = Parameters<JournalStore["quotas"]["extend"]>[0]

/** Used and reserved of the first of `of`: nano-dollars, tokens, runs; then reserved nano-dollars and tokens. */
const numbers = (store: JournalStore, now = noon, of = own) =>
  Effect.map(store.quotas.standings(of, now), ([one]) => {
    const { reserved, used } = one ?? { used: Quota.nothing, reserved: none }
    return [used.nanoUsd, used.tokens, used.runs, reserved.nanoUsd, reserved.tokens]
  })

/** Ends a run that has used these amounts. */
const end = (store: JournalStore, runId: string, epoch: number, ...sums: ReadonlyArray<Quota.Booking>) =>
  commit(
    store,
    epoch,
    finish(1).map((one) => ({ ...one, runId, threadId: runId })),
    { runId, used: sums }
  )

/** Why a run may not start. */
const refusal = (store: JournalStore, asked: ReturnType<typeof record>) =>
  Effect.match(store.create(asked), {
    onFailure: (reason) => (reason._tag === "QuotaExhausted" ? reason : undefined),
    onSuccess: () => undefined
  })

const ids = (count: number) => Array.from({ length: count }, (_, index) => `run${index}`)

/** All clauses about quotas. */
export const clauses: ReadonlyArray<Clause> = [
  clause("of runs that start at once, a quota admits as many as it allows, and a refused run is not stored", (store) =>
    Effect.gen(function* () {
      const tags = yield* Effect.all(
        ids(30).map((runId) => tagOf(store.create(run(runId)))),
        { concurrency: "unbounded" }
      )
      yield* same(tags.filter((tag) => tag === "no failure").length, 20, "how many of 30 runs started")
      yield* same(tags.filter((tag) => tag === "QuotaExhausted").length, 10, "how many were refused")
      yield* same(yield* numbers(store), [0, 0, 20, 0, 0], "what is used then")
      const refused = ids(30).filter((_, index) => tags[index] === "QuotaExhausted")
      for (const runId of refused) {
        yield* same(yield* Effect.orDie(store.status(runId)), undefined, "a refused run")
        yield* same(yield* store.threads.info(runId), undefined, "its thread")
      }
      const late = yield* refusal(store, run("late"))
      yield* same(
        [late?.limit, late?.max, late?.used, late?.retryAfterMs],
        ["quota.maxRuns", 20, 20, day / 2],
        "the refusal"
      )
      yield* create(store, run("next", { startedAt: noon + day / 2 }))
      yield* same(yield* numbers(store, noon + day / 2), [0, 0, 1, 0, 0], "what is used on the next day")
    })
  ),
  clause("runs that reserve at once never hold more than the quota's limit", (store) =>
    Effect.gen(function* () {
      yield* Effect.forEach(ids(8), (runId) => create(store, run(runId)), { discard: true })
      const leases = yield* Effect.all(
        ids(8).map((runId) => extend(store, runId, { nanoUsd: 30, tokens: 30 })),
        { concurrency: "unbounded" }
      )
      const held = leases.map(({ nanoUsd }) => nanoUsd)
      yield* same(
        held.toSorted((a, b) => b - a),
        [30, 30, 30, 10, 0, 0, 0, 0],
        "what each of them holds"
      )
      yield* same(
        leases.filter(({ short }) => short?.limit === "maxCostUsd").length,
        5,
        "the number of leases that are short of money"
      )
      yield* same(yield* numbers(store), [0, 0, 8, 100, 240], "what is held then")
      const [first = ""] = ids(8).filter((_, index) => held[index] === 30)
      // It has used 4 of its 30, and needs 10 more.
      const more = yield* extend(store, first, { nanoUsd: 10, tokens: 0 }, { used: [used(4, 5)] })
      yield* same([more.nanoUsd, more.tokens], [10, 0], "what it holds beyond that")
      yield* same(yield* numbers(store), [4, 5, 8, 80, 210], "what is used and held then")
    })
  ),
  clause("a run's use is booked once, in the window of its use, however often it is reported", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store, run("run0"))
      const early = used(7, 70)
      for (const _ of [1, 2]) yield* extend(store, "run0", { nanoUsd: 5, tokens: 5 }, { used: [early] })
      yield* same(yield* numbers(store), [7, 70, 1, 5, 5], "what is used and held")
      // At midnight it had used 9; since then it has used 11 more.
      const sums = [used(9, 90, noon + 1), used(20, 200, noon + day)]
      yield* end(store, "run0", epoch, ...sums)
      yield* same(yield* numbers(store, noon + day), [11, 110, 0, 0, 0], "the day on which it ended")
      const late = yield* Effect.exit(extend(store, "run0", { nanoUsd: 5, tokens: 5 }, { used: sums }))
      yield* same(late._tag, "Failure", "a run that has ended asks for more")
      yield* same(yield* numbers(store, noon + day), [11, 110, 0, 0, 0], "what is used after it")
    })
  ),
  clause("runs that end while others reserve always count, as used or as held", (store) =>
    Effect.gen(function* () {
      const opened = yield* Effect.forEach(ids(10), (runId) => begin(store, run(runId)))
      yield* create(store, run("other"))
      yield* Effect.forEach(ids(10), (runId) => extend(store, runId, { nanoUsd: 10, tokens: 10 }), { discard: true })
      const [asked] = yield* Effect.all(
        [
          Effect.forEach(Array.from({ length: 12 }), () => extend(store, "other", { nanoUsd: 1, tokens: 1 })),
          Effect.all(
            opened.map(({ epoch }, index) => end(store, `run${index}`, epoch, used(10, 10))),
            { concurrency: "unbounded" }
          )
        ],
        { concurrency: "unbounded" }
      )
      yield* same(
        asked.map(({ nanoUsd }) => nanoUsd),
        Array.from({ length: 12 }, () => 0),
        "what is left for another"
      )
      yield* same(yield* numbers(store), [100, 100, 11, 0, 1], "what is used in the end")
    })
  ),
  clause(
    "a run that ended with less than was booked is corrected, and a run without a cost summary counts as unused",
    (store) =>
      Effect.gen(function* () {
        const { epoch } = yield* begin(store, run("run0"))
        yield* extend(store, "run0", none, { used: [used(9, 90)] })
        yield* end(store, "run0", epoch, used(5, 50))
        yield* same(yield* numbers(store), [5, 50, 1, 0, 0], "what is used")
        yield* same(CostSummary.fold([]).costNanoUsd, 0, "an empty summary")
      })
  ),
  clause(
    "the lowest of several quotas applies, principals are counted separately, and nothing is held where there is no limit",
    (store) =>
      Effect.gen(function* () {
        const monthly = Quota.make({ per: "tenant", window: "month", maxCostUsd: 1 })
        const mine = Quota.make({ per: "principal", window: "30 days", maxTotalTokens: 50 })
        const of = (principal: string) => Quota.charges([daily, monthly, mine], { resourceId: "tenant", principal })
        yield* create(store, run("run0", { quotas: of("mia") }))
        yield* create(store, run("run1", { quotas: of("tom") }))
        const ask = { charges: of("mia") }
        const lease = yield* extend(store, "run0", { nanoUsd: 1000, tokens: 60 }, ask)
        yield* same([lease.nanoUsd, lease.tokens], [100, 50], "what mia's run holds")
        const other = yield* extend(store, "run1", { nanoUsd: 0, tokens: 60 }, { charges: of("tom") })
        yield* same([other.nanoUsd, other.tokens], [0, 50], "what tom's run holds")
        yield* same(yield* numbers(store, noon, charges(monthly)), [0, 0, 2, 100, 100], "what is held of the month")
        const free = Quota.charges([Quota.make({ per: "tenant", window: "week", maxRuns: 3 })], { resourceId: "free" })
        yield* create(store, run("run2", { quotas: free, resourceId: "free" }))
        const all = yield* extend(store, "run2", { nanoUsd: 5, tokens: 5 }, { charges: free })
        yield* same([all.nanoUsd, all.tokens], [Infinity, Infinity], "what has no limit")
        yield* same(yield* numbers(store, noon, free), [0, 0, 1, 0, 0], "what is held of it")
      })
  ),
  clause("an abandoned run holds nothing, and its reservation counts as used", (store) =>
    Effect.gen(function* () {
      yield* create(store, run("run"))
      yield* extend(store, "run", { nanoUsd: 30, tokens: 100 }, { used: [used(20, 50)] })
      yield* same(yield* numbers(store), [20, 50, 1, 30, 100], "before")
      yield* same(yield* Effect.orDie(store.abandon("run", noon + 1)), true, "that it is abandoned")
      yield* same(yield* numbers(store), [50, 150, 1, 0, 0], "after")
      yield* same(yield* Effect.orDie(store.abandon("run", noon + 2)), false, "that it is abandoned again")
      yield* same(yield* numbers(store), [50, 150, 1, 0, 0], "then")
    })
  ),
  clause("changed limits apply to the next request, until they are reset", (store) =>
    Effect.gen(function* () {
      const [key = ""] = own.map((charge) => charge.key)
      yield* create(store, run("run0"))
      yield* store.quotas.limit(key, { maxCostUsd: 0.000_000_2, maxRuns: 1 })
      yield* same(yield* tagOf(store.create(run("run1"))), "QuotaExhausted", "a run beyond the lower limit")
      yield* same((yield* extend(store, "run0", { nanoUsd: 150, tokens: 0 })).nanoUsd, 150, "money of the higher limit")
      yield* store.quotas.limit(key, undefined)
      const lease = yield* extend(store, "run0", { nanoUsd: 150, tokens: 0 })
      yield* same([lease.nanoUsd, lease.short?.limit], [100, "maxCostUsd"], "money of the quota's own limit")
      const held = yield* refusal(store, run("run2", { startedAt: noon + day }))
      yield* same([held?.used, held?.retryAfterMs], [0.000_000_1, 1000], "a run of the next day, while all is held")
      yield* extend(store, "run0", none)
      yield* create(store, run("run2", { startedAt: noon + day }))
    })
  ),
  clause(
    "the use of a lost step is subtracted at the time of its booking, also by the commit that ends the run",
    (store) =>
      Effect.gen(function* () {
        const sliding = charges(Quota.make({ per: "tenant", window: "10 days", maxCostUsd: 1 }))
        const { epoch } = yield* begin(store, run("run0", { quotas: sliding }))
        const asked = { charges: sliding, now: noon + 5 * day }
        yield* extend(store, "run0", none, { ...asked, used: [used(4, 40)] })
        yield* extend(store, "run0", none, { ...asked, used: [used(10, 100, noon + 5 * day)] })
        // The next owner has only the first use: first a part of the step, then none of it.
        yield* extend(store, "run0", none, { ...asked, used: [used(7, 70)] })
        yield* same(yield* numbers(store, noon + 5 * day, sliding), [7, 70, 1, 0, 0], "what is used then")
        yield* end(store, "run0", epoch, used(4, 40))
        yield* same(yield* numbers(store, noon + 5 * day, sliding), [4, 40, 1, 0, 0], "what is used in the end")
        yield* same(
          yield* numbers(store, noon + 12 * day, sliding),
          [0, 0, 0, 0, 0],
          "the use after the window of the first"
        )
      })
  ),
  clause("a sliding window does not count use that is older than its length", (store) =>
    Effect.gen(function* () {
      const sliding = charges(Quota.make({ per: "tenant", window: "10 days", maxCostUsd: 0.000_000_01 }))
      const { epoch } = yield* begin(store, run("run0", { quotas: sliding }))
      yield* end(store, "run0", epoch, used(10, 1))
      yield* same(yield* tagOf(store.create(run("run1", { quotas: sliding }))), "QuotaExhausted", "a run on that day")
      const later = { quotas: sliding, startedAt: noon + 9 * day }
      const waits = (yield* refusal(store, run("run1", later)))?.retryAfterMs ?? 0
      yield* same(waits > 0 && waits <= day + day / 10, true, "the delay until more is available")
      yield* create(store, run("run1", { quotas: sliding, startedAt: later.startedAt + waits }))
    })
  )
]
