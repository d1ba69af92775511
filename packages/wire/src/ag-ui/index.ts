import type { Dialect } from "../Dialect.ts"
import * as Encoder from "./Encoder.ts"
import { fields, routes } from "./Request.ts"

export { AgUiEvent } from "./AgUiEvent.ts"
export { RunAgentInput } from "./Request.ts"

/**
 * AG-UI 1.0, with interrupts and sub-agents.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialect: Dialect = {
  name: "ag-ui",
  title: "AG-UI 1.0",
  routes,
  fields: { "POST /run": fields },
  open: () => Encoder.open({ isCurrent: true }),
  // A new run input on a thread replaces what was open there.
  onBusy: "cancel-previous",
  encodeError: ({ code, message, retryAfterSeconds, status }) => ({
    status,
    body: { error: { code, message } },
    ...(retryAfterSeconds === undefined ? {} : { headers: { "retry-after": `${retryAfterSeconds}` } })
  })
}
