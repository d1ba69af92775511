/**
 * The part of the journal contract about replaced parts of threads: rewinds, branches and returns to them, and queries
 * that replace a part of their thread in the transaction that starts their run.
 */
import { Budget, type Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { JournalStore } from "../host/journal/JournalStore.ts"
import type { Kept } from "../thread/ThreadStore.ts"
import type { Place } from "../thread/ThreadChange.ts"
import {
  begin,
  type Clause,
  clause,
  commit,
  create,
  finish,
  open,
  record,
  same,
  says,
  tagOf
} from "./JournalSamples.ts"

const words = (messages: ReadonlyArray<Message.Message>): string =>
  messages.map(({ content: [part] }) => (part?.type === "text" ? part.text : (part?.type ?? ""))).join(" ")

const read = (store: JournalStore, branch?: string) => Effect.map(store.threads.read("thread", { branch }), words)

const rewind = (store: JournalStore, to: Place, branchId: string, tenant = "tenant") =>
  store.threads.change("thread", tenant, { _tag: "Rewind", to, branchId })

const back = (store: JournalStore, to: string, branchId: string) =>
  store.threads.change("thread", "tenant", { _tag: "Return", to, branchId })

/** Each branch as a word: its id, what it departs from and where, its length, and its runs. */
const listed = (store: JournalStore) =>
  Effect.map(store.threads.branches("thread"), (all) =>
    all.map(
      ({ branchId, from, of, runs, version }) =>
        `${branchId}: ${of ?? "thread"} ${from}-${version} ${runs.map(({ before, runId }) => `${runId}@${before}`).join()}`
    )
  )

/** A thread of three runs, each a question and its answer. */
const threeRuns = Effect.fnUntraced(function* (store: JournalStore) {
  yield* store.threads.begin("thread", "tenant", [])
  for (const [index, runId] of ["r1", "r2", "r3"].entries()) {
    yield* store.threads.append("thread", runId, [says(`q${index + 1}`), says(`a${index + 1}`)])
  }
})

/** All clauses about branches. */
export const clauses: ReadonlyArray<Clause> = [
  clause("what a rewind replaces is kept as a branch, and returning to it gives it back as it was", (store) =>
    Effect.gen(function* () {
      yield* threeRuns(store)
      const done = yield* rewind(store, "r2", "b1")
      yield* same(done, { _tag: "Changed", version: 2, branchId: "b1" }, "the result of the rewind")
      yield* same(yield* read(store), "q1 a1", "the messages of the thread")
      yield* same(yield* read(store, "b1"), "q1 a1 q2 a2 q3 a3", "the messages of the branch")
      yield* same(yield* listed(store), ["b1: thread 2-6 r2@2,r3@4"], "the branches")
      yield* same(
        [yield* store.threads.before("thread", "r1"), yield* store.threads.before("thread", "r2")],
        [0, undefined],
        "where the runs of the thread began"
      )
      yield* store.threads.append("thread", "r4", [says("q4"), says("a4")])
      yield* same(
        yield* back(store, "b1", "b2"),
        { _tag: "Changed", version: 6, branchId: "b2" },
        "the result of the return"
      )
      yield* same(yield* read(store), "q1 a1 q2 a2 q3 a3", "the messages of the thread after the return")
      yield* same(yield* listed(store), ["b2: thread 2-4 r4@2"], "the branches then")
      yield* same(yield* read(store, "b2"), "q1 a1 q4 a4", "the messages of the other branch")
      yield* same(yield* store.threads.before("thread", "r3"), 4, "the start of a restored run")
      yield* same(
        yield* back(store, "b2", "b3"),
        { _tag: "Changed", version: 4, branchId: "b3" },
        "the return to the other branch"
      )
      yield* same([yield* read(store), yield* listed(store)], ["q1 a1 q4 a4", ["b3: thread 2-6 r2@2,r3@4"]], "the rest")
    })
  ),
  clause("a branch that loses its beginning departs from the branch that has it now", (store) =>
    Effect.gen(function* () {
      yield* threeRuns(store)
      yield* rewind(store, 4, "late")
      yield* store.threads.append("thread", "r4", [says("q4")])
      yield* rewind(store, 2, "early")
      yield* same(
        [...(yield* listed(store))].toSorted(),
        ["early: thread 2-5 r2@2,r4@4", "late: early 4-6 r3@4"],
        "them"
      )
      yield* same(yield* read(store, "late"), "q1 a1 q2 a2 q3 a3", "the earlier one")
      yield* same(yield* read(store, "early"), "q1 a1 q2 a2 q4", "the later one")
      yield* same(yield* back(store, "late", "none"), { _tag: "Changed", version: 6 }, "a return that replaces nothing")
      yield* same(yield* read(store), "q1 a1 q2 a2 q3 a3", "the messages of the thread")
      yield* same(yield* listed(store), ["early: thread 4-5 r4@4"], "the remaining branch between them")
      yield* same(yield* read(store, "early"), "q1 a1 q2 a2 q4", "its messages")
    })
  ),
  clause("a rewind to an unknown message, of another tenant's thread or of a leased thread, changes nothing", (store) =>
    Effect.gen(function* () {
      yield* threeRuns(store)
      for (const place of [7, -1, 0.5, Number.NaN, "r9", ""]) {
        yield* same(yield* rewind(store, place, "b"), { _tag: "Misplaced" }, `a rewind to ${place}`)
      }
      yield* same(yield* back(store, "none", "b"), { _tag: "Misplaced" }, "a return to an unknown branch")
      yield* same(yield* rewind(store, 2, "b", "other"), { _tag: "Unknown" }, "another tenant's")
      yield* same(yield* rewind(store, 6, "b"), { _tag: "Changed", version: 6 }, "a rewind to the end")
      const { epoch } = yield* begin(store)
      yield* same(yield* rewind(store, 2, "b"), { _tag: "Busy", runId: "run" }, "one while a run leases it")
      yield* commit(store, epoch, finish(1))
      yield* same([yield* read(store), yield* listed(store)], ["q1 a1 q2 a2 q3 a3", []], "the messages of the thread")
      yield* store.threads.limit("empty", "tenant", { maxSteps: 1 })
      const empty = { _tag: "Rewind", to: 0, branchId: "b" } as const
      yield* same(
        yield* store.threads.change("empty", "tenant", empty),
        { _tag: "Changed", version: 0 },
        "an empty one"
      )
    })
  ),
  clause("a rewind never separates a call from its result", (store) =>
    Effect.gen(function* () {
      const call = { type: "tool-call", id: "c", name: "look", args: {} } as const
      const result = { type: "tool-result", id: "c", name: "look", result: 1 } as const
      yield* store.threads.begin("thread", "tenant", [
        says("q1"),
        { role: "assistant", content: [call] },
        { role: "tool", content: [result] },
        says("q2")
      ])
      yield* same(yield* rewind(store, 2, "b"), { _tag: "Changed", version: 1, branchId: "b" }, "a cut between them")
      yield* same(yield* read(store, "b"), "q1 tool-call tool-result q2", "the messages of the branch")
    })
  ),
  clause(
    "usage is not refunded, limits stay, and summaries are removed and restored with the messages that they cover",
    (store) =>
      Effect.gen(function* () {
        const summary = (covers: number) => ({ strategy: "summary", covers, text: "In short." })
        const spent = { ...Budget.nothingSpent, steps: 2 }
        const kept = (...summaries: ReadonlyArray<readonly [string, number]>): Kept => ({
          spent,
          summaries: Object.fromEntries(summaries.map(([name, covers]) => [name, summary(covers)]))
        })
        yield* store.threads.limit("thread", "tenant", { maxSteps: 9 })
        const first = yield* begin(store)
        yield* store.threads.append("thread", "run", ["1", "2", "3"].map(says), kept(["short", 1], ["long", 3]))
        yield* commit(store, first.epoch, finish(1))
        yield* rewind(store, 2, "b")
        const info = yield* store.threads.info("thread")
        yield* same([info?.spent, info?.limits], [spent, { maxSteps: 9 }], "what is spent of the limits")
        yield* create(store, { runId: "next" })
        const next = yield* open(store, "next")
        yield* same(next.record.thread?.kept, kept(["short", 1]), "what the next run finds")
        yield* Effect.orDie(store.abandon("next", 2000))
        yield* back(store, "b", "c")
        yield* create(store, { runId: "last" })
        const last = yield* open(store, "last")
        yield* same(last.record.thread?.kept, kept(["short", 1], ["long", 3]), "what a run finds after the return")
      })
  ),
  clause("a query replaces a part of its thread in the transaction that starts its run, or not at all", (store) =>
    Effect.gen(function* () {
      yield* threeRuns(store)
      const start = (runId: string, to: Place, branchId: string, more = {}) =>
        store.create(record({ runId, ...more }), { _tag: "Rewind", to, branchId })
      yield* same(yield* tagOf(start("x", "r9", "b")), "PlaceNotFound", "a run that replaces an unknown message")
      yield* same(
        yield* tagOf(start("x", "r2", "b", { resourceId: "other" })),
        "ThreadForbidden",
        "another tenant's run"
      )
      yield* same(
        [yield* store.unfinished.pipe(Effect.orDie), yield* listed(store)],
        [[], []],
        "what was stored of the rejected runs"
      )
      yield* same((yield* store.threads.info("thread"))?.runId, undefined, "the run that leases the thread")
      yield* same(yield* tagOf(start("run", "r2", "b")), "no failure", "a run that replaces")
      const opened = yield* open(store)
      yield* same([words(opened.history), opened.record.historyVersion], ["q1 a1", 2], "what it starts from")
      yield* same(yield* listed(store), ["b: thread 2-6 r2@2,r3@4"], "the branches")
      const [branch] = yield* store.threads.branches("thread")
      yield* same(branch?.replacedBy, "run", "the run that replaced it")
      yield* same(yield* tagOf(start("late", "r1", "c")), "ThreadBusy", "a concurrent run")
      // The next owner does not apply the change again.
      yield* same(words((yield* open(store)).history), "q1 a1", "what its next owner starts from")
      yield* store.threads.append("thread", "run", [says("Q2"), says("A2")])
      yield* commit(store, (yield* open(store)).epoch, finish(1))
      yield* same(
        yield* tagOf(start("again", "r2", "c")),
        "PlaceNotFound",
        "a run that replaces the same message again"
      )
      yield* same(yield* read(store), "q1 a1 Q2 A2", "the messages of the thread")
    })
  ),
  clause("a query returns to a branch, and to before a message of it, when its run starts, or not at all", (store) =>
    Effect.gen(function* () {
      yield* threeRuns(store)
      yield* rewind(store, "r2", "b1")
      yield* store.threads.append("thread", "r4", [says("q4"), says("a4")])
      const first = (to: string, branchId: string) => ({ _tag: "Return", to, branchId }) as const
      const resume = (runId: string, branch: string, to: number) =>
        store.create(record({ runId }), {
          _tag: "Resume",
          first: first(branch, "b2"),
          next: { _tag: "Rewind", to, branchId: "b3" }
        })
      yield* same(yield* tagOf(resume("x", "none", 2)), "PlaceNotFound", "an unknown branch")
      yield* same(yield* tagOf(resume("x", "b1", 7)), "PlaceNotFound", "a message that the branch does not have")
      yield* same(yield* tagOf(store.create(record({ runId: "x" }), first("none", "b2"))), "PlaceNotFound", "a return")
      const before = ["q1 a1 q4 a4", ["b1: thread 2-6 r2@2,r3@4"]]
      yield* same([yield* read(store), yield* listed(store)], before, "the thread after the refusals")
      yield* same((yield* store.threads.info("thread"))?.runId, undefined, "the run that leases the thread")
      yield* Effect.orDie(resume("run", "b1", 4))
      const opened = yield* open(store)
      yield* same([words(opened.history), opened.record.historyVersion], ["q1 a1 q2 a2", 4], "what it starts from")
      yield* same(
        [...(yield* listed(store))].toSorted(),
        ["b2: thread 2-4 r4@2", "b3: thread 4-6 r3@4"],
        "the branches"
      )
      const by = (yield* store.threads.branches("thread")).map(({ replacedBy }) => replacedBy)
      yield* same(by, ["run", "run"], "the run that replaced them")
      yield* commit(store, opened.epoch, finish(1))
      yield* Effect.orDie(store.create(record({ runId: "next" }), first("b2", "b4")))
      yield* same(
        words((yield* open(store, "next")).history),
        "q1 a1 q4 a4",
        "what a run after a plain return starts from"
      )
    })
  ),
  clause(
    "a query that brings its history changes the thread in the transaction that starts its run, and keeps what it replaces as a branch",
    (store) =>
      Effect.gen(function* () {
        const start = (runId: string, onThread: "append" | "ignore" | "replace", shown: string, branchId = runId) =>
          store.create(record({ runId }), { _tag: "Lay", messages: shown.split(" ").map(says), onThread, branchId })
        const said = Effect.fnUntraced(function* (runId: string) {
          const opened = yield* open(store, runId)
          yield* Effect.orDie(store.abandon(runId, 2000))
          return words(opened.history)
        })
        yield* Effect.orDie(start("r1", "ignore", "one two"))
        yield* same(yield* tagOf(start("r2", "replace", "one three")), "ThreadBusy", "a concurrent run")
        yield* same(yield* said("r1"), "one two", "a new thread")
        yield* Effect.orDie(start("r3", "ignore", "four"))
        yield* same(yield* said("r3"), "one two", "a thread whose messages are replaced")
        yield* Effect.orDie(start("r4", "append", "three"))
        yield* same(yield* said("r4"), "one two three", "a thread with an appended message")
        yield* Effect.orDie(start("r5", "replace", "one TWO"))
        yield* same(yield* said("r5"), "one TWO", "a thread with an edited message")
        yield* same(yield* read(store, "r5"), "one two three", "the replaced messages")
        yield* Effect.orDie(start("r6", "replace", "one TWO"))
        yield* same(
          [yield* said("r6"), (yield* listed(store)).length],
          ["one TWO", 1],
          "a thread with an unchanged history"
        )
      })
  ),
  clause("a late second append of a run adds nothing when its messages are in a branch", (store) =>
    Effect.gen(function* () {
      yield* threeRuns(store)
      yield* rewind(store, "r3", "b")
      yield* store.threads.append("thread", "r3", [says("q3"), says("a3")])
      yield* same(yield* read(store), "q1 a1 q2 a2", "the messages of the thread")
    })
  ),
  clause(
    "a rewrite deletes the branches that depend on the replaced messages, and deleting a thread deletes all of its branches",
    (store) =>
      Effect.gen(function* () {
        yield* threeRuns(store)
        yield* rewind(store, 4, "late")
        yield* rewind(store, 2, "middle")
        yield* rewind(store, 1, "early")
        yield* back(store, "late", "none")
        const rewrite = { version: 6, keep: 1, messages: [says("new")] }
        yield* same([...(yield* listed(store))].length, 0, "the number of branches that are a beginning of the thread")
        yield* rewind(store, 4, "late")
        yield* store.threads.append("thread", "r4", [says("q4"), says("a4")])
        yield* same(yield* store.threads.rewrite("thread", "tenant", rewrite), true, "that it is replaced")
        yield* same([yield* listed(store), yield* read(store)], [[], "q1 new"], "what is left")
        yield* same(yield* read(store, "late"), "", "the messages of the deleted branch")
        yield* rewind(store, 0, "all")
        const { epoch } = yield* begin(store, { runId: "silent" })
        yield* Effect.orDie(
          store.commit({
            runId: "silent",
            epoch,
            envelopes: finish(1).map((one) => ({ ...one, runId: "silent" })),
            marks: []
          })
        )
        yield* same(
          (yield* listed(store)).length,
          1,
          "the branches of a thread without messages, after a run without any"
        )
        yield* same(yield* store.threads.remove("thread"), true, "that it is deleted")
        yield* same(yield* store.threads.branches("thread"), [], "the branches of a deleted thread")
        yield* store.threads.begin("thread", "tenant", [])
        yield* same(yield* read(store, "all"), "", "the branch of a new thread with the same id")
      })
  )
]
