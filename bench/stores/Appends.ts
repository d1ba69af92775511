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

/** Begins a run of its own; answers a commit of so many events behind the last. */
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

/** Events a second of `writers` runs at once, each `commits` times `batch` events. */
const rate = (store: Store, writers: number, batch: number, commits: number) =>
  Effect.gen(function* () {
    const journal = yield* (yield* store.place).journal
    const all = yield* Effect.forEach(Array.from({ length: writers }), (_, index) => writer(journal, `run-${index}`))
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
  }).pipe(Effect.scoped)

export const measure = (store: Store, quick: boolean): Promise<Figures> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const commits = quick ? 300 : 1500
      return {
        by1: yield* rate(store, 1, 1, commits),
        by10: yield* rate(store, 1, 10, commits),
        by50: yield* rate(store, 1, 50, commits),
        by200: yield* rate(store, 1, 200, Math.ceil(commits / 3)),
        many: yield* rate(store, 32, 10, Math.ceil(commits / 15))
      }
    })
  )
