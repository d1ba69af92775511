/**
 * The part of the journal contract about the cost ledger: a run is booked once, in the commit of its cost summary; sums
 * are exact in whatever grouping; and lines outlive the runs and threads that they are about.
 */
import { type CostReport, CostSummary, type Entry, type Envelope } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { CostQuery } from "../budget/CostStore.ts"
import type { RunRecord } from "../engine/RunHost.ts"
import type { JournalStore } from "../host/journal/JournalStore.ts"
import { begin, type Clause, clause, commit, failure, finish, mark, same, says, text } from "./JournalSamples.ts"

/** A report of the tenant. */
export const report = (store: JournalStore, dimensions: CostQuery["dimensions"] = [], query: Partial<CostQuery> = {}) =>
  store.costs.report({ resourceId: "tenant", limit: 1000, ...query, dimensions })

/** Each group as its values, then nano-dollars. */
export const told = (store: JournalStore, dimensions: CostQuery["dimensions"], query: Partial<CostQuery> = {}) =>
  Effect.map(report(store, dimensions, query), ({ totals }) =>
    totals.map((total) => [...dimensions.map((dimension) => total[dimension]), total.costNanoUsd])
  )

/** The row of a step. */
export const model = (
  name: string,
  costNanoUsd: number | undefined,
  path: ReadonlyArray<string> = []
): Entry.ModelEntry => ({
  kind: "model",
  path,
  step: 1,
  provider: "acme",
  model: name,
  usage: { inputUncached: 20, outputText: 3 },
  estimated: false,
  ...(costNanoUsd === undefined ? {} : { costNanoUsd }),
  startedAt: 1000,
  endedAt: 1001,
  attempts: []
})

const tool = (toolName: string, costNanoUsd: number, path: ReadonlyArray<string> = []): Entry.Entry => ({
  kind: "tool",
  path,
  callId: "c1",
  toolName,
  costNanoUsd,
  startedAt: 1000,
  endedAt: 1001,
  attempts: 1
})

const day = 86_400_000
export const noon = 20_000 * day + day / 2

/** A run of its own thread that ends at `at` and has spent these rows. */
export const run = Effect.fnUntraced(function* (
  store: JournalStore,
  runId: string,
  entries: ReadonlyArray<Entry.Entry>,
  at = noon,
  over: Partial<RunRecord> = {}
): Effect.fn.Return<{ readonly epoch: number; readonly last: ReadonlyArray<Envelope.Envelope> }> {
  const { epoch } = yield* begin(store, { runId, threadId: `of ${runId}`, ...over })
  const last = finish(1).map((one) => ({
    ...one,
    runId,
    threadId: `of ${runId}`,
    at,
    event:
      one.event.type === "data-cost-summary"
        ? { type: "data-cost-summary" as const, data: CostSummary.fold(entries) }
        : one.event
  }))
  yield* commit(store, epoch, last, { runId })
  return { epoch, last }
})

const none: CostReport.CostTotal = {
  runs: 0,
  calls: 0,
  costNanoUsd: 0,
  costUsd: 0,
  pricedUsd: 0,
  unpriced: 0,
  promptTokens: 0,
  completionTokens: 0,
  estimated: false
}

