/**
 * The ids by which clients know the messages of a thread: what a user said by the client's own id, an answer by the id
 * that its stream began with. Where neither is known, the thread's id and the message's position.
 */
import type { Message } from "@reins/protocol"
import type { RunPlace } from "./Facts.ts"

/** The id of a run's answer, or of one that follows a user's message. */
export const ofAnswer = (runOrMessageId: string): string => `msg_${runOrMessageId}`

/** An id for each message. Of a run with several steps the first of its answers has the id. */
export const of = (
  threadId: string,
  messages: ReadonlyArray<Message.Message>,
  runs: ReadonlyArray<RunPlace> = []
): ReadonlyArray<string> => {
  const ids = messages.map((_, index) => `${threadId}-${index}`)
  for (const { at, messageId, runId } of runs) {
    if (messages[at]?.role === "user" && messageId !== undefined) ids[at] = messageId
    const answer = messages.findIndex(({ role }, index) => index >= at && role === "assistant")
    if (answer >= 0 && !messages.slice(at + 1, answer).some(({ role }) => role === "user"))
      ids[answer] = ofAnswer(runId)
  }
  return ids
}
