/**
 * Announces a finished step's calls: which of them will be settled, under which ids, and the events that say so.
 *
 * Calls leave together when the model has finished, so a retracted attempt never leaves an open call. Calls of a step that
 * ended otherwise than well never run and are taken out of what the assistant said, since a history holds no call without a
 * result.
 */
import type { Event, Json, Message } from "@reins/protocol"
import type { Place } from "../run/Run.ts"
import type { Answer } from "./Answer.ts"

export interface Announced {
  readonly content: ReadonlyArray<Message.AssistantPart>
  /** The calls to settle, in the model's order. */
  readonly calls: ReadonlyArray<Message.CallPart>
  readonly events: ReadonlyArray<Event>
}

/** Announces the calls of `answer`, made by the agent at `place`. */
export const announce = (place: Place, answer: Answer, mayCall: boolean): Announced => {
  const endedWell = answer.stop === "stop" || answer.stop === "tool-calls"
  if (answer.calls.length === 0) return { content: answer.content, calls: [], events: [] }
  if (!endedWell || !mayCall) {
    return { content: answer.content.filter((part) => isProvided(part) || !isCall(part)), calls: [], events: [] }
  }
  const calls: Array<Message.CallPart> = []
  const opening: Array<Event> = []
  const closing: Array<Event> = []
  const results = new Map<string, Message.ResultPart>()
  for (const part of answer.content) if (part.type === "tool-result") results.set(part.id, part)
  const taken = new Set(place.callIds)
  const renamed = new Map<string, string>()
  const content = answer.content.map((part) => {
    if (part.type === "tool-result") return { ...part, id: renamed.get(part.id) ?? part.id }
    if (part.type !== "tool-call") return part
    const call = withId(part, unused(part.id, taken))
    renamed.set(part.id, call.id)
    taken.add(call.id)
    if (call.execution === "provider") {
      closing.push(...provided(call, results.get(part.id), opening))
      return call
    }
    calls.push(call)
    opening.push(callEvent(place, call))
    return call
  })
  return { content, calls, events: [...opening, ...closing] }
}

const isCall = (part: Message.AssistantPart): boolean => part.type === "tool-call"

const isProvided = (part: Message.AssistantPart): boolean => part.type === "tool-call" && part.execution === "provider"

/** The id itself, or with the first free number behind it: models reuse ids across steps. */
const unused = (id: string, taken: ReadonlySet<string>): string => {
  if (!taken.has(id)) return id
  let count = 2
  while (taken.has(`${id}.${count}`)) count++
  return `${id}.${count}`
}

const withId = (call: Message.CallPart, id: string): Message.CallPart => (call.id === id ? call : { ...call, id })

const callEvent = (place: Place, call: Message.CallPart): Event =>
  place.member.specialists.has(call.name)
    ? { type: "tool-agent", agentName: call.name, toolInvocationId: call.id, state: "call", prompt: call.args }
    : {
        type: "tool-invocation",
        toolInvocationId: call.id,
        toolName: call.name,
        args: call.args,
        state: "call",
        ...(place.member.tools.get(call.name)?.execution === "client" ? { execution: "client" as const } : {})
      }

/** A call that the provider ran itself: its call goes with the others, its result right behind them. */
const provided = (
  call: Message.CallPart,
  result: Message.ResultPart | undefined,
  opening: Array<Event>
): ReadonlyArray<Event> => {
  const about = {
    type: "tool-invocation",
    toolInvocationId: call.id,
    toolName: call.name,
    args: call.args
  } as const
  opening.push({ ...about, state: "call" })
  const missing: Json = { error: "ResultMissing", message: "the provider ran this call and gave no result" }
  return [
    {
      ...about,
      state: "result",
      result: result === undefined ? missing : result.result,
      ...(result === undefined || result.status !== undefined ? { status: "failed" as const } : {})
    }
  ]
}
