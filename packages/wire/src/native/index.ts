import type { Dialect } from "../Dialect.ts"
import * as Encoder from "./Encoder.ts"
import { routes } from "./Request.ts"

export { Query, ToolResult } from "./Request.ts"

/** Our own events, unchanged. */
export const dialect: Dialect = {
  name: "native",
  title: "Native",
  routes,
  open: () => Encoder.open("all"),
  encodeError: ({ code, message, status }) => ({ status, body: { error: { code, message } } })
}
