/**
 * Two tenants on one Postgres database, aborted starts, and definitions that change over a restart: see
 * `test/scenario/Shared.ts`.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Scenario, ScenarioChecks, ScenarioRun } from "@reins/runtime/testing"
import { Postgres } from "@reins/store/postgres"
import { Context, Effect, Layer, References } from "effect"
import * as Booked from "../scenario/Booked.ts"
import * as Rewound from "../scenario/Rewound.ts"
import * as Shared from "../scenario/Shared.ts"
import * as SharedQuota from "../support/SharedQuota.ts"
import * as Server from "./Server.ts"

class Address extends Context.Service<Address, string>()("test/postgres/scenarios/Address") {
  static readonly layer = Layer.effect(Address, Server.server)
}

const only = process.env["SEED"] === undefined ? undefined : Number(process.env["SEED"])
const seeds = only === undefined ? Array.from({ length: 6 }, (_, seed) => seed) : [only]

describe("tenants that share a Postgres database", () => {
  layer(Address.layer, { timeout: "60 seconds", excludeTestServices: true })((it) => {
    it.effect(
      "keep apart over a restart, for 6 seeds",
      () =>
        Effect.forEach(
          seeds,
          (seed) =>
            Effect.scoped(
              Effect.gen(function* () {
                const url = yield* Server.database(yield* Address)
                const layer = () => Layer.orDie(Layer.fresh(Postgres.layer({ url, gatherMs: 0, maxConnections: 6 })))
                yield* Shared.check({ layer, restarts: true }, seed)
              })
            ),
          { concurrency: 2, discard: true }
        ),
      240_000
    )

    it.effect(
      "keep every invariant of a run, with all options and a process that dies, for 12 seeds",
      () =>
        Effect.flatMap(Address, (address) =>
          Effect.forEach(
            Array.from({ length: 12 }, (_, seed) => seed),
            (seed) =>
              Effect.gen(function* () {
                const store = yield* Postgres.journal({ url: yield* Server.database(address) })
                const report = yield* ScenarioRun.onStore(Scenario.generate(seed), store, Scenario.deaths(seed))
                assert.deepStrictEqual(ScenarioChecks.all(report), [], `seed ${seed}`)
              }).pipe(Effect.scoped),
            { discard: true }
          )
        ).pipe(Effect.provideService(References.MinimumLogLevel, "None")),
      240_000
    )

    it.effect(
      "are booked with what their summaries said, over deaths, erasure and archives, for 3 seeds",
      () =>
        Effect.forEach(
          only === undefined ? [0, 1, 2] : [only],
          (seed) =>
            Effect.scoped(
              Effect.gen(function* () {
                const place = Effect.gen(function* () {
                  const options = { url: yield* Server.database(yield* Address), maxConnections: 4 }
                  return { store: yield* Postgres.journal(options), archive: yield* Postgres.archive(options) }
                })
                yield* Booked.check(yield* place, yield* place, seed)
              })
            ),
          { discard: true }
        ),
      240_000
    )

    it.effect(
      "find a thread that is rewound, edited, returned to and forked the same, whichever process dies, for 2 seeds",
      () =>
        Effect.flatMap(Address, (address) =>
          Rewound.check(
            Effect.flatMap(Server.database(address), (url) => Postgres.journal({ url, maxConnections: 4 })),
            only === undefined ? [0, 100] : [only]
          )
        ).pipe(Effect.provideService(References.MinimumLogLevel, "None")),
      240_000
    )

    it.effect(
      "stay within a quota that they share, and are booked exactly, for 3 seeds",
      () =>
        Effect.flatMap(Address, (address) =>
          SharedQuota.check(
            Effect.flatMap(Server.database(address), (url) => Postgres.journal({ url })),
            3
          )
        ),
      240_000
    )
  })
})
