/**
 * A WebSocket that carries a dialect: its client's messages in order, several answers at once, each read no faster than
 * the client takes it. A client that disconnects leaves its runs as one of a stream does.
 *
 * Closes with 1001 when the server closes, 1003 for bytes, 1007 for a text that is not JSON, 1009 for a message above
 * the limit, and 1011 after a failure of ours.
 */
import { Outline } from "@reins/runtime/journal"
import { Refusal, type Dialect } from "@reins/wire"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberMap from "effect/FiberMap"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as EffectSocket from "effect/socket/Socket"
import type { Mount } from "../options/ServerOptions.ts"
import * as Exchanges from "../run/Exchanges.ts"
import type { Feed } from "../run/Outcome.ts"
import type { ServerContext } from "../run/ServerContext.ts"
import * as StreamResponse from "../run/StreamResponse.ts"
import { depth, maxDepth } from "./Body.ts"
import * as Outflow from "./Outflow.ts"

/** `maxBytes`: the largest accepted message. */
export interface Connection {
  readonly codec: Dialect.SocketCodec
  readonly mount: Mount
  readonly asker: Exchanges.Asker
  readonly maxBytes: number
}

/** How many answers of a connection may be open at once. */
const maxOpen = 64

const noUpgrade = Refusal.make("bad-request", "UpgradeRequired", "Open this path as a WebSocket")
const tooMany = Refusal.make(
  "rate-limited",
  "TooManyAnswers",
  `At most ${maxOpen} answers may be open on a connection`,
  1
)
const taken = Refusal.make("conflict", "IdTaken", "An answer with this id is open. Use a new id")
const internal = Refusal.make("internal", "Internal", "Internal server error. See the server's log")
const tooDeep = Refusal.badRequest(`Message is nested deeper than ${maxDepth} levels`)

const closings = {
  closing: new EffectSocket.CloseEvent(1001, "The server is shutting down"),
  bytes: new EffectSocket.CloseEvent(1003, "Send JSON texts"),
  notJson: new EffectSocket.CloseEvent(1007, "Message is not valid JSON"),
  tooLarge: new EffectSocket.CloseEvent(1009, "Message exceeds the limit"),
  failed: new EffectSocket.CloseEvent(1011, "Internal server error")
} as const

const parse = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

/** Serves the connection until one side closes it. */
export const serve = Effect.fnUntraced(function* (
  serving: ServerContext,
  connection: Connection,
  request: HttpServerRequest.HttpServerRequest
) {
  if (request.headers["upgrade"]?.toLowerCase() !== "websocket") return yield* Effect.fail(noUpgrade)
  const socket = yield* Effect.mapError(request.upgrade, () => noUpgrade)
  yield* Effect.scoped(carry(serving, connection, socket, request)).pipe(
    // The client has gone.
    Effect.ignore
  )
  return HttpServerResponse.empty()
})

const carry = Effect.fnUntraced(function* (
  serving: ServerContext,
  connection: Connection,
  socket: EffectSocket.Socket,
  request: HttpServerRequest.HttpServerRequest
) {
  const { codec, maxBytes } = connection
  const { headers } = request
  const room = Outflow.room(request)
  const reader = yield* socket.reader
  const writer = yield* socket.writer
  const closing = yield* Deferred.make<EffectSocket.CloseEvent>()
  const open = yield* FiberMap.make<string, unknown, unknown>()
  const runs = new Map<string, string>()
  let isSilent = false
  const say = (text: string) => {
    isSilent = false
    return Effect.andThen(writer.write(text), room)
  }
  yield* FiberMap.run(
    open,
    pinging,
    attend(
      serving,
      () => {
        const isDue = isSilent
        isSilent = true
        return isDue ? Effect.ignore(writer.write(codec.write.ping)) : Effect.void
      },
      closing
    )
  )
  const answer = (id: string, asked: Extract<Dialect.SocketMessage, { readonly _tag: "Ask" }>) =>
    answered(serving, connection, asked, { id, say, began: (runId) => runs.set(id, runId) }).pipe(
      Effect.catchDefect((defect) =>
        Effect.andThen(
          Effect.logError(`A message to dialect ${connection.mount.dialect.name} failed: ${Outline.of(defect)}`),
          say(codec.write.refuse(id, internal))
        )
      ),
      Effect.ensuring(Effect.sync(() => runs.delete(id)))
    )
  const take = Effect.fnUntraced(function* (text: string) {
    const value = parse(text)
    if (Option.isNone(value)) return yield* Deferred.succeed(closing, closings.notJson)
    const asked: Dialect.SocketMessage =
      depth(text) > maxDepth
        ? { _tag: "Refused", id: undefined, refusal: tooDeep }
        : codec.read(value.value, { params: {}, query: {}, headers })
    switch (asked._tag) {
      case "Alive":
        return
      case "Ping":
        return yield* say(codec.write.pong)
      case "Refused":
        return yield* say(codec.write.refuse(asked.id, asked.refusal))
      case "Leave": {
        const runId = runs.get(asked.id)
        yield* FiberMap.remove(open, key(asked.id))
        if (asked.cancels && runId !== undefined) yield* serving.runtime.cancel(runId)
        return
      }
      case "Ask": {
        const { id } = asked
        if (yield* FiberMap.has(open, key(id))) return yield* say(codec.write.refuse(id, taken))
        if ((yield* FiberMap.size(open)) > maxOpen) return yield* say(codec.write.refuse(id, tooMany))
        const { tenant } = connection.asker.principal
        const wait = serving.allowance.request(tenant, Number(yield* Clock.monotonicTimeNanos) / 1e6)
        const limited = Refusal.make("rate-limited", "RateLimited", "Too many requests", wait)
        if (wait > 0) return yield* say(codec.write.refuse(id, limited))
        yield* FiberMap.run(open, key(id), answer(id, asked))
      }
    }
  })
  const received = Effect.gen(function* () {
    for (;;) {
      for (const message of yield* reader.pull) {
        if (typeof message !== "string") yield* Deferred.succeed(closing, closings.bytes)
        else if (isAbove(message, maxBytes)) yield* Deferred.succeed(closing, closings.tooLarge)
        else yield* take(message)
        if (yield* Deferred.isDone(closing)) return yield* Effect.never
      }
    }
  })
  const failed = Effect.catchDefect(received, (defect) =>
    Effect.andThen(
      Effect.logError(`A connection of dialect ${connection.mount.dialect.name} failed: ${Outline.of(defect)}`),
      Effect.succeed(closings.failed)
    )
  )
  yield* writer.write(yield* Effect.raceFirst(failed, Deferred.await(closing)))
})

