/**
 * A provider on the loopback interface that responds with recorded bytes, or with the faults that providers have: real
 * provider packages talk to it over HTTP, so that a test sees what a user would. Bytes are delivered in pieces of random
 * size, with pauses, cut off, or stalled, by a seed, so that a failure can be reproduced.
 *
 * It needs an `HttpServer` on the loopback interface, such as `NodeHttpServer.layerTest`; the system chooses the port.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Recording from "./Recording.ts"

/**
 * One HTTP response.
 *
 * @since 0.1.0
 * @category models
 */
export interface Answer {
  /** Default 200. */
  readonly status?: number | undefined
  readonly headers?: { readonly [name: string]: string } | undefined
  /** Default `text/event-stream`. */
  readonly mediaType?: string | undefined
  readonly body: Uint8Array
  readonly delivery?: Delivery | undefined
}

/**
 * A received request. Headers that carry keys are left out.
 *
 * @since 0.1.0
 * @category models
 */
export interface Received {
  readonly path: string
  readonly headers: { readonly [name: string]: string }
  readonly body: string
  /** True once the client disconnected before the response was complete. */
  left: boolean
}

/**
 * A queue of responses under an address of its own.
 *
 * @since 0.1.0
 * @category models
 */
export interface Lane {
  /** Its address, without a trailing slash: the `baseURL` of a provider package. */
  readonly url: string
  /** Appends responses to the queue. Each request to the address takes one. */
  readonly push: (...answers: ReadonlyArray<Answer>) => void
  /** Empties the queue; returns the number of responses that were left. */
  readonly clear: () => number
}

/**
 * The loopback provider. One per `HttpServer`; responses are taken in the order they were pushed, by any request.
 *
 * @since 0.1.0
 * @category services
 */
export class RecordedProvider extends Context.Service<
  RecordedProvider,
  Lane & {
    /** Makes a queue of its own, so that a late request of another test takes none of its responses. */
    readonly lane: () => Lane
    /** The requests so far, in order of arrival. */
    readonly received: ReadonlyArray<Received>
  }
>()("@reins/models/testing/RecordedProvider") {
  static readonly layer: Layer.Layer<RecordedProvider, never, HttpServer.HttpServer> = Layer.effect(
    RecordedProvider,
    Effect.gen(function* () {
      const server = yield* HttpServer.HttpServer
      const lines = new Map<string, Array<Answer>>()
      const received: Array<Received> = []
      yield* HttpServer.serveEffect(
        Effect.gen(function* () {
          const request = yield* HttpServerRequest.HttpServerRequest
          const one: Received = {
            path: request.url,
            headers: withoutKeys(request.headers),
            body: yield* Effect.orDie(request.text),
            left: false
          }
          received.push(one)
          const line = lines.get(laneOf(request.url))
          return respond(line?.shift() ?? unexpected, one)
        })
      )
      const url = address(HttpServer.formatAddress(server.address))
      const laneAt = (path: string): Lane => {
        const line: Array<Answer> = []
        lines.set(path, line)
        return {
          url: `${url}${path}`,
          push: (...answers) => {
            line.push(...answers)
          },
          clear: () => line.splice(0).length
        }
      }
      return { ...laneAt(""), lane: () => laneAt(`/lane-${lines.size}`), received }
    })
  )
}

/**
 * A response that plays a recording.
 *
 * @since 0.1.0
 * @category operations
 */
export const recorded = (recording: Pick<Recording.Recording, "api" | "payloads">, delivery?: Delivery): Answer => ({
  body: Recording.bytes(recording),
  delivery
})

/**
 * A response with an error status, with a JSON body as most providers send it.
 *
 * @since 0.1.0
 * @category operations
 */
export const refusal = (
  status: number,
  error: { readonly type?: string; readonly code?: string; readonly message?: string } = {},
  headers: { readonly [name: string]: string } = {}
): Answer => ({
  status,
  headers,
  mediaType: "application/json",
  body: new TextEncoder().encode(JSON.stringify({ type: "error", error: { message: "refused", ...error } }))
})

