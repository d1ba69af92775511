/** The server of `examples/serve-all` on a port that the system chooses, for the duration of a test. */
import { NodeHttpServer } from "@effect/platform-node"
import type { Json, Message } from "@reins/protocol"
import { Server } from "@reins/server"
import { Context, Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import { KeysLive, options, RuntimeLive } from "../../examples/serve-all/Everything.ts"

export const key = "dev-key"

/** Its address, such as `http://127.0.0.1:40000`. */
export const url = Effect.gen(function* () {
  const server = createServer()
  const live = Server.serve(options).pipe(
    Layer.provide([RuntimeLive, KeysLive]),
    Layer.provideMerge(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" }))
  )
  const context = yield* Layer.build(live)
  // Clients keep connections open that they need no more.
  yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
  const { address } = Context.get(context, HttpServer.HttpServer)
  return `http://127.0.0.1:${"port" in address ? address.port : 0}`
})

/** What the model was given, as a prompt that ends with `show` answers it. */
export interface Shown {
  readonly instructions: string
  readonly messages: ReadonlyArray<Message.Message>
  readonly tools: ReadonlyArray<{ readonly name: string }>
}

const given = (text: string): Shown => JSON.parse(text)

/** The messages in short: texts, calls with their arguments, results, media types of files. */
export const shown = (text: string): ReadonlyArray<string> =>
  given(text).messages.flatMap(({ content, role }) =>
    content.flatMap((part): ReadonlyArray<string> => {
      switch (part.type) {
        case "text":
          return part.text === "" ? [] : [`${role}: ${part.text}`]
        case "tool-call":
          return [`call: ${part.name} ${json(part.args)}`]
        case "tool-result":
          return [
            `${part.status ?? "result"}: ${json(part.result)}`,
            ...(part.content ?? []).flatMap((one) => (one.type === "file" ? [`file: ${one.mediaType}`] : []))
          ]
        case "file":
          return [`file: ${part.mediaType}`]
        case "reasoning":
          return []
      }
    })
  )

const json = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value))

/** The names of the tools that the model was offered, and its instructions. */
export const offered = (text: string): ReadonlyArray<string> => given(text).tools.map(({ name }) => name)
export const instructed = (text: string): string => given(text).instructions

/** A picture of one pixel, in base64. */
export const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
