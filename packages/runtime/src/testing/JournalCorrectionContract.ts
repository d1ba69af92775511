/**
 * The part of the journal contract about corrections of the cost ledger: each is a line of its own, once per row, and
 * changes the totals of the thread.
 */
import { Budget, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { type Correction, firstCorrection } from "../budget/CostStore.ts"
import { clauses as ledger, model, noon, report, run, told } from "./JournalCostContract.ts"
import { begin, type Clause, clause, commit, finish, same } from "./JournalSamples.ts"

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
        charges: []
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
  )
]
