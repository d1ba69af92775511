/**
 * A server on a port that the system chooses, for the duration of a test: with every dialect, two keys (`dev-key` for
 * `dev`, `other-key` for `other`), and a client that reads streams as they arrive.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Runtime } from "@reins/runtime"
import { Authenticator, Server } from "@reins/server"
import type { Mount, ServerOptions } from "@reins/server"
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
import { Context, Effect, Exit, Layer, Scope, Stream } from "effect"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import type { Socket } from "node:net"
import * as Scene from "./Scene.ts"

export const dialects: ReadonlyArray<Mount> = [
  { dialect: Karta.dialect },
  { dialect: Aap.dialect },
  { dialect: Aap.dialectV2 },
  { dialect: Aap.dialectV1 },
  { dialect: Kai.dialect },
  { dialect: Steerable.dialect },
  { dialect: AiSdk.dialect },
  { dialect: OpenaiChat.dialect, path: "/openai-chat/v1", anyAgent: true },
  { dialect: OpenaiResponses.dialect, path: "/openai-responses/v1", anyAgent: true },
  { dialect: Anthropic.dialect, anyAgent: true },
  { dialect: AgUi.dialect },
  { dialect: A2a.dialect }
]

export const keys = Authenticator.layerKeys({
  "dev-key": { tenant: "dev", name: "dora" },
  "sam-key": { tenant: "dev", name: "sam", roles: ["sre"] },
  "tim-key": { tenant: "dev", name: "tim", roles: ["sre", "lead"] },
  "other-key": "other"
})

export interface Ask {
  readonly key?: string | undefined
  readonly method?: string | undefined
  readonly headers?: { readonly [name: string]: string } | undefined
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
}

export interface Frame {
  readonly id?: string
  readonly event?: string
  readonly data: string
}

const parse = (block: string): Frame | undefined => {
  const found: { id?: string; event?: string; data?: string } = {}
  for (const line of block.split("\n")) {
    const match = /^(id|event|data): (.*)$/.exec(line)
    if (match?.[1] === "id" || match?.[1] === "event" || match?.[1] === "data") found[match[1]] = match[2] ?? ""
  }
  const { data, ...rest } = found
  return data === undefined ? undefined : { ...rest, data }
}

/** The frames of a Server-Sent Events text, without comments. */
export const framesOf = (text: string): ReadonlyArray<Frame> =>
  text.split("\n\n").flatMap((block) => parse(block) ?? [])

/** Frames as they arrive. */
export const frames = async function* (response: Response): AsyncGenerator<Frame> {
  let text = ""
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    const blocks = text.split("\n\n")
    text = blocks.pop() ?? ""
    for (const block of blocks) {
      const frame = parse(block)
      if (frame !== undefined) yield frame
    }
  }
}

export class Served {
  readonly url: string
  readonly runtime: Runtime["Service"]
  readonly scene: Effect.Success<typeof Scene.make>
  /** The server's side of its connections, in the order in which they came. */
  readonly sockets: ReadonlyArray<Socket>
  readonly #scope: Scope.Closeable

  constructor(
    url: string,
    runtime: Runtime["Service"],
    scene: Effect.Success<typeof Scene.make>,
    scope: Scope.Closeable,
    sockets: ReadonlyArray<Socket>
  ) {
    this.url = url
    this.runtime = runtime
    this.scene = scene
    this.#scope = scope
    this.sockets = sockets
  }

  readonly fetch = (path: string, { body, headers, key = "dev-key", method, signal }: Ask = {}): Promise<Response> =>
    fetch(this.url + path, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: { ...(key === "" ? {} : { authorization: `Bearer ${key}` }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal })
    })

  /** The response, with its whole body. */
  readonly ask = (path: string, asked: Ask = {}) =>
    Effect.promise(async () => {
      const response = await this.fetch(path, asked)
      const text = await response.text()
      return {
        status: response.status,
        headers: response.headers,
        text,
        frames: framesOf(text),
        json:
          /^application.json/.test(response.headers.get("content-type") ?? "") && text !== ""
            ? JSON.parse(text)
            : undefined
      }
    })

  /** Closes the server before the test ends. */
  readonly close = Effect.suspend(() => Scope.close(this.#scope, Exit.void))
}

/** A server that lives as long as the test, over runs in memory or in `deployment`. */
export const serve = Effect.fnUntraced(function* (
  options: ServerOptions = {},
  deployment: Layer.Layer<never> = Layer.empty,
  authenticator: Layer.Layer<Authenticator> = keys
) {
  const scene = yield* Scene.make
  const scope = yield* Scope.fork(yield* Effect.scope)
  const server = createServer()
  const sockets: Array<Socket> = []
  server.on("connection", (socket) => sockets.push(socket))
  const live = Server.serve({ dialects, agents: [Scene.Desk], ...options }).pipe(
    Layer.provide(authenticator),
    Layer.provideMerge(Layer.provide(scene.layer, deployment)),
    Layer.provideMerge(NodeHttpServer.layer(() => server, { port: 0, host: "127.0.0.1" }))
  )
  const context = yield* Layer.buildWithScope(live, scope)
  const { address } = Context.get(context, HttpServer.HttpServer)
  const port = "port" in address ? address.port : 0
  // Clients keep connections open that they need no more.
  yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
  return new Served(`http://127.0.0.1:${port}`, Context.get(context, Runtime), scene, scope, sockets)
})

/** Reads a run to its end. */
export const drained = (run: ReturnType<Runtime["Service"]["watch"]>) => Stream.runDrain(run)
