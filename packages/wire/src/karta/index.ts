import type { Dialect } from "../Dialect.ts"
import * as Encoder from "./Encoder.ts"
import type { Configuration } from "./Configuration.ts"
import { routes } from "./Request.ts"
import { encodeError } from "./Session.ts"

export { KartaEvent } from "./KartaEvent.ts"
export type { Configuration } from "./Configuration.ts"
export * as Policy from "./Policy.ts"
export { SendMessage } from "./Request.ts"

/** Karta with a server's own configuration: `make({ runtime: { permission_mode: "autonomous" } })`. */
export const make = (configuration: Configuration): Dialect => ({
  name: "karta",
  title: "Karta",
  routes: routes(configuration),
  open: () => Encoder.open(),
  // A session has no way to stop a turn but the next message.
  onBusy: "cancel-previous",
  encodeError
})

/** Karta (source 000), with its adapters and managed agents. */
export const dialect: Dialect = make({})