/** All clauses about the cost ledger. */
export const clauses: ReadonlyArray<Clause> = [
  clause("a run is booked with its cost summary, once, and not before", (store) =>
    Effect.gen(function* () {
      yield* same(yield* report(store), { dimensions: [], totals: [], sum: none }, "the ledger of an empty store")
      const { epoch } = yield* begin(store)
      yield* commit(store, epoch, [text(1)])
      yield* same((yield* report(store)).sum, none, "the costs of a running run")
      const { epoch: own, last } = yield* run(store, "one", [
        model("large", 7),
        model("large", undefined),
        tool("t", 2)
      ])
      const sum = {
        ...none,
        runs: 1,
        calls: 3,
        costNanoUsd: 9,
        pricedUsd: 9e-9,
        unpriced: 1,
        promptTokens: 40,
        completionTokens: 6
      }
      const { costUsd: _, ...priced } = sum
      yield* same((yield* report(store)).sum, priced, "the costs of an ended run")
      const again = { runId: "one", epoch: own, envelopes: last, marks: [] }
      yield* Effect.ignore(store.commit({ ...again, epoch: own - 1 }))
      yield* same((yield* report(store)).sum, priced, "its costs after a fenced commit")
      yield* commit(store, epoch, failure(2))
      yield* same((yield* report(store)).sum.runs, 1, "the number of runs")
    })
  ),
  clause("sums are grouped by each dimension, and add up to the same", (store) =>
    Effect.gen(function* () {
      yield* run(store, "r1", [model("large", 100), tool("search", 3), model("small", 20, ["helper#1"])], noon, {
        principal: "ana"
      })
      yield* run(
        store,
        "r2",
        [model("large", 1000), model("small", 200, ["helper#1"]), model("small", 200, ["helper#2"])],
        noon + day,
        { agent: "writer" }
      )
      yield* run(store, "r3", [model("large", 10_000)], noon, { resourceId: "stranger" })
      const expected: ReadonlyArray<readonly [CostQuery["dimensions"], ReadonlyArray<ReadonlyArray<unknown>>]> = [
        [["tenant"], [["tenant", 1523]]],
        [
          ["principal"],
          [
            [undefined, 1400],
            ["ana", 123]
          ]
        ],
        [
          ["agent"],
          [
            ["desk", 103],
            ["helper", 420],
            ["writer", 1000]
          ]
        ],
        [
          ["root"],
          [
            ["desk", 123],
            ["writer", 1400]
          ]
        ],
        [
          ["run"],
          [
            ["r1", 123],
            ["r2", 1400]
          ]
        ],
        [
          ["model"],
          [
            [undefined, 3],
            ["large", 1100],
            ["small", 420]
          ]
        ],
        [
          ["tool"],
          [
            [undefined, 1520],
            ["search", 3]
          ]
        ],
        [
          ["provider"],
          [
            [undefined, 3],
            ["acme", 1520]
          ]
        ],
        [
          ["day"],
          [
            ["2024-10-04", 123],
            ["2024-10-05", 1400]
          ]
        ],
        [
          ["day", "model"],
          [
            ["2024-10-04", undefined, 3],
            ["2024-10-04", "large", 100],
            ["2024-10-04", "small", 20],
            ["2024-10-05", "large", 1000],
            ["2024-10-05", "small", 400]
          ]
        ]
      ]
      for (const [dimensions, totals] of expected) {
        yield* same(yield* told(store, dimensions), totals, dimensions.join())
        yield* same((yield* report(store, dimensions)).sum.costNanoUsd, 1523, `the sum by ${dimensions.join()}`)
      }
      yield* same(
        (yield* report(store, ["model"])).totals.map(({ runs }) => runs),
        [1, 2, 2],
        "how many runs"
      )
      const all = yield* told(store, ["tenant"], { resourceId: undefined })
      yield* same(
        all,
        [
          ["stranger", 10_000],
          ["tenant", 1523]
        ],
        "every tenant"
      )
      const cut = yield* report(store, ["run", "model"], { limit: 2 })
      yield* same([cut.totals.length, cut.isCut, cut.sum.costNanoUsd], [2, true, 1523], "more groups than asked for")
    })
  ),
  clause("each field of a query selects costs, and all given fields together", (store) =>
    Effect.gen(function* () {
      yield* run(store, "r1", [model("large", 100), tool("large", 3), model("small", 20, ["helper#1"])], noon, {
        principal: "ana"
      })
      yield* run(store, "r2", [model("large", 1000)], noon + day, { agent: "writer" })
      const expected: ReadonlyArray<readonly [Partial<CostQuery>, number]> = [
        [{}, 1123],
        [{ resourceId: "stranger" }, 0],
        [{ principal: "ana" }, 123],
        [{ agent: "helper" }, 20],
        [{ root: "desk" }, 123],
        [{ runId: "r2" }, 1000],
        [{ model: "large" }, 1100],
        [{ tool: "large" }, 3],
        [{ since: noon + 1 }, 1000],
        [{ until: noon + day }, 123],
        [{ since: noon, until: noon + 0.5 }, 123],
        [{ model: "large", root: "desk", until: Number.POSITIVE_INFINITY }, 100]
      ]
      for (const [query, nanoUsd] of expected) {
        yield* same((yield* report(store, [], query)).sum.costNanoUsd, nanoUsd, JSON.stringify(query))
      }
    })
  ),
  clause("an abandoned run is booked with the costs in its marks, as an estimate", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      const reported = {
        path: ["helper#1"],
        callId: "c2",
        toolName: "buy",
        nanoUsd: 50,
        overrun: false,
        startedAt: 1000,
        attempts: 1
      }
      const marks = [
        mark("step/1", null, { spent: [model("large", 7)] }),
        mark("call/c1", null, { spent: [tool("t", 2)] }),
        mark("cost/helper#1/c2", reported, { kind: "note" })
      ]
      yield* commit(store, epoch, [text(1)], { marks })
      yield* Effect.orDie(store.abandon("run", noon))
      yield* Effect.orDie(store.abandon("run", noon + day))
      const { sum, totals } = yield* report(store, ["agent", "model", "tool", "day"])
      yield* same(
        totals.map(({ agent, costNanoUsd, day, model, tool }) => [agent, model, tool, costNanoUsd, day]),
        [
          ["desk", undefined, "t", 2, "2024-10-04"],
          ["desk", "large", undefined, 7, "2024-10-04"],
          ["helper", undefined, "buy", 50, "2024-10-04"]
        ],
        "the booked costs"
      )
      yield* same([sum.costNanoUsd, sum.estimated, sum.runs], [59, true, 1], "the sum")
      const { runs } = yield* Effect.orDie(store.list({ resourceId: "tenant", limit: 10 }))
      yield* same([runs[0]?.endReason, runs[0]?.costNanoUsd], ["abandoned", 59], "the run in the list")
      yield* begin(store, { runId: "bare", threadId: "bare" })
      yield* Effect.orDie(store.abandon("bare", noon))
      yield* same((yield* report(store)).sum.runs, 1, "the number of runs")
    })
  ),
  clause("the ledger outlives threads, takes any string as a name, and sums more than a number holds", (store) =>
    Effect.gen(function* () {
      const names = ["a\u0000b", "\ud800", "\u0001x", "=1+1", ""]
      yield* store.threads.begin("of odd", "tenant", [says("one")])
      yield* run(
        store,
        "odd",
        names.map((name, index) => model(name, 10 ** index, [`${name}#1`]))
      )
      yield* same(yield* store.threads.remove("of odd", "tenant"), true, "that the thread was removed")
      const groups = yield* told(store, ["model", "agent"])
      yield* same(
        groups,
        names.map((name, index) => [name, name, 10 ** index]).toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1)),
        "the names"
      )
      const large = Number.MAX_SAFE_INTEGER
      // Together more than 64 bits hold, too.
      const dear = Array.from({ length: 600 }, (_, index) => model("dear", large - 1, [`a${index}#1`]))
      for (const runId of ["l1", "l2"]) yield* run(store, runId, dear, noon, { principal: "max" })
      const { sum } = yield* report(store, ["run"], { principal: "max" })
      yield* same([sum.costNanoUsd, sum.runs, sum.calls], [large, 2, 1200], "a sum above the largest number")
    })
  )
]
