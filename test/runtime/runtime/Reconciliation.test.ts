/**
 * Estimated rows are corrected by what their provider reports later: once, over restarts and several processes, to the
 * nano-dollar.
 */
import { assert, describe, it } from "@effect/vitest"
import { Money, type Usage } from "@reins/protocol"
import { Deployment, ModelCredentials, Prices, UsageLookup } from "@reins/runtime"
import { journalHost, type JournalStore, MemoryJournal } from "@reins/runtime/journal"
import { CrashingJournal, ScriptedModel } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer, Redacted, References, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as Engines from "../../support/Engines.ts"
import { life, price, provider, real, reported, response } from "../../support/Lookups.ts"
import * as Solo from "../../support/Solo.ts"

const costOf = (usage: Usage.Usage) => Money.costOf(usage, price).nanoUsd

const quota = { name: "daily", window: "day", per: "tenant", maxCostUsd: 1 } as const

const silent = Effect.provideService(References.MinimumLogLevel, "None")

/** A run that is cancelled in the middle of its answer, whose provider had said the response's id. */
const cut = Effect.fnUntraced(function* (services: Layer.Layer<never>, id: string | null = "resp_1") {
  const hold = yield* ScriptedModel.hold
  const { parts } = ScriptedModel.words("one two three four")
  const replies = [{ parts: id === null ? parts : [response(id), ...parts], hold, heldAfter: 3 }]
  const started = yield* Solo.start(replies, {
    services: Layer.merge(services, Layer.succeed(Prices.Prices, { find: () => price })),
    query: { principal: "ana" },
    runtime: { quotas: [quota], cancelGrace: 0 }
  })
  yield* started.probe.next("text")
  yield* started.runtime.cancel("run")
  yield* started.probe.end
  return started
})

