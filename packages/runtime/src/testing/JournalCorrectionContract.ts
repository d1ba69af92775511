/**
 * The part of the journal contract about corrections of the cost ledger: each is a line of its own, once per row, and
 * changes the totals of the thread and the quotas of the time of the request; and about the runs whose estimates are
 * asked for, and when.
 */
import { Budget, CostSummary, type Entry, Message, Quota } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { type Correction, firstCorrection, type ReconciliationLease } from "../budget/CostStore.ts"
import { clauses as ledger, model, noon, report, run, told } from "./JournalCostContract.ts"
import { begin, type Clause, clause, commit, finish, mark, same, spent as sample, text } from "./JournalSamples.ts"

const day = 86_400_000
const own = Quota.charges([Quota.make({ per: "tenant", window: "day", maxCostUsd: 1 })], { resourceId: "tenant" })

/** All clauses about the cost ledger, corrections included. */
export const clauses: ReadonlyArray<Clause> = [
  ...ledger,
  clause("a correction is a line beside the one that it corrects, once, in any order of corrections", (store) =>
    Effect.gen(function* () {
      if (store.correct === undefined) return
      yield* run(store, "r1", [model("large", 100), model("large", 50), model("small", 30, ["helper#1"])], noon, {
        principal: "ana"
      })
      const before = yield* told(store, ["run", "agent", "model", "day"])
      const correction = (place: number, costNanoUsd: number, more: Partial<Correction> = {}): Correction => ({
        runId: "r1",
        place: firstCorrection + place,
        agent: "desk",
        provider: "acme",
        model: "large",
        change: { costNanoUsd, unpriced: 0, promptTokens: -20, completionTokens: 4 },
        threadId: "of r1",
        resourceId: "tenant",
        charges: [],
        usedAt: noon,
        now: noon,
        ...more
      })
      const correct = (one: Correction) => Effect.orDie(store.correct?.(one) ?? Effect.succeed("unbooked"))
      const helper = correction(2, 5, { agent: "helper", model: "small" })
      // The same row, all at once: one counts.
      const both = yield* Effect.all([correct(helper), correct(helper), correct(correction(0, -40))], {
        concurrency: "unbounded"
      })
      yield* same(both.toSorted(), ["corrected", "corrected", "known"], "the results of concurrent corrections")
      yield* same(yield* correct(correction(0, 999)), "known", "another correction of the same row")
      yield* same(yield* correct(correction(1, 1, { model: "other" })), "unbooked", "a correction of an unknown line")
      yield* same(yield* correct(correction(0, 1, { runId: "nobody" })), "unbooked", "a correction of an unknown run")
      const { sum } = yield* report(store)
      yield* same(
        [sum.costNanoUsd, sum.corrections, sum.correctedNanoUsd, sum.promptTokens, sum.completionTokens, sum.calls],
        [145, 2, -35, 20, 17, 3],
        "the sum"
      )
      const groups = yield* told(store, ["run", "agent", "model", "day"])
      yield* same(
        groups.map((group) => group.at(-1)),
        [110, 35],
        "the costs of each agent"
      )
      yield* same(
        groups.map((group) => group.slice(0, -1)),
        before.map((group) => group.slice(0, -1)),
        "the groups, unchanged"
      )
      yield* same((yield* report(store, [], { principal: "ana" })).sum.costNanoUsd, 145, "the costs of the principal")
    })
  ),
  clause("a correction waits for the run that is active on the thread, and changes its totals", (store) =>
    Effect.gen(function* () {
      if (store.correct === undefined) return
      const { threads } = store
      yield* run(store, "r1", [model("large", 100)])
      const { epoch } = yield* begin(store, { runId: "r2", threadId: "of r1" })
      const spent = { ...Budget.nothingSpent, nanoUsd: 100, inputTokens: 20, outputTokens: 3 }
      yield* threads.append("of r1", "r2", [Message.fromPrompt("Go.")], { spent, summaries: {} })
      const correction: Correction = {
        runId: "r1",
        place: firstCorrection,
        agent: "desk",
        provider: "acme",
        model: "large",
        change: { costNanoUsd: -70, unpriced: 0, promptTokens: 5, completionTokens: -9 },
        threadId: "of r1",
        resourceId: "tenant",
        charges: [],
        usedAt: noon,
        now: noon
      }
      yield* same(yield* Effect.orDie(store.correct(correction)), "busy", "a correction while a run is active")
      const change = { costNanoUsd: 0, unpriced: 0, promptTokens: 0, completionTokens: 0 }
      const foreign = { ...correction, place: firstCorrection + 1, resourceId: "other", change }
      yield* same(yield* Effect.orDie(store.correct(foreign)), "corrected", "a correction on another tenant's thread")
      yield* same(
        (yield* report(store, [], { runId: "r1" })).sum.costNanoUsd,
        100,
        "the ledger while the run is active"
      )
      yield* commit(
        store,
        epoch,
        finish(1).map((one) => ({ ...one, runId: "r2", threadId: "of r1" })),
        { runId: "r2" }
      )
      yield* same(yield* Effect.orDie(store.correct(correction)), "corrected", "a correction after the run")
      const { inputTokens, nanoUsd, outputTokens } = (yield* threads.info("of r1"))?.spent ?? Budget.nothingSpent
      yield* same([nanoUsd, inputTokens, outputTokens], [30, 25, 0], "the totals of the thread")
    })
  ),
  clause("a correction changes the quota in the window of its request, where that is still kept", (store) =>
    Effect.gen(function* () {
      if (store.correct === undefined) return
      yield* run(store, "r1", [model("large", 100), model("large", 70), model("large", 40)], noon + day)
      const correct = (place: number, usedAt: number, now: number) =>
        Effect.orDie(
          store.correct?.({
            runId: "r1",
            place: firstCorrection + place,
            agent: "desk",
            provider: "acme",
            model: "large",
            change: { costNanoUsd: 60, unpriced: 0, promptTokens: 5, completionTokens: 1 },
            threadId: undefined,
            resourceId: "tenant",
            charges: own,
            usedAt,
            now
          }) ?? Effect.succeed("unbooked")
        )
      const used = (now: number) =>
        Effect.map(store.quotas.standings(own, now), (all) =>
          all.map(({ used: { nanoUsd, tokens } }) => [nanoUsd, tokens])
        )
      // The request was made the day before the run ended, and nothing was counted then.
      yield* same(yield* correct(0, noon, noon + day), "corrected", "a correction of the day before")
      yield* same(yield* used(noon), [[60, 6]], "what is used of that day")
      yield* same(yield* used(noon + day), [[0, 0]], "what is used of the day of the run's end")
      yield* same(yield* correct(1, noon + day, noon + day), "corrected", "one of that day")
      yield* same(yield* used(noon + day), [[60, 6]], "what is used of it then")
      yield* same(yield* correct(2, noon, noon + 60 * day), "corrected", "one of a time that is kept no more")
      yield* same(yield* used(noon), [[120, 12]], "what is used since that time")
      yield* same((yield* report(store)).sum.correctedNanoUsd, 180, "what the ledger has")
    })
  ),
  clause("the bill of a run has its record, its rows, whether it is over, and which rows are corrected", (store) =>
    Effect.gen(function* () {
      const { bill, correct } = store
      if (bill === undefined || correct === undefined) return
      yield* same(yield* Effect.orDie(bill("nobody")), undefined, "the bill of no run")
      const rows = [model("large", 100), model("small", 30, ["helper#1"])]
      const { epoch } = yield* begin(store)
      yield* commit(store, epoch, [text(1)], {
        marks: [
          mark("helper#1/model/1", 1, { spent: rows.slice(1), at: 2000, path: ["helper#1"] }),
          mark("model/1", null, { spent: rows.slice(0, 1), at: 2000, seq: 1 }),
          mark("nothing", "x")
        ]
      })
      const open = yield* Effect.orDie(bill("run"))
      yield* same([open?.isOver, open?.corrected, open?.record.runId], [false, [], "run"], "the bill of an open run")
      yield* same(open?.entries.toReversed(), rows, "its rows, in the order of their marks")
      const last = finish(2).map((one) =>
        one.event.type === "data-cost-summary"
          ? { ...one, event: { type: "data-cost-summary" as const, data: CostSummary.fold(rows) } }
          : one
      )
      yield* commit(store, epoch, last)
      const correction: Correction = {
        runId: "run",
        place: firstCorrection + 1,
        agent: "helper",
        provider: "acme",
        model: "small",
        change: { costNanoUsd: 1, unpriced: 0, promptTokens: 0, completionTokens: 0 },
        threadId: undefined,
        resourceId: "tenant",
        charges: [],
        usedAt: noon,
        now: noon
      }
      yield* same(yield* Effect.orDie(correct(correction)), "corrected", "a correction")
      const over = yield* Effect.orDie(bill("run"))
      yield* same([over?.isOver, over?.corrected], [true, [firstCorrection + 1]], "the bill of the ended run")
    })
  ),
  clause("runs with estimated lines are leased one at a time, until they are released for good or too old", (store) =>
    Effect.gen(function* () {
      const { reconciliations } = store
      if (reconciliations === undefined) return
      const estimated = (name: string): Entry.Entry => ({ ...model(name, 9), estimated: true })
      const tool = { ...sample, path: [] }
      yield* run(store, "sure", [model("large", 1), tool])
      yield* run(store, "old", [estimated("large")], noon - 2000)
      yield* run(store, "one", [estimated("large"), estimated("small")], noon)
      yield* run(store, "two", [model("large", 1), estimated("small")], noon + 1)
      const lease = (owner: string, now: number, more: Partial<ReconciliationLease> = {}) =>
        Effect.map(
          reconciliations.lease({ owner, now, until: now + 100, since: noon - 1000, limit: 10, ...more }),
          (all) => all.map(({ attempts, runId }) => `${runId} ${attempts}`)
        )
      const both = yield* Effect.all([lease("a", noon + 10), lease("b", noon + 10)], { concurrency: "unbounded" })
      yield* same(both.flat().toSorted(), ["one 0", "two 0"], "what two processes lease at once")
      const owner = both[0].includes("one 0") ? "a" : "b"
      yield* reconciliations.release("one", "c", noon + 20)
      yield* same(yield* lease("c", noon + 20), [], "what is left while they are leased")
      yield* reconciliations.release("one", owner, noon + 50)
      yield* same(yield* lease("c", noon + 49), [], "what is due before its time")
      yield* same(yield* lease("c", noon + 50), ["one 1"], "what is due then")
      const renewed = [
        yield* reconciliations.renew("two", "c", noon + 500),
        yield* reconciliations.renew("one", "c", noon + 500),
        yield* reconciliations.renew("none", "c", noon + 500)
      ]
      yield* same(renewed, [false, true, false], "who renews a lease: who has it")
      yield* same(yield* lease("d", noon + 110), ["two 0"], "a run whose lease has run out")
      yield* same(yield* lease("d", noon + 200), [], "a run whose lease was renewed")
      yield* reconciliations.release("two", "d", undefined)
      yield* reconciliations.release("one", "c", noon + 200)
      yield* same(yield* lease("c", noon + 10_000, { limit: 1 }), ["one 2"], "what is left of two")
      yield* reconciliations.release("one", "c", noon + 200)
      yield* same(yield* lease("c", noon + 10_000, { since: noon + 5 }), [], "what is left when both are too old")
    })
  )
]
