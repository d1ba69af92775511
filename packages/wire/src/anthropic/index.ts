import type { Dialect } from "../Dialect.ts"
import { fields } from "./Fields.ts"
import * as Encoder from "./Encoder.ts"
import { routes } from "./Request.ts"

export { Message, StreamEvent } from "./Event.ts"
export { Create } from "./Request.ts"

/**
 * Anthropic Messages.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialect: Dialect = {
  name: "anthropic",
  title: "Anthropic Messages",
  routes,
  fields: { "POST /v1/messages": fields },
  onDisconnect: "cancel",
  // Where a request names a thread, the thread becomes what the request shows: what is under way there is no part of
  // it.
  onBusy: "cancel-previous",
  open: () => Encoder.open({ model: "reins", hasEvents: true, isBeta: true }),
  encodeError: Encoder.encodeError
}
