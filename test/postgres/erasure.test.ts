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

describe("a thread of a Postgres database", () => {
  layer(Address.layer, { timeout: "60 seconds", excludeTestServices: true })((it) => {
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
  })
})
