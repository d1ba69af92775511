/**
 * The runtime's layer: the agent with a model and a store. `MODEL=openai:gpt-5.2` uses a real model; it needs
 * `npm install @ai-sdk/openai` and `OPENAI_API_KEY`.
 */
import { Models } from "@reins/models"
import { Model, Runtime } from "@reins/runtime"
import { Sqlite } from "@reins/store/sqlite"
import { Config, Effect, Layer, Option } from "effect"
import { demo } from "./Demo.ts"
import { Desk } from "./Desk.ts"
import { Orders } from "./Orders.ts"

const ModelLive = Layer.unwrap(
  Effect.map(Config.option(Config.String("MODEL")), (name) =>
    Option.isSome(name) ? Models.layer(name.value) : Layer.succeed(Model, demo)
  )
)

const StoreLive = Sqlite.layerConfig({ filename: Config.withDefault(Config.String("RUNS"), "runs.db") })

export default Runtime.layer({ agents: [Desk] }).pipe(Layer.provide([Orders.layer, ModelLive, StoreLive]))
