/**
 * Announces a finished step's calls: which of them will be settled, under which ids, and the events that say so.
 *
 * Calls leave together when the model has finished, so a retracted attempt never leaves an open call. Calls of a step that
 * ended otherwise than well never run and are taken out of what the assistant said, since a history holds no call without a
 * result.
 */
import type { Event, Json, Message } from "@reins/protocol"
import type { AgentState } from "../run/AgentState.ts"
import * as Names from "../run/Names.ts"
import type { Answer } from "./Answer.ts"

export interface Announced {
  readonly content: ReadonlyArray<Message.AssistantPart>
  /** The calls to settle, in the model's order. */
  readonly calls: ReadonlyArray<Message.CallPart>
  readonly events: ReadonlyArray<Event>
}

/** Announces the calls of `answer`, made by `agent`. */
export const announce = (agent: AgentState, answer: Answer, mayCall: boolean): Announced => {
  const endedWell = answer.stop === "stop" || answer.stop === "tool-calls"
  if (answer.calls.length === 0 || !endedWell || !mayCall) {
    return { content: answer.content.filter(isSaid), calls: [], events: [] }
  }
  const calls: Array<Message.CallPart> = []
  const opening: Array<Event> = []
  const closing: Array<Event> = []
  const results = new Map<string, Message.ResultPart>()
  for (const part of answer.content) if (part.type === "tool-result") results.set(part.id, part)
  const taken = new Set<string>()
  // A result stands with its call, wherever the provider put it: one that answers no call of the provider's is dropped.
  const content = answer.content.flatMap((part): ReadonlyArray<Message.AssistantPart> => {
    if (part.type === "tool-result") return []
    if (part.type !== "tool-call") return [part]
    const call = withId(
      part,
      unused(Names.callId(part.id), (id) => taken.has(id) || agent.callIds.has(id))
    )
    taken.add(call.id)
    if (call.execution === "provider") {
      const result = provided(call, results.get(part.id))
      opening.push(callEvent(agent, call))
      closing.push(resultEvent(call, result))
      return [call, result]
    }
    calls.push(call)
    opening.push(callEvent(agent, call))
    return [call]
  })
  return { content, calls, events: [...opening, ...closing] }
}

const isSaid = (part: Message.AssistantPart): boolean => part.type !== "tool-call" && part.type !== "tool-result"

/** The id, or with the first free number behind it: models reuse ids across steps. */
const unused = (id: string, isTaken: (id: string) => boolean): string => {
  if (!isTaken(id)) return id
  let count = 2
  while (isTaken(`${id}_${count}`)) count++
  return `${id}_${count}`
}

const withId = (call: Message.CallPart, id: string): Message.CallPart => (call.id === id ? call : { ...call, id })

const isClient = (agent: AgentState, call: Message.CallPart): boolean =>
  call.execution !== "provider" && agent.member.tools.get(call.name)?.execution === "client"

const callEvent = (agent: AgentState, call: Message.CallPart): Event =>
  call.execution !== "provider" && agent.member.specialists.has(call.name)
    ? { type: "tool-agent", agentName: call.name, toolInvocationId: call.id, state: "call", prompt: call.args }
    : {
        type: "tool-invocation",
        toolInvocationId: call.id,
        toolName: call.name,
        args: call.args,
        state: "call",
        ...(isClient(agent, call) ? { execution: "client" as const } : {})
      }

const missing: Json = { error: "ResultMissing", message: "the provider ran this call and gave no result" }

/** The result of a call that the provider ran itself. */
const provided = (call: Message.CallPart, result: Message.ResultPart | undefined): Message.ResultPart =>
  result === undefined
    ? { type: "tool-result", id: call.id, name: call.name, result: missing, status: "failed" }
    : { ...result, id: call.id, name: call.name }

const resultEvent = (call: Message.CallPart, { result, status }: Message.ResultPart): Event => ({
  type: "tool-invocation",
  toolInvocationId: call.id,
  toolName: call.name,
  args: call.args,
  state: "result",
  result,
  ...(status === undefined ? {} : { status })
})
