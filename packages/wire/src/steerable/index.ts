import type { Dialect } from "../Dialect.ts"
import { unnamed } from "../Frame.ts"
import * as Encoder from "./Encoder.ts"
import { fields, routes } from "./Request.ts"

export * as JsonRpc from "./JsonRpc.ts"
export * as Sidecar from "./Sidecar.ts"
export * as Trace from "./Trace.ts"
export { SseEvent, SteerableEvents } from "./Encoder.ts"

/**
 * Steerable (source 004). `?event=off` leaves out the frames' `event:` line. `JsonRpc` frames its sidecar.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialect: Dialect = {
  name: "steerable",
  title: "Steerable",
  routes,
  fields: { "POST /api/chats/:chatId/send": fields },
  open: () => Encoder.open(),
  // What a person sends to a running agent steers it. Who has stopped reading has stopped it.
  onBusy: "steer-or-cancel",
  keepAlive: { event: "message", ...unnamed({ type: "keepalive" }) },
  encodeError: ({ code, message, retryAfterSeconds, status }) => ({
    status,
    body: { type: "error", message, code },
    ...(retryAfterSeconds === undefined ? {} : { headers: { "retry-after": `${retryAfterSeconds}` } })
  })
}
