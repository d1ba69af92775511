import type { Dialect } from "../Dialect.ts"
import * as Encoder from "./Encoder.ts"
import { fields, routes } from "./Request.ts"
import { encodeError } from "../openai-chat/Encoder.ts"

export { Item } from "./Item.ts"
export { Create } from "./Request.ts"
export { ResponseObject } from "./Response.ts"

/**
 * OpenAI Responses, with approvals as `mcp_approval_request`.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialect: Dialect = {
  name: "openai-responses",
  title: "OpenAI Responses",
  routes,
  fields: { "POST /responses": fields },
  onDisconnect: "cancel",
  // As the vendor's conversations, which one response at a time may use; the official client asks again by itself. One
  // that waits for somebody makes place, since its client may write on instead of answering.
  onBusy: "cancel-waiting",
  open: () => Encoder.open({ model: "reins", events: true }),
  encodeError
}
