/**
 * Waits until a connection's client has taken what it was sent. The platform's WebSocket accepts any amount at once and
 * holds it in memory; Node's socket below it tells when it is full and when it has room again.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Semaphore from "effect/Semaphore"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"

type Listen = (event: "drain" | "close", listener: () => void) => unknown

interface NodeSocket {
  readonly writableNeedDrain: boolean
  readonly destroyed: boolean
  readonly once: Listen
  readonly off: Listen
}

const isNodeSocket = (value: unknown): value is NodeSocket =>
  Predicate.hasProperty(value, "writableNeedDrain") &&
  Predicate.hasProperty(value, "destroyed") &&
  Predicate.hasProperty(value, "once") &&
  Predicate.hasProperty(value, "off")

/**
 * Completes when the request's connection has room, or is closed. On platforms without Node's sockets at once. Of many
 * who wait, one listens to the socket, and the others wait for that one.
 */
export const room = ({ source }: Pick<HttpServerRequest.HttpServerRequest, "source">): Effect.Effect<void> => {
  const socket = Predicate.hasProperty(source, "socket") ? source.socket : undefined
  if (!isNodeSocket(socket)) return Effect.void
  const drained = Effect.callback<void>((resume) => {
    const leave = () => {
      socket.off("drain", taken)
      socket.off("close", taken)
    }
    const taken = () => {
      leave()
      resume(Effect.void)
    }
    socket.once("drain", taken)
    socket.once("close", taken)
    return Effect.sync(leave)
  })
  const turn = Semaphore.makeUnsafe(1)
  const unlessFull = (wait: Effect.Effect<void>) =>
    Effect.suspend(() => (socket.writableNeedDrain && !socket.destroyed ? wait : Effect.void))
  return unlessFull(turn.withPermit(unlessFull(drained)))
}
