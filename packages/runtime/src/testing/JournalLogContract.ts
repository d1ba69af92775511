/**
 * The part of the journal contract about logs (epochs, commits, reads) and about external input: answers, questions,
 * calls that the caller must run.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Opened } from "../host/journal/JournalStore.ts"
import * as RunExport from "../host/journal/RunExport.ts"
import {
  asks,
  calls,
  decides,
  envelope,
  finish,
  mark,
  results,
  says,
  spent,
  text,
  answer,
  begin,
  type Clause,
  clause,
  commit,
  create,
  open,
  read,
  same,
  status,
  tagOf
} from "./JournalSamples.ts"

/** Epochs, commits and reads. */
export const log: ReadonlyArray<Clause> = [
  clause("opening raises the epoch and fences the previous owner", (store) =>
    Effect.gen(function* () {
      const first = yield* begin(store)
      const second = yield* open(store)
      yield* same(second.epoch > first.epoch, true, "that the epoch rose")
      const stale = { runId: "run", epoch: first.epoch, envelopes: [text(1)], marks: [mark("model/1", 1)] }
      yield* same(yield* tagOf(store.commit(stale)), "Fenced", "a commit of the previous owner")
      yield* same(yield* tagOf(store.commit({ ...stale, runId: "nobody" })), "Fenced", "a commit of an unknown run")
      yield* commit(store, second.epoch, [text(1)])
      const third = yield* open(store)
      yield* same([third.envelopes, third.marks], [[text(1)], []], "what is kept")
    })
  ),
  clause("a commit is read back unchanged: events, marks, ledger, answers, times", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      const nested = { agentPath: ["planner#2", "finder"] }
      const marks = [
        mark("planner#2/model/1", { said: ["a", null, { b: 0.5 }] }, { path: ["planner#2"], seq: 2, spent: [spent] }),
        mark("ask/c1", null, { kind: "ask", seq: 2, at: 1500 })
      ]
      const events = [text(1), envelope(2, { type: "step-start" }, nested)]
      yield* commit(store, epoch, events, { marks })
      yield* answer(store, "ask/c1", "yes", 1700)
      const opened = yield* open(store)
      yield* same(opened.envelopes, events, "the events")
      yield* same(
        opened.marks.toSorted((a, b) => (a.name < b.name ? 1 : -1)),
        marks,
        "the marks"
      )
      yield* same([...opened.answers], [["ask/c1", { value: "yes", at: 1700 }]], "the answers")
      yield* same(opened.lastAt, 1500, "the time of the last write")
      yield* same((yield* status(store))?.lastSeq, 2, "the last number")
    })
  ),
  clause("an event keeps its bytes: the order of its keys, and unknown keys inside its data", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      const event = {
        type: "custom",
        event_type: "x",
        data: { z: 1, a: [{ y: 2, b: 3 }], __proto: "p", "": null }
      } as const
      yield* commit(store, epoch, [envelope(1, event)])
      yield* same(JSON.stringify(yield* read(store)), JSON.stringify([envelope(1, event)]), "the bytes")
    })
  ),
  clause("a mark replaces an earlier one of the same kind and name, and only that", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      const begun = (value: number) => mark("model/1", value, { kind: "begin", seq: value, at: 1000 + value })
      yield* commit(store, epoch, [], { marks: [begun(1), begun(2)] })
      yield* commit(store, epoch, [], { marks: [begun(3), mark("model/1", "done")] })
      const { marks } = yield* open(store)
      yield* same(
        marks.toSorted((a, b) => (a.kind < b.kind ? -1 : 1)),
        [begun(3), mark("model/1", "done")],
        "the marks"
      )
    })
  ),
  clause("a log is read page by page from any number", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      const events = Array.from({ length: 250 }, (_, index) => text(index + 1))
      yield* commit(store, epoch, events.slice(0, 120))
      yield* commit(store, epoch, events.slice(120))
      yield* same(yield* read(store, 0, 100), events.slice(0, 100), "the first page")
      yield* same(yield* read(store, 100, 100), events.slice(100, 200), "the second")
      yield* same(yield* read(store, 249, 100), events.slice(249), "the last")
      yield* same(yield* read(store, 250, 100), [], "the events after the end")
      yield* same(yield* read(store, 9000, 100), [], "the events far after it")
    })
  ),
  clause("large and unusual texts are returned unchanged", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      const large = "0123456789abcdef".repeat(200_000)
      const odd = [
        "\u0000",
        "\ud83d",
        "\udc00 alone",
        "\u{1f600} é \u2028",
        "'; DROP TABLE runs; --",
        "\\u0000",
        "$1 ? ::json"
      ]
      const events = [large, ...odd].map((words, index) => text(index + 1, words))
      const marks = odd.map((value) => mark(`tool/${value}`, { [value]: value }))
      yield* commit(store, epoch, events, { marks })
      const opened = yield* open(store)
      yield* same(opened.envelopes, events, "the events")
      const byName = (all: Opened["marks"]) => all.toSorted((a, b) => (a.name < b.name ? -1 : 1))
      yield* same(byName(opened.marks), byName(marks), "the marks")
    })
  ),
  clause("any string can be an identifier", (store) =>
    Effect.gen(function* () {
      for (const id of ["a/../b", "%00", "nul\u0000", "\ud800", "x".repeat(500), "\u0001", "💬 ''", "__proto__"]) {
        yield* create(store, { runId: id, threadId: id, resourceId: id })
        const opened = yield* open(store, id)
        const over = { runId: id, threadId: id }
        const events = [asks(1, `ask ${id}`, over, id), ...finish(2).map((each) => ({ ...each, ...over }))]
        yield* store.threads.append(id, id, [says(id)])
        yield* Effect.orDie(store.answer(id, id, id, 1))
        yield* commit(store, opened.epoch, events, { runId: id })
        yield* same((yield* status(store, id))?.threadId, id, "the thread of a run")
        yield* same(yield* Effect.orDie(store.read(id, 0, 10)), events, "the events")
        yield* same(yield* Effect.orDie(store.find(id, id)), { value: id, at: 1 }, "an answer")
        yield* same((yield* Effect.orDie(store.approval(`ask ${id}`)))?.asked.runId, id, "a question's run")
        yield* same(
          (yield* store.threads.list(id)).map((info) => info.threadId),
          [id],
          "the tenant's threads"
        )
      }
    })
  )
]

