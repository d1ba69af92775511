import type { Dialect } from "../Dialect.ts"
import * as Encoder from "./Encoder.ts"
import { errorOf } from "./Request.ts"

export * as Acp from "./Request.ts"
export { Permission, Stopped, Update } from "./Update.ts"

/**
 * The Agent Client Protocol, version 1. It has no routes: its client starts a process and speaks to it over stdio.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialect: Dialect = {
  name: "acp",
  title: "Agent Client Protocol 1",
  routes: [],
  open: Encoder.open,
  encodeError: (refusal) => ({ status: refusal.status, body: { jsonrpc: "2.0", id: null, error: errorOf(refusal) } })
}
