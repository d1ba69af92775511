/** A thread whose stored message is damaged: every dialect says so in its own format, and nothing else is concerned. */
import { assert, describe, it } from "@effect/vitest"
import { Refusal } from "@reins/wire"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer, References } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Queries from "./Queries.ts"
import * as Served from "./Served.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-served-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

describe("a thread with a damaged message", () => {
  it.live("is refused in each dialect's format, listed, and deleted", () =>
    Effect.gen(function* () {
      const filename = join(yield* folder, "runs.db")
      const served = yield* Served.serve({}, Layer.orDie(Sqlite.layer({ filename, gatherMs: 0 })))
      const turn = (count: number) => Queries.all("hello", count).filter(({ isThreaded }) => isThreaded)
      const queries = turn(1)
      for (const { body, path, thread } of queries) {
        // Protocols whose sessions are made first find the thread of another.
        yield* served.ask("/native/query", { body: { prompt: "hello", threadId: thread, stream: false } })
        assert.strictEqual((yield* served.ask(path, { body })).status < 300, true, path)
      }
      const database = new DatabaseSync(filename)
      database.exec("UPDATE reins_messages SET message = '{' WHERE position = 2")
      database.close()
      for (const { body, dialect, path } of turn(2)) {
        const told = yield* served.ask(path, { body })
        const expected = dialect.encodeError(Refusal.make("internal", "ThreadDamaged", "words"))
        assert.strictEqual(told.status, expected.status, `${path}: ${told.text}`)
        assert.include(told.text, "Restore it from a backup", path)
        if (expected.body !== undefined) {
          assert.deepStrictEqual(Object.keys(told.json), Object.keys(Object(expected.body)), path)
        }
      }
      const listed = yield* served.ask("/native/threads")
      assert.strictEqual(listed.status, 200)
      const threads = new Set(queries.map(({ thread }) => thread))
      assert.strictEqual(listed.json.threads.length, threads.size)
      const [thread = ""] = threads
      assert.strictEqual((yield* served.ask(`/native/threads/${thread}`)).status, 500)
      assert.strictEqual((yield* served.ask(`/native/threads/${thread}`, { method: "DELETE" })).status, 204)
      const again = { prompt: "hello", threadId: thread, stream: false }
      assert.strictEqual((yield* served.ask("/native/query", { body: again })).status, 200)
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )
})