const isTaken = (answered: unknown): boolean => Predicate.hasProperty(answered, "_tag") && answered._tag === "Taken"

/** External input, and how it is found. */
export const outside: ReadonlyArray<Clause> = [
  clause("the first answer is kept, also when many race", (store) =>
    Effect.gen(function* () {
      yield* begin(store)
      const names = Array.from({ length: 20 }, (_, index) => `by ${index}`)
      const all = yield* Effect.all(
        names.map((name) => answer(store, "ask/c1", name)),
        { concurrency: "unbounded" }
      )
      const first = yield* Effect.orDie(store.find("run", "ask/c1"))
      const taken = names.filter((_, index) => all[index]?._tag === "Taken")
      yield* same(taken, [first?.value], "the accepted answer")
      const later = all.filter((each) => each._tag === "Resolved")
      yield* same(
        later,
        later.map(() => ({ _tag: "Resolved", value: first?.value })),
        "the results of the others"
      )
      yield* same(later.length, 19, "the number of refused answers")
    })
  ),
  clause("of an answer and the last commit, which closes its name, one is refused, also when both race", (store) =>
    Effect.gen(function* () {
      for (let round = 1; round <= 10; round++) {
        const runId = `run-${round}`
        const { epoch } = yield* begin(store, { runId, isolated: true })
        const batch = { runId, epoch, envelopes: finish(1), marks: [], closes: "inbox/1" }
        const answering = Effect.orDie(store.answer(runId, "inbox/1", "late", 5000))
        const ending = tagOf(store.commit(batch))
        // Each is first sometimes.
        const [answered, ended] =
          round % 2 === 0
            ? yield* Effect.all([answering, ending], { concurrency: "unbounded" })
            : (yield* Effect.all([ending, answering], { concurrency: "unbounded" })).toReversed()
        const kept = (yield* Effect.orDie(store.find(runId, "inbox/1")))?.value
        const hasEnded = (yield* status(store, runId))?.state === "ended"
        yield* same([hasEnded, ended], hasEnded ? [true, "no failure"] : [false, "Overtaken"], "the commit")
        yield* same(isTaken(answered), !hasEnded, "whether the answer was taken")
        yield* same(kept === "late", !hasEnded, "whether it is kept")
        yield* same((yield* Effect.orDie(store.read(runId, 0, 10))).length, hasEnded ? 3 : 0, "the events")
        if (hasEnded) continue
        yield* Effect.orDie(store.commit({ ...batch, closes: "inbox/2" }))
        yield* same((yield* status(store, runId))?.state, "ended", "the state after closing the next name")
      }
    })
  ),
  clause("an ended run stays ended after later writes of its owner", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      yield* commit(store, epoch, finish(1))
      yield* Effect.exit(
        store.commit({ runId: "run", epoch, envelopes: [], marks: [mark("late", 1, { kind: "note" })] })
      )
      yield* same((yield* Effect.orDie(store.status("run")))?.state, "ended", "its state")
      yield* same(yield* Effect.orDie(store.unfinished), [], "runs that have not ended")
    })
  ),
  clause("an ended run takes no answer, but returns those it got", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      yield* answer(store, "ask/c1", "yes")
      yield* commit(store, epoch, finish(1))
      yield* same(yield* answer(store, "ask/c2", "yes"), { _tag: "Unknown" }, "an answer after the end")
      yield* same(yield* Effect.orDie(store.find("run", "ask/c2")), undefined, "the stored answer")
      yield* same((yield* Effect.orDie(store.find("run", "ask/c1")))?.value, "yes", "the answer before the end")
    })
  ),
  clause("a question is listed for its tenant from its commit until its decision's, oldest first", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      const nested = { agentPath: ["planner#2"] }
      yield* commit(store, epoch, [asks(1, "b"), asks(2, "a", nested), asks(3, "c", {}, "stranger")])
      const pending = (tenant: string) => Effect.orDie(store.pending(tenant))
      yield* same(
        (yield* pending("tenant")).map((each) => each.request.id),
        ["b", "a"],
        "the tenant's questions"
      )
      yield* same(
        (yield* pending("stranger")).map((each) => each.request.id),
        ["c"],
        "the questions of the other tenant"
      )
      const { event } = asks(2, "a", nested)
      const asked = {
        runId: "run",
        request: "data" in event ? event.data : undefined,
        agentPath: ["planner#2"],
        askedAt: 1002
      }
      yield* same(yield* Effect.orDie(store.approval("a")), { asked, outcome: undefined }, "an open question")
      yield* commit(store, epoch, [decides(4, "a")])
      yield* same(
        (yield* pending("tenant")).map((each) => each.request.id),
        ["b"],
        "what is open after a decision"
      )
      const outcome = { outcome: "approve" }
      yield* same(yield* Effect.orDie(store.approval("a")), { asked, outcome }, "the decided question")
    })
  ),
  clause("a run is exported as lines that a replay reads, and an unknown one as none", (store) =>
    Effect.gen(function* () {
      if (store.exported === undefined) return
      const { epoch } = yield* begin(store)
      yield* commit(store, epoch, [calls(1, "c1"), ...finish(2)])
      const lines = yield* Effect.orDie(RunExport.read(yield* Effect.orDie(store.exported("run"))))
      const { envelopes, record } = yield* Effect.orDie(RunExport.recordingOf(lines))
      yield* same([record.runId, envelopes.length], ["run", 4], "the run and its events")
      yield* same(yield* Effect.orDie(store.exported("another")), [], "the lines of an unknown run")
    })
  ),
  clause("nothing of a refused commit is stored or found", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      yield* open(store)
      const batch = { runId: "run", epoch, envelopes: [asks(1, "a"), calls(2, "c1"), ...finish(3)], marks: [] }
      yield* same(yield* tagOf(store.commit(batch)), "Fenced", "the commit")
      yield* same(yield* Effect.orDie(store.approval("a")), undefined, "its question")
      yield* same(yield* Effect.orDie(store.hasClientCall("run", [], "c1")), false, "its call")
      yield* same((yield* status(store))?.state, "running", "the run's state")
    })
  ),
  clause("a call that the caller must run is open until its result", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      const has = (path: ReadonlyArray<string>, id: string) => Effect.orDie(store.hasClientCall("run", path, id))
      const own = {
        type: "tool-invocation",
        toolInvocationId: "own",
        toolName: "ask",
        args: {},
        state: "call"
      } as const
      yield* commit(store, epoch, [calls(1, "c1"), calls(2, "c1", { agentPath: ["a"] }), envelope(3, own)])
      yield* same(yield* has([], "c1"), true, "the root's call")
      yield* same(yield* has([], "own"), false, "a call of our own")
      yield* commit(store, epoch, [results(4, "c1")])
      yield* same([yield* has([], "c1"), yield* has(["a"], "c1")], [false, true], "after the root's result")
    })
  )
]
