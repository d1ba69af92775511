/** Node's HTTP server on a port: how large the frames of WebSockets may be, and whom it waits for when it closes. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"

/**
 * How long a server that closes waits for its clients. Streams have ended and queries are refused by then: only those who have yet to
 * read, or to send the rest, are waited for, and the runs must be handed over within the grace period of the process.
 */
const patience = { http: "2 seconds", webSocketMs: 2000 } as const

/**
 * What a server of Node's needs so that WebSockets keep the limits of requests, as the `websocket` option of `NodeHttpServer.layer`.
 * `createServer` and `reins serve` set it; a program that brings its own HTTP server should.
 *
 * A frame above `maxBodyBytes` (4 MiB where absent) is refused by its announced length, before it is held in memory. Of the subprotocols
 * that a page offers, the one with its key is not repeated in the response, unless it is the only one: pages need one of theirs.
 *
 * @since 0.1.0
 * @category constructors
 */
export const webSockets = ({
  maxBodyBytes = 4 * 1024 * 1024
}: {
  readonly maxBodyBytes?: number | undefined
} = {}): WebSocketOptions => ({
  maxPayload: maxBodyBytes,
  closeTimeout: patience.webSocketMs,
  handleProtocols: (offered) => {
    const names = [...offered]
    return names.find((name) => !/^bearer\./i.test(name)) ?? names[0] ?? false
  }
})

/**
 * Settings of Node's WebSocket server.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebSocketOptions {
  /** The largest frame, in bytes. */
  readonly maxPayload: number
  /** The subprotocol that the response names; false for none. */
  readonly handleProtocols: (offered: Set<string>) => string | false
  /** How long a client may take to confirm that the connection closes, in milliseconds. */
  readonly closeTimeout: number
}

/**
 * What `layerPort` is made of.
 *
 * @since 0.2.0
 * @category models
 */
export interface PortOptions {
  /** 0: a free port. */
  readonly port: number
  readonly host: string
  /** The largest frame of a WebSocket, in bytes. Absent: 4 MiB. */
  readonly maxBodyBytes?: number | undefined
}

/**
 * Node's HTTP server on a port, as `createServer` and `reins serve` have it. When it closes, clients that after two seconds have
 * not read what they were sent, or not sent their request whole, are disconnected, so that none of them delays the end of the process.
 * A request that is being worked on is waited for.
 *
 * @since 0.2.0
 * @category layers
 */
export const layerPort = ({ host, maxBodyBytes, port }: PortOptions) =>
  Layer.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => createServer()),
        (server) => Effect.sync(() => server.closeAllConnections())
      ),
      (server) =>
        NodeHttpServer.layer(() => server, {
          host,
          port,
          websocket: webSockets({ maxBodyBytes }),
          gracefulShutdownTimeout: patience.http
        })
    )
  )
