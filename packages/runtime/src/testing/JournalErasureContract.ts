/**
 * The part of the journal contract about erasing a principal: all that is the principal's goes, what is of others stays as
 * it was, what was spent stays counted, and runs that have not ended are never cut.
 */
import { Quota } from "@reins/protocol"
import * as Effect from "effect/Effect"
import { nothing } from "../engine/Erasure.ts"
import { model, run as booked, told } from "./JournalCostContract.ts"
import {
  act,
  begin,
  type Clause,
  clause,
  commit,
  create,
  daily,
  done,
  erase,
  finish,
  lived,
  none,
  read,
  record,
  same,
  seen,
  status,
  tagOf,
  text
} from "./JournalSamples.ts"

/**
 * Clauses about erasing.
 *
 * @since 0.2.0
 * @category constants
 */
export const clauses: ReadonlyArray<Clause> = [
  clause("all that is kept of a principal is erased; of others, and in other tenants, nothing", (store) =>
    Effect.gen(function* () {
      for (const principal of ["ann", "bob"]) yield* lived(store, principal)
      yield* lived(store, "ann", { runId: "other-run", threadId: "other-thread", resourceId: "other" })
      const before = yield* seen(store, "bob")
      const { deleted } = yield* done(store)
      const { acts, files, grants, memories, messages, runs, threads } = deleted
      // The grant was given in an act of its own.
      yield* same([threads, messages, runs, files, grants, memories, acts], [1, 1, 1, 1, 1, 1, 2], "what was deleted")
      yield* same(yield* seen(store, "ann"), none, "what is left of her")
      yield* same(yield* store.threads.info("ann-thread"), undefined, "her thread")
      yield* same(yield* seen(store, "bob"), before, "what is left of him")
      yield* same((yield* Effect.orDie(store.read("other-run", 0, 100))).length, 6, "her namesake's events")
      yield* same((yield* store.threads.read("other-thread")).length, 1, "her namesake's messages")
    })
  ),
  clause(
    "a second time deletes nothing; a run that came since is deleted, also under the same name of a thread",
    (store) =>
      Effect.gen(function* () {
        yield* lived(store, "ann")
        yield* done(store)
        const again = yield* done(store, { pseudonym: "erased_2" })
        yield* same(again.deleted, nothing, "what a second time deletes")
        yield* same(
          { ...again.kept },
          { runIds: 0, costLines: 0, acts: 0, grants: 0, sharedThreads: [] },
          "what it keeps"
        )
        yield* lived(store, "ann", { runId: "ann-again" })
        const { deleted } = yield* done(store, { pseudonym: "erased_3" })
        yield* same([deleted.threads, deleted.runs, deleted.messages], [1, 1, 1], "what the third time deletes")
        yield* same((yield* store.threads.read("ann-thread")).length, 0, "the messages")
      })
  ),
  clause("while a run of the principal has not ended nothing is erased, and the run goes on", (store) =>
    Effect.gen(function* () {
      yield* lived(store, "ann")
      const before = yield* seen(store, "ann")
      const { epoch } = yield* begin(store, { principal: "ann" })
      yield* same(yield* erase(store), { _tag: "Busy", runs: ["run"], others: [] }, "the refusal")
      yield* same(yield* seen(store, "ann"), before, "what there is of her")
      yield* commit(store, epoch, [text(1), ...finish(2)])
      yield* same((yield* erase(store))._tag, "Erased", "that it is erased then")
      yield* same(yield* read(store), [], "its events")
    })
  ),
  clause("a run that starts while its principal is erased starts before or after it, as a whole", (store) =>
    Effect.gen(function* () {
      for (const round of [1, 2, 3, 4]) {
        const [runId, threadId] = [`raced-${round}`, `of raced-${round}`]
        yield* lived(store, "ann", { runId: `old-${round}` })
        const started = { runId, threadId, principal: "ann" }
        const [outcome] = yield* Effect.all([erase(store, { pseudonym: `erased_${round}` }), create(store, started)], {
          concurrency: "unbounded"
        })
        // Before it: nothing is erased. After it: the run is there, and nothing of what was before.
        const events = (yield* Effect.orDie(store.read(`old-${round}`, 0, 100))).length
        yield* same(events, outcome._tag === "Busy" ? 6 : 0, "the events of the run before")
        yield* same((yield* status(store, runId))?.state, "running", "the run that started")
        yield* same((yield* store.threads.info(threadId))?.principal, "ann", "whose its thread is")
        const opened = yield* Effect.orDie(store.open(runId, 2000))
        const last = finish(1).map((one) => ({ ...one, runId, threadId }))
        yield* commit(store, opened?.epoch ?? 0, last, { runId })
        yield* done(store, { pseudonym: `erased_${round}_` })
      }
    })
  ),
  clause("the ids of erased runs stay reserved and are listed as forgotten, under a pseudonym", (store) =>
    Effect.gen(function* () {
      yield* lived(store, "ann")
      const { kept } = yield* done(store)
      yield* same(kept.runIds, 1, "how many ids stay")
      yield* same(
        yield* tagOf(store.create(record({ runId: "ann-run", threadId: "new" }))),
        "RunExists",
        "a late retry"
      )
      const { runs } = yield* Effect.orDie(store.list({ resourceId: "tenant", limit: 10 }))
      yield* same(
        runs.map(({ endReason, isForgotten, lastSeq, principal }) => [principal, isForgotten, lastSeq, endReason]),
        [["erased_1", true, 0, "stop"]],
        "the list of runs"
      )
    })
  ),
  clause("lines of the cost ledger stay under the pseudonym, and sums stay as they were", (store) =>
    Effect.gen(function* () {
      for (const [runId, principal, nano] of [
        ["one", "ann", 7],
        ["two", "ann", 5],
        ["three", "bob", 3]
      ] as const) {
        yield* booked(store, runId, [model("m", nano)], 2000, { principal })
      }
      const before = yield* told(store, ["model"])
      const { kept } = yield* done(store)
      yield* same(kept.costLines, 2, "how many lines stay")
      yield* same(yield* told(store, ["model"]), before, "the sums")
      const per = yield* told(store, ["principal"])
      yield* same(
        per.toSorted(),
        [
          ["bob", 3],
          ["erased_1", 12]
        ],
        "the sums by principal"
      )
    })
  ),
  clause("the audit record of the principal's runs can be kept, under the pseudonym", (store) =>
    Effect.gen(function* () {
      yield* lived(store, "ann")
      const place = { runId: "ann-run", threadId: "ann-thread" }
      yield* store.audit.record([act("x", { ...place, by: "ann" }), act("y", { ...place, by: "ann, bob" })])
      const { deleted, kept } = yield* done(store, { acts: false })
      yield* same([deleted.acts, kept.acts], [0, 2], "what was deleted, and renamed")
      const both = (principal: string) =>
        Effect.map(store.audit.read({ resourceId: "tenant", principal, limit: 20 }), (found) => found.acts.length)
      yield* same(yield* both("ann, bob"), 0, "the acts of both, found by the old names")
      const { acts } = yield* store.audit.read({ resourceId: "tenant", runId: "ann-run", limit: 20 })
      yield* same(
        acts.filter(({ by }) => by === "ann"),
        [],
        "the acts that name her"
      )
      yield* same(acts.length, 4, "how many acts there are")
    })
  ),
  clause("notices and web hooks of the principal's runs, and notes of its threads, are erased", (store) =>
    Effect.gen(function* () {
      const hook = {
        id: "hook",
        resourceId: "tenant",
        url: "https://receiver.example/told",
        events: ["approval.required", "run.ended"] as const,
        content: false,
        source: "api" as const,
        createdAt: 500,
        secrets: ["one"]
      }
      yield* store.webhooks.put(hook)
      yield* store.webhooks.put({ ...hook, id: "push", runId: "ann-run", events: [], source: "protocol" })
      for (const principal of ["ann", "bob"]) {
        yield* lived(store, principal)
        const thread = { threadId: `${principal}-thread`, resourceId: "tenant" }
        const runs = [{ runId: `${principal}-run`, note: "note" }]
        yield* store.threads.notes?.put(thread, { version: 0, thread: "note", runs }) ?? Effect.void
      }
      const { deleted } = yield* done(store)
      // A question, an end, and the web hook of her run.
      yield* same([deleted.notices, deleted.notes], [3, store.threads.notes === undefined ? 0 : 2], "what was deleted")
      const due = yield* store.webhooks.due("hook", 1_000_000, 10)
      yield* same(due.map(({ run }) => run.runId).toSorted(), ["bob-run", "bob-run"], "what is still told")
      yield* same((yield* store.webhooks.list({ runId: "ann-run" })).length, 0, "the web hooks of her run")
      const noted = yield* store.threads.notes?.list("tenant") ?? Effect.succeed([{ threadId: "bob-thread" }])
      yield* same(
        noted.map(({ threadId }) => threadId),
        ["bob-thread"],
        "the threads that have notes"
      )
    })
  ),
  clause("the principal's own quotas are erased; those of others and of the tenant count on", (store) =>
    Effect.gen(function* () {
      const tenant = Quota.charges([Quota.make({ per: "tenant", window: "day", maxRuns: 5 })], { resourceId: "tenant" })
      for (const principal of ["ann", "bob"]) {
        yield* lived(store, principal, { quotas: [...daily(principal), ...tenant] })
        yield* store.quotas.limit(daily(principal)[0]?.key ?? "", { maxRuns: 9 })
      }
      const used = (charges: ReadonlyArray<Quota.Charge>) =>
        Effect.map(store.quotas.standings(charges, 2000), ([one]) => [one?.quota.maxRuns, one?.used.runs])
      yield* same(
        yield* Effect.forEach([daily("ann"), daily("bob"), tenant], used),
        [
          [9, 1],
          [9, 1],
          [5, 2]
        ],
        "before"
      )
      yield* same((yield* done(store)).deleted.quotas, 1, "how many were deleted")
      yield* same(
        yield* Effect.forEach([daily("ann"), daily("bob"), tenant], used),
        [
          [5, 0],
          [9, 1],
          [5, 2]
        ],
        "after"
      )
    })
  ),
  clause("a principal is erased whatever its id", (store) =>
    Effect.gen(function* () {
      const names = ["%", "o'hara_", 'a"b\\', "ä\u0000", "x,y"]
      for (const [index, principal] of names.entries()) {
        yield* lived(store, principal, { runId: `r${index}`, threadId: `t${index}` })
        yield* lived(store, `${principal}z`, { runId: `other${index}`, threadId: `another${index}` })
        const { deleted } = yield* done(store, { principal, pseudonym: `erased_${index}` })
        yield* same([deleted.runs, deleted.threads, deleted.files], [1, 1, 1], `what is deleted of ${principal}`)
        yield* same((yield* Effect.orDie(store.read(`other${index}`, 0, 100))).length, 6, "another's events")
      }
    })
  )
]
