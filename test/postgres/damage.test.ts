/** A damaged row of a Postgres database concerns what it belongs to, and nothing else. */
import { describe, layer } from "@effect/vitest"
import { Postgres } from "@reins/store/postgres"
import { Context, Effect, Layer } from "effect"
import * as Damage from "../store/Damage.ts"
import * as Server from "./Server.ts"

class Address extends Context.Service<Address, string>()("test/postgres/damage/Address") {
  static readonly layer = Layer.effect(Address, Server.server)
}

const place = Effect.gen(function* () {
  const url = yield* Server.database(yield* Address)
  const client = yield* Server.client(url)
  const made: Damage.Place = {
    layer: Postgres.layer({ url, gatherMs: 0, maxConnections: 4 }),
    alter: (statement) => Effect.asVoid(Effect.orDie(client.unsafe(statement)))
  }
  return made
})

/** One damage of each kind: what text is refused is the same code as with SQLite. */
const columns = ["record", "value", "message", "limits", "request"]
const cases = columns.flatMap((column) => Damage.textual.filter((one) => one.column === column).slice(-1))

describe("a damaged row of a Postgres database", () => {
  layer(Address.layer, { timeout: "60 seconds", excludeTestServices: true })((it) => {
    for (const one of cases) {
      it.effect(
        `stays local: ${one.table} ${one.column} = ${one.value}`,
        () => Effect.scoped(Effect.flatMap(place, (where) => Damage.check(where, one))),
        20_000
      )
    }
  })
})
