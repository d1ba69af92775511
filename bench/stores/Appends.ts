/**
 * D2: commits of streamed text straight to the journal, without a run above it.
 */
import type { Envelope } from "@reins/protocol"
import type { JournalStore } from "@reins/runtime/journal"
import { Effect } from "effect"
import type { Figures } from "../Family.ts"
import type { Store } from "./Store.ts"

const events = (runId: string, from: number, count: number): ReadonlyArray<Envelope.Envelope> =>
  Array.from({ length: count }, (_, index) => ({
    seq: from + index,
    at: 1_700_000_000_000 + from + index,
    runId,
    threadId: runId,
    agentPath: [],
    event: { type: "text", text: `word${(from + index) % 100} ` }
  }))

/** Starts a run; returns a function that commits a number of events after the last. */
const writer = (journal: JournalStore, runId: string) =>
  Effect.gen(function* () {
    yield* journal.create({
      runId,
      threadId: runId,
      resourceId: "bench",
      agent: "bench",
      prompt: "go",
      isolated: true,
      startedAt: 1_700_000_000_000
    })
    const opened = yield* journal.open(runId, 1_700_000_000_000)
    let seq = 0
    return (count: number) =>
      Effect.suspend(() => {
        const envelopes = events(runId, seq + 1, count)
        seq += count
        return journal.commit({ runId, epoch: opened?.epoch ?? 0, envelopes, marks: [] })
      })
  })

/** Events per second of `writers` concurrent runs, each with `commits` times `batch` events. */
const rate = (begin: Begin, writers: number, batch: number, commits: number) =>
  Effect.gen(function* () {
    const all = yield* Effect.forEach(Array.from({ length: writers }), (_, index) => begin(`run-${index}`))
    const write = (times: number) =>
      Effect.forEach(
        all,
        (commit) => Effect.forEach(Array.from({ length: times }), () => commit(batch), { discard: true }),
        { concurrency: "unbounded", discard: true }
      )
    yield* write(Math.ceil(commits / 5))
    const startedAt = performance.now()
    yield* write(commits)
    return ((writers * batch * commits) / (performance.now() - startedAt)) * 1000
  })

type Begin = (runId: string) => Effect.Effect<(count: number) => Effect.Effect<unknown, unknown>, unknown>

/** Rates of commits to a journal of its own. */
const journaled = (store: Store, writers: number, batch: number, commits: number) =>
  Effect.gen(function* () {
    const journal = yield* (yield* store.place).journal
    return yield* rate((runId) => writer(journal, runId), writers, batch, commits)
  }).pipe(Effect.scoped)

/** The same for bare statements; empty if a store has none. */
const bare = (store: Store, name: string, writers: number, batch: number, commits: number) =>
  Effect.gen(function* () {
    const { bare } = yield* store.place
    return bare === undefined ? {} : { [name]: yield* rate(yield* bare, writers, batch, commits) }
  }).pipe(Effect.scoped)

export const measure = (store: Store, quick: boolean): Promise<Figures> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const commits = quick ? 300 : 1500
      const several = Math.ceil(commits / 15)
      return {
        by1: yield* journaled(store, 1, 1, commits),
        ...(yield* bare(store, "bare1", 1, 1, commits)),
        by10: yield* journaled(store, 1, 10, commits),
        ...(yield* bare(store, "bare10", 1, 10, commits)),
        by50: yield* journaled(store, 1, 50, commits),
        by200: yield* journaled(store, 1, 200, Math.ceil(commits / 3)),
        many: yield* journaled(store, 32, 10, several),
        ...(yield* bare(store, "bareMany", 32, 10, several))
      }
    })
  )
