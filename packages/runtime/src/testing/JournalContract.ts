/**
 * The contract of journal stores, independent of any test runner: each clause is a name and an effect over a new, empty
 * store that dies with a message when the requirement is violated. A store must pass all clauses.
 */
import { Budget, type Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as ApprovalContract from "./JournalApprovalContract.ts"
import * as QuotaContract from "./JournalQuotaContract.ts"
import * as CorrectionContract from "./JournalCorrectionContract.ts"
import * as ErasureContract from "./JournalErasureContract.ts"
import * as FileContract from "./JournalFileContract.ts"
import * as GrantContract from "./JournalGrantContract.ts"
import * as LogContract from "./JournalLogContract.ts"
import * as RunListContract from "./JournalRunListContract.ts"
import * as MemoryContract from "./JournalMemoryContract.ts"
import * as SharedErasureContract from "./JournalSharedErasureContract.ts"
import * as TextContract from "./JournalTextContract.ts"
import * as ThreadContract from "./JournalThreadContract.ts"
import * as WebhookContract from "./JournalWebhookContract.ts"
import {
  asks,
  calls,
  failure,
  finish,
  record,
  says,
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

/** Run ids, threads and their leases. */
const runs: ReadonlyArray<Clause> = [
  clause("a run is unknown before it is created", (store) =>
    Effect.gen(function* () {
      yield* same(yield* status(store), undefined, "the status")
      yield* same(yield* Effect.orDie(store.open("run", 0)), undefined, "the opened run")
      yield* same(yield* read(store), [], "its events")
      yield* same(yield* Effect.orDie(store.unfinished), [], "the runs that have not ended")
      yield* same(yield* answer(store, "ask/c1", "yes"), { _tag: "Unknown" }, "an answer")
      yield* same(yield* Effect.orDie(store.find("run", "ask/c1")), undefined, "the answer")
      yield* same(yield* Effect.orDie(store.approval("a1")), undefined, "a question")
    })
  ),
  clause("a run's record is returned unchanged, infinite limits included", (store) =>
    Effect.gen(function* () {
      const wanted = record({
        budget: { maxSteps: Number.POSITIVE_INFINITY, maxCostUsd: 0.25, onExhausted: "wrap-up" },
        prompt: [{ type: "text", text: "Look." }]
      })
      yield* create(store, wanted)
      yield* same((yield* open(store)).record, { ...wanted, historyVersion: 0 }, "the record")
      const { agent, resourceId, runId, threadId } = wanted
      const about = { runId, threadId, resourceId, agent, state: "running", lastSeq: 0 }
      yield* same(yield* status(store), about, "the status")
      yield* same(yield* Effect.orDie(store.unfinished), ["run"], "the runs that have not ended")
    })
  ),
  clause("a run is created open where the store says so, and its next owner fences that one", (store) =>
    Effect.gen(function* () {
      const opens = (over: Parameters<typeof record>[0]) => Effect.orDie(store.create(record(over), undefined, true))
      yield* store.threads.begin("thread", "tenant", [says("one")])
      const first = yield* opens({ budget: { maxSteps: Number.POSITIVE_INFINITY } })
      yield* same(first !== undefined, store.opensOnCreate, "whether the store opens what it creates")
      const next = yield* open(store)
      const late = { runId: "run", epoch: first?.epoch ?? 0, envelopes: [text(1)], marks: [] }
      yield* same({ ...(first ?? next), epoch: next.epoch }, next, "what is opened")
      yield* same(next.epoch > late.epoch, true, "that the epoch was raised")
      yield* same(yield* tagOf(store.commit(late)), "Fenced", "a commit of the first owner")
      const own = (yield* opens({ runId: "own", threadId: "own" })) ?? (yield* open(store, "own"))
      yield* commit(store, own.epoch, [text(1)], { runId: "own" })
      yield* same((yield* Effect.orDie(store.read("own", 0, 10))).length, 1, "events of a first owner")
    })
  ),
  clause("an id identifies one run, also when several are created at once", (store) =>
    Effect.gen(function* () {
      const ids = ["t1", "t2", "t3"]
      const tags = yield* Effect.all(
        ids.map((threadId) => tagOf(store.create(record({ threadId })))),
        { concurrency: "unbounded" }
      )
      yield* same(tags.toSorted(), ["RunExists", "RunExists", "no failure"], "the refusals")
      const held = yield* Effect.forEach(ids, (id) => store.threads.info(id))
      yield* same(held.filter((info) => info !== undefined).length, 1, "the number of leased threads")
    })
  ),
  clause("a thread has one run at a time; a refused run stores nothing", (store) =>
    Effect.gen(function* () {
      yield* create(store)
      const busy = yield* Effect.orDie(Effect.flip(store.create(record({ runId: "other" }))))
      yield* same([busy._tag, "runId" in busy && busy.runId], ["ThreadBusy", "run"], "the refusal")
      yield* same(yield* status(store, "other"), undefined, "the refused run")
    })
  ),
  clause("when two tenants start on one new thread at once, one gets it and the other is refused", (store) =>
    Effect.gen(function* () {
      for (const round of [1, 2, 3, 4, 5]) {
        const threadId = `raced-${round}`
        const tenants = ["a", "b"]
        const tags = yield* Effect.all(
          tenants.map((resourceId) =>
            tagOf(store.create(record({ runId: `${resourceId}-${round}`, threadId, resourceId })))
          ),
          { concurrency: "unbounded" }
        )
        yield* same(tags.toSorted(), ["ThreadForbidden", "no failure"], "the refusals")
        const winner = tenants[tags.indexOf("no failure")]
        const info = yield* store.threads.info(threadId)
        yield* same(
          [info?.resourceId, info?.runId],
          [winner, `${winner}-${round}`],
          "the tenant and the run of the thread"
        )
      }
    })
  ),
  clause("a tenant that starts on a thread while another imports it never reads the other's messages", (store) =>
    Effect.gen(function* () {
      for (const round of [1, 2, 3, 4, 5]) {
        const [threadId, runId] = [`planted-${round}`, `starter-${round}`]
        const [started, begun] = yield* Effect.all(
          [
            tagOf(store.create(record({ runId, threadId, resourceId: "a" }))),
            store.threads.begin(threadId, "b", [says("planted")])
          ],
          { concurrency: "unbounded" }
        )
        yield* same(started, begun ? "ThreadForbidden" : "no failure", "the start")
        if (!begun) yield* same((yield* open(store, runId)).history, [], "what the run starts from")
        yield* same((yield* store.threads.info(threadId))?.resourceId, begun ? "b" : "a", "the tenant of the thread")
      }
    })
  ),
  clause("a thread of another tenant reads as absent and cannot be removed or limited", (store) =>
    Effect.gen(function* () {
      yield* store.threads.begin("owned", "a", [says("secret")])
      yield* same(yield* store.threads.read("owned", { resourceId: "b" }), [], "what another tenant reads")
      yield* same(yield* store.threads.read("owned", { resourceId: "a" }), [says("secret")], "what its tenant reads")
      yield* same(yield* store.threads.remove("owned", "b"), false, "that another tenant removed it")
      yield* same(yield* store.threads.limit("owned", "b", { maxSteps: 1 }), false, "that another tenant limited it")
      yield* same(yield* store.threads.remove("owned", "a"), true, "that its tenant removed it")
    })
  ),
  clause("an isolated run leases no thread", (store) =>
    Effect.gen(function* () {
      yield* create(store, { isolated: true })
      yield* create(store, { runId: "second" })
      yield* same((yield* store.threads.info("thread"))?.runId, "second", "the thread's run")
      const first = yield* open(store)
      yield* commit(store, first.epoch, finish(1))
      yield* same((yield* store.threads.info("thread"))?.runId, "second", "the thread's run after the other's end")
    })
  ),
  clause("the lease is released with the last event, and only then", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      yield* store.threads.append("thread", "run", [says("hello")])
      yield* commit(store, epoch, [text(1), ...failure(2).slice(0, 2)])
      yield* same((yield* store.threads.info("thread"))?.runId, "run", "the thread's run before the end")
      yield* same(yield* tagOf(store.create(record({ runId: "next" }))), "ThreadBusy", "a next run before the end")
      yield* commit(store, epoch, failure(2).slice(2))
      yield* same((yield* store.threads.info("thread"))?.runId, undefined, "the thread's run after the end")
      yield* same((yield* status(store))?.state, "ended", "the state")
      yield* same(yield* Effect.orDie(store.open("run", 0)), undefined, "an ended run, opened")
      yield* same(yield* Effect.orDie(store.unfinished), [], "the runs that have not ended")
      yield* create(store, { runId: "next" })
      const next = yield* open(store, "next")
      yield* same([next.record.historyVersion, next.history], [1, [says("hello")]], "what the next run starts from")
    })
  ),
  clause("an abandoned run ends without another event, and releases its leases", (store) =>
    Effect.gen(function* () {
      yield* store.threads.begin("thread", "tenant", [says("one")])
      const { epoch } = yield* begin(store)
      yield* commit(store, epoch, [text(1), asks(2, "a1"), calls(3, "c1")])
      yield* same(yield* Effect.orDie(store.abandon("run", 3000)), true, "that it was abandoned")
      yield* same(yield* Effect.orDie(store.abandon("run", 3000)), false, "that it was abandoned again")
      yield* same(yield* Effect.orDie(store.abandon("nobody", 3000)), false, "that an unknown run was abandoned")
      const ended = yield* status(store)
      yield* same([ended?.state, ended?.lastSeq], ["ended", 3], "the status")
      yield* same((yield* read(store)).length, 3, "its events")
      yield* same(yield* Effect.orDie(store.pending("tenant")), [], "the open questions")
      const late = { runId: "run", epoch, envelopes: [text(4)], marks: [] }
      yield* same(yield* tagOf(store.commit(late)), "Fenced", "a commit of its owner")
      yield* same(yield* answer(store, "ask/c1", "yes"), { _tag: "Unknown" }, "an answer")
      yield* same(yield* Effect.orDie(store.hasClientCall("run", [], "c1")), false, "that a client call is open")
      yield* same((yield* store.threads.info("thread"))?.runId, undefined, "the run that leases the thread")
      yield* same(yield* store.threads.remove("thread", "tenant"), true, "that the thread was removed")
    })
  ),
  clause("a finished run has ended; its thread is deleted if it never got a message", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      yield* commit(store, epoch, [text(1), ...finish(2)])
      const ended = yield* status(store)
      yield* same([ended?.state, ended?.lastSeq], ["ended", 4], "the status")
      yield* same(yield* store.threads.info("thread"), undefined, "the thread")
    })
  )
]

