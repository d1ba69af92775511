/** Erasing and bringing back runs of a Postgres database is the same as with SQLite. */
import { assert, describe, layer } from "@effect/vitest"
import { Agent, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Postgres } from "@reins/store/postgres"
import { Context, Effect, Layer, Stream } from "effect"
import * as Server from "./Server.ts"

class Address extends Context.Service<Address, string>()("test/postgres/erasure/Address") {
  static readonly layer = Layer.effect(Address, Server.server)
}

/** Refuses a change of a run by a transaction that has not locked the run's thread, or that deletes it and has no name. */
const ordered = `
  CREATE FUNCTION ordered() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT 1 FROM reins_threads t WHERE t.thread_id = OLD.thread_id
      AND pg_xact_status(t.xmin::text::xid8) = 'committed'
      AND (t.xmax = '0'::xid OR pg_xact_status(t.xmax::text::xid8) <> 'in progress')) THEN
      RAISE EXCEPTION 'a run before its thread';
    END IF;
    IF TG_OP = 'UPDATE' THEN RETURN NEW; END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_locks l WHERE l.pid = pg_backend_pid() AND l.locktype = 'advisory') THEN
      RAISE EXCEPTION 'a run before its principal';
    END IF;
    RETURN OLD;
  END $$`

const trigger = `CREATE TRIGGER ordered BEFORE DELETE OR UPDATE OF record, principal ON reins_runs FOR EACH ROW EXECUTE FUNCTION ordered()`

