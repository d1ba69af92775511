/** Reads a request's body as JSON, within limits on size, time and depth. Errors never repeat what was sent. */
import { Refusal } from "@reins/wire"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"

export interface Bounds {
  readonly maxBytes: number
  readonly timeout: Duration.Duration
}

const tooLarge = (maxBytes: number) =>
  Refusal.make("too-large", "BodyTooLarge", `Request body exceeds the limit of ${maxBytes} bytes`)
const notJson = Refusal.make("bad-request", "InvalidJson", "Request body is not valid JSON")
const notUtf8 = Refusal.make(
  "bad-request",
  "InvalidJson",
  "Request body is not valid UTF-8. JSON is sent in UTF-8, whatever charset the content-type names"
)
const encoded = Refusal.badRequest("Header content-encoding is not supported. Send the body without compression")
/** Well above what any protocol nests, well below what a recursive reader can handle. */
export const maxDepth = 256
const tooDeep = Refusal.badRequest(`Request body is nested deeper than ${maxDepth} levels`)
const tooSlow = Refusal.badRequest("Request body did not arrive before the timeout")
const cut = Refusal.badRequest("Request body could not be read")

/** The nesting depth of a JSON text, ignoring brackets in strings. Stops counting above `maxDepth`. */
export const depth = (text: string): number => {
  let deepest = 0
  let open = 0
  let isString = false
  for (let index = 0; index < text.length && deepest <= maxDepth; index += 1) {
    const code = text.charCodeAt(index)
    if (isString) {
      if (code === 92) index += 1
      else if (code === 34) isString = false
    } else if (code === 34) isString = true
    else if (code === 91 || code === 123) {
      open += 1
      if (open > deepest) deepest = open
    } else if (code === 93 || code === 125) open -= 1
  }
  return deepest
}

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** The value of a body; `undefined` for an empty one. */
export const read = (
  request: HttpServerRequest.HttpServerRequest,
  { maxBytes, timeout }: Bounds
): Effect.Effect<unknown, Refusal.Refusal> => {
  if (Number(request.headers["content-length"] ?? "0") > maxBytes) return Effect.fail(tooLarge(maxBytes))
  const encoding = request.headers["content-encoding"]?.trim().toLowerCase() ?? ""
  if (encoding !== "" && encoding !== "identity") return Effect.fail(encoded)
  const chunks: Array<Uint8Array> = []
  let size = 0
  const collected = request.stream.pipe(
    Stream.mapError(() => cut),
    Stream.runForEach((chunk) => {
      size += chunk.length
      if (size > maxBytes) return Effect.fail(tooLarge(maxBytes))
      chunks.push(chunk)
      return Effect.void
    }),
    Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(tooSlow) })
  )
  return Effect.flatMap(collected, () => decode(chunks, size))
}

/** Up to this size, reading a body is cheaper than a new connection. */
const smallBytes = 64 * 1024

/**
 * Handles a body that is not read: a small one is drained, so that the connection can serve the next request;
 * otherwise the connection must close. The returned headers say which.
 */
export const discard = (
  request: HttpServerRequest.HttpServerRequest,
  { timeout }: Bounds
): Effect.Effect<{ readonly [name: string]: string }> => {
  const size = Number(request.headers["content-length"] ?? "0")
  if (size === 0 && request.headers["transfer-encoding"] === undefined) return Effect.succeed({})
  const closes = { connection: "close" }
  if (size === 0 || size > smallBytes) return Effect.succeed(closes)
  return Stream.runDrain(request.stream).pipe(
    Effect.timeout(timeout),
    Effect.match({ onFailure: () => closes, onSuccess: () => ({}) })
  )
}

/** Bytes that are no UTF-8 are refused: replacing them would send the model something else than the client wrote. */
const textOf = Option.liftThrowable((bytes: Uint8Array) => new TextDecoder("utf-8", { fatal: true }).decode(bytes))

const decode = (chunks: ReadonlyArray<Uint8Array>, size: number): Effect.Effect<unknown, Refusal.Refusal> => {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  const told = textOf(bytes)
  if (Option.isNone(told)) return Effect.fail(notUtf8)
  const text = told.value
  if (text.trim() === "") return Effect.undefined
  if (depth(text) > maxDepth) return Effect.fail(tooDeep)
  const value = parse(text)
  return Option.isSome(value) ? Effect.succeed(value.value) : Effect.fail(notJson)
}
