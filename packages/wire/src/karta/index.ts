import type { Dialect } from "../Dialect.ts"
import * as Encoder from "./Encoder.ts"
import { routes } from "./Request.ts"
import { encodeError } from "./Session.ts"

export { KartaEvent } from "./KartaEvent.ts"
export * as Policy from "./Policy.ts"
export { SendMessage } from "./Request.ts"

/** Karta (source 000), with its adapters and managed agents. */
export const dialect: Dialect = {
  name: "karta",
  title: "Karta",
  routes,
  open: () => Encoder.open(),
  encodeError
}
