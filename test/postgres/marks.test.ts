/** Owners of messages of an earlier release in a Postgres database, while a process of that release works on it. */
import { assert, describe, layer } from "@effect/vitest"
import { Postgres } from "@reins/store/postgres"
import { Context, Effect, Fiber, Layer, type Redacted } from "effect"
import * as Server from "./Server.ts"

class Address extends Context.Service<Address, string>()("test/postgres/marks/Address") {
  static readonly layer = Layer.effect(Address, Server.server)
}

const tables = ["reins_messages", "reins_branch_messages"] as const

const said = (words: string) => ({ role: "user", content: [{ type: "text", text: words }] }) as const

/** A database with a thread of one message whose owner is a mark of an earlier release. */
const database = Effect.gen(function* () {
  const url = yield* Server.database(yield* Address)
  yield* Effect.scoped(
    Effect.flatMap(Postgres.journal({ url }), ({ threads }) => threads.begin("thread", "default", [said("seed")]))
  )
  const client = yield* Server.client(url)
  yield* client.unsafe("UPDATE reins_messages SET run_id = 'at the beginning'")
  return { url, client }
})

const open = (url: Redacted.Redacted) => Effect.scoped(Effect.asVoid(Postgres.journal({ url })))

describe("the mark of whose a message is that an earlier release wrote in Postgres", () => {
  layer(Address.layer, { timeout: "60 seconds", excludeTestServices: true })((it) => {
    it.effect("is rewritten while others read, and while another process moves messages to a branch", () =>
      Effect.gen(function* () {
        const { client, url } = yield* database
        for (const table of tables) {
          yield* client.unsafe(`DROP INDEX ${table}_copied, ${table}_unmarked`)
          yield* client.unsafe(`CREATE INDEX ${table}_copies ON ${table} (run_id) WHERE run_id LIKE 'copied of %'`)
        }
        yield* client.unsafe("DROP INDEX reins_runs_started")
        yield* client.unsafe("DELETE FROM reins_versions WHERE version > (SELECT max(version) - 2 FROM reins_versions)")
        const reader = yield* Server.client(url)
        yield* reader.unsafe("SET lock_timeout = '5s'")
        const migrating = yield* client.withTransaction(
          Effect.gen(function* () {
            // The other process is never the one that is rolled back.
            yield* client.unsafe("SET LOCAL deadlock_timeout = '60s'")
            yield* client.unsafe("SELECT 1 FROM reins_threads FOR UPDATE")
            yield* client.unsafe(`INSERT INTO reins_branch_messages (branch_id, run_id, position, message)
              SELECT 'branch', run_id, position, message FROM reins_messages`)
            const fiber = yield* Effect.forkChild(open(url))
            const waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation IS NOT NULL"
            yield* Effect.repeat(reader.unsafe(waits), { until: (found) => found.length > 0 })
            assert.lengthOf(yield* reader.unsafe("SELECT 1 FROM reins_messages"), 1)
            yield* client.unsafe("DELETE FROM reins_messages")
            return fiber
          })
        )
        yield* Fiber.join(migrating)
        const left = yield* client.unsafe("SELECT run_id FROM reins_branch_messages")
        assert.deepStrictEqual(left, [{ run_id: "\u0001at the beginning" }])
      })
    )

    it.effect("is found among many messages without a look at the others", () =>
      Effect.gen(function* () {
        const { client, url } = yield* database
        for (const [table, key] of [
          ["reins_messages", "thread_id"],
          ["reins_branch_messages", "branch_id"]
        ] as const) {
          yield* client.unsafe(`INSERT INTO ${table} (${key}, run_id, position, message)
            SELECT 'thread ' || n / 20, 'run_' || md5((n / 2)::text), n, '{}' FROM generate_series(1, 20000) AS n`)
        }
        yield* client.unsafe(`INSERT INTO reins_threads (thread_id, resource_id, begun)
          SELECT 'thread ' || n, 'default', n FROM generate_series(1, 1000) AS n`)
        yield* client.unsafe("ANALYZE")
        yield* open(url)
        const first = "SELECT run_id FROM reins_messages WHERE thread_id = 'thread'"
        assert.deepStrictEqual(yield* client.unsafe(first), [{ run_id: "\u0001at the beginning" }])
        // What its connections did is counted once they have ended.
        const counted = client.unsafe<{ readonly found: boolean; readonly scanned: string | null }>(
          `SELECT (SELECT idx_tup_read > 0 FROM pg_stat_user_indexes WHERE indexrelname = 'reins_messages_unmarked') AS found,
             (SELECT string_agg(relname, ', ') FROM pg_stat_user_tables WHERE relname LIKE '%messages' AND seq_tup_read >= 1000) AS scanned`
        )
        const until = ([row]: ReadonlyArray<{ readonly found: boolean; readonly scanned: string | null }>) =>
          row?.found === true || row?.scanned !== null
        assert.deepStrictEqual(yield* Effect.repeat(counted, { until }), [{ found: true, scanned: null }])
      })
    )
  })
})
