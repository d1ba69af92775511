/** A Postgres database that an earlier release wrote opens and continues like its SQLite file. */
import { assert, describe, layer } from "@effect/vitest"
import type { Redacted } from "effect"
import { Context, Effect, Layer } from "effect"
import { Runtime } from "@reins/runtime"
import { Postgres } from "@reins/store/postgres"
import * as Agents from "../golden/Agents.ts"
import * as Case from "../golden/Case.ts"
import { cases } from "../golden/Cases.ts"
import * as Golden from "../golden/Golden.ts"
import * as Release from "../golden/Release.ts"
import type { World } from "../golden/World.ts"
import * as Server from "./Server.ts"

class Address extends Context.Service<Address, string>()("test/postgres/GoldenAddress") {
  static readonly layer = Layer.effect(Address, Server.server)
}

/** A new database with what the release left. */
const loaded = (address: string, release: string) =>
  Effect.gen(function* () {
    const url = yield* Server.database(address)
    const sql = yield* Server.client(url)
    // One block: the client takes one statement at a time.
    yield* Effect.orDie(sql.unsafe(`DO $golden$ BEGIN ${Release.statements(release)} END $golden$`))
    return url
  })

const open = (url: Redacted.Redacted, world: World, carries: boolean) =>
  Effect.map(
    Layer.build(
      Agents.layer(world).pipe(Layer.provide(Layer.fresh(Layer.orDie(Postgres.layer({ url, carries, gatherMs: 0 })))))
    ),
    (context): Release.Opened => ({ runtime: Context.get(context, Runtime), world })
  )

/** The tests wait in real time for runs to rest: longer, the busier the machine is. In milliseconds. */
const patience = 180_000

/** Of a later release, these runs stand for all: `upgrade.test.ts` says which they are. */
const casesOf = (release: string) => {
  const firsts = cases.filter(({ runId }, at) => cases.findIndex((one) => one.runId === runId) === at)
  return Release.names.includes(release) ? firsts : firsts.filter(({ runId }) => Release.continued.includes(runId))
}

describe.each([...Release.names, ...Release.later])("a Postgres database of %s", (release) => {
  const told = Release.told(release, "postgres")

  layer(Address.layer, { timeout: "60 seconds", excludeTestServices: true })((it) => {
    it.effect(
      "returns the same logs, transcripts, summaries, threads, grants, files and questions",
      () =>
        Effect.flatMap(Address, (address) =>
          Release.dayAfter((world) =>
            Effect.gen(function* () {
              const { runtime } = yield* open(yield* loaded(address, release), world, false)
              for (const runId of [...Golden.runIds.ended, ...Golden.runIds.unfinished]) {
                assert.strictEqual(Golden.lines(yield* Golden.log(runtime, runId)), told.log(runId), runId)
              }
              assert.strictEqual(yield* Golden.state(runtime), told.state)
              yield* Release.areListed(runtime, told)
            })
          )
        ),
      patience
    )

    it.effect(
      "runs its open runs to their expected ends",
      () =>
        Effect.flatMap(Address, (address) =>
          Release.dayAfter(
            (world) =>
              Effect.gen(function* () {
                const opened = yield* open(yield* loaded(address, release), world, true)
                for (const one of casesOf(release)) {
                  const came = yield* Case.outcome(told, opened, one.runId, one.acts)
                  Case.holds(one, came)
                }
              }),
            20
          )
        ),
      patience
    )
  })
})