/**
 * An HTML page where a stream was expected, as a proxy may send it.
 *
 * @since 0.1.0
 * @category operations
 */
export const page = (status = 200): Answer => ({
  status,
  mediaType: "text/html; charset=utf-8",
  body: new TextEncoder().encode("<!doctype html><title>Gateway</title><p>Please sign in.</p>")
})

const laneOf = (path: string): string => /^\/lane-\d+/.exec(path)?.[0] ?? ""

const unexpected = refusal(418, { type: "unexpected_request" })

/** Replaces the wildcard address, on which a server may listen but to which a client cannot connect. */
const address = (url: string): string => url.replace(/\/+$/, "").replace(/\/\/(0\.0\.0\.0|\[::\])/, "//127.0.0.1")

const secret = /^(authorization|cookie|x-api-key|x-goog-api-key|api-key|proxy-authorization)$/i

/**
 * Headers without those that carry keys.
 *
 * @since 0.1.0
 * @category operations
 */
export const withoutKeys = (headers: { readonly [name: string]: string }): { readonly [name: string]: string } =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !secret.test(name)))

const respond = (answer: Answer, received: Received): HttpServerResponse.HttpServerResponse => {
  const delivery = answer.delivery ?? {}
  const pieces = split(answer.body, delivery)
  const pause = delivery.pauseMs ?? 0
  const rest = pause > 0 ? Effect.sleep(pause) : Effect.yieldNow
  const sent = Stream.fromIterable(pieces, { chunkSize: 1 }).pipe(
    Stream.mapEffect((piece, index) => (index === 0 ? Effect.succeed(piece) : Effect.as(rest, piece)))
  )
  const ending =
    delivery.stallAt !== undefined
      ? Stream.fromEffect(Effect.never)
      : delivery.cutAt !== undefined && delivery.cutAt < 1
        ? Stream.fromEffect(Effect.andThen(rest, Effect.fail(new Cut())))
        : Stream.empty
  return HttpServerResponse.stream(
    Stream.concat(sent, ending).pipe(
      Stream.onExit((exit) =>
        Effect.sync(() => {
          received.left = exit._tag === "Failure" && delivery.cutAt === undefined
        })
      )
    ),
    {
      status: answer.status ?? 200,
      contentType: answer.mediaType ?? "text/event-stream",
      headers: answer.headers ?? {}
    }
  )
}

class Cut extends Error {
  override readonly name = "Cut"
}

/**
 * How the bytes of a recording arrive.
 *
 * @since 0.1.0
 * @category models
 */
export interface Delivery {
  /** The seed of the random sizes. Absent: all bytes in one piece. */
  readonly seed?: number | undefined
  /** The largest piece, in bytes. Default 64. */
  readonly maxPiece?: number | undefined
  /** Milliseconds between two pieces. Default 0: as fast as the event loop turns. */
  readonly pauseMs?: number | undefined
  /** Breaks the connection after this fraction of the bytes, from 0 to 1. Absent: sends all. */
  readonly cutAt?: number | undefined
  /** Stops sending after this fraction of the bytes and keeps the connection open. Absent: sends all. */
  readonly stallAt?: number | undefined
}

/**
 * Splits the bytes into pieces. Pieces may end inside a character.
 *
 * @since 0.1.0
 * @category operations
 */
export const split = (bytes: Uint8Array, delivery: Delivery): ReadonlyArray<Uint8Array> => {
  const end = Math.floor(bytes.length * Math.min(delivery.cutAt ?? 1, delivery.stallAt ?? 1))
  const sent = bytes.subarray(0, end)
  if (delivery.seed === undefined) return sent.length === 0 ? [] : [sent]
  const next = random(delivery.seed)
  const most = Math.max(1, delivery.maxPiece ?? 64)
  const pieces: Array<Uint8Array> = []
  for (let from = 0; from < sent.length;) {
    const size = 1 + Math.floor(next() * most)
    pieces.push(sent.subarray(from, from + size))
    from += size
  }
  return pieces
}

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
const random = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
