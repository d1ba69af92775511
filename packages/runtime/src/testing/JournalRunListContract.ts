/**
 * The part of the journal contract about lists of runs: their fields, their filters, and stable pages.
 */
import { CostSummary, type Entry, type Envelope, type FinishReason, type ListedRun } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { RunQuery } from "../engine/RunList.ts"
import * as Names from "../run/Names.ts"
import type { JournalStore } from "../host/journal/JournalStore.ts"
import {
  asks,
  begin,
  calls,
  type Clause,
  clause,
  commit,
  create,
  decides,
  failure,
  finish,
  mark,
  results,
  same,
  text
} from "./JournalSamples.ts"

const list = (store: JournalStore, query: Partial<RunQuery> = {}) =>
  Effect.orDie(store.list({ resourceId: "tenant", limit: 100, ...query }))

const ids = (store: JournalStore, query: Partial<RunQuery> = {}) =>
  Effect.map(list(store, query), ({ runs }) => runs.map(({ runId }) => runId))

const only = (store: JournalStore, runId: string) =>
  Effect.flatMap(list(store, { runId }), ({ runs: [run] }) =>
    run === undefined ? Effect.die(new Error(`${runId} is not listed`)) : Effect.succeed(run)
  )

const spent = (costNanoUsd: number | undefined): Entry.Entry => ({
  kind: "model",
  path: [],
  step: 1,
  provider: "acme",
  model: "large",
  usage: { inputUncached: 20, outputText: 3 },
  estimated: false,
  ...(costNanoUsd === undefined ? {} : { costNanoUsd }),
  startedAt: 1000,
  endedAt: 1001,
  attempts: []
})

const summed = (events: ReadonlyArray<Envelope.Envelope>, ...entries: ReadonlyArray<Entry.Entry>) =>
  events.map((one) =>
    one.event.type === "data-cost-summary"
      ? { ...one, event: { type: "data-cost-summary" as const, data: CostSummary.fold(entries) } }
      : one
  )

/** Runs in threads of their own, each a second after the other, which end at once if `ended` says how. */
const runs = (
  store: JournalStore,
  all: ReadonlyArray<{
    readonly runId: string
    readonly over?: Parameters<typeof create>[1]
    readonly ended?: FinishReason
    readonly nanoUsd?: number
  }>
) =>
  Effect.forEach(all, ({ ended, nanoUsd, over, runId }, index) =>
    Effect.gen(function* () {
      const startedAt = 10_000 + index * 1000
      const { epoch } = yield* begin(store, { runId, threadId: runId, startedAt, ...over })
      if (ended === undefined) return
      const last = summed(finish(1), spent(nanoUsd)).map((one) => ({
        ...one,
        runId,
        threadId: runId,
        event: one.event.type === "finish" ? { ...one.event, finishReason: ended } : one.event
      }))
      yield* commit(store, epoch, last, { runId })
    })
  )