/** The messages of threads. */
const threads: ReadonlyArray<Clause> = [
  clause("a run's messages are appended once", (store) =>
    Effect.gen(function* () {
      yield* begin(store)
      yield* store.threads.append("thread", "run", [says("one"), says("two")])
      yield* store.threads.append("thread", "run", [says("one"), says("two")])
      yield* store.threads.append("nowhere", "run", [says("lost")])
      yield* same(yield* store.threads.read("thread"), [says("one"), says("two")], "the messages")
      yield* same(yield* store.threads.read("thread", { version: 1 }), [says("one")], "the first message")
      yield* same(yield* store.threads.read("nowhere"), [], "the messages of an unknown thread")
      const { runId, version } = (yield* store.threads.info("thread")) ?? {}
      yield* same([version, runId], [2, "run"], "its information")
    })
  ),
  clause("the last commit adds a run's messages to its thread, once, and releases it", (store) =>
    Effect.gen(function* () {
      const kept = { spent: { ...Budget.nothingSpent, steps: 2 }, summaries: {} }
      const ends = (runId: string, epoch: number, messages: ReadonlyArray<Message.Message>) =>
        commit(store, epoch, finish(1), { runId, left: { messages, kept } })
      yield* ends("run", (yield* begin(store)).epoch, [says("one"), says("two")])
      const after = (yield* store.threads.info("thread")) ?? {}
      yield* same(after, { ...after, version: 2, runId: undefined, spent: kept.spent }, "what is known of it")
      yield* same(yield* store.threads.read("thread"), [says("one"), says("two")], "the messages")
      // An owner of an earlier release has added them before the end.
      const { epoch, history } = yield* begin(store, { runId: "next" })
      yield* same(history, [says("one"), says("two")], "what the next run starts from")
      yield* store.threads.append("thread", "next", [says("three")], kept)
      yield* ends("next", epoch, [says("three")])
      yield* ends("last", (yield* begin(store, { runId: "last" })).epoch, [])
      const { runId, version } = (yield* store.threads.info("thread")) ?? {}
      yield* same([version, runId], [3, undefined], "what is known of it after a run without messages")
      yield* same(yield* store.threads.read("thread"), [says("one"), says("two"), says("three")], "all messages")
    })
  ),
  clause("a thread is imported with messages once, and a run continues from them", (store) =>
    Effect.gen(function* () {
      const begun = (text: string) => store.threads.begin("thread", "tenant", [says(text), says("more")])
      yield* same([yield* begun("one"), yield* begun("two")], [true, false], "that it began")
      const { resourceId, runId, version } = (yield* store.threads.info("thread")) ?? {}
      yield* same([resourceId, version, runId], ["tenant", 2, undefined], "its information")
      const { epoch, history } = yield* begin(store)
      yield* same(history, [says("one"), says("more")], "what the run starts from")
      yield* store.threads.append("thread", "run", [says("three")])
      yield* commit(store, epoch, finish(1))
      yield* same(yield* store.threads.read("thread"), [says("one"), says("more"), says("three")], "the messages")
      yield* same(yield* store.threads.begin("thread", "tenant", []), false, "that it begins anew")
    })
  ),
  clause("a run starts from the history its thread had at its creation, however often it is opened", (store) =>
    Effect.gen(function* () {
      const first = yield* begin(store)
      yield* store.threads.append("thread", "run", [says("one")])
      yield* commit(store, first.epoch, finish(1))
      yield* create(store, { runId: "next" })
      yield* store.threads.append("thread", "next", [says("two")])
      for (let times = 0; times < 2; times++) {
        const next = yield* open(store, "next")
        yield* same([next.record.historyVersion, next.history], [1, [says("one")]], "what it starts from")
      }
    })
  ),
  clause("a tenant's threads are listed in order of creation, and removed unless a run leases them", (store) =>
    Effect.gen(function* () {
      for (const id of ["z", "a", "m"]) {
        const { epoch } = yield* begin(store, { runId: id, threadId: id })
        yield* store.threads.append(id, id, [says(id)])
        const end = finish(1).map((each) => ({ ...each, runId: id, threadId: id }))
        if (id !== "m") yield* commit(store, epoch, end, { runId: id })
      }
      yield* create(store, { runId: "s", threadId: "s", resourceId: "stranger" })
      const ids = Effect.map(store.threads.list("tenant"), (all) => all.map((info) => info.threadId))
      yield* same(yield* ids, ["z", "a", "m"], "the threads")
      const removed = yield* Effect.forEach(["m", "z", "nowhere"], (id) => store.threads.remove(id))
      yield* same(removed, [false, true, false], "what was removed")
      yield* same(yield* ids, ["a", "m"], "the threads that are left")
      yield* same(yield* store.threads.read("z"), [], "the messages of a deleted one")
      yield* same(yield* store.threads.info("z"), undefined, "its information")
    })
  )
]

/**
 * All clauses for a journal store.
 *
 * @since 0.1.0
 * @category constants
 */
export const clauses: ReadonlyArray<Clause> = [
  ...runs,
  ...LogContract.log,
  ...LogContract.outside,
  ...TextContract.long,
  ...ThreadContract.clauses,
  ...threads,
  ...GrantContract.clauses,
  ...QuotaContract.clauses,
  ...RunListContract.clauses,
  ...WebhookContract.clauses,
  ...CorrectionContract.clauses,
  ...MemoryContract.clauses,
  ...ErasureContract.clauses,
  ...SharedErasureContract.clauses,
  ...ApprovalContract.approvals,
  ...FileContract.clauses
]
