/**
 * A chat page over a Reins server with the AI SDK's own `useChat`. With a terminal or `--port` it runs until it is
 * stopped; otherwise it builds the page, requests it once, and ends.
 */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Runtime } from "@reins/runtime"
import { Authenticator, Server } from "@reins/server"
import * as AiSdk from "@reins/wire/ai-sdk"
import { Console, Effect, Layer } from "effect"
import { FetchHttpClient, HttpClient, HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { parseArgs } from "node:util"
import { Desk, HarbourLive } from "./Harbour.ts"
import * as Page from "./Page.ts"

const { values } = parseArgs({ options: { port: { type: "string" } } })
const port = Number(values.port ?? (process.stdin.isTTY ? "4112" : "0"))
const ends = values.port === undefined && !process.stdin.isTTY

const RuntimeLive = Runtime.layer({ agents: [Desk] }).pipe(Layer.provide(HarbourLive))

const portOf = ({ address }: HttpServer.HttpServer["Service"]): number => ("port" in address ? address.port : 0)

// Only pages of listed origins may send requests: this one's own, by the two names under which a browser here reaches
// it.
const ServerLive = Layer.unwrap(
  Effect.map(HttpServer.HttpServer, (server) =>
    Server.layer({
      prefix: "/api",
      agents: [Desk],
      dialects: [{ dialect: AiSdk.dialect }],
      origins: ["127.0.0.1", "localhost"].map((host) => `http://${host}:${portOf(server)}`)
    })
  )
)

const Live = HttpRouter.serve(Layer.merge(ServerLive, Page.layer), {
  disableLogger: true,
  disableListenLog: true
}).pipe(
  // The page contains this key, so it is not secret: use your users' sessions here in your own app.
  Layer.provide([RuntimeLive, Authenticator.layerKeys({ "page-key": "page" })]),
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port, host: "127.0.0.1" }))
)

const program = Effect.gen(function* () {
  const url = `http://127.0.0.1:${portOf(yield* HttpServer.HttpServer)}/`
  yield* Console.log(`Open ${url}`)
  if (!ends) return yield* Effect.never
  const response = yield* HttpClient.get(url)
  yield* Console.log(
    `The page answers ${response.status}, ${(yield* response.text).length} characters. Start it at a terminal to stay.`
  )
}).pipe(Effect.provide(FetchHttpClient.layer))

program.pipe(Effect.provide(Live), NodeRuntime.runMain)
