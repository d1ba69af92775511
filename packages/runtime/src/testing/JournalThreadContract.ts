/**
 * The part of the journal contract about a thread's state besides its messages: its lease, limits that span runs, and
 * what runs leave in it.
 */
import { Budget } from "@reins/protocol"
import * as BranchContract from "./JournalBranchContract.ts"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Kept } from "../thread/ThreadStore.ts"
import {
  finish,
  record,
  says,
  begin,
  type Clause,
  clause,
  commit,
  create,
  open,
  same,
  status,
  tagOf
} from "./JournalSamples.ts"

/** Runs the effect at this time, in epoch milliseconds. */
const at = <A, E>(millis: number, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.flatMap(Clock.Clock, (clock) =>
    Effect.provideService(
      effect,
      Clock.Clock,
      Object.assign(Object.create(clock), {
        currentTimeMillis: Effect.succeed(millis),
        currentTimeMillisUnsafe: () => millis
      })
    )
  )

/** All clauses about threads. */
export const clauses: ReadonlyArray<Clause> = [
  clause("a free thread is leased only to a run of its own tenant", (store) =>
    Effect.gen(function* () {
      yield* store.threads.begin("thread", "a", [says("mine")])
      const stranger = record({ runId: "stranger", resourceId: "b" })
      yield* same(yield* tagOf(store.create(stranger)), "ThreadForbidden", "another tenant's run")
      yield* same(yield* status(store, "stranger"), undefined, "the refused run")
      yield* same((yield* store.threads.info("thread"))?.runId, undefined, "the run that leases the thread")
      yield* same(yield* tagOf(store.create(record({ resourceId: "a" }))), "no failure", "its own tenant's run")
    })
  ),
  clause(
    "notes belong to their tenant, are changed by one writer at a time, and are deleted with their thread",
    (store) =>
      Effect.gen(function* () {
        const { notes } = store.threads
        if (notes === undefined) return
        const mine = { threadId: "thread", resourceId: "tenant" }
        const theirs = { ...mine, resourceId: "stranger" }
        const runs = ["r1", "r2"].map((runId) => ({ runId, note: `of ${runId} \u0000 ä` }))
        const first = yield* notes.put(mine, { version: 0, thread: "{}", runs })
        yield* same(first > 0, true, "that they were written")
        yield* same(yield* notes.put(mine, { version: 0, thread: "other", runs: [] }), 0, "a second first version")
        const second = yield* notes.put(mine, { version: first, thread: "more", runs: [{ runId: "r1", note: "new" }] })
        yield* same(yield* notes.put(mine, { version: first, thread: "late", runs: [] }), 0, "an outdated version")
        yield* same(yield* notes.version(mine), second, "their version")
        const found = { version: second, thread: "more", runs: [{ runId: "r1", note: "new" }, ...runs.slice(1)] }
        yield* same(yield* notes.get(mine), found, "the notes")
        yield* same([yield* notes.version(theirs), yield* notes.get(theirs)], [0, undefined], "another tenant's")
        yield* notes.put(theirs, { version: 0, thread: "theirs", runs: [] })
        yield* same(
          (yield* notes.list("tenant")).map(({ threadId }) => threadId),
          ["thread"],
          "the threads with notes"
        )
        yield* notes.remove(mine)
        yield* same(yield* notes.get(mine), undefined, "the notes after they were removed")
        yield* same((yield* notes.get(theirs))?.thread, "theirs", "the notes of another tenant")
        yield* store.threads.begin("noted", "tenant", [says("one")])
        const noted = { threadId: "noted", resourceId: "tenant" }
        yield* notes.put(noted, { version: 0, thread: "{}", runs: runs.slice(0, 1) })
        yield* store.threads.remove("noted")
        yield* same(yield* notes.get(noted), undefined, "the notes of a deleted thread")
      })
  ),
  clause("a leased thread cannot be imported, not even by its own tenant", (store) =>
    Effect.gen(function* () {
      yield* create(store)
      yield* same(yield* store.threads.begin("thread", "tenant", [says("late")]), false, "that it was begun")
      yield* same((yield* open(store)).history, [], "what the run starts from")
      yield* same(yield* store.threads.read("thread"), [], "its messages")
    })
  ),
  clause("only its tenant can set, replace and remove a thread's limits, also before it has a message", (store) =>
    Effect.gen(function* () {
      const limit = (max: number | undefined, tenant = "tenant") =>
        store.threads.limit("thread", tenant, max === undefined ? undefined : { maxSteps: max, maxCostUsd: Infinity })
      const limits = Effect.map(store.threads.info("thread"), (info) => info?.limits)
      yield* same(
        [yield* limit(3), yield* limit(9, "other"), yield* limit(undefined, "other")],
        [true, false, false],
        "that"
      )
      yield* same(yield* limits, { maxSteps: 3, maxCostUsd: Infinity }, "the limits")
      yield* same(yield* store.threads.begin("thread", "other", [says("no")]), false, "that another tenant begins it")
      yield* same(yield* store.threads.begin("thread", "tenant", [says("one")]), true, "that it begins with messages")
      const { epoch, history, record } = yield* begin(store)
      yield* same(history, [says("one")], "what the run starts from")
      yield* same(record.thread, { limits: { maxSteps: 3, maxCostUsd: Infinity } }, "the limits of the thread")
      yield* limit(5)
      yield* same((yield* open(store)).record.thread?.limits?.maxSteps, 3, "the limits of the running run")
      yield* same(yield* limits, { maxSteps: 5, maxCostUsd: Infinity }, "the limits of the next run")
      yield* limit(undefined)
      yield* same(yield* limits, undefined, "the limits after they were removed")
      yield* same((yield* store.threads.info("thread"))?.version, 1, "the messages")
      yield* commit(store, epoch + 1, finish(1))
    })
  ),
  clause("of several that begin a thread with only limits at once, one does, and its messages are alone", (store) =>
    Effect.gen(function* () {
      // By the second thread, a store has the connections to do it at once.
      for (const threadId of ["first", "second", "third"]) {
        yield* store.threads.limit(threadId, "tenant", { maxSteps: 3 })
        const begun = yield* Effect.all(
          Array.from({ length: 8 }, (_, index) => store.threads.begin(threadId, "tenant", [says(`m${index}`)])),
          { concurrency: "unbounded" }
        )
        yield* same(begun.filter((made) => made).length, 1, "how many have begun it")
        yield* same(yield* store.threads.read(threadId), [says(`m${begun.indexOf(true)}`)], "its messages")
      }
    })
  ),
  clause("a thread with only limits stays after its run, and is deleted when they are removed", (store) =>
    Effect.gen(function* () {
      yield* store.threads.limit("thread", "tenant", { maxSteps: 3 })
      const { epoch } = yield* begin(store)
      yield* commit(store, epoch, finish(1))
      const { createdAt: _, updatedAt: __, ...info } = (yield* store.threads.info("thread")) ?? {}
      const known = { threadId: "thread", resourceId: "tenant", version: 0, runId: undefined, limits: { maxSteps: 3 } }
      yield* same(info, known, "its information")
      yield* store.threads.limit("thread", "tenant", undefined)
      yield* same(yield* store.threads.info("thread"), undefined, "its information after the removal")
    })
  ),
  clause("a thread's description is stored with it, changes field by field, and only by its tenant", (store) =>
    Effect.gen(function* () {
      const { describe, info } = store.threads
      const said = Effect.map(info("thread"), (found) => found?.description)
      const up = { messageId: "m1", isUp: true }
      yield* same(yield* describe("thread", "tenant", { title: "Tides", votes: [up] }), true, "that it is described")
      yield* same(yield* describe("thread", "other", { title: "Mine" }), false, "that another tenant describes it")
      const down = { messageId: "m2", isUp: false }
      yield* describe("thread", "tenant", { metadata: { topic: ["sea"] }, votes: [{ ...up, isUp: false }, down] })
      const votes = [{ messageId: "m1", isUp: false }, down]
      yield* same(yield* said, { title: "Tides", metadata: { topic: ["sea"] }, votes }, "the description")
      const { epoch } = yield* begin(store)
      yield* commit(store, epoch, finish(1))
      yield* same((yield* said)?.title, "Tides", "the title after a run")
      yield* describe("thread", "tenant", { title: undefined, metadata: undefined, votes: undefined })
      yield* same(yield* info("thread"), undefined, "a thread without a description and messages")
    })
  ),
  clause("a thread has the times of its creation and of its last change", (store) =>
    Effect.gen(function* () {
      const times = Effect.map(store.threads.info("thread"), (found) => [found?.createdAt, found?.updatedAt])
      const { append, begin, rewrite } = store.threads
      yield* at(1000, begin("thread", "tenant", [says("one")]))
      yield* same(yield* times, [1000, 1000], "when it was made")
      yield* at(2000, append("thread", "run", [says("two")]))
      yield* same(yield* times, [1000, 2000], "when a run wrote it")
      yield* at(3000, rewrite("thread", "tenant", { version: 2, keep: 1, messages: [] }))
      yield* same(yield* times, [1000, 3000], "when it was rewritten")
      yield* at(4000, store.threads.describe("thread", "tenant", { title: "Tides" }))
      yield* same(yield* times, [1000, 4000], "the times after it was described")
    })
  ),
  clause(
    "a run's totals and summaries are stored with its thread for the next run, and only by the run that leases it",
    (store) =>
      Effect.gen(function* () {
        const kept = (steps: number): Kept => ({
          spent: { ...Budget.nothingSpent, steps, callsPerTool: { look: steps } },
          summaries: { agent: { strategy: "summary", covers: 1, text: "In short." } }
        })
        const first = yield* begin(store)
        yield* same(first.record.thread, undefined, "what the first run finds")
        yield* store.threads.append("thread", "run", [says("one"), says("two")], kept(1))
        yield* store.threads.append("thread", "run", [says("one"), says("two")], kept(1))
        yield* store.threads.append("thread", "stranger", [], kept(9))
        yield* commit(store, first.epoch, finish(1))
        yield* same((yield* store.threads.info("thread"))?.spent?.steps, 1, "what is spent")
        yield* create(store, { runId: "next" })
        yield* same((yield* open(store, "next")).record.thread, { kept: kept(1) }, "what the next run finds")
        // A run that failed with a defect reports nothing, but has spent.
        yield* store.threads.append("thread", "next", [], kept(2))
        yield* same((yield* open(store, "next")).record.thread, { kept: kept(1) }, "what it found")
        yield* same((yield* store.threads.info("thread"))?.spent?.steps, 2, "what is spent then")
      })
  ),
  clause("its tenant can replace the end of a free thread if its length is unchanged", (store) =>
    Effect.gen(function* () {
      const rewrite = (version: number, keep: number, words: ReadonlyArray<string>, tenant = "tenant") =>
        store.threads.rewrite("thread", tenant, { version, keep, messages: words.map(says) })
      const read = store.threads.read("thread")
      const summary = (covers: number) => ({ strategy: "summary", covers, text: "In short." })
      const { epoch } = yield* begin(store)
      yield* store.threads.append("thread", "run", ["one", "two"].map(says), {
        spent: { ...Budget.nothingSpent, steps: 2 },
        summaries: { short: summary(1), long: summary(2) }
      })
      yield* same(yield* rewrite(2, 1, []), false, "that it is replaced while a run holds it")
      yield* commit(store, epoch, finish(1))
      yield* store.threads.append("thread", "next", ["three"].map(says))
      yield* same(
        [yield* store.threads.before("thread", "run"), yield* store.threads.before("thread", "next")],
        [0, 2],
        "where the runs began"
      )
      const places = Effect.map(store.threads.places("thread"), (found) =>
        [...found].toSorted(([a], [b]) => (a < b ? -1 : 1))
      )
      yield* same(
        yield* places,
        [
          ["next", 2],
          ["run", 0]
        ],
        "where all of them began"
      )
      yield* same(yield* rewrite(2, 1, []), false, "that it is replaced when it has grown")
      yield* same(yield* rewrite(3, 1, [], "other"), false, "that another tenant replaces it")
      yield* same(yield* rewrite(3, 1, ["2", "3", "4"]), true, "that it is replaced")
      yield* same(yield* read, ["one", "2", "3", "4"].map(says), "its messages")
      yield* same(yield* rewrite(4, 1, ["II"]), true, "that it is replaced again")
      yield* same(yield* read, ["one", "II"].map(says), "the messages after that")
      yield* same(
        [yield* store.threads.before("thread", "run"), yield* store.threads.before("thread", "next")],
        [0, undefined],
        "where the runs began that are left"
      )
      const { history, record } = yield* begin(store, { runId: "last" })
      yield* same(history, ["one", "II"].map(says), "what the next run starts from")
      yield* same(
        record.thread?.kept,
        { spent: { ...Budget.nothingSpent, steps: 2 }, summaries: { short: summary(1) } },
        "what is kept beside it"
      )
    })
  ),
  ...BranchContract.clauses
]
