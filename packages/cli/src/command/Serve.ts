/** `reins serve`: an app, or the built-in assistant, over HTTP in every dialect, until it is stopped. */
import { page as inspector } from "@reins/inspector"
import { Authenticator, Server } from "@reins/server"
import { layerPort } from "@reins/server/node"
import * as A2a from "@reins/wire/a2a"
import * as Aap from "@reins/wire/aap"
import * as AgUi from "@reins/wire/ag-ui"
import * as AiSdk from "@reins/wire/ai-sdk"
import * as Anthropic from "@reins/wire/anthropic"
import * as Kai from "@reins/wire/kai"
import * as Karta from "@reins/wire/karta"
import * as OpenaiChat from "@reins/wire/openai-chat"
import * as OpenaiResponses from "@reins/wire/openai-responses"
import * as Steerable from "@reins/wire/steerable"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Predicate from "effect/Predicate"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as HttpServer from "effect/http/HttpServer"
import process from "node:process"
import * as StoreArchive from "../desk/StoreArchive.ts"
import { type CommandFailed, failed, misused, sentenceOf } from "../setting/CommandFailed.ts"
import * as Retention from "../setting/Retention.ts"
import * as Settings from "../setting/Settings.ts"
import type * as StoreChoice from "../setting/StoreChoice.ts"
import * as Workplace from "../setting/Workplace.ts"
import * as Interrupts from "../terminal/Interrupts.ts"
import { Screen } from "../terminal/Screen.ts"

/** The options of the command line. */
export interface Given extends Omit<Workplace.Given, "isWatched" | "isServed"> {
  /** Absent: those of the settings, else 4111 of this machine. */
  readonly port: number | undefined
  readonly host: string | undefined
}

/** Where it listens. */
interface Place {
  readonly port: number
  readonly host: string
}

/** The variable with the keys that clients send. */
const variable = Settings.all.apiKeys.name

/** The origins of this server's own pages, by the names under which a browser of this machine reaches it. */
const ownOrigins = (port: number): ReadonlyArray<string> =>
  ["127.0.0.1", "localhost", "[::1]"].map((host) => `http://${host}:${port}`)

const dialects = [
  { dialect: AiSdk.dialect },
  { dialect: AgUi.dialect },
  { dialect: OpenaiChat.dialect, path: "/openai-chat/v1", anyAgent: true },
  { dialect: OpenaiResponses.dialect, path: "/openai-responses/v1", anyAgent: true },
  { dialect: Anthropic.dialect, anyAgent: true },
  { dialect: Aap.dialect },
  { dialect: Aap.dialectV2 },
  { dialect: Aap.dialectV1 },
  { dialect: Kai.dialect },
  { dialect: Karta.dialect },
  { dialect: Steerable.dialect },
  { dialect: A2a.dialect }
] as const

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/

/** A server logs its runs, unless the level is set: as lines to read at a terminal, as JSON for everything else. */
const logging = (): Layer.Layer<never> => {
  const level = process.argv.some((word) => word === "--log-level" || word.startsWith("--log-level="))
    ? Layer.empty
    : Layer.succeed(References.MinimumLogLevel, "Info")
  return Layer.merge(
    level,
    process.stderr.isTTY ? Layer.empty : Logger.layer([Logger.withConsoleError(Logger.formatJson)])
  )
}

export const run = (given: Given) => Effect.suspend(() => Effect.provide(serve(given), logging()))

/** Deletes what is older than the settings keep it, now and every hour. A store that fails is asked again. */
const retaining = (store: StoreChoice.Store, kept: Retention.Kept) =>
  Effect.forkScoped(
    Effect.scoped(
      Effect.flatMap(StoreArchive.make(store), (archive) => StoreArchive.telling(Retention.apply(archive, kept)))
    ).pipe(
      Effect.flatMap((deleted) =>
        Object.values(deleted).some((count) => count > 0)
          ? Effect.annotateLogs(Effect.logInfo("old data deleted"), { ...deleted })
          : Effect.void
      ),
      Effect.catch(({ message }) => Effect.logWarning(`Old data was not deleted: ${message}`)),
      Effect.repeat(Schedule.spaced("1 hour"))
    )
  )

