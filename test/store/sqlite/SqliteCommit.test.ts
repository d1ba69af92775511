/** Commits that share a transaction: each is still all or nothing, and an invalid one does not affect the others. */
import { assert, describe, it } from "@effect/vitest"
import type { Envelope } from "@reins/protocol"
import { Sqlite } from "@reins/store/sqlite"
import { Effect } from "effect"
import { DatabaseSync } from "node:sqlite"
import { join } from "node:path"
import * as Stores from "../crash/Stores.ts"

const text = (runId: string, seq: number): Envelope.Envelope => ({
  seq,
  at: 1000,
  runId,
  threadId: runId,
  agentPath: [],
  event: { type: "text", text: `${seq}` }
})

/** Runs with these ids, each with its owner's epoch. */
const begun = (ids: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const filename = join(yield* Stores.folder, "runs.db")
    const store = yield* Sqlite.journal({ filename })
    const epochs = yield* Effect.forEach(ids, (runId) =>
      Effect.gen(function* () {
        const about = { runId, threadId: runId, resourceId: "tenant", agent: "desk", prompt: "Go." }
        yield* store.create({ ...about, isolated: true, startedAt: 0 })
        return (yield* store.open(runId, 0))?.epoch ?? 0
      })
    )
    const write = (index: number, over: { readonly epoch?: number; readonly seq?: number } = {}) => {
      const runId = ids[index] ?? ""
      const { epoch = epochs[index] ?? 0, seq = 1 } = over
      return store.commit({ runId, epoch, envelopes: [text(runId, seq), text(runId, seq + 1)], marks: [] }).pipe(
        Effect.as("written"),
        Effect.catch(({ _tag }) => Effect.succeed(_tag))
      )
    }
    const kept = Effect.forEach(ids, (runId) => Effect.map(store.read(runId, 0, 10), (all) => all.length))
    return { filename, write, kept }
  })

describe("concurrent commits", () => {
  it.live("are rejected for a replaced owner and for a gap, and accepted for all others", () =>
    Effect.gen(function* () {
      const { kept, write } = yield* begun(["a", "b", "c", "d"])
      const ends = yield* Effect.all([write(0), write(1, { epoch: 0 }), write(2, { seq: 5 }), write(3)], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(ends, ["written", "Fenced", "StoreFailure", "written"])
      assert.deepStrictEqual(yield* kept, [2, 0, 0, 2])
    })
  )

  it.live("are retried one by one when the database rejects them together", () =>
    Effect.gen(function* () {
      const { filename, kept, write } = yield* begun(["a", "bad", "c"])
      const other = new DatabaseSync(filename)
      other.exec(
        `CREATE TRIGGER refuse BEFORE INSERT ON reins_events WHEN NEW.run_id = 'bad'
         BEGIN SELECT RAISE(ABORT, 'refused'); END`
      )
      other.close()
      const ends = yield* Effect.all([write(0), write(1), write(2)], { concurrency: "unbounded" })
      assert.deepStrictEqual(ends, ["written", "StoreFailure", "written"])
      assert.deepStrictEqual(yield* kept, [2, 0, 2])
    })
  )

  it.live("of one run keep their order", () =>
    Effect.gen(function* () {
      const { kept, write } = yield* begun(["a"])
      const seqs = Array.from({ length: 200 }, (_, index) => 1 + index * 2)
      const ends = yield* Effect.forEach(seqs, (seq) => write(0, { seq }), { concurrency: "unbounded" })
      assert.deepStrictEqual([...new Set(ends)], ["written"])
      assert.deepStrictEqual(yield* kept, [10])
    })
  )
})
