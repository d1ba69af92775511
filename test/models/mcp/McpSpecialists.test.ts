import { NodeHttpServer } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { McpSpecialists, McpTools } from "@reins/models/mcp"
import { Model, Runtime, Specialist } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import { McpProtocol, McpServer, type Toolkit } from "effect/ai"
import { FetchHttpClient, HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"

const Echo = Specialist.make("echo", { description: "Says what it was told" })
const Adder = Specialist.make("adder", {
  description: "Adds",
  input: Schema.Struct({ a: Schema.Finite, b: Schema.Finite }),
  output: Schema.Struct({ sum: Schema.Finite })
})

const model = ScriptedModel.make({
  respond: (request) => {
    const prompt = ScriptedModel.lastPrompt(request)
    if (request.metadata.agent === "adder")
      return ScriptedModel.text(JSON.stringify(request.messages).includes("13") ? "no sum" : '{"sum":3}')
    return ScriptedModel.text(`you said: ${prompt}`)
  }
})

const serving = HttpRouter.serve(
  McpServer.layerHttp({
    name: "house",
    version: "1.0.0",
    path: "/mcp",
    protocols: [McpProtocol.v2025_11_25],
    registrations: Layer.mergeAll(McpSpecialists.layer(Echo), McpSpecialists.layer(Adder))
  }),
  { disableLogger: true, disableListenLog: true }
).pipe(
  Layer.provide(Layer.provide(Runtime.layer({ agents: [Echo, Adder] }), Layer.succeed(Model, model))),
  Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 }))
)

/** A client of our server. */
const client = Layer.unwrap(
  Effect.map(HttpServer.HttpServer, (server) => McpTools.layerHttp(`${HttpServer.formatAddress(server.address)}/mcp`))
).pipe(Layer.provide(FetchHttpClient.layer), Layer.provide(serving))

class Served extends Context.Service<Served, Toolkit.WithHandler<Record<string, McpTools.ServerTool>>>()(
  "test/Served"
) {
  static readonly layer = Layer.effect(Served, McpTools.toolkit()).pipe(Layer.provide(client))
}

const call = (name: string, args: unknown) =>
  Effect.gen(function* () {
    const kit = yield* Served
    const results = yield* Stream.runCollect(Stream.unwrap(kit.handle(name, args)))
    return results.at(-1)?.encodedResult
  })

layer(Served.layer, { excludeTestServices: true })("specialists as MCP tools", (it) => {
  it.effect("are listed under their names", () =>
    Effect.gen(function* () {
      const kit = yield* Served
      assert.deepStrictEqual(Object.keys(kit.tools).toSorted(), ["adder", "echo"])
    })
  )

  it.effect("answer", () =>
    Effect.gen(function* () {
      assert.include(JSON.stringify(yield* call("echo", { prompt: "good morning" })), "you said: good morning")
    })
  )

  it.effect("take and return what their schemas say", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* call("adder", { a: 1, b: 2 }), { sum: 3 })
    })
  )

  it.effect("without an answer return an error", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(call("adder", { a: 13, b: 2 }))
      assert.include(String(failure), "adder")
    })
  )

  it.effect("reject invalid input", () =>
    Effect.gen(function* () {
      yield* Effect.flip(call("adder", { a: "one" }))
    })
  )
})
