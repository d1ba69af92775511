/**
 * Adopts a foreign history and reports the repairs: a history that a client sends or another system stored may contain
 * anything. `TranscriptPairs` pairs calls with results; this file reports the difference.
 *
 * A foreign history never counts as an approval: a call that looks approved or done in it does not change what may run.
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
 * One repair. `index` is the position of the message in the original history.
 *
 * **Details**
 * - `empty-message`: an empty message was dropped.
 * - `second-call`: a message had two calls with one id; the second was dropped.
 * - `orphan-result`: a result without a call before it, or a second one; dropped.
 * - `moved-result`: a result that was further away was moved to its call.
 * - `missing-result`: a call without a result was closed as `cancelled`.
 */
export interface Repair extends Schema.Schema.Type<typeof RepairStruct> {}
export const Repair: Schema.Codec<Repair> = RepairStruct

/** A history that a model can be sent, and the repairs. */
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

/** What is wrong with a call; `undefined` where its result is in the right place. */
const flawOf = (slot: Slot | undefined): Repair["kind"] | undefined => {
  if (slot === undefined) return "second-call"
  if (slot.result === undefined) return "missing-result"
  return slot.stays ? undefined : "moved-result"
}

const isEmpty = ({ content }: Message): boolean =>
  content.every((part) => part.type === "text" && part.text === "" && part.metadata === undefined)
