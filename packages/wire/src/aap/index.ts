import type { Dialect } from "../Dialect.ts"
import { ignored } from "../Body.ts"
import * as Encoder from "./Encoder.ts"
import { createFields, fields, routesV1, routesV2, routesV3 } from "./Request.ts"
import { encodeError } from "./Encoder.ts"

export { Message } from "./Message.ts"
export { CreateSession, SendTurn } from "./Request.ts"
export { TurnEvent } from "./Turn.ts"

/**
 * The Agent Application Protocol, version 3.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialect: Dialect = {
  name: "aap",
  title: "Agent Application Protocol",
  routes: routesV3,
  fields: {
    "POST /sessions": { ...createFields, stream: ignored("Nothing runs yet") },
    "POST /sessions/:id/turns": fields
  },
  open: () => Encoder.open("delta", false),
  // A turn that asks goes on without the unanswered calls of the turn before.
  onBusy: "cancel-previous",
  encodeError
}

/**
 * Version 1: as version 2, and a session is shown with its history, a list as ids.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialectV1: Dialect = {
  name: "aap-v1",
  title: "Agent Application Protocol 1",
  routes: routesV1,
  fields: { "PUT /session": createFields, "POST /session/:id": fields },
  open: () => Encoder.open("delta", true),
  // A turn that asks goes on without the unanswered calls of the turn before.
  onBusy: "cancel-previous",
  encodeError
}

/**
 * Version 2, as source 001 describes it. Versions 1 and 2 use other paths than 3, so each has its own base path.
 *
 * @since 0.1.0
 * @category constants
 */
export const dialectV2: Dialect = {
  name: "aap-v2",
  title: "Agent Application Protocol 2",
  routes: routesV2,
  fields: { "PUT /session": createFields, "POST /session/:id": fields },
  open: () => Encoder.open("delta", true),
  // A turn that asks goes on without the unanswered calls of the turn before.
  onBusy: "cancel-previous",
  encodeError
}
