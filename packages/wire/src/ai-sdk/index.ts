import type { Dialect } from "../Dialect.ts"
import * as Encoder from "./Encoder.ts"
import * as ModelChat from "./ModelChat.ts"
import * as ObjectStream from "./ObjectStream.ts"
import { fields, routes } from "./Request.ts"
import { socket } from "./Socket.ts"

export { Chunk } from "./UiMessage.ts"
export { ObjectRequest } from "./ObjectStream.ts"
export { Chat } from "./Request.ts"

/**
 * The UI message stream of AI SDK 7, as `useChat` reads it; of AI SDK 6 at `/v6/chat`, or with `x-ai-sdk-version: 6`.
 * `GET /chat/:id/messages` has what a page that is opened again begins with; `GET /chat/:id/stream` goes on with the
 * active run, and answers 204 when nothing runs. `POST /object` streams a typed answer as `useObject` reads it.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialect: Dialect = {
  name: "ai-sdk",
  title: "AI SDK 6 and 7",
  routes,
  fields: { "POST /chat": fields, "POST /data-stream": ModelChat.fields, "POST /object": ObjectStream.fields },
  socket,
  open: Encoder.open,
  // `useChat` lets a person write on while a question is open: what they write is answered, and the open question is
  // not.
  onBusy: "cancel-previous",
  // The client shows the body of a refused request unchanged.
  encodeError: ({ message, status }) => ({ status, text: message })
}
