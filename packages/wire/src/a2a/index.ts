import type { Dialect } from "../Dialect.ts"
import * as Encoder from "./Encoder.ts"
import * as JsonRpc from "./JsonRpc.ts"
import { cardPath, fields, routes } from "./Request.ts"

export { SendMessage } from "./Request.ts"
export { Message, StreamResponse, Task } from "./Task.ts"

/**
 * A2A 1.0 over JSON-RPC: `/.well-known/agent-card.json` below its base path, and below `/agents/:agent` for one agent.
 * `pushes`: the card says that tasks can be told by web hooks, which the server's `webhooks` option sends; absent: they
 * cannot.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ pushes = false }: { readonly pushes?: boolean } = {}): Dialect => ({
  name: "a2a",
  title: "A2A 1.0",
  routes: routes(pushes),
  fields: { "POST /rpc": fields },
  wellKnown: [cardPath],
  open: () => Encoder.open(),
  openPush: Encoder.openPush,
  encodeError: (refusal) => JsonRpc.failure(null, refusal)
})

/**
 * A2A 1.0, without web hooks.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialect: Dialect = make()
