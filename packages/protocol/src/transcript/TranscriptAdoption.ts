/**
 * Takes a foreign history over, and tells what had to be mended: a history that somebody sends along, or that another system
 * kept, may have anything in it. How calls and results are paired is `TranscriptPairs`; this file sees the difference.
 *
 * Nothing in a foreign history is an answer: a call that looks approved in it, or done, changes nothing about what may run.
 */
import * as Schema from "effect/Schema"
import type { Message } from "../Message.ts"
import { pair, repair, type Slot } from "./TranscriptPairs.ts"

const RepairStruct = Schema.Struct({
  kind: Schema.Literals(["empty-message", "second-call", "orphan-result", "moved-result", "missing-result"]),
  index: Schema.Natural,
  toolInvocationId: Schema.optionalKey(Schema.String)
}).annotate({ identifier: "HistoryRepair" })

/**
 * One thing that was mended. `index` is the message's place in the history as it came.
 *
 * **Details**
 * - `empty-message`: it said nothing, and was dropped.
 * - `second-call`: a message called one id twice; the second was dropped.
 * - `orphan-result`: a result without a call before it, or a second one; dropped.
 * - `moved-result`: a result that stood further away, brought back to its call.
 * - `missing-result`: a call without a result was closed as `cancelled`.
 */
export interface Repair extends Schema.Schema.Type<typeof RepairStruct> {}
export const Repair: Schema.Codec<Repair> = RepairStruct

/** A history that a model can be sent, and what was mended in it. */
export interface Adopted {
  readonly messages: ReadonlyArray<Message>
  readonly repairs: ReadonlyArray<Repair>
}

/** See `Transcript.adopt`. */
export const adopt = (history: ReadonlyArray<Message>): Adopted => {
  const staying = pair(history)
  const moved = new Set(staying.flatMap(({ calls }) => Array.from(calls.values(), ({ result }) => result)))
  const repairs: Array<Repair> = []
  for (const [index, message] of history.entries()) {
    const { calls, results } = staying[index] ?? { calls: new Map(), results: new Set() }
    if (isEmpty(message)) repairs.push({ kind: "empty-message", index })
    for (const [at, part] of message.content.entries()) {
      const kind = part.type === "tool-call" ? flawOf(calls.get(at)) : undefined
      if (kind !== undefined && part.type === "tool-call") repairs.push({ kind, index, toolInvocationId: part.id })
      if (part.type === "tool-result" && !results.has(at) && !moved.has(part)) {
        repairs.push({ kind: "orphan-result", index, toolInvocationId: part.id })
      }
    }
  }
  return { messages: repair(history).filter((message) => !isEmpty(message)), repairs }
}

/** What is wrong with a call; `undefined` where its result stands behind it. */
const flawOf = (slot: Slot | undefined): Repair["kind"] | undefined => {
  if (slot === undefined) return "second-call"
  if (slot.result === undefined) return "missing-result"
  return slot.stays ? undefined : "moved-result"
}

const isEmpty = ({ content }: Message): boolean =>
  content.every((part) => part.type === "text" && part.text === "" && part.metadata === undefined)
