/** The runtime that all processes of the soak's starts have over their store: an agent that answers at once. */
import { Agent, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Postgres } from "@reins/store/postgres"
import { Sqlite } from "@reins/store/sqlite"
import { Layer, Redacted } from "effect"

/** `carries`: whether it executes runs: one process at a time does, and the other takes over. */
export const runtime = (kind: string, place: string, carries: boolean) =>
  Runtime.layer({ agents: [Agent.make("desk", {})] }).pipe(
    Layer.provide([
      Layer.succeed(Model, ScriptedModel.make({ respond: () => ScriptedModel.text("It is done.") })),
      kind === "sqlite"
        ? Sqlite.layer({ filename: place, carries })
        : Postgres.layer({ url: Redacted.make(place), carries })
    ])
  )
