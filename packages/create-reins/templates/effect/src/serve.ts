/** Serves the agent over HTTP: `npm run serve`. Set `KEY` before it listens on a network. */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Authenticator, Server } from "@reins/server"
import * as AiSdk from "@reins/wire/ai-sdk"
import * as OpenaiChat from "@reins/wire/openai-chat"
import { Config, Console, Effect, Layer, Option } from "effect"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import app from "./app.ts"
import { Desk } from "./Desk.ts"

const HttpLive = NodeHttpServer.layerConfig(() => createServer(), {
  port: Config.withDefault(Config.Int("PORT"), 4111),
  host: Config.withDefault(Config.String("HOST"), "127.0.0.1")
})

const Announced = Layer.effectDiscard(
  Effect.flatMap(HttpServer.HttpServer, ({ address }) =>
    "port" in address
      ? Console.log(`Serving on http://127.0.0.1:${address.port}, with documentation at /docs`)
      : Effect.void
  )
)

const ServerLive = Layer.unwrap(
  Effect.map(Config.option(Config.String("KEY")), (key) =>
    Server.serve({
      agents: [Desk],
      dialects: [{ dialect: AiSdk.dialect }, { dialect: OpenaiChat.dialect, path: "/openai/v1", anyAgent: true }],
      // Without a key, no page elsewhere may lead its own name here.
      hosts: Option.isSome(key) ? "any" : "local"
    }).pipe(
      Layer.provide(
        Option.isSome(key) ? Authenticator.layerKeys({ [key.value]: "default" }) : Authenticator.layerOpen()
      )
    )
  )
).pipe(Layer.provide(app), Layer.merge(Announced), Layer.provide(HttpLive))

NodeRuntime.runMain(Layer.launch(ServerLive))
