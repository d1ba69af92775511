/**
 * Histories of messages, as threads have them, providers accept them and clients show them.
 *
 * Providers reject a history in which a call has no result, a result no call, or a call two results; a history that was
 * cut, merged or edited may have all of these. `repair` and `adopt` pair its calls with their results.
 *
 * `align` finds where a conversation that a client shows differs from a thread's: the client continued, restarted from an
 * earlier message, or edited one. A client shows less than a thread has: it joins the texts of several steps, leaves out
 * reasoning and calls that it does not run, and may have stopped reading in the middle of an answer. So messages are
 * compared by turns. A user's turn is the same when its text and files are; an answer is the same when the thread's text
 * contains the shown one, or the shown one all of the thread's, and no call has another result.
 */
import * as Schema from "effect/Schema"
import type { Assistant, AssistantPart, CallPart, FilePart, Message, ResultPart, Tool } from "../Message.ts"

/** The result for a call that has none. */
const cancelled = (call: CallPart): ResultPart => ({
  type: "tool-result",
  id: call.id,
  name: call.name,
  result: { error: "cancelled" },
  status: "cancelled"
})

/**
 * True when every tool call has exactly one result: in the tool messages directly after its message, or, where the
 * provider ran it, in the same message. False also for a result without a call, and for one id called twice in one
 * message.
 *
 * @since 0.1.0
 * @category guards
 */
export const isPairComplete = (messages: Iterable<Message>): boolean => {
  const open = new Set<string>()
  for (const message of messages) {
    if (message.role === "user") {
      if (open.size > 0) return false
    } else if (message.role === "tool") {
      for (const result of message.content) if (!open.delete(result.id)) return false
    } else {
      if (open.size > 0) return false
      const called = new Set<string>()
      for (const part of message.content) {
        if (part.type === "tool-result" && !open.delete(part.id)) return false
        if (part.type !== "tool-call") continue
        if (called.has(part.id)) return false
        called.add(part.id)
        open.add(part.id)
      }
    }
  }
  return open.size === 0
}

/** A call of a history. `result`: its result, if there is one. `stays`: whether that is in the right position. */
interface Slot {
  readonly home: number
  result?: ResultPart
  stays: boolean
}

/**
 * The calls and results of a message that stay, by the part's index. A second call with one id in one message does not
 * stay.
 */
interface Staying {
  readonly calls: ReadonlyMap<number, Slot>
  readonly results: ReadonlySet<number>
}

/**
 * A result belongs to the last call with its id before it. It stays where only tool messages are between them;
 * otherwise it is moved to the call.
 */
const pair = (messages: ReadonlyArray<Message>): ReadonlyArray<Staying> => {
  const latest = new Map<string, Slot>()
  let home = -1
  return messages.map((message, index) => {
    const calls = new Map<number, Slot>()
    const results = new Set<number>()
    if (message.role !== "tool") home = index
    for (const [at, part] of message.content.entries()) {
      if (part.type === "tool-call" && latest.get(part.id)?.home !== index) {
        const slot: Slot = { home: index, stays: false }
        calls.set(at, slot)
        latest.set(part.id, slot)
      }
      if (part.type !== "tool-result") continue
      const slot = latest.get(part.id)
      if (slot === undefined || slot.result !== undefined) continue
      slot.result = part
      slot.stays = slot.home === home
      if (slot.stays) results.add(at)
    }
    return { calls, results }
  })
}

/**
 * Makes the history pair-complete. A pair-complete history is returned equal.
 *
 * **Details**
 * - A call without a result gets one with status `cancelled`, after the other results of its message.
 * - A result that is further away is moved to its call.
 * - Results without a call, second results, second calls of one id in one message, and messages left empty are dropped.
 *
 * @since 0.1.0
 * @category operations
 */
export const repair = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  const staying = pair(messages)
  const repaired: Array<Message> = []
  let owed: Array<ResultPart> = []
  const settle = () => {
    const last = repaired.at(-1)
    if (owed.length === 0) return
    if (last?.role === "tool") repaired[repaired.length - 1] = { ...last, content: [...last.content, ...owed] }
    else repaired.push({ role: "tool", content: owed })
    owed = []
  }
  const assistant = (message: Assistant, { calls, results }: Staying): Assistant => {
    const content: Array<AssistantPart> = []
    for (const [at, part] of message.content.entries()) {
      const slot = calls.get(at)
      if (part.type === "tool-call" ? slot === undefined : part.type === "tool-result" && !results.has(at)) continue
      content.push(part)
      if (part.type !== "tool-call" || slot === undefined || slot.stays) continue
      // The result of a call that the provider ran belongs in the same message.
      const answers = part.execution === "provider" ? content : owed
      answers.push(slot.result ?? cancelled(part))
    }
    return { ...message, content }
  }
  for (const [index, message] of messages.entries()) {
    const stays = staying[index]
    if (message.role !== "tool") settle()
    if (message.role === "user" || stays === undefined) {
      repaired.push(message)
      continue
    }
    const whole: Assistant | Tool =
      message.role === "assistant"
        ? assistant(message, stays)
        : { ...message, content: message.content.filter((_part, at) => stays.results.has(at)) }
    if (whole.content.length > 0 || message.content.length === 0) repaired.push(whole)
  }
  settle()
  return repaired
}

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
 *
 * @since 0.1.0
 * @category schemas
 */
export interface Repair extends Schema.Schema.Type<typeof RepairStruct> {}
export const Repair: Schema.Codec<Repair> = RepairStruct

/**
 * A history that can be sent to a model, and the repairs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Adopted {
  readonly messages: ReadonlyArray<Message>
  readonly repairs: ReadonlyArray<Repair>
}

/**
 * Adopts a foreign history: makes it pair-complete as `repair` does, drops empty messages, and reports every repair.
 * The messages of a history that needs no repair are returned unchanged. A foreign history never counts as an approval:
 * a call that looks approved or done in it does not change what may run.
 *
 * @since 0.1.0
 * @category operations
 */
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

/** What is wrong with a call; `undefined` if its result is in the right position. */
const flawOf = (slot: Slot | undefined): Repair["kind"] | undefined => {
  if (slot === undefined) return "second-call"
  if (slot.result === undefined) return "missing-result"
  return slot.stays ? undefined : "moved-result"
}

const isEmpty = ({ content }: Message): boolean =>
  content.every((part) => part.type === "text" && part.text === "" && part.metadata === undefined)

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

/**
 * Aligns the conversation that a client shows with a thread's: how many of the thread's messages stay, and which of the
 * shown ones follow them. If both are equal, everything stays and nothing is added; if the client shows only a
 * beginning, the rest is removed; if it shows only the end, nothing changes.
 *
 * **Details**: an answer counts as the same when one of both texts contains the other, since clients may stop reading
 * in the middle, and leave out what they do not show. Then the thread's own messages stay.
 *
 * @since 0.1.0
 * @category operations
 */
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
