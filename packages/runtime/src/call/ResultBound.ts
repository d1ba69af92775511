/**
 * How much of a tool's result a model is sent: beginning and end of what is too long for it, and how much is missing between them.
 *
 * Only what the model is shown in place of the result (`content`) is cut. The result itself stays whole, in the log and in the thread.
 */
import type { Json, Message } from "@reins/protocol"

/** Of what is kept, how much is the beginning. */
const beginning = 0.75

/** `part` as its model is sent it, with at most `most` characters of text, and some words in place of what was cut. */
export const bound = (part: Message.ResultPart, most: number): Message.ResultPart => {
  if (part.content !== undefined) {
    return part.content.some((one) => one.type === "text" && one.text.length > most)
      ? {
          ...part,
          content: part.content.map((one) => (one.type === "text" ? { ...one, text: cut(one.text, most) } : one))
        }
      : part
  }
  if (fits(part.result, most) >= 0) return part
  const text = typeof part.result === "string" ? part.result : JSON.stringify(part.result)
  return text.length <= most ? part : { ...part, content: [{ type: "text", text: cut(text, most) }] }
}

/** No half of a character that takes two places is left over at a cut. */
const cut = (text: string, most: number): string => {
  if (text.length <= most) return text
  const head = Math.floor(most * beginning)
  const tail = Math.floor(most) - head
  const missing = text.length - head - tail
  const note = `\n[… ${missing} of ${text.length} characters are left out here …]\n`
  return `${text.slice(0, head).toWellFormed()}${note}${tail === 0 ? "" : text.slice(-tail).toWellFormed()}`
}

/**
 * What is left of `room` behind a value whose JSON text is no longer than that, quickly and without writing it: never negative for one
 * that surely fits, so that only large values are written out to be measured.
 */
const fits = (value: Json, room: number): number => {
  if (typeof value === "string") return room - 2 - 6 * value.length
  if (typeof value !== "object" || value === null) return room - 25
  let left = room - 2
  if (isArray(value)) {
    for (let index = 0; index < value.length && left >= 0; index++) left = fits(value[index] ?? null, left - 1)
    return left
  }
  for (const name of Object.keys(value)) {
    if (left < 0) break
    left = fits(value[name] ?? null, left - 4 - 6 * name.length)
  }
  return left
}

const isArray: (value: unknown) => value is ReadonlyArray<Json> = Array.isArray
