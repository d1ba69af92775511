/**
 * The part of the contract about erasing a principal from what it shares with others: threads, the audit record, grants and
 * memories.
 */
import { Budget } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Memory from "../memory/Memory.ts"
import {
  act,
  begin,
  type Clause,
  clause,
  commit,
  done,
  erase,
  finish,
  grant,
  lived,
  read,
  same,
  says,
  text
} from "./JournalSamples.ts"

/**
 * Clauses about erasing from what is shared.
 *
 * @since 0.2.0
 * @category constants
 */
export const clauses: ReadonlyArray<Clause> = [
  clause(
    "in a thread of others only the principal's messages are replaced; places, runs and files of others stay",
    (store) =>
      Effect.gen(function* () {
        const turn = Effect.fnUntraced(function* (runId: string, principal: string | undefined) {
          const who = principal === undefined ? {} : { principal }
          const { epoch } = yield* begin(store, { runId, threadId: "shared", ...who })
          const reply = { role: "assistant", content: [{ type: "text", text: `to ${runId}` }] } as const
          yield* store.threads.append("shared", runId, [says(`by ${runId}`), reply], {
            spent: Budget.nothingSpent,
            summaries: { desk: { strategy: "s", covers: 1, text: "what was said" } }
          })
          const here = { runId, threadId: "shared" }
          yield* commit(
            store,
            epoch,
            finish(1).map((one) => ({ ...one, ...here })),
            { runId }
          )
        })
        for (const [runId, principal] of [
          ["b1", "bob"],
          ["a1", "ann"],
          ["b2", "bob"]
        ] as const) {
          yield* turn(runId, principal)
        }
        yield* store.threads.describe("shared", "tenant", { title: "Bob's" })
        const { deleted, kept } = yield* done(store)
        yield* same([deleted.threads, deleted.messages, deleted.runs], [0, 2, 1], "what was deleted")
        yield* same(kept.sharedThreads, ["shared"], "the threads of others")
        const texts = (yield* store.threads.read("shared")).map(({ content: [part], role }) => [
          role,
          part?.type === "text" ? part.text : ""
        ])
        const wanted = [
          ["user", "by b1"],
          ["assistant", "to b1"],
          ["user", "[erased]"],
          ["assistant", "[erased]"],
          ["user", "by b2"],
          ["assistant", "to b2"]
        ]
        yield* same(texts, wanted, "the messages")
        yield* same((yield* store.threads.info("shared"))?.description?.title, "Bob's", "its title")
        const places = [...(yield* store.threads.places("shared"))].filter(([runId]) => runId !== "a1")
        yield* same(
          places,
          [
            ["b1", 0],
            ["b2", 4]
          ],
          "the places of his runs"
        )
        const next = yield* begin(store, { runId: "b3", threadId: "shared", principal: "bob" })
        yield* same(
          next.record.thread?.kept,
          { spent: Budget.nothingSpent, summaries: {} },
          "what the next run starts with"
        )
      })
  ),
  clause("in forks each copied message is its author's, also in forks of forks and of branches", (store) =>
    Effect.gen(function* () {
      for (const [runId, principal] of [
        ["b1", "bob"],
        ["a1", "ann"]
      ] as const) {
        const { epoch } = yield* begin(store, { runId, threadId: "shared", principal })
        yield* store.threads.append("shared", runId, [says(`by ${principal}`)])
        const here = { runId, threadId: "shared" }
        yield* commit(
          store,
          epoch,
          finish(1).map((one) => ({ ...one, ...here })),
          { runId }
        )
      }
      const fork = (threadId: string, of: string, branch?: string) =>
        store.threads.fork(threadId, "tenant", { threadId: of, branch }, "bob")
      yield* same(yield* fork("fork", "shared"), true, "that it is forked")
      yield* same(yield* fork("fork", "shared"), false, "that it is forked under the same id")
      yield* same(yield* store.threads.fork("foreign", "other", { threadId: "shared" }), true, "that others fork")
      yield* same(yield* store.threads.read("foreign"), [], "what another tenant forks")
      yield* fork("fork of fork", "fork")
      yield* store.threads.change("shared", "tenant", { _tag: "Rewind", to: 0, branchId: "br" })
      yield* fork("fork of branch", "shared", "br")
      yield* store.threads.change("fork of fork", "tenant", { _tag: "Rewind", to: 1, branchId: "br of fork" })
      yield* same([...(yield* store.threads.places("fork"))], [], "the runs of a fork")
      const { deleted, kept } = yield* done(store)
      yield* same([deleted.threads, deleted.messages, deleted.runs], [0, 4, 1], "what was deleted")
      const all = ["fork", "fork of branch", "fork of fork", "shared"]
      yield* same(kept.sharedThreads.toSorted(), all, "the threads of others")
      const left = [says("by bob"), says("[erased]")]
      yield* same(yield* store.threads.read("fork"), left, "the fork")
      yield* same(yield* store.threads.read("fork of branch"), left, "the fork of the branch")
      yield* same(
        yield* store.threads.read("fork of fork", { branch: "br of fork" }),
        left,
        "the branch of the fork of the fork"
      )
    })
  ),
  clause(
    "the id of a run may read like a store's own note of whose messages are, and is its run's all the same",
    (store) =>
      Effect.gen(function* () {
        const ids = [
          "copied of b1",
          "Copied Of b1",
          "\u0001copied of b1",
          "at the beginning",
          "before b1",
          "rewritten after 1"
        ]
        const { fork, places, read } = store.threads
        for (const [index, runId] of ids.entries()) {
          const threadId = `thread ${index}`
          yield* store.threads.begin(threadId, "tenant", [says("by bob")], "bob")
          yield* lived(store, "ann", { runId, threadId })
          yield* same([...(yield* places(threadId))], [[runId, 1]], `the run's place: ${runId}`)
          yield* same(yield* fork(`fork ${index}`, "tenant", { threadId }, "bob"), true, `that it is forked: ${runId}`)
          yield* same([...(yield* places(`fork ${index}`))], [], `the runs of the fork: ${runId}`)
        }
        const { deleted } = yield* done(store)
        const wanted = [0, 2 * ids.length, ids.length]
        yield* same([deleted.threads, deleted.messages, deleted.runs], wanted, "what was deleted")
        for (const [index, runId] of ids.entries()) {
          for (const threadId of [`thread ${index}`, `fork ${index}`])
            yield* same(yield* read(threadId), [says("by bob"), says("[erased]")], `${threadId}: ${runId}`)
        }
      })
  ),
  clause("a fork that its beginner shares with others is not deleted with its beginner", (store) =>
    Effect.gen(function* () {
      yield* lived(store, "ann", { threadId: "shared" })
      yield* lived(store, "bob", { threadId: "shared" })
      yield* store.threads.fork("fork", "tenant", { threadId: "shared" }, "ann")
      yield* store.threads.fork("of hers", "tenant", { threadId: "shared", version: 1 }, "ann")
      const { deleted } = yield* done(store)
      yield* same([deleted.threads, deleted.messages], [1, 3], "what was deleted")
      yield* same(yield* store.threads.read("of hers"), [], "the fork of what is hers alone")
      for (const thread of ["shared", "fork"])
        yield* same(yield* store.threads.read(thread), [says("[erased]"), says("secret of bob")], thread)
    })
  ),
  clause("the principal's messages are erased from branches of its threads and of threads of others", (store) =>
    Effect.gen(function* () {
      yield* lived(store, "ann")
      yield* store.threads.change("ann-thread", "tenant", { _tag: "Rewind", to: 0, branchId: "br1" })
      const { epoch } = yield* begin(store, { runId: "b1", threadId: "shared", principal: "bob" })
      yield* store.threads.append("shared", "b1", [says("by bob")])
      yield* commit(
        store,
        epoch,
        finish(1).map((one) => ({ ...one, runId: "b1", threadId: "shared" })),
        { runId: "b1" }
      )
      yield* lived(store, "ann", { runId: "a2", threadId: "shared" })
      yield* store.threads.change("shared", "tenant", { _tag: "Rewind", to: 1, branchId: "br2" })
      const { deleted } = yield* done(store)
      yield* same([deleted.threads, deleted.messages], [1, 2], "what was deleted")
      yield* same(yield* store.threads.branches("ann-thread"), [], "the branches of her thread")
      yield* same(
        yield* store.threads.read("shared", { branch: "br2" }),
        [says("by bob"), says("[erased]")],
        "his branch"
      )
    })
  ),
  clause("a run of another in a thread with the principal's messages is waited for", (store) =>
    Effect.gen(function* () {
      yield* lived(store, "ann", { threadId: "thread" })
      const { epoch } = yield* begin(store, { principal: "bob" })
      yield* same(yield* erase(store), { _tag: "Busy", runs: [], others: ["run"] }, "the refusal")
      yield* store.threads.append("thread", "run", [says("by bob")])
      yield* commit(store, epoch, finish(1))
      yield* done(store)
      yield* same(yield* store.threads.read("thread"), [says("[erased]"), says("by bob")], "the messages")
    })
  ),
  clause(
    "a thread that was imported for a principal, or by nobody and first used by the principal, is erased",
    (store) =>
      Effect.gen(function* () {
        yield* store.threads.begin("imported", "tenant", [says("hers")], "ann")
        yield* store.threads.begin("ann-thread", "tenant", [says("unowned")])
        yield* store.threads.begin("unowned", "tenant", [says("unowned")])
        yield* lived(store, "ann")
        const { deleted } = yield* done(store)
        yield* same([deleted.threads, deleted.messages], [2, 3], "what was deleted")
        yield* same(
          (yield* store.threads.list("tenant")).map(({ threadId }) => threadId),
          ["unowned"],
          "what is left"
        )
      })
  ),
  clause("a run without a principal counts as that of whoever began its thread", (store) =>
    Effect.gen(function* () {
      yield* lived(store, "ann", { threadId: "thread" })
      const { epoch } = yield* begin(store)
      yield* store.threads.append("thread", "run", [says("by a program")])
      yield* commit(store, epoch, [text(1), ...finish(2)])
      const { deleted } = yield* done(store)
      yield* same([deleted.threads, deleted.runs, deleted.messages], [1, 2, 2], "what was deleted")
      yield* same(yield* read(store), [], "the program's events")
    })
  ),
  clause("what a principal did about runs of others stays, under the pseudonym", (store) =>
    Effect.gen(function* () {
      yield* lived(store, "bob")
      const about = { runId: "bob-run", threadId: "bob-thread" }
      yield* store.audit.record([
        act("x", { ...about, by: "ann" }),
        act("y", { ...about, kind: "decided", at: 1600, by: "mia, ann, annabel" })
      ])
      yield* store.grants?.add(grant("g", { ...about, by: "ann" })) ?? Effect.void
      const { deleted, kept } = yield* done(store)
      yield* same([deleted.acts, deleted.grants], [0, 0], "what was deleted")
      yield* same([kept.acts, kept.grants], [3, store.grants === undefined ? 0 : 1], "what stays under the pseudonym")
      const { acts } = yield* store.audit.read({ resourceId: "tenant", limit: 20 })
      const names = acts.flatMap(({ by }) => (by === undefined ? [] : [by]))
      yield* same(
        names.toSorted(),
        ["erased_1", "erased_1", "mia", "mia, erased_1, annabel"],
        "who the acts say it was"
      )
      const own = yield* store.audit.read({ resourceId: "tenant", principal: "ann", limit: 20 })
      yield* same(own.acts, [], "the acts that are found by the name")
      const given = (yield* store.grants?.list("tenant") ?? Effect.succeed([])).find(({ id }) => id === "g")
      yield* same(given?.by, store.grants === undefined ? undefined : "erased_1", "who gave the grant")
    })
  ),
  clause("what the principal's runs told others to remember is erased, what others remember is not", (store) =>
    Effect.gen(function* () {
      const { memories } = store
      if (memories === undefined) return
      yield* lived(store, "ann")
      const remember = (id: string, over: { readonly principal?: string; readonly runId?: string }) =>
        Effect.orDie(
          memories.remember(
            {
              id,
              text: `text ${id}`,
              at: 1000,
              scope: { resourceId: "tenant", ...(over.principal === undefined ? {} : { principal: over.principal }) },
              ...(over.runId === undefined ? {} : { runId: over.runId })
            },
            Memory.defaultLimits
          )
        )
      yield* remember("shared by her run", { runId: "ann-run" })
      yield* remember("shared by code", {})
      yield* remember("his", { principal: "bob" })
      yield* same((yield* done(store)).deleted.memories, 2, "how many were deleted")
      const left = (yield* memories.list({ resourceId: "tenant", limit: 10, at: 2000 })).memories
      yield* same(left.map(({ id }) => id).toSorted(), ["his", "shared by code"], "what is left")
    })
  )
]
