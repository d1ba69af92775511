/**
 * The server that idle watchers of the soak read from, in a process of its own: one run that waits for a person. It answers
 * a message with the used heap after garbage collection, in bytes.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Agent, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Authenticator, Server } from "@reins/server"
import { Context, Effect, Layer, Schema, Scope } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"

const Kit = Toolkit.make(Tool.make("act", { success: Schema.String, needsApproval: true }))

const model = ScriptedModel.make({
  respond: (request) =>
    ScriptedModel.lastResults(request).length > 0
      ? ScriptedModel.text("It is done.")
      : ScriptedModel.calls([{ id: "a", name: "act", args: {} }])
})

const live = Server.serve({ keepAlive: "2 seconds" }).pipe(
  Layer.provide([
    Runtime.layer({ agents: [Agent.make("desk", { toolkit: Kit })] }).pipe(
      Layer.provide([Kit.toLayer({ act: () => Effect.succeed("done") }), Layer.succeed(Model, model)])
    ),
    Authenticator.layerKeys({ "soak-key": "soak" })
  ]),
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
)

const scope = Scope.makeUnsafe()
const { address } = Context.get(await Effect.runPromise(Layer.buildWithScope(live, scope)), HttpServer.HttpServer)
process.send?.({ port: "port" in address ? address.port : 0 })

process.on("message", () => {
  const rest = async () => {
    for (let pass = 0; pass < 3; pass++) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      globalThis.gc?.()
    }
    process.send?.({ heap: process.memoryUsage().heapUsed })
  }
  void rest()
})
process.on("disconnect", () => process.exit(0))
