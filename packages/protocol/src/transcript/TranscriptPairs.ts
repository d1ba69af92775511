/**
 * Pairs the tool calls of a history with their results. Providers reject a history in which a call has no result, a
 * result no call, or a call two results; a history that was cut, merged or edited may have all of these.
 */
import type { Assistant, AssistantPart, CallPart, Message, ResultPart, Tool } from "../Message.ts"

/** The result for a call that has none. */
export const cancelled = (call: CallPart): ResultPart => ({
  type: "tool-result",
  id: call.id,
  name: call.name,
  result: { error: "cancelled" },
  status: "cancelled"
})

/** See `Transcript.isPairComplete`. */
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
export interface Slot {
  readonly home: number
  result?: ResultPart
  stays: boolean
}

/**
 * The calls and results of a message that stay, by the part's index. A second call with one id in one message does not
 * stay.
 */
export interface Staying {
  readonly calls: ReadonlyMap<number, Slot>
  readonly results: ReadonlySet<number>
}

/**
 * A result belongs to the last call with its id before it. It stays where only tool messages are between them;
 * otherwise it is moved to the call.
 */
export const pair = (messages: ReadonlyArray<Message>): ReadonlyArray<Staying> => {
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

/** See `Transcript.repair`. */
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
