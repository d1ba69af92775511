/** What stands for erased messages in a thread of others. */
import type { Message } from "@reins/protocol"

/**
 * The text of an erased message.
 *
 * @since 0.2.0
 * @category constants
 */
export const text = "[erased]"

/**
 * What a message becomes that is erased from a thread of others. Its place stays, so that those of others stay, and
 * neither a call nor a result is left without the other.
 *
 * @since 0.2.0
 * @category operations
 */
export const message = ({ role }: Pick<Message.Message, "role">): Message.Message => ({
  role: role === "user" ? "user" : "assistant",
  content: [{ type: "text", text }]
})
