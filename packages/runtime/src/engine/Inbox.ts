/**
 * The inbox of a run: the messages that a user sends to it while it runs. It is a row of slots, counted from 1, each of which is filled
 * once by whoever comes first: a message, or the run's own close, behind which nothing is accepted. So one write decides between a
 * message and the end of the run, in every store that keeps the first answer to a name.
 */
import { Event, Message } from "@reins/protocol"
import type { Json } from "@reins/protocol"
import * as Schema from "effect/Schema"

const MessageStruct = Schema.Struct({ messageId: Schema.String, content: Schema.Array(Message.UserPart) })

/** A message of a user for a running run. `messageId`: the same one again is the same message. */
export interface InboxMessage extends Schema.Schema.Type<typeof MessageStruct> {}

const Slot = Schema.Union([MessageStruct, Schema.Struct({ closed: Schema.Literal(true) })])

const decode = Schema.decodeUnknownSync(Slot)

/** What fills a slot for a message. */
export const encode: (message: InboxMessage) => Json = Schema.encodeSync(MessageStruct)

/** What fills the slot behind the last message. */
export const closed: Json = { closed: true }

/** The message in a slot; `undefined` where the inbox was closed there. */
export const messageIn = (slot: Json): InboxMessage | undefined => {
  const found = decode(slot)
  return "closed" in found ? undefined : found
}

/** Whether both are the same message, to the letter. */
export const isSame = (one: InboxMessage, other: InboxMessage): boolean =>
  JSON.stringify(encode(one)) === JSON.stringify(encode(other))

/** The event of the message at `position`. */
export const received = ({ content, messageId }: InboxMessage, position: number): Event =>
  Event.messageReceived({ messageId, position, content })

/**
 * What became of a message. `Accepted`: it enters the conversation before a later step, or it was accepted before; `at`: when, in epoch
 * milliseconds. `Closed`: the run is
 * ending, or was asked to. `Clash`: its id is another message's.
 */
export type Accepted =
  | { readonly _tag: "Accepted"; readonly position: number; readonly at: number }
  | { readonly _tag: "Closed" }
  | { readonly _tag: "Clash" }
  | { readonly _tag: "Unknown" }

/** What became of a message whose slot was taken before by `slot`; `undefined`: the next slot is tried. */
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
