/**
 * What a finished step announces: its calls (which will be settled, under which ids, and their events), and the files that
 * its model made.
 *
 * Calls are announced together when the model has finished, so a retracted attempt never leaves an open call. They run
 * if the answer is complete, whatever finish reason the provider reports; an answer that was cut (`length`), filtered
 * or interrupted, or that exceeds the limit of repeated calls, drops its calls and reports that. A call that the
 * provider runs itself is announced with its result, which may come in a later step.
 *
 * The conversation keeps files as the model gave them; what clients get is the stored file. It has the same id when its
 * step is executed again after a crash. One that is larger than `maxFileBytes` is not stored, and one that the provider
 * keeps at an address of its own has an event with that address.
 */
import { Event, type Json, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import { digestId } from "../kernel/Digest.ts"
import { trimmed } from "../kernel/PlainJson.ts"
import type { StopReason } from "../model/Model.ts"
import type { AgentState } from "../run/AgentState.ts"
import * as CallRow from "../agent/CallRow.ts"
import * as Names from "../run/Names.ts"
import { nameOf } from "../tool/FileOutput.ts"
import type { Answer } from "./Answer.ts"
import type { Ask } from "./Attempt.ts"
import type { Dropped } from "./StepValue.ts"

export interface Announced {
  readonly content: ReadonlyArray<Message.AssistantPart>
  /** The calls to settle, in the model's order. */
  readonly calls: ReadonlyArray<Message.CallPart>
  readonly events: ReadonlyArray<Event>
  /** Calls that never run; absent where there are none. */
  readonly dropped: Dropped | undefined
}

const cut: ReadonlySet<StopReason | undefined> = new Set(["length", "content-filter", "error"])

const none: ReadonlyArray<never> = []

/** Announces the calls of `answer`, made by `agent`. `mayCall`: false in a last step that was offered no tools. */
export const announce = (agent: AgentState, answer: Answer, mayCall: boolean): Announced => {
  if (answer.calls.length === 0 && agent.awaited === undefined && !answer.hasResults) {
    return { content: trimmed(answer.content), calls: none, events: none, dropped: undefined }
  }
  if (!mayCall) return drop(answer, "no tools were offered")
  if (cut.has(answer.stop)) return drop(answer, answer.stop ?? "other")
  if (agent.repeats(own(answer.calls))) return drop(answer, CallRow.dropReason)
  if (agent.member.definition.settings?.parallelToolCalls === false) return announceFirst(agent, answer)
  return announceOne(agent, answer) ?? announceAll(agent, answer)
}

/** The usual way: one call, which the runtime runs under the id that the model gave it. `undefined`: any other answer. */
const announceOne = (agent: AgentState, { calls, content, hasResults, inputs }: Answer): Announced | undefined => {
  const [call] = calls
  if (call === undefined || calls.length > 1 || call.execution !== undefined) return undefined
  if (hasResults || inputs !== undefined || agent.awaited !== undefined) return undefined
  if (Names.callId(call.id) !== call.id || agent.hasCall(call.id)) return undefined
  if (isClient(agent, call)) return undefined
  return { content: trimmed(content), calls: [call], events: [callEvent(agent, call)], dropped: undefined }
}

const announceAll = (agent: AgentState, answer: Answer): Announced => {
  const announcement = new Announcement(agent, answer)
  for (const part of answer.content) announcement.take(part)
  return announcement.finish()
}

/**
 * Announces the first call only, where one at a time was asked for. The others stand in no history: the model may make
 * them again.
 */
const announceFirst = (agent: AgentState, answer: Answer): Announced => {
  const announcement = new Announcement(agent, answer)
  const tools: Array<string> = []
  let hasCall = false
  for (const part of answer.content) {
    const isOwn = part.type === "tool-call" && part.execution !== "provider"
    if (isOwn && hasCall) tools.push(part.name)
    else announcement.take(part)
    hasCall ||= isOwn
  }
  const { events, ...announced } = announcement.finish()
  if (tools.length === 0) return { ...announced, events }
  const data = { reason: "one call at a time", tools }
  return { ...announced, events: [...events, { type: "custom", event_type: "calls_dropped", data }] }
}

/** Removes the calls from the assistant's message, since a history has no call without a result. */
const drop = (answer: Answer, reason: string): Announced => {
  const tools = own(answer.calls).map(({ name }) => name)
  const content = answer.content.filter(isSaid)
  if (tools.length === 0) return { content, calls: none, events: none, dropped: undefined }
  const dropped: Dropped = { reason, tools }
  return {
    content,
    calls: none,
    events: [{ type: "custom", event_type: "calls_dropped", data: { reason: dropped.reason, tools } }],
    dropped
  }
}

/** The calls of a complete answer. */
class Announcement {
  private readonly agent: AgentState
  private readonly content: Array<Message.AssistantPart> = []
  private readonly calls: Array<Message.CallPart> = []
  private readonly opening: Array<Event> = []
  private readonly closing: Array<Event> = []
  /** The provider's results, by the call's id as the provider knows it. */
  private readonly results: ReadonlyMap<string, Message.ResultPart>
  private taken: Set<string> | undefined
  /** Ids that were streamed: their calls keep them, and others are not given them. */
  private readonly streamed: ReadonlySet<string> | undefined
  /** Provider-run calls of earlier steps without a result. */
  private readonly awaited: Map<string, Message.CallPart> | undefined
  /** Whether another step follows, so that a result may still come. */
  private readonly goesOn: boolean

  constructor(agent: AgentState, { calls, content, hasResults, inputs, stop }: Answer) {
    this.agent = agent
    this.streamed = inputs?.ids
    this.awaited = agent.awaited === undefined ? undefined : new Map(agent.awaited)
    this.goesOn = stop === "paused" || calls.some(({ execution }) => execution !== "provider")
    this.results = hasResults ? resultsIn(content) : noResults
  }

  take(part: Message.AssistantPart): void {
    if (part.type === "tool-result") return this.takeLate(part)
    if (part.type !== "tool-call") return void this.content.push(part)
    const { streamed } = this
    const isTaken = (id: string) => this.taken?.has(id) === true || this.agent.hasCall(id) || streamed?.has(id) === true
    const given = streamed?.has(part.id) === true ? part : withId(part, unused(Names.callId(part.id), isTaken))
    const isTheirs = this.agent.member.tools.get(given.name)?.execution === "client"
    const call: Message.CallPart = isTheirs ? { ...given, execution: "client" } : given
    this.taken ??= new Set()
    this.taken.add(call.id)
    this.content.push(call)
    if (call.execution !== "provider") {
      this.calls.push(call)
      this.opening.push(callEvent(this.agent, call))
      return
    }
    // A result is placed with its call, wherever the provider put it.
    const result = this.results.get(part.id)
    if (result !== undefined || !this.goesOn) this.close(call, result ?? missing(call))
  }

  finish(): Announced {
    if (!this.goesOn) for (const call of this.awaited?.values() ?? []) this.close(call, missing(call))
    const { closing, opening } = this
    // They are kept with the conversation.
    const content = trimmed(this.content)
    const calls = trimmed(this.calls)
    return { content, calls, events: closing.length === 0 ? opening : [...opening, ...closing], dropped: undefined }
  }

  /** The result of an earlier step's call. A result without a provider-run call is left out. */
  private takeLate(part: Message.ResultPart): void {
    const call = this.awaited?.get(Names.callId(part.id))
    if (call === undefined || this.awaited?.delete(call.id) !== true) return
    this.close(call, part)
  }

  private close(call: Message.CallPart, result: Message.ResultPart): void {
    const part =
      result.id === call.id && result.name === call.name ? result : { ...result, id: call.id, name: call.name }
    this.content.push(part)
    this.opening.push(callEvent(this.agent, call))
    this.closing.push(resultEvent(call, part))
  }
}

const noResults: ReadonlyMap<string, Message.ResultPart> = new Map()

const resultsIn = (content: Answer["content"]): ReadonlyMap<string, Message.ResultPart> => {
  const results = new Map<string, Message.ResultPart>()
  for (const part of content) if (part.type === "tool-result") results.set(part.id, part)
  return results
}

/** The calls that the provider has not run itself. */
const own = (calls: ReadonlyArray<Message.CallPart>): ReadonlyArray<Message.CallPart> =>
  calls.every(({ execution }) => execution !== "provider")
    ? calls
    : calls.filter(({ execution }) => execution !== "provider")

const isSaid = (part: Message.AssistantPart): boolean => part.type !== "tool-call" && part.type !== "tool-result"

/** The id, with a number appended if it is taken: models reuse ids across steps. */
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
    ? Event.agentCall(call)
    : isClient(agent, call)
      ? Event.toolCall(call, "client", agent.member.tools.get(call.name)?.asks !== undefined)
      : Event.toolCall(call)

const noResult: Json = { error: "ResultMissing", message: "The provider ran this call and returned no result." }

/** The result of a provider-run call without one. */
const missing = ({ id, name }: Message.CallPart): Message.ResultPart =>
  Message.resultPart({ id, name }, { result: noResult, status: "failed" })

const resultEvent = (call: Message.CallPart, result: Message.ResultPart): Event =>
  Event.toolResult(call, call.args, result)

/** Stores the files of one step's answer; returns an event for each, in their order. */
export const storeFiles = (ask: Ask, made: ReadonlyArray<Message.FilePart>): Effect.Effect<ReadonlyArray<Event>> =>
  Effect.forEach(made, (file, index) => storeFile(ask, file, index + 1))

const storeFile = (
  { agent, name, run, step, work }: Ask,
  { data, filename, mediaType }: Message.FilePart,
  place: number
): Effect.Effect<Event> => {
  const fileId = digestId("file", `${work.runId}\n${name}\n${place}`)
  const about = {
    fileId,
    filename: filename ?? nameOf(mediaType, `${step}-${place}`),
    mediaType: mediaType.toWellFormed()
  }
  const content = bytesOf(data)
  if (content === undefined) return Effect.succeed(registered({ ...about, sizeBytes: 0, url: data.toWellFormed() }))
  const { fileUrl, maxFileBytes } = run.settings
  const sizeBytes = content.length
  if (sizeBytes > maxFileBytes) {
    const { model, provider } = agent.model
    const message = `A file of ${sizeBytes} bytes (${mediaType}) was not stored: maxFileBytes is ${maxFileBytes}`
    return Effect.succeed({ type: "custom", event_type: "model_warning", data: { provider, model, message } })
  }
  const { resourceId, runId, threadId } = work
  const stored = run.files.put({ ...about, runId, threadId, resourceId, sizeBytes, at: work.now(), content })
  const url = fileUrl?.(fileId)
  return Effect.as(stored, registered({ ...about, sizeBytes, ...(url === undefined ? {} : { url }) }))
}

const registered = (data: Extract<Event, { readonly type: "data-file-registered" }>["data"]): Event => ({
  type: "data-file-registered",
  data
})

/** The bytes of Base64 or of a data URL; `undefined` of any other address. */
const bytesOf = (data: string): Uint8Array | undefined => {
  const [, coded = data] = /^data:[^,]*;base64,(.*)$/s.exec(data) ?? []
  return Result.getOrUndefined(Base64.decode(coded))
}
