/** Specialists served as MCP tools, over stdio on request, else over HTTP on a port that the system chooses. */
import { NodeHttpServer, NodeRuntime, NodeStdio } from "@effect/platform-node"
import { McpSpecialists } from "@reins/models/mcp"
import { Model, Runtime, Specialist } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, References, Schema } from "effect"
import { McpProtocol, McpServer } from "effect/ai"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"

const Adder = Specialist.make("adder", {
  description: "Adds",
  input: Schema.Struct({ a: Schema.Finite, b: Schema.Finite }),
  output: Schema.Struct({ sum: Schema.Finite })
})

const model = ScriptedModel.make({
  respond: ({ messages }) =>
    JSON.stringify(messages).includes("13") ? ScriptedModel.text("no sum") : ScriptedModel.text('{"sum":3}')
})

const options = {
  name: "house",
  version: "1.0.0",
  protocols: [McpProtocol.v2025_11_25],
  registrations: McpSpecialists.layer(Adder)
} as const

const RuntimeLive = Layer.provide(Runtime.layer({ agents: [Adder] }), Layer.succeed(Model, model))

const stdio = Layer.launch(McpServer.layerStdio(options).pipe(Layer.provide([RuntimeLive, NodeStdio.layer])))

const http = Effect.gen(function* () {
  const { address } = yield* HttpServer.HttpServer
  process.stdout.write(`${HttpServer.formatAddress(address)}/mcp\n`)
  return yield* Effect.never
}).pipe(
  Effect.provide(
    HttpRouter.serve(McpServer.layerHttp({ ...options, path: "/mcp" }), {
      disableLogger: true,
      disableListenLog: true
    }).pipe(
      Layer.provide(RuntimeLive),
      Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
    )
  )
)

// Only the protocol may write to stdout.
const quiet = Effect.provideService(References.MinimumLogLevel, "None")

if (process.argv[2] === "stdio") NodeRuntime.runMain(quiet(stdio))
else NodeRuntime.runMain(quiet(http))