const serve = Effect.fnUntraced(function* (given: Given) {
  const screen = yield* Screen
  const settings = yield* Settings.read
  yield* Effect.forEach(Settings.unknown(Object.keys(process.env)), (line) => screen.note(`${line}\n`))
  const place: Place = {
    port: given.port ?? settings.listen?.port ?? 4111,
    host: given.host ?? settings.listen?.host ?? "127.0.0.1"
  }
  if (place.port < 0 || place.port > 65_535)
    return yield* misused(`--port: ${place.port} is not a port from 0 to 65535.`)
  const { apiKeys: keys, kept } = settings
  if (keys === undefined && !loopback.test(place.host)) {
    return yield* failed(
      `Without keys anybody who reaches ${place.host} could use the agent. Set ${variable}=KEY=TENANT, or leave out --host.`
    )
  }
  const workplace = yield* Workplace.make({
    ...given,
    app: given.app ?? settings.app,
    isWatched: false,
    isServed: true,
    reconciles: settings.reconcile
  })
  const { place: store } = workplace
  if (settings.reconcile === true && store === undefined) {
    yield* workplace.close
    return yield* failed(
      `${Settings.all.reconcile.name} is about the runtime of reins serve, and the app makes its own: leave it out, and set reconcile in the app.`
    )
  }
  if (Retention.isSet(kept) && (store === undefined || store._tag === "Memory")) {
    yield* workplace.close
    return yield* failed(
      "REINS_KEEP_RUNS, REINS_KEEP_COSTS and REINS_KEEP_AUDIT are about a store of reins serve: leave them out, or name one in REINS_STORE."
    )
  }
  const common = {
    agents: workplace.agents,
    dialects,
    inspector,
    maxBodyBytes: settings.maxBodyBytes,
    limits: { concurrentRuns: settings.maxRuns },
    hosts: keys === undefined ? "local" : "any",
    webhooks: { own: settings.webhooks }
  } as const
  const access = keys === undefined ? Authenticator.layerOpen() : Layer.orDie(Authenticator.layerConfig(variable))
  const http = layerPort({ ...place, maxBodyBytes: settings.maxBodyBytes })
  const listening = Layer.effectContext(
    Effect.flatMap(Effect.scope, (scope) => Layer.buildWithScope(http, scope)).pipe(
      Effect.catchCause((cause) => Effect.fail(unheard(place, cause)))
    )
  )
  const served = Layer.unwrap(
    Effect.map(HttpServer.HttpServer, ({ address }) =>
      Server.serve({
        ...common,
        origins: [...(settings.origins ?? []), ...ownOrigins("port" in address ? address.port : place.port)]
      })
    )
  ).pipe(Layer.provide([workplace.layer, access]), Layer.provideMerge(listening))
  yield* Effect.gen(function* () {
    const stopped = yield* Deferred.make<void>()
    yield* Interrupts.take(() => Deferred.doneUnsafe(stopped, Effect.void))
    const { address } = yield* HttpServer.HttpServer
    const port = "port" in address ? address.port : place.port
    const { host } = place
    const url = `http://${host.includes(":") ? `[${host.replace(/[[\]]/g, "")}]` : host}:${port}`
    const places = Server.places(common).map(({ path, title }) => `  ${title.padEnd(32)}${url}${path}`)
    const who = keys === undefined ? "Everybody on this machine, without a key." : `Who has a key of ${variable}.`
    const lines = [
      `Serving ${workplace.root} on ${url}`,
      ...places,
      `  ${"Inspector".padEnd(32)}${url}/inspector`,
      `  ${"Documentation".padEnd(32)}${url}/docs`,
      `Access: ${who}`,
      ...(workplace.store === undefined ? [] : [`Runs are kept in ${workplace.store}.`]),
      "Ctrl-C stops it; runs that go on are carried on at its next start."
    ]
    yield* screen.print(lines.map((line) => `${line}\n`).join(""))
    if (Retention.isSet(kept) && store !== undefined) yield* retaining(store, kept)
    yield* Deferred.await(stopped)
  }).pipe(Effect.scoped, Effect.provide(served))
})

/** Why nothing can be listened on. */
const unheard = ({ host, port }: Place, cause: Cause.Cause<unknown>): CommandFailed => {
  const error = Cause.squash(cause)
  const inner = Predicate.hasProperty(error, "cause") ? error.cause : error
  const code = Predicate.hasProperty(inner, "code") ? inner.code : undefined
  const place = `${host}:${port}`
  switch (code) {
    case "EADDRINUSE":
      return failed(`Port ${port} is taken. Choose another: --port ${port + 1}, or --port 0 for a free one.`, inner)
    case "EACCES":
      return failed(`Port ${port} may not be listened on. Choose one above 1023: --port 4111.`, inner)
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return failed(`${host} is not an address of this machine. Leave out --host, or use 0.0.0.0.`, inner)
    default:
      return failed(sentenceOf(`Listening on ${place}`, cause), error)
  }
}
