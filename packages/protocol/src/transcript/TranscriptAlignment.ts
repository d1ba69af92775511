/**
 * Finds where a conversation that a client shows differs from a thread's: the client continued, restarted from an
 * earlier message, or edited one.
 *
 * A client shows less than a thread has: it joins the texts of several steps, leaves out reasoning and calls that it
 * does not run, and may have stopped reading in the middle of an answer. So messages are compared by turns. A user's
 * turn is the same when its text and files are; an answer is the same when the thread's text contains the shown one, or
 * the shown one all of the thread's, and no call has another result.
 */
import type { FilePart, Message, ResultPart } from "../Message.ts"

/**
 * Keep the first `keep` messages of the thread, then add `add`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Alignment {
  readonly keep: number
  readonly add: ReadonlyArray<Message>
}

/** A user's message, or everything in answer to it. `from`, `to`: the indexes of its messages. */
interface Turn {
  readonly isUser: boolean
  readonly from: number
  readonly to: number
  readonly text: string
  /** The text of each message. */
  readonly texts: ReadonlyArray<string>
  readonly files: ReadonlyArray<string>
  readonly results: ReadonlyMap<string, ResultPart>
}

const turnsOf = (messages: ReadonlyArray<Message>): ReadonlyArray<Turn> => {
  const turns: Array<Turn> = []
  let from = 0
  while (from < messages.length) {
    const isUser = messages[from]?.role === "user"
    let to = from + 1
    if (!isUser) while (to < messages.length && messages[to]?.role !== "user") to += 1
    const texts: Array<string> = []
    const files: Array<FilePart["data"]> = []
    const results = new Map<string, ResultPart>()
    for (const { content } of messages.slice(from, to)) {
      let text = ""
      for (const part of content) {
        if (part.type === "text") text += part.text
        if (part.type === "file") files.push(part.data)
        if (part.type === "tool-result") results.set(part.id, part)
      }
      texts.push(text)
    }
    turns.push({ isUser, from, to, text: plain(texts.join("")), texts: texts.map(plain), files, results })
    from = to
  }
  return turns
}

const plain = (text: string): string => text.replace(/\s+/g, " ").trim()

/** Whether `text` contains the pieces in this order; a client may show other agents' words between them. */
const contains = (text: string, pieces: ReadonlyArray<string>): boolean => {
  let from = 0
  for (const piece of pieces) {
    const at = text.indexOf(piece, from)
    if (at < 0) return false
    from = at + piece.length
  }
  return true
}

const isSame = (stored: Turn, shown: Turn): boolean => {
  if (stored.isUser !== shown.isUser) return false
  if (stored.isUser) {
    return (
      stored.text === shown.text &&
      stored.files.length === shown.files.length &&
      stored.files.every((file, index) => file === shown.files[index])
    )
  }
  if (!stored.text.includes(shown.text) && !contains(shown.text, stored.texts)) return false
  for (const [id, { result, status }] of shown.results) {
    const known = stored.results.get(id)
    // A call without a result was closed when the shown history was adopted; how a call failed is shown in other words.
    if (status === "cancelled" || (status !== undefined && known?.status !== undefined)) continue
    if (known !== undefined && JSON.stringify(known.result) !== JSON.stringify(result)) return false
  }
  return true
}

const sameAt = (stored: Turn | undefined, shown: Turn): boolean => stored !== undefined && isSame(stored, shown)

/** See `Transcript.align`. */
export const align = (stored: ReadonlyArray<Message>, shown: ReadonlyArray<Message>): Alignment => {
  const held = turnsOf(stored)
  const seen = turnsOf(shown)
  let same = 0
  for (const [index, turn] of seen.entries()) {
    if (!sameAt(held[index], turn)) break
    same += 1
  }
  // The client may leave out the beginning.
  const isEnd = same < seen.length && seen.length < held.length
  if (isEnd && seen.every((turn, index) => sameAt(held[held.length - seen.length + index], turn))) {
    return { keep: stored.length, add: [] }
  }
  return { keep: held[same]?.from ?? stored.length, add: shown.slice(seen[same]?.from ?? shown.length) }
}
