/**
 * The server of the soak, in a process of its own: the native dialect over a model that includes the time of each word.
 * It keeps few ended runs and threads, so that these are full after the warm-up and all later growth is a leak.
 *
 * It answers a message with the used heap after garbage collection, in bytes, once nothing runs.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Agent, Budget, Deployment, Model, ModelStream, Runtime } from "@reins/runtime"
import type { ModelPart } from "@reins/runtime"
import { Authenticator, Server, ThreadBook } from "@reins/server"
import { Context, Effect, Layer, Scope } from "effect"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import type { Wanted } from "./Wanted.ts"

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** How many ended runs, and how many threads, are kept. */
const kept = 64

/** Each word begins with the time of its sending, in milliseconds since the epoch. */
const say = async function* ({ characters, everyMs, words }: Wanted): AsyncGenerator<ModelPart> {
  for (let word = 0; word < words; word++) {
    await sleep(everyMs)
    const at = (performance.timeOrigin + performance.now()).toFixed(3)
    yield { type: "text", text: `${at} `.padEnd(characters, ".") }
  }
  yield { type: "finish", reason: "stop", usage: { inputUncached: 10, outputText: words } }
}

const model = ModelStream.fromAsyncIterable({
  provider: "soak",
  model: "scripted",
  open: ({ messages }) => {
    const content = messages.at(-1)?.content ?? ""
    const text =
      typeof content === "string" ? content : content.map((part) => ("text" in part ? part.text : "")).join("")
    return say(JSON.parse(text))
  }
})

const agent = Agent.make("soak", { budget: Budget.make({ maxDuration: "5 minutes" }) })

const live = Server.serve({}).pipe(
  Layer.provide([
    Runtime.layer({ agents: [agent] }).pipe(
      Layer.provide([
        Layer.succeed(Model, model),
        Deployment.layerMemory({ keptRuns: kept, keptThreads: kept, keptCosts: kept })
      ])
    ),
    Authenticator.layerKeys({ "soak-key": "soak" }),
    Layer.succeed(ThreadBook.ThreadBook, ThreadBook.makeMemory(kept))
  ]),
  Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { port: 0, host: "127.0.0.1" }))
)

const scope = Scope.makeUnsafe()
const { address } = Context.get(await Effect.runPromise(Layer.buildWithScope(live, scope)), HttpServer.HttpServer)
process.send?.({ port: "port" in address ? address.port : 0 })

const atRest = async (): Promise<number> => {
  for (let pass = 0; pass < 4; pass++) {
    await sleep(100)
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}

process.on("message", () => {
  void atRest().then((heap) => process.send?.({ heap }))
})
process.on("disconnect", () => process.exit(0))
