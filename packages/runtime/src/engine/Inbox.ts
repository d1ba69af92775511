/**
 * The inbox of a run: the messages that a user sends while it runs. It is a list of slots, counted from 1, and each is
 * filled once: by a message, or by the run's close, after which nothing is accepted. So one write decides between a
 * message and the end of the run, in every store that keeps the first answer to a name.
 */
import { Event, Message } from "@reins/protocol"
import type { Json } from "@reins/protocol"
import * as Schema from "effect/Schema"

const MessageStruct = Schema.Struct({ messageId: Schema.String, content: Schema.Array(Message.UserPart) })

/** A user's message for a running run. `messageId`: sending the same id again sends the same message. */
export interface InboxMessage extends Schema.Schema.Type<typeof MessageStruct> {}

const Slot = Schema.Union([MessageStruct, Schema.Struct({ closed: Schema.Literal(true) })])

const decode = Schema.decodeUnknownSync(Slot)

/** The slot of a message. */
export const encode: (message: InboxMessage) => Json = Schema.encodeSync(MessageStruct)

/** The slot after the last message. */
export const closed: Json = { closed: true }

/** The message in a slot; `undefined` if the slot closes the inbox. */
export const messageIn = (slot: Json): InboxMessage | undefined => {
  const found = decode(slot)
  return "closed" in found ? undefined : found
}

/** Whether both messages are exactly equal. */
export const isSame = (one: InboxMessage, other: InboxMessage): boolean =>
  JSON.stringify(encode(one)) === JSON.stringify(encode(other))

/** The event of the message at `position`. */
export const received = ({ content, messageId }: InboxMessage, position: number): Event =>
  Event.messageReceived({ messageId, position, content })

/**
 * The result of sending a message. `Accepted`: it enters the conversation before a later step, or was accepted before;
 * `at`: when, in epoch milliseconds. `Closed`: the run is ending or was cancelled. `Clash`: another message has its id.
 */
export type Accepted =
  | { readonly _tag: "Accepted"; readonly position: number; readonly at: number }
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Clash" }
  | { readonly _tag: "Unknown" }

/** The result for a message if its slot is taken; `undefined`: try the next slot. */
export const judge = (
  message: InboxMessage,
  { at, value }: { readonly value: Json; readonly at: number },
  position: number
): Accepted | undefined => {
  const found = messageIn(value)
  if (found === undefined) return { _tag: "Closed" }
  if (found.messageId !== message.messageId) return undefined
  return isSame(found, message) ? { _tag: "Accepted", position, at } : { _tag: "Clash" }
}
