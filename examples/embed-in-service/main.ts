/**
 * A support desk as an HTTP service. `node main.ts serve 8080` serves until it is stopped; without arguments the
 * program sends itself one question over loopback, answers the approval, and ends.
 */
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { visit } from "./Customer.ts"
import * as Routes from "./Routes.ts"
import { SupportDesk } from "./SupportDesk.ts"

/** The service on a port of the loopback interface; 0 chooses a free port. */
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
    yield* Console.log(`Serving at ${yield* url}. Stop with Ctrl-C.`)
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
  if (!/^\d+$/.test(port) || Number(port) > 65_535)
    return yield* complain(`Invalid port ${JSON.stringify(port)}. Use a number from 0 to 65535.`)
  return yield* serve(Number(port))
}).pipe(Effect.catchTag("ServeError", () => complain(`Cannot listen on port ${port}. Another program may use it.`)))

NodeRuntime.runMain(program)
