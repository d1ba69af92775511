/**
 * Finds where a conversation that a client shows leaves the one that a thread holds: the client went on, asked again from
 * an earlier message, or edited one.
 *
 * A client shows less than a thread holds: it joins the texts of several steps, leaves out reasoning and calls that it
 * does not run, and may have stopped reading in the middle of an answer. So messages are compared by turns. A user's turn
 * is the same when its text and files are; an answer is the same when one of the two texts contains the other and no
 * call has another result.
 */
import type { FilePart, Message, ResultPart } from "../Message.ts"

/** Keep the first `keep` messages of the thread, then add `add`. */
export interface Alignment {
  readonly keep: number
  readonly add: ReadonlyArray<Message>
}

/** A user's message, or all that was said and done in answer to it. `from`, `to`: where its messages lie. */
interface Turn {
  readonly isUser: boolean
  readonly from: number
  readonly to: number
  readonly text: string
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
    let text = ""
    const files: Array<FilePart["data"]> = []
    const results = new Map<string, ResultPart>()
    for (const { content } of messages.slice(from, to)) {
      for (const part of content) {
        if (part.type === "text") text += part.text
        if (part.type === "file") files.push(part.data)
        if (part.type === "tool-result") results.set(part.id, part)
      }
    }
    turns.push({ isUser, from, to, text: text.replace(/\s+/g, " ").trim(), files, results })
    from = to
  }
  return turns
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
  if (!stored.text.includes(shown.text) && !shown.text.includes(stored.text)) return false
  for (const [id, { result }] of shown.results) {
    const known = stored.results.get(id)
    if (known !== undefined && JSON.stringify(known.result) !== JSON.stringify(result)) return false
  }
  return true
}

/** See `Transcript.align`. */
export const align = (stored: ReadonlyArray<Message>, shown: ReadonlyArray<Message>): Alignment => {
  const held = turnsOf(stored)
  const seen = turnsOf(shown)
  let same = 0
  for (const [index, turn] of seen.entries()) {
    const other = held[index]
    if (other === undefined || !isSame(other, turn)) break
    same += 1
  }
  return { keep: held[same]?.from ?? stored.length, add: shown.slice(seen[same]?.from ?? shown.length) }
}