/** Whether a text has more bytes than allowed. */
const isAbove = (text: string, bytes: number): boolean =>
  text.length > bytes || (text.length * 3 > bytes && new TextEncoder().encode(text).length > bytes)

/** Ids are the client's: none of them is ours. */
const key = (id: string): string => `:${id}`
const pinging = "pinging"

/** Pings while nothing else is sent, and closes with the server. */
const attend = (
  { bell }: ServerContext,
  ping: () => Effect.Effect<void>,
  closing: Deferred.Deferred<EffectSocket.CloseEvent>
) =>
  Effect.callback<void>((resume) => {
    const end = () => resume(Effect.asVoid(Deferred.succeed(closing, closings.closing)))
    if (bell.isClosed) return end()
    const listener = { tick: () => resume(Effect.void), close: end }
    bell.listen(listener)
    return Effect.sync(() => bell.leave(listener))
  }).pipe(Effect.andThen(Effect.suspend(ping)), Effect.repeat({ while: () => !bell.isClosed }))

interface Place {
  readonly id: string
  readonly say: (text: string) => Effect.Effect<void, EffectSocket.SocketError>
  readonly began: (runId: string) => void
}

const answered = Effect.fnUntraced(function* (
  serving: ServerContext,
  { asker, codec, mount }: Connection,
  { after = 0, exchange }: Extract<Dialect.SocketMessage, { readonly _tag: "Ask" }>,
  { began, id, say }: Place
) {
  const { write } = codec
  const { answer } = exchange
  const carried = yield* Effect.result(Exchanges.execute(serving, mount, asker, exchange))
  if (carried._tag === "Failure") return yield* say(write.refuse(id, carried.failure))
  const outcome = carried.success
  if (outcome._tag === "NothingToResume") return yield* say(write.nothing(id))
  if (outcome._tag === "Facts") {
    return yield* say(
      write.reply(id, answer._tag === "Facts" ? answer.shape(outcome.facts) : { status: 202, body: {} })
    )
  }
  const { feed } = outcome
  began(feed.runId)
  switch (answer._tag) {
    case "Facts":
      return yield* say(write.reply(id, answer.shape({ _tag: "Accepted", ...placeOf(feed) })))
    case "Whole": {
      const told = yield* Effect.result(Exchanges.whole(serving, feed, answer))
      return yield* say(told._tag === "Failure" ? write.refuse(id, told.failure) : write.reply(id, told.success))
    }
    case "Stream": {
      yield* say(write.start(id, placeOf(feed)))
      let sequence = 0
      const told = StreamResponse.lines(serving, feed, answer, (frame) => {
        const line = write.frame(id, frame, sequence)
        if (line === undefined) return undefined
        sequence += 1
        return sequence > after ? line : undefined
      })
      yield* Stream.runForEach(told, (line) => (line === "" ? Effect.void : say(line)))
      return serving.bell.isClosed ? undefined : yield* say(write.end(id))
    }
  }
})

const placeOf = ({ runId, threadId }: Feed) => ({ runId, threadId })
