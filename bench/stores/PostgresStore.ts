/**
 * A database of the Postgres server that the bench has started.
 */
import { Postgres } from "@reins/store/postgres"
import { Effect, Layer } from "effect"
import * as Server from "../../test/postgres/Server.ts"
import * as BareStatement from "./BareStatement.ts"
import type { Store } from "./Store.ts"

export const store: Store = {
  place: Effect.map(Effect.flatMap(Server.server, Server.database), (url) => ({
    deployment: (over) => Layer.fresh(Layer.orDie(Postgres.layer({ url, ...over }))),
    journal: Effect.orDie(Postgres.journal({ url })),
    bare: BareStatement.begin(url)
  }))
}
