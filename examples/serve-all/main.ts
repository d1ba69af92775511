/**
 * Serves one agent in every dialect. With `--port` until it is stopped; without a port and a terminal, it asks itself a
 * question and ends.
 */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { parseArgs } from "node:util"
import { places, ServerLive } from "./Everything.ts"

const { values } = parseArgs({ options: { port: { type: "string" }, host: { type: "string", default: "127.0.0.1" } } })
const port = Number(values.port ?? (process.stdin.isTTY ? "4111" : "0"))
if (!Number.isInteger(port) || port < 0 || port > 65_535) {
  process.stderr.write("--port takes a number from 0 to 65535\n")
  process.exit(2)
}

const base = Effect.map(HttpServer.HttpServer, ({ address }) =>
  "port" in address ? `http://${values.host}:${address.port}` : ""
)

const announce = Effect.gen(function* () {
  const url = yield* base
  yield* Console.log(`Serving on ${url}`)
  for (const { path, title } of places) yield* Console.log(`  ${title.padEnd(30)}${url}${path}`)
  yield* Console.log(`  ${"Documentation".padEnd(30)}${url}/docs`)
  yield* Console.log("Keys: dev-key (tenant dev), other-key (tenant other)")
})

const askItself = Effect.gen(function* () {
  const client = yield* HttpClient.HttpClient
  const request = HttpClientRequest.post(`${yield* base}/native/query`).pipe(
    HttpClientRequest.bearerToken("dev-key"),
    HttpClientRequest.bodyJsonUnsafe({ prompt: "scenario tool", stream: false })
  )
  const response = yield* client.execute(request)
  yield* Console.log(yield* response.text)
}).pipe(Effect.provide(FetchHttpClient.layer))

const ends = values.port === undefined && !process.stdin.isTTY

const program = Effect.gen(function* () {
  yield* announce
  return yield* ends ? askItself : Effect.never
})

const Live = ServerLive.pipe(
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port, host: values.host }))
)

program.pipe(Effect.provide(Live), NodeRuntime.runMain)
