import type { Dialect } from "../Dialect.ts"
import * as Encoder from "./Encoder.ts"
import type { Configuration } from "./Configuration.ts"
import * as Fields from "./Fields.ts"
import { routes } from "./Request.ts"
import { encodeError } from "./Session.ts"

export { KartaEvent } from "./KartaEvent.ts"
export type { Configuration } from "./Configuration.ts"
export * as Policy from "./Policy.ts"
export { SendMessage } from "./Request.ts"

/**
 * Karta with a server's own configuration: `make({ runtime: { permission_mode: "autonomous" } })`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (configuration: Configuration): Dialect => ({
  name: "karta",
  title: "Karta",
  routes: routes(configuration),
  fields: {
    "POST /v1/sessions": Fields.session,
    "POST /v1/sessions/:id/messages": Fields.message,
    "POST /v1/projects/:ref/chat/completions": Fields.chat,
    "POST /v1/projects/:ref/responses": Fields.responses
  },
  open: () => Encoder.open(),
  // A session has no way to stop a turn but the next message.
  onBusy: "cancel-previous",
  encodeError
})

/**
 * Karta (source 000), with its adapters and managed agents.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialect: Dialect = make({})