/** All clauses about lists of runs. */
export const clauses: ReadonlyArray<Clause> = [
  clause("a run is listed from its creation on, with its end and its costs once it has ended", (store) =>
    Effect.gen(function* () {
      yield* same(yield* list(store), { runs: [] }, "the list of an empty store")
      const { epoch } = yield* begin(store, { principal: "ana" })
      const about = { runId: "run", threadId: "thread", resourceId: "tenant", agent: "desk", principal: "ana" }
      const listed: ListedRun.ListedRun = { ...about, state: "running", startedAt: 1000, lastAt: 1000, lastSeq: 0 }
      yield* same(yield* list(store), { runs: [listed] }, "a run that was created")
      yield* commit(store, epoch, [text(1)])
      yield* commit(store, epoch, summed(finish(2), spent(7), spent(undefined)))
      const ended = {
        state: "ended",
        lastAt: 1004,
        endedAt: 1004,
        lastSeq: 4,
        endReason: "stop",
        costNanoUsd: 7,
        unpriced: 1,
        promptTokens: 40,
        completionTokens: 6
      }
      yield* same(yield* list(store), { runs: [{ ...listed, ...ended }] }, "a run that has ended")
    })
  ),
  clause("a failed run is listed with its error's code, an abandoned one without costs", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      yield* commit(store, epoch, summed(failure(1), spent(9)))
      const failed = yield* only(store, "run")
      const { costNanoUsd, endReason, errorCode, state } = failed
      yield* same([state, endReason, errorCode, costNanoUsd], ["ended", "failed", "E_INTERNAL", 9], "how it failed")
      yield* begin(store, { runId: "lost", threadId: "lost" })
      yield* Effect.orDie(store.abandon("lost", 3000))
      const lost = yield* only(store, "lost")
      yield* same([lost.state, lost.endReason, lost.endedAt], ["ended", "abandoned", 3000], "how the other ended")
      yield* same([lost.costNanoUsd, lost.promptTokens], [undefined, undefined], "what it cost")
    })
  ),
  clause("names that a text column cannot store match no run", (store) =>
    Effect.gen(function* () {
      yield* begin(store)
      for (const name of ["desk\0", "\ud800", "\u0001"]) {
        for (const field of ["agent", "principal", "threadId", "runId", "resourceId"]) {
          yield* same(yield* ids(store, { [field]: name }), [], `runs by ${field}`)
        }
      }
    })
  ),
  clause("a run waits while a question or a client call of it is open", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      yield* create(store, { runId: "other", threadId: "other", startedAt: 500 })
      const state = Effect.map(only(store, "run"), (run) => run.state)
      yield* commit(store, epoch, [asks(1, "a1")])
      yield* same(yield* state, "waiting", "the state with a question")
      yield* same(yield* Effect.orDie(store.waiting), { count: 1, oldestAt: 1001 }, "how many wait, and since when")
      yield* same(yield* ids(store, { state: "waiting" }), ["run"], "who waits")
      yield* same(yield* ids(store, { state: "running" }), ["other"], "the runs that do not wait")
      yield* same(yield* ids(store, { state: "open" }), ["run", "other"], "the runs that have not ended")
      yield* commit(store, epoch, [decides(2, "a1")])
      yield* same(yield* state, "running", "the state after the decision")
      yield* commit(store, epoch, [calls(3, "c1")])
      yield* same(yield* state, "waiting", "the state with a client call")
      yield* commit(store, epoch, [results(4, "c1")])
      yield* same(yield* state, "running", "the state after its result")
      yield* same(yield* ids(store, { state: "ended" }), [], "the runs that have ended")
    })
  ),
  clause("a run that waits for late results, or sleeps, is listed with what it waits for", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      yield* create(store, { runId: "other", threadId: "other", startedAt: 500 })
      const waits = Effect.map(only(store, "run"), ({ state, waitsFor }) => [state, waitsFor])
      yield* same(yield* waits, ["running", undefined], "a run that works")
      const late = Names.lateWait("", 2)
      const nap = Names.sleep("builder#c1/", Names.ofSlept("c2", 1))
      yield* commit(store, epoch, [text(1)], {
        marks: [mark(late, null, { kind: "ask" }), mark(nap, null, { kind: "ask", path: ["builder#c1"] })]
      })
      yield* same(yield* waits, ["waiting", ["result", "timer"]], "one that waits for both")
      yield* same(yield* Effect.orDie(store.waiting), { count: 1, oldestAt: 1001 }, "how many wait for somebody")
      yield* same(yield* ids(store, { state: "waiting" }), ["run"], "who waits")
      yield* same(yield* ids(store, { state: "running" }), ["other"], "who does not")
      yield* Effect.orDie(store.answer("run", late, "came", 1500))
      yield* same(yield* waits, ["waiting", ["timer"]], "one that still sleeps")
      yield* same(yield* Effect.orDie(store.waiting), { count: 0 }, "how many wait for somebody then")
      yield* commit(store, epoch, [asks(2, "a1")])
      yield* same(yield* waits, ["waiting", ["approval", "timer"]], "one that asks, too")
      const gate = Names.gate("", Names.ofCall("c3"))
      yield* commit(store, epoch, [decides(3, "a1")], { marks: [mark(gate, null, { kind: "ask" })] })
      yield* same(yield* waits, ["waiting", ["timer"]], "one whose question was withdrawn")
      yield* Effect.orDie(store.answer("run", nap, "over", 1600))
      yield* same(yield* waits, ["running", undefined], "one that goes on")
    })
  ),
  clause("each field of a query selects runs, and all given fields together", (store) =>
    Effect.gen(function* () {
      yield* runs(store, [
        { runId: "r0", ended: "stop", nanoUsd: 5, over: { principal: "ana" } },
        { runId: "r1", ended: "budget", nanoUsd: 50, over: { principal: "ben", agent: "writer" } },
        { runId: "r2", ended: "stop", nanoUsd: 500, over: { agent: "writer" } },
        { runId: "r3", over: { principal: "ana" } },
        { runId: "r4", over: { resourceId: "stranger", principal: "ana", agent: "writer" } }
      ])
      const expected: ReadonlyArray<readonly [Partial<RunQuery>, ReadonlyArray<string>]> = [
        [{}, ["r3", "r2", "r1", "r0"]],
        [{ resourceId: "stranger" }, ["r4"]],
        [{ resourceId: undefined }, ["r4", "r3", "r2", "r1", "r0"]],
        [{ principal: "ana" }, ["r3", "r0"]],
        [{ agent: "writer" }, ["r2", "r1"]],
        [{ threadId: "r1" }, ["r1"]],
        [{ threadId: "r4" }, []],
        [{ runId: "r4" }, []],
        [{ endReason: "stop" }, ["r2", "r0"]],
        [{ state: "ended", agent: "desk" }, ["r0"]],
        [{ since: 11_000 }, ["r3", "r2", "r1"]],
        [{ until: 11_000 }, ["r0"]],
        [{ since: 11_000, until: 12_000.5 }, ["r2", "r1"]],
        [{ minNanoUsd: 50 }, ["r2", "r1"]],
        [{ maxNanoUsd: 50 }, ["r1", "r0"]],
        [{ minNanoUsd: 6, maxNanoUsd: Number.POSITIVE_INFINITY, agent: "writer", endReason: "budget" }, ["r1"]],
        [{ limit: 2 }, ["r3", "r2"]]
      ]
      for (const [query, wanted] of expected) yield* same(yield* ids(store, query), wanted, JSON.stringify(query))
    })
  ),
  clause("pages list every run once, also when runs start and end between them", (store) =>
    Effect.gen(function* () {
      // Several within one millisecond, and ids with unusual characters.
      const names = ["a", "b.1", "c\u0000", "\ud800", "e", "f", "g"]
      for (const [index, runId] of names.entries()) {
        yield* begin(store, { runId, threadId: `t${index}`, startedAt: 1000 + Math.floor(index / 3) })
      }
      const seen: Array<string> = []
      let after: string | undefined
      for (let page = 0; page < 5; page++) {
        const { next, runs } = yield* list(store, { limit: 2, after })
        seen.push(...runs.map(({ runId }) => runId))
        yield* same(next === undefined, page === 3, `that page ${page} is the last`)
        if (next === undefined) break
        after = next
        yield* create(store, { runId: `later${page}`, threadId: `later${page}`, startedAt: 5000 + page })
        yield* Effect.orDie(store.abandon(names[page] ?? "", 6000))
      }
      yield* same(seen.length, names.length, "the number of listed runs")
      yield* same(seen.toSorted(), names.toSorted(), "the listed runs")
      const first = yield* list(store, { limit: 1, after: "nonsense" })
      yield* same(first.runs[0]?.runId, "later2", "the first run after an invalid cursor")
    })
  )
]
