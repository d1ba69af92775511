import type { Dialect } from "../Dialect.ts"
import { fields, open, routes } from "./Request.ts"
import { socket } from "./Socket.ts"

export { SocketMessage } from "./Socket.ts"
export { Query, ToolResult } from "./Request.ts"

/**
 * Our own events, unchanged.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialect: Dialect = {
  name: "native",
  title: "Native",
  routes,
  fields: { "POST /query": fields },
  socket,
  open: () => open("all"),
  encodeError: ({ code, message, status }) => ({ status, body: { error: { code, message } } })
}