describe("a thread of a Postgres database", () => {
  layer(Address.layer, { timeout: "60 seconds", excludeTestServices: true })((it) => {
    it.effect(
      "is forgotten before a time, and not before what is no time, which Postgres takes for the end of all times",
      () =>
        Effect.gen(function* () {
          const url = yield* Server.database(yield* Address)
          const model = ScriptedModel.layer({ respond: () => ScriptedModel.text("Hello.") })
          yield* Effect.flatMap(Runtime, ({ complete }) => complete("Hi.")).pipe(
            Effect.provide(
              Runtime.layer({ agents: [Agent.make("desk", {})] }).pipe(
                Layer.provide([model, Postgres.layer({ url, gatherMs: 0, maxConnections: 4 })])
              )
            )
          )
          const archive = yield* Postgres.archive({ url, maxConnections: 2 })
          for (const before of [Number.NaN, Number.NEGATIVE_INFINITY, -1, 1.5]) {
            assert.strictEqual(yield* archive.forgetEnded(before), 0)
            assert.strictEqual(yield* archive.forgetCosts(before), 0)
            assert.strictEqual(yield* archive.forgetActs(before), 0)
            assert.deepStrictEqual(yield* archive.packEnded(before), { runs: 0, rows: 0 })
          }
          assert.strictEqual(yield* archive.forgetEnded(Number.POSITIVE_INFINITY), 1)
          assert.strictEqual(yield* archive.forgetCosts(Number.POSITIVE_INFINITY), 1)
        }).pipe(Effect.scoped),
      60_000
    )

    it.effect(
      "is erased with its runs, which come back whole from their lines; one with an open run is not",
      () =>
        Effect.gen(function* () {
          const url = yield* Server.database(yield* Address)
          const model = ScriptedModel.layer({ respond: () => ScriptedModel.text("Hello.") })
          const runtime = Runtime.layer({ agents: [Agent.make("desk", {})] }).pipe(
            Layer.provide([model, Postgres.layer({ url, gatherMs: 0, maxConnections: 4 })])
          )
          yield* Effect.gen(function* () {
            const { complete } = yield* Runtime
            yield* complete("Hi.", { threadId: "t", runId: "one" })
            yield* complete("Hi again.", { threadId: "t", runId: "two" })
            yield* complete("Hi.", { threadId: "other", runId: "three" })
          }).pipe(Effect.provide(runtime))
          const archive = yield* Postgres.archive({ url, maxConnections: 2 })
          const lines = yield* Effect.forEach(["one", "two"], archive.exportRun)
          const client = yield* Server.client(url)
          yield* client.unsafe("UPDATE reins_runs SET ended_at = NULL WHERE run_id = 'two'")
          const open = yield* Effect.flip(archive.erase({ threadId: "t" }))
          assert.match(open.message, /^Run two has not ended\./)
          yield* client.unsafe("UPDATE reins_runs SET ended_at = 1 WHERE run_id = 'two'")
          assert.deepInclude(yield* archive.erase({ threadId: "t" }), { runs: 2, messages: 4 })
          assert.deepInclude(yield* archive.holdings({ threadId: "other" }), { runs: 1, messages: 2 })
          yield* archive.compact
          for (const each of lines) yield* archive.importRun(each)
          assert.deepStrictEqual(yield* archive.exportRun("one"), lines[0])
          yield* Effect.gen(function* () {
            const { threads, watch } = yield* Runtime
            assert.lengthOf(yield* threads.get("t"), 4)
            assert.isAbove((yield* Stream.runCollect(watch("two"))).length, 3)
          }).pipe(Effect.provide(runtime))
        }).pipe(Effect.scoped),
      60_000
    )

    it.effect(
      "is locked before its runs, and its principal before both, by erasures and imports, so that none waits for another",
      () =>
        Effect.gen(function* () {
          const url = yield* Server.database(yield* Address)
          const model = ScriptedModel.layer({ respond: () => ScriptedModel.text("Hello.") })
          yield* Effect.flatMap(Runtime, ({ complete }) =>
            complete("Hi.", { threadId: "t", runId: "one", resourceId: "dev", principal: "ann" })
          ).pipe(
            Effect.provide(
              Runtime.layer({ agents: [Agent.make("desk", {})] }).pipe(
                Layer.provide([model, Postgres.layer({ url, gatherMs: 0, maxConnections: 4 })])
              )
            )
          )
          const archive = yield* Postgres.archive({ url, maxConnections: 4 })
          const lines = yield* archive.exportRun("one")
          const client = yield* Server.client(url)
          const forgotten = archive.forgetEnded(Number.MAX_SAFE_INTEGER)
          assert.strictEqual(yield* forgotten, 1)
          for (const statement of [ordered, trigger]) yield* client.unsafe(statement)
          // The thread is there, and the run's id is reserved.
          assert.strictEqual(yield* archive.importRun(lines), "one")
          assert.deepInclude(yield* archive.erase({ threadId: "t" }, { principals: true }), { runs: 1 })
          yield* archive.importRun(lines)
          const erased = archive.erasePrincipal("ann", { resourceId: "dev" })
          assert.deepInclude((yield* erased).deleted, { threads: 1, runs: 1 })
          yield* client.unsafe("DROP TRIGGER ordered ON reins_runs")
          for (let round = 0; round < 5; round++) {
            yield* archive.importRun(lines)
            yield* Effect.all(
              [forgotten, erased, archive.importRun(lines).pipe(Effect.catchTag("NotImported", () => Effect.void))],
              {
                concurrency: "unbounded"
              }
            )
            yield* erased
          }
        }).pipe(Effect.scoped),
      60_000
    )

    it.effect(
      "is erased although the transaction was rolled back for another one",
      () =>
        Effect.gen(function* () {
          const url = yield* Server.database(yield* Address)
          const archive = yield* Postgres.archive({ url, maxConnections: 2 })
          const client = yield* Server.client(url)
          yield* client.unsafe(
            `INSERT INTO reins_threads (thread_id, resource_id, created_at, updated_at, begun) VALUES ('t', 'dev', 1, 1, 1)`
          )
          yield* client.unsafe(`CREATE SEQUENCE attempts`)
          yield* client.unsafe(
            `CREATE FUNCTION deadlocked() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF nextval('attempts') = 1 THEN RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF;
               RETURN OLD;
             END $$`
          )
          yield* client.unsafe(
            "CREATE TRIGGER deadlocked BEFORE DELETE ON reins_threads FOR EACH ROW EXECUTE FUNCTION deadlocked()"
          )
          assert.deepInclude(yield* archive.erase({ threadId: "t" }), { runs: 0, messages: 0 })
        }).pipe(Effect.scoped),
      60_000
    )
  })
})