const sqlite = () =>
  Layer.effect(
    Deployment.Deployment,
    Effect.map(Effect.orDie(Sqlite.journal({ filename: ":memory:" })), (store) =>
      journalHost(store, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
    )
  )

for (const [where, services] of [...Engines.all, ["on SQLite", sqlite] as const]) {
  describe(`an estimated row, ${where},`, () => {
    it.effect("is corrected by what its provider reports, with the quota and the thread, and asked for once", () =>
      Effect.gen(function* () {
        const { asked, layer } = provider(reported)
        const { runtime } = yield* cut(Layer.merge(services(), layer))
        const [row] = (yield* runtime.costs.estimates("run")) ?? []
        assert.isUndefined(row?.isCorrected)
        yield* TestClock.adjust("1 minute")
        assert.deepInclude(asked[0], {
          provider: "scripted",
          model: "scripted-1",
          responseId: "resp_1",
          runId: "run",
          resourceId: "default",
          principal: "ana"
        })
        const { sum } = yield* runtime.costs.by({ runId: "run" })
        const tokens = { promptTokens: 777, completionTokens: 13 }
        assert.deepInclude(sum, { ...tokens, costNanoUsd: costOf(real), corrections: 1 })
        assert.strictEqual((yield* runtime.quotas.usage())[0]?.costNanoUsd.used, costOf(real))
        const { spent } = (yield* runtime.threads.info("thread")) ?? {}
        assert.deepInclude(spent, { nanoUsd: costOf(real), inputTokens: 777, outputTokens: 13 })
        const [done] = (yield* runtime.costs.estimates("run")) ?? []
        assert.isTrue(done?.isCorrected)
        yield* TestClock.adjust("3 hours")
        assert.lengthOf(asked, 1)
        assert.deepStrictEqual((yield* runtime.costs.by({ runId: "run" })).sum, sum)
      })
    )

    it.effect("is asked for later and later while it is not known, also when asking fails", () =>
      Effect.gen(function* () {
        const wrong: unknown = { _tag: "Reported", usage: { inputUncached: -1 } }
        const { asked, layer } = provider(
          { _tag: "NotYet" },
          Effect.fail("no connection"),
          Effect.die(new Error("broken")),
          Effect.never,
          Effect.succeed(wrong as UsageLookup.Found),
          reported
        )
        const { runtime } = yield* cut(Layer.merge(services(), layer))
        const counts: Array<number> = []
        for (const wait of [
          "1 minute",
          "1 minute",
          "4 minutes",
          "16 minutes",
          "65 minutes",
          "257 minutes",
          "7 hours"
        ] as const) {
          yield* TestClock.adjust(wait)
          counts.push(asked.length)
        }
        assert.deepStrictEqual(counts, [1, 2, 3, 4, 5, 6, 6])
        assert.strictEqual((yield* runtime.costs.by({ runId: "run" })).sum.costNanoUsd, costOf(real))
      }).pipe(silent)
    )

    it.effect("stays an estimate where its provider never reports it, or not in time", () =>
      Effect.gen(function* () {
        for (const answer of ["Never", "NotYet"] as const) {
          const { asked, within } = provider({ _tag: answer })
          const { runtime } = yield* cut(Layer.merge(services(), within("2 hours")))
          const { sum } = yield* runtime.costs.by({ runId: "run" })
          yield* TestClock.adjust("7 hours")
          // After 1, 2, 6, 22 and 86 minutes; the next time would be later than two hours after the run's end.
          assert.lengthOf(asked, answer === "Never" ? 1 : 5)
          assert.deepStrictEqual((yield* runtime.costs.by({ runId: "run" })).sum, sum)
          assert.isTrue(sum.estimated)
        }
      })
    )
  })
}

describe("an estimated row", () => {
  it.effect("is asked for only where a lookup has its provider, and the response has an id", () =>
    Effect.gen(function* () {
      const { asked, layer } = provider(reported)
      const other = UsageLookup.layer({
        lookups: [
          { provider: "scripted", models: (model) => model !== "scripted-1", find: () => Effect.succeed(reported) }
        ]
      })
      const nameless = yield* cut(layer, "")
      const unnamed = yield* cut(layer, null)
      const foreign = yield* cut(other)
      yield* TestClock.adjust("1 hour")
      assert.lengthOf(asked, 0)
      for (const { runtime } of [nameless, unnamed, foreign]) {
        assert.isUndefined((yield* runtime.costs.by()).sum.corrections)
      }
    })
  )

  it.effect("is asked for with the tenant's own key, and not with another where the query brought one", () =>
    Effect.gen(function* () {
      const { asked, layer } = provider(reported)
      const keys = ModelCredentials.layer({
        find: ({ principal, resourceId }) =>
          Effect.succeed({ apiKey: `key of ${resourceId}/${principal ?? ""}`, baseURL: "http://own.test/v1" })
      })
      yield* cut(Layer.merge(layer, keys))
      yield* TestClock.adjust("1 minute")
      assert.lengthOf(asked, 1)
      assert.strictEqual(Redacted.value(asked[0]?.key ?? Redacted.make("")), "key of default/ana")
      assert.strictEqual(asked[0]?.baseURL, "http://own.test/v1")
      const hold = yield* ScriptedModel.hold
      const { parts } = ScriptedModel.words("one two")
      const { probe, runtime } = yield* Solo.start([{ parts: [response("resp_2"), ...parts], hold, heldAfter: 2 }], {
        services: layer,
        query: { providerKeys: { scripted: "the caller's" } },
        runtime: { cancelGrace: 0 }
      })
      yield* probe.next("text")
      yield* runtime.cancel("run")
      yield* probe.end
      yield* TestClock.adjust("1 hour")
      assert.lengthOf(asked, 1)
      assert.lengthOf((yield* runtime.costs.estimates("run")) ?? [], 1)
    })
  )

  it.effect("that is costs of its provider's own takes these, and waits for the run that is active on its thread", () =>
    Effect.gen(function* () {
      const { layer } = provider({ ...reported, costUsd: 0.000_123_456 })
      const hold = yield* ScriptedModel.hold
      const { parts } = ScriptedModel.words("one two")
      const { probe, runtime } = yield* Solo.start(
        [
          { parts: [response("resp_1"), ...parts], hold, heldAfter: 2 },
          { ...ScriptedModel.text("later"), hold }
        ],
        {
          services: Layer.merge(layer, Layer.succeed(Prices.Prices, { find: () => price })),
          runtime: { cancelGrace: 0 }
        }
      )
      yield* probe.next("text")
      yield* runtime.cancel("run")
      yield* probe.end
      const next = yield* runtime.start("again", { threadId: "thread", runId: "next" })
      yield* TestClock.adjust("1 minute")
      const sumOf = (runId: string) => Effect.map(runtime.costs.by({ runId }), ({ sum }) => sum)
      assert.isUndefined((yield* sumOf("run")).corrections)
      yield* hold.release
      yield* next.result
      yield* TestClock.adjust("2 minutes")
      assert.deepInclude(yield* sumOf("run"), { costNanoUsd: 123_456, corrections: 1 })
    })
  )
})

describe("a process that dies", () => {
  for (const [where, fresh] of [
    ["in memory", Effect.sync(() => MemoryJournal.make())],
    ["on SQLite", Effect.orDie(Sqlite.journal({ filename: ":memory:" }))]
  ] as const) {
    it.effect(`in its answer leaves the response's id, and the repeated step costs exactly both, ${where}`, () =>
      Effect.gen(function* () {
        const journal = yield* fresh
        const hold = yield* ScriptedModel.hold
        const { parts } = ScriptedModel.words("one two three")
        const used = { inputUncached: 21, outputText: 4 }
        const { asked, layer } = provider(reported)
        const process = CrashingJournal.crashing(journal, { at: 3, when: "after" })
        const first = yield* life(process.store, layer, [
          { parts: [response("resp_lost"), ...parts], hold, heldAfter: 4 }
        ])
        yield* first.runtime.start("hello", { runId: "run", threadId: "thread" })
        yield* hold.reached
        yield* TestClock.adjust("1 second")
        assert.isTrue(process.isDead())
        yield* process.bury
        yield* first.end
        const second = yield* life(journal, layer, [ScriptedModel.text("one two three", { usage: used })])
        yield* Stream.runDrain(second.runtime.watch("run"))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(
          asked.map(({ responseId }) => responseId),
          ["resp_lost"]
        )
        const { sum } = yield* second.runtime.costs.by({ runId: "run" })
        const both = { inputUncached: 777 + 21, outputText: 13 + 4 }
        assert.deepInclude(sum, { costNanoUsd: costOf(both), promptTokens: 798, completionTokens: 17, corrections: 1 })
      }).pipe(silent)
    )

    it.effect(`while it asks is followed by others, and the row is booked once, ${where}`, () =>
      Effect.gen(function* () {
        const journal = yield* fresh
        const hold = yield* ScriptedModel.hold
        const { parts } = ScriptedModel.words("one two")
        const replies = [{ parts: [response("resp_1"), ...parts], hold, heldAfter: 2 }]
        const first = yield* life(journal, Layer.empty, replies)
        const handle = yield* first.runtime.start("hello", { runId: "run", threadId: "thread" })
        yield* hold.reached
        yield* handle.cancel
        yield* Effect.exit(handle.result)
        yield* first.end
        // A process that leased the run and died.
        const lease = { owner: "dead", now: 0, until: 600_000, since: 0, limit: 1 }
        assert.lengthOf(yield* journal.reconciliations?.lease(lease) ?? Effect.succeed([]), 1)
        const others = [provider(reported), provider(reported)]
        const [second, third] = [
          yield* life(journal, others[0]?.layer ?? Layer.empty, []),
          yield* life(journal, others[1]?.layer ?? Layer.empty, [])
        ]
        const asked = () => others.reduce((count, one) => count + one.asked.length, 0)
        yield* TestClock.adjust("5 minutes")
        assert.strictEqual(asked(), 0, "while the lease of the dead process stands")
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual(asked(), 1)
        const { sum } = yield* third.runtime.costs.by({ runId: "run" })
        assert.deepInclude(sum, { costNanoUsd: costOf(real), corrections: 1 })
        yield* second.end
      }).pipe(silent)
    )

    it.effect(`of which two ask at once books the row once, ${where}`, () =>
      Effect.gen(function* () {
        const journal = yield* fresh
        const hold = yield* ScriptedModel.hold
        const { parts } = ScriptedModel.words("one two")
        const replies = [{ parts: [response("resp_1"), ...parts], hold, heldAfter: 2 }]
        const answering = Effect.delay(Effect.succeed(reported), "25 seconds")
        const slow = provider(answering)
        // Leases that a process may take while another still asks.
        const unleased: JournalStore = {
          ...journal,
          reconciliations: {
            lease: () => Effect.succeed([{ runId: "run", attempts: 0 }]),
            renew: () => Effect.succeed(true),
            release: () => Effect.void
          }
        }
        const first = yield* life(unleased, slow.layer, replies)
        const second = yield* life(unleased, slow.layer, [])
        const handle = yield* first.runtime.start("hello", { runId: "run", threadId: "thread" })
        yield* hold.reached
        yield* handle.cancel
        yield* Effect.exit(handle.result)
        yield* TestClock.adjust("3 minutes")
        assert.lengthOf(slow.asked, 2)
        const { sum } = yield* second.runtime.costs.by({ runId: "run" })
        assert.deepInclude(sum, { costNanoUsd: costOf(real), corrections: 1 })
      }).pipe(silent)
    )
  }

  it.effect("costs nothing where nobody would ask: no id is stored without a lookup", () =>
    Effect.gen(function* () {
      const { parts } = ScriptedModel.words("one two")
      const notes = Effect.fnUntraced(function* (lookups: Layer.Layer<never>) {
        const journal = MemoryJournal.make()
        const { runtime } = yield* life(journal, lookups, [{ parts: [response("resp_1"), ...parts] }])
        const handle = yield* runtime.start("hello", { runId: "run", threadId: "thread" })
        yield* handle.result
        return journal.marks("run").filter(({ kind }) => kind === "note").length
      })
      assert.strictEqual(yield* notes(Layer.empty), 0)
      assert.strictEqual(yield* notes(provider(reported).layer), 1)
    })
  )
})

describe("lookups with an invalid option", () => {
  it.effect("are refused when their layer is built, by the option, its value and the cure", () =>
    Effect.gen(function* () {
      const lookups = [{ provider: "scripted", find: () => Effect.succeed(reported) }]
      const built = (options: object) =>
        Effect.map(
          Effect.exit(Effect.scoped(Layer.build(UsageLookup.layer({ lookups, ...options } as UsageLookup.Options)))),
          String
        )
      const cure = 'Use milliseconds, or text such as "2 seconds"'
      assert.include(yield* built({ every: "soon" }), `Invalid option every: "soon". ${cure}`)
      assert.include(yield* built({ within: -1 }), `Invalid option within: -1. ${cure}`)
      assert.include(
        yield* built({ evry: "1 minute" }),
        "Unknown option evry. Available options: lookups, every, within"
      )
      assert.include(yield* built({ every: "1 minute", within: { hours: 2 } }), "Success")
    })
  )
})
