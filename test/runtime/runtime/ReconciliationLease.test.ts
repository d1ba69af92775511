/** What becomes of a run whose estimates are asked for, while that takes long or fails. */
import { assert, describe, it } from "@effect/vitest"
import type { UsageLookup } from "@reins/runtime"
import { type JournalStore, MemoryJournal } from "@reins/runtime/journal"
import { Data, Effect, Logger, References } from "effect"
import { TestClock } from "effect/testing"
import { type Answer, left, life, provider, reported } from "../../support/Lookups.ts"

const silent = Effect.provideService(References.MinimumLogLevel, "None")

/** A journal whose run has many estimates. */
const long = (journal: JournalStore, rows: number): JournalStore => ({
  ...journal,
  bill: (runId) =>
    Effect.map(journal.bill?.(runId) ?? Effect.succeed(undefined), (bill) => {
      const entry = bill?.entries.find(({ kind }) => kind === "model")
      if (bill === undefined || entry?.kind !== "model") return bill
      return { ...bill, entries: Array.from({ length: rows }, (_, index) => ({ ...entry, step: index + 1 })) }
    })
})

/** A provider that takes its time. */
const slow = () => provider(Effect.delay(Effect.succeed({ _tag: "NotYet" }), "29 seconds"))

describe("a lease", () => {
  it.effect("is renewed while a run is asked about for longer, so that no other process asks as well", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      yield* left(journal)
      const rows = 30
      const { asked, layer } = slow()
      yield* life(long(journal, rows), layer, [])
      yield* life(long(journal, rows), layer, [])
      yield* TestClock.adjust("61 seconds")
      yield* TestClock.adjust(`${rows * 29} seconds`)
      assert.lengthOf(asked, rows)
    }).pipe(silent)
  )

  it.effect("that was lost ends the work on its run: nothing more of it is looked for", () =>
    Effect.gen(function* () {
      const journal = MemoryJournal.make()
      yield* left(journal)
      const { asked, layer } = slow()
      let renewals = 0
      const renew = () => Effect.sync(() => ++renewals < 0)
      const { reconciliations = assert.fail("There is no store of reconciliations") } = journal
      yield* life(long({ ...journal, reconciliations: { ...reconciliations, renew } }, 30), layer, [])
      yield* TestClock.adjust("615 seconds")
      assert.deepStrictEqual([asked.length, renewals], [19, 1])
    }).pipe(silent)
  )
})

describe("what fails while estimates are asked for", () => {
  const secret = "sk-secret"
  class Refused extends Data.TaggedError("Refused")<{ readonly message: string }> {}
  const refused = new Refused({ message: secret })

  /** The log lines of a process that asks. */
  const heard = Effect.fnUntraced(function* (seen: (journal: JournalStore) => JournalStore, answer: Answer) {
    const journal = MemoryJournal.make()
    yield* left(journal)
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => void lines.push(String(message)))
    yield* Effect.gen(function* () {
      const { runtime } = yield* life(seen(journal), provider(answer).layer, [])
      yield* TestClock.adjust("100 seconds")
      assert.isUndefined((yield* runtime.costs.by({ runId: "run" })).sum.corrections)
    }).pipe(Effect.provide(Logger.layer([logger])))
    assert.notInclude(lines.join(), secret)
    return lines[0] ?? ""
  })

  it.effect.each([
    ["a failure of the provider", Effect.fail(refused), "(Refused"],
    ["no answer in time", Effect.never, "(TimeoutError"],
    [
      "a count that is no number",
      { _tag: "Reported", usage: { inputUncached: Number.NaN } },
      `["usage","inputUncached"]`
    ],
    ["a negative cost", { ...reported, costUsd: -1 }, `["costUsd"]`],
    ["a cost that is no number", { ...reported, costUsd: Number.NaN }, `["costUsd"]`],
    ["an unknown answer", { _tag: "Maybe", secret }, "invalid"]
  ] as const)("is in the log with its kind, without its content: %s", ([, answer, said]) =>
    Effect.map(
      heard((journal) => journal, answer as UsageLookup.Found),
      (line) => {
        assert.include(line, "a response of run run used; it is asked again")
        assert.include(line, said)
      }
    )
  )

  it.effect("is in the log with its kind, without its content: a failure of the store", () =>
    Effect.gen(function* () {
      const bill = yield* heard((journal) => ({ ...journal, bill: () => Effect.die(refused) }), reported)
      assert.include(bill, "of run run were not reconciled (Refused")
      const lease = { ...MemoryJournal.make().reconciliations, lease: () => Effect.die(refused) }
      const leased = yield* heard(
        (journal) => ({
          ...journal,
          reconciliations: { ...journal.reconciliations, ...lease } as typeof journal.reconciliations
        }),
        reported
      )
      assert.include(leased, "this is tried again (Refused")
    })
  )
})
