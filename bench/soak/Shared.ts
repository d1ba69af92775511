/** The runtime that all processes of the soak's starts have over their store: an agent that answers at once. */
import { Agent, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Postgres } from "@reins/store/postgres"
import { PostgresCluster } from "@reins/store/cluster"
import { Sqlite } from "@reins/store/sqlite"
import { Layer, Redacted } from "effect"

/** The layer of a store. */
const deployment = (kind: string, place: string, carries: boolean) => {
  switch (kind) {
    case "sqlite":
      return Sqlite.layer({ filename: place, carries })
    case "cluster":
      return PostgresCluster.layer({ url: Redacted.make(place), carries })
    default:
      return Postgres.layer({ url: Redacted.make(place), carries })
  }
}

/**
 * `carries`: whether this process executes runs. On SQLite and Postgres one such process executes all runs and another
 * takes over; in a cluster all of them execute.
 */
export const runtime = (kind: string, place: string, carries: boolean) =>
  Runtime.layer({ agents: [Agent.make("desk", {})] }).pipe(
    Layer.provide([
      Layer.succeed(Model, ScriptedModel.make({ respond: () => ScriptedModel.text("It is done.") })),
      deployment(kind, place, carries)
    ])
  )
