/**
 * One process of the cluster: executes the runs of its shards, until it is killed or told to end. Run `runner.ts` with
 * `POSTGRES_URL`.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Runtime } from "@reins/runtime"
import { Config, Console, Effect, Layer } from "effect"
import * as Desk from "./Desk.ts"

const RuntimeLive = Layer.unwrap(Effect.map(Config.Redacted("POSTGRES_URL"), (url) => Desk.runtime(url, true)))

const program = Effect.gen(function* () {
  yield* Runtime
  yield* Console.log("ready")
  return yield* Effect.never
})

program.pipe(Effect.provide(RuntimeLive), NodeRuntime.runMain)
