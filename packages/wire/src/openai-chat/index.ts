import type { Dialect } from "../Dialect.ts"
import * as Encoder from "./Encoder.ts"
import { fields } from "./Fields.ts"
import { routes } from "./Request.ts"

export { Chunk, Completion, ErrorBody } from "./Encoder.ts"
export { ChatRequest } from "./Request.ts"

/**
 * OpenAI Chat Completions. `stream_options.include_events` is our extension: without it the only chunk without choices
 * is the usage chunk.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialect: Dialect = {
  name: "openai-chat",
  title: "OpenAI Chat Completions",
  routes,
  fields: { "POST /chat/completions": fields },
  onDisconnect: "cancel",
  // Where a request names a thread, the thread becomes what the request shows: what is under way there is no part of
  // it.
  onBusy: "cancel-previous",
  open: () => Encoder.open({ model: "reins", usage: true, events: true }),
  encodeError: Encoder.encodeError
}
