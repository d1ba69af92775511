/**
 * A process of a cluster: `node Runner.ts '<orders>'`. It executes the runs of its shards until it is killed or told to
 * end.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Runtime } from "@reins/runtime"
import { Effect, Layer } from "effect"
import * as Stores from "./Stores.ts"
import * as Story from "./Story.ts"

export interface RunnerOrders {
  /** The URL of a Postgres database. */
  readonly database: string
  readonly counter: string
}

const [, , given = "{}"] = process.argv
const { counter, database }: RunnerOrders = JSON.parse(given)

const live = Effect.gen(function* () {
  yield* Runtime
  yield* Effect.sync(() => process.stdout.write("ready\n"))
  return yield* Effect.never
}).pipe(Effect.provide(Story.layer("slow", counter).pipe(Layer.provide(Stores.cluster(database, true)))))

NodeRuntime.runMain(live, { disableErrorReporting: true })
