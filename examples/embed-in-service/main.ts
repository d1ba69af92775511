/**
 * A support desk as an HTTP service. `node main.ts serve 8080` serves until it is stopped; without arguments the program
 * serves itself for a moment: it asks a question over loopback, answers the approval, and ends.
 */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { visit } from "./Customer.ts"
import * as Routes from "./Routes.ts"
import { SupportDesk } from "./SupportDesk.ts"

/** The service on a port of this machine, for this machine only; 0 takes a free one. */
const ServiceLive = (port: number) =>
  HttpRouter.serve(Routes.layer, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(SupportDesk.layer),
    Layer.provideMerge(
      NodeHttpServer.layer(createServer, { port, host: "127.0.0.1", gracefulShutdownTimeout: "1 second" })
    )
  )

const url = Effect.map(HttpServer.HttpServer, ({ address }) => HttpServer.formatAddress(address))

const serve = (port: number) =>
  Effect.gen(function* () {
    yield* Console.log(`The desk is open at ${yield* url}. Ctrl-C closes it.`)
    return yield* Effect.never
  }).pipe(Effect.provide(ServiceLive(port)))

const demonstrate = Effect.flatMap(url, visit).pipe(Effect.provide(ServiceLive(0)))

const [command, port = "8080"] = process.argv.slice(2)

const complain = (words: string) =>
  Effect.andThen(
    Console.error(words),
    Effect.sync(() => {
      process.exitCode = 1
    })
  )

const program = Effect.gen(function* () {
  if (command !== "serve") return yield* demonstrate
  if (!/^\d+$/.test(port) || Number(port) > 65_535) return yield* complain(`${JSON.stringify(port)} is no port.`)
  return yield* serve(Number(port))
}).pipe(Effect.catchTag("ServeError", () => complain(`Port ${port} cannot be opened; something may listen there.`)))

NodeRuntime.runMain(program)
