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

const Live = HttpRouter.serve(
  Layer.merge(Server.layer({ prefix: "/api", agents: [Desk], dialects: [{ dialect: AiSdk.dialect }] }), Page.layer),
  { disableLogger: true, disableListenLog: true }
).pipe(
  // The page contains this key, so it is not secret: use your users' sessions here in your own app.
  Layer.provide([RuntimeLive, Authenticator.layerKeys({ "page-key": "page" })]),
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port, host: "127.0.0.1" }))
)

const program = Effect.gen(function* () {
  const { address } = yield* HttpServer.HttpServer
  const url = `http://127.0.0.1:${"port" in address ? address.port : 0}/`
  yield* Console.log(`Open ${url}`)
  if (!ends) return yield* Effect.never
  const response = yield* HttpClient.get(url)
  yield* Console.log(
    `The page answers ${response.status}, ${(yield* response.text).length} characters. Start it at a terminal to stay.`
  )
}).pipe(Effect.provide(FetchHttpClient.layer))

program.pipe(Effect.provide(Live), NodeRuntime.runMain)
