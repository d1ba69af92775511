import type { Dialect } from "../Dialect.ts"
import { encodeError } from "./Chat.ts"
import * as Encoder from "./Encoder.ts"
import { fields, routes } from "./Request.ts"

export { KaiEvent, wrap } from "./Encoder.ts"
export { ChatRequest, VoteRequest } from "./Request.ts"

/**
 * Keboola Kai (source 003). `GET /api/chat/:id/stream` answers 204 when nothing runs.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialect: Dialect = {
  name: "kai",
  title: "Kai",
  routes,
  fields: { "POST /api/chat": fields },
  open: () => Encoder.open(),
  // Its clients let a person write on instead of answering, and have no other way to stop a run.
  onBusy: "cancel-previous",
  encodeError
}
