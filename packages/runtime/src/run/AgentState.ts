/**
 * One agent in a run, root or specialist. Its state: what its model is sent, what it has said, and the slots for its
 * parallel calls. Its end, for its caller; and the totals of it and its specialists, as sums over the run's ledger.
 */
import {
  AgentPath,
  type Budget,
  Message,
  Entry,
  type Events,
  type Json,
  Money,
  type RunErrors,
  type Usage
} from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Callable, Member } from "../agent/AgentRegistry.ts"
import type { Later } from "../engine/Ticket.ts"
import { trimmed } from "../kernel/PlainJson.ts"
import * as ToolSearch from "../agent/ToolSearch.ts"
import type { ModelPort, ToolDefinition } from "../model/Model.ts"
import * as TokenEstimator from "../model/TokenEstimator.ts"
import { type RequestDigest, RequestDigests } from "./RequestDigest.ts"
import type { Summary } from "../thread/Branch.ts"
import * as CallRow from "../agent/CallRow.ts"

/** A call that ended with a receipt. */
export interface OpenTicket {
  readonly call: Message.CallPart
  readonly later: Later
}

/** The default number of parallel calls of one step. */
const usualParallel = 16

/** The state of one agent. `messages`, what its model is sent, grows; only compaction shortens it. */
export class AgentState {
  messages: Array<Message.Message>
  /**
   * This run's addition to the conversation: its prompt and everything after. The same array as `messages` while there
   * is nothing else.
   */
  said: Array<Message.Message>
  /** Every call id used so far, so that a repeated one is replaced. */
  private callIds: string | Set<string> | undefined
  /** Provider-run calls without a result yet, by id; absent without any. */
  awaited: Map<string, Message.CallPart> | undefined
  /** Its calls that ended with a receipt and have no late result yet, in their order; absent without any. */
  tickets: ReadonlyArray<OpenTicket> | undefined
  /** The number of user messages it has received while running. */
  received = 0
  /** The number of its last step; 0 before the first. */
  step = 0
  /** The model that gave its last answer, as its provider names it; absent before the first. */
  answeredBy: string | undefined
  /** What models warned of and was told, by model and message; absent where nothing was. */
  warned: Set<string> | undefined
  /** The names of the withheld tools that it has loaded, in order; absent before the first. */
  private loaded: Array<string> | undefined
  private sent: { readonly member: Member; readonly tools: ReadonlyArray<ToolDefinition> } | undefined
  readonly prefix: string
  readonly path: AgentPath.AgentPath
  /** The agent as its run has it. */
  readonly own: Member
  /** The agent as it is in this step: what it has chosen for it, else `own`. */
  member: Member
  /** The budget of the agent's node, as it was written. */
  readonly budget: Budget.Budget
  /** How often in a row the agent may make the same calls. */
  readonly repeatedCallLimit: number
  /**
   * The calls of its last step with calls, and how often in a row it has made them; absent before, and if they do not
   * count.
   */
  row: CallRow.CallRow | undefined
  /** The model in use: the agent's own at the start of each step, later possibly a fallback. */
  model: ModelPort
  /** The summary of the thread's beginning: an earlier run's, or the one that the model is sent now. */
  summary: Summary | undefined
  /** How many messages of the thread `messages` no longer holds. */
  private covered = 0
  /** How many messages the thread has, with what this run adds. */
  private length: number
  private slots: Semaphore.Semaphore | undefined
  private turnstiles: Map<string, Semaphore.Semaphore> | undefined
  private readonly prompt: Message.Message | undefined
  private counted = 0
  private tokens = 0
  private digested: RequestDigests | undefined

  constructor(options: {
    readonly path: AgentPath.AgentPath
    readonly member: Member
    readonly history: ReadonlyArray<Message.Message>
    /** Absent: the run continues from the end of its history. */
    readonly prompt: Message.Message | undefined
    /** Absent: the agent's own. */
    readonly budget?: Budget.Budget
    /** What an earlier run has stored. */
    readonly summary?: Summary | undefined
    readonly repeatedCallLimit: number
  }) {
    // Included in the prompt.
    this.path = Object.freeze(options.path)
    this.own = options.member
    this.member = options.member
    this.model = options.member.model
    this.budget = options.budget ?? options.member.budget
    this.prefix = AgentPath.key(options.path)
    const { prompt } = options
    const asked = prompt === undefined ? [] : [prompt]
    this.prompt = prompt
    this.messages = [...options.history, ...asked].map(Message.frozen)
    this.length = this.messages.length
    this.summary = options.summary
    this.repeatedCallLimit = options.repeatedCallLimit
    this.said = options.history.length === 0 ? this.messages : asked
  }

  /** Adds a message to the conversation. `kept`: what the thread keeps instead, if that differs. */
  say(message: Message.Message, kept: Message.Message | "nothing" = message): void {
    // Frozen: models and readers of the thread get it.
    Message.frozen(message)
    if (message.role === "user") this.row = undefined
    else if (message.role === "tool" && this.member.withheld !== undefined)
      this.load(message.content, this.member.withheld)
    if (kept !== message && this.said === this.messages) this.said = this.messages.slice()
    this.messages.push(message)
    if (kept === "nothing") return
    this.length++
    if (kept !== message) Message.frozen(kept)
    if (this.said !== this.messages) this.said.push(kept)
  }

  /** The results of its last step's calls; empty before the first. */
  get lastResults(): ReadonlyArray<Message.ResultPart> {
    for (let index = this.messages.length - 1; index >= 0; index--) {
      const message = this.messages[index]
      if (message?.role === "tool") return message.content
      if (message?.role === "assistant") break
    }
    return []
  }

  /** Makes the agent what it is in its next step. */
  become(member: Member): void {
    if (member === this.member) return
    this.member = member
    // Tools and instructions count anew, by the estimator of the model.
    this.counted = 0
    this.tokens = 0
    this.digested?.use(member)
  }

  /** The definitions that its model is sent in the next step: what was loaded comes last, in the order of loading. */
  get offered(): ReadonlyArray<ToolDefinition> {
    const { offered, withheld } = this.member
    return withheld === undefined ? offered : this.some(withheld)
  }

  private some(withheld: ReadonlySet<string>): ReadonlyArray<ToolDefinition> {
    const { member } = this
    const { definition, offered } = member
    if (this.sent?.member === member) return this.sent.tools
    const choice = definition.settings?.toolChoice
    const loaded = new Set([...(typeof choice === "object" ? [choice.tool] : []), ...(this.loaded ?? [])])
    const tools = Object.freeze([
      ...offered.filter(({ name }) => !withheld.has(name)),
      ...Array.from(loaded).flatMap((name) => (withheld.has(name) ? offered.filter((one) => one.name === name) : []))
    ])
    this.sent = { member, tools }
    return tools
  }

  /**
   * Results of calls: what they have found, and the tools that were called themselves, are sent from the next step on.
   */
  private load(results: ReadonlyArray<Message.ResultPart>, withheld: ReadonlySet<string>): void {
    for (const { name: called, result } of results) {
      const isSearch = this.member.tools.get(called)?.isSearch === true
      for (const name of isSearch ? ToolSearch.loadedBy(result) : [called]) {
        if (!withheld.has(name) || this.loaded?.includes(name) === true) continue
        this.loaded ??= []
        this.loaded.push(name)
        this.sent = undefined
        this.counted = 0
        this.tokens = 0
      }
    }
  }

  /** Whether a call of the agent has this id. */
  hasCall(id: string): boolean {
    const { callIds } = this
    return callIds instanceof Set ? callIds.has(id) : callIds === id
  }

  /** No later call gets these ids: clients were shown input under them that no call took up. */
  leave(ids: Iterable<string>): void {
    for (const id of ids) this.use(id)
  }

  private use(id: string): void {
    const { callIds } = this
    if (callIds instanceof Set) callIds.add(id)
    else this.callIds = callIds === undefined ? id : new Set([callIds, id])
  }

  /** Adds the model's output. `isKept`: false for an answer that was retracted, which the thread does not keep. */
  hear(content: ReadonlyArray<Message.AssistantPart>, isKept = true): void {
    if (!isKept) return this.say({ role: "assistant", content }, "nothing")
    let byProvider = false
    for (const part of content) {
      if (part.type === "tool-call") this.use(part.id)
      byProvider ||= part.type === "tool-result" || (part.type === "tool-call" && part.execution === "provider")
    }
    if (!byProvider) return this.say({ role: "assistant", content })
    const kept = this.answered(content)
    this.say({ role: "assistant", content }, kept.length === 0 ? "nothing" : { role: "assistant", content: kept })
  }

  /** What the thread keeps of an answer: a provider-run call only together with its result. */
  private answered(content: ReadonlyArray<Message.AssistantPart>): ReadonlyArray<Message.AssistantPart> {
    const results = new Set(content.flatMap((part) => (part.type === "tool-result" ? [part.id] : [])))
    return content.flatMap((part): ReadonlyArray<Message.AssistantPart> => {
      if (part.type === "tool-call" && part.execution === "provider" && !results.has(part.id)) {
        this.awaited ??= new Map()
        this.awaited.set(part.id, part)
        return []
      }
      const call = part.type === "tool-result" ? this.awaited?.get(part.id) : undefined
      if (call === undefined) return [part]
      this.awaited?.delete(call.id)
      if (this.awaited?.size === 0) this.awaited = undefined
      return [call, part]
    })
  }

  /** Counts a step that makes `calls`. */
  count(calls: ReadonlyArray<Message.CallPart>): void {
    const { tools } = this.member
    this.row = calls.some(({ name }) => tools.get(name)?.mayRepeat === true) ? undefined : CallRow.next(this.row, calls)
  }

  /** Whether `calls` have reached the limit of repetitions. */
  repeats(calls: ReadonlyArray<Message.CallPart>): boolean {
    return this.row !== undefined && this.row.times >= this.repeatedCallLimit && CallRow.isSame(this.row.calls, calls)
  }

  /** Frees the spare capacity of grown arrays: the agent waits for a person, possibly for days. */
  trim(): void {
    const isOne = this.said === this.messages
    this.messages = trimmed(this.messages)
    this.said = isOne ? this.messages : trimmed(this.said)
  }

  /** The index of this run's prompt in what the model is sent. */
  get promptIndex(): number {
    return this.prompt === undefined ? -1 : this.messages.indexOf(this.prompt)
  }

  /**
   * Removes the first `dropped` messages, except the prompt, from what the model is sent; a summary by `strategy`
   * replaces them.
   */
  shorten(dropped: number, text: string | undefined, strategy: string): void {
    const { prompt } = this
    const isCut = prompt !== undefined && this.promptIndex < dropped
    const before: ReadonlyArray<Message.Message> =
      text === undefined
        ? []
        : [{ role: "user", content: [{ type: "text", text: `The conversation so far, in short:\n${text}` }] }]
    // A prompt that stayed although later messages were dropped counts as dropped.
    this.covered = Math.max(this.covered, this.length - this.messages.length + dropped)
    if (this.said === this.messages) this.said = this.messages.slice()
    this.messages.splice(0, dropped, ...before, ...(isCut ? [prompt] : []))
    this.summary = text === undefined ? undefined : { strategy, covers: this.covered, text }
    this.counted = 0
    this.tokens = 0
    this.digested?.restart()
  }

  /** The digest of the request of `step`. `offersTools`: false in a last step without tools. */
  digest(step: number, offersTools: boolean): RequestDigest {
    this.digested ??= new RequestDigests(this.member)
    return this.digested.of(this.messages, step, offersTools, this.offered)
  }

  /** Replaces messages by an earlier run's summary of them. False without one of this strategy. */
  resume(strategy: string): boolean {
    const kept = this.covered === 0 ? this.summary : undefined
    if (kept?.strategy !== strategy || kept.covers >= this.length) return false
    this.shorten(kept.covers, kept.text, strategy)
    return true
  }

  /** Makes slots for parallel calls if a step has more calls than the agent runs in parallel. */
  beginStep(calls: number): void {
    const most = Math.floor(this.member.definition.maxParallelCalls ?? usualParallel)
    this.slots = calls > most || Number.isNaN(most) ? Semaphore.makeUnsafe(Math.max(1, most || 1)) : undefined
  }

  /**
   * Runs a call in one of the step's slots; with enough slots for all, it starts when this is called. A call that waits
   * for a person occupies none.
   */
  inSlot<A>(call: () => Effect.Effect<A>): Effect.Effect<A> {
    return this.slots === undefined ? call() : this.slots.withPermits(1)(Effect.suspend(call))
  }

  /** Runs a call of `tool` within the tool's limit of parallel calls of this agent. */
  limited<A>(tool: Callable, call: () => Effect.Effect<A>): Effect.Effect<A> {
    if (tool.concurrency === undefined) return this.inSlot(call)
    this.turnstiles ??= new Map()
    const turnstile = this.turnstiles.get(tool.name) ?? Semaphore.makeUnsafe(Math.max(1, Math.floor(tool.concurrency)))
    this.turnstiles.set(tool.name, turnstile)
    return turnstile.withPermits(1)(Effect.suspend(() => this.inSlot(call)))
  }

  /** Estimated input tokens of the next request. Counts each message once. */
  inputTokens(general: TokenEstimator.Estimator): number {
    const estimator = TokenEstimator.forModel(general, this.member.model)
    if (this.counted === 0) {
      this.tokens +=
        estimator.text(this.member.definition.instructions ?? "") + estimator.text(JSON.stringify(this.offered))
      const { output } = this.member
      if (output !== undefined) this.tokens += estimator.text(JSON.stringify(output.schema))
    }
    for (; this.counted < this.messages.length; this.counted++) {
      const message = this.messages[this.counted]
      if (message !== undefined) this.tokens += TokenEstimator.message(estimator, message)
    }
    return this.tokens
  }
}

/**
 * How an agent ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentEnd {
  readonly reason: Events.FinishReason | "failed"
  /** Its final text. */
  readonly text: string
  /** The JSON of its typed answer, which fits the schema; absent: it has no typed answer, or gave none that fits. */
  readonly output?: Json | undefined
  /** What it used, specialists included. */
  readonly usage: Usage.Usage
  /** The stop sequence that ended its last answer; absent: none did, or its provider does not name it. */
  readonly stopSequence?: string | undefined
  /** The limit that stopped it. */
  readonly refusal?: Budget.Refusal | undefined
  /** Why it failed. */
  readonly failure?: RunErrors.Reason | undefined
  /** Whether a hook ends the whole run, and not this agent alone. */
  readonly endsRun?: boolean | undefined
}

/**
 * Money in whole nano-dollars, time in milliseconds. Each with all specialists below.
 *
 * @since 0.1.0
 * @category models
 */
export interface AgentTotals {
  readonly costNanoUsd: number
  /** Model requests and provider-run calls without a known price: the real cost is higher. */
  readonly unpriced: number
  readonly modelCalls: number
  readonly toolCalls: number
  /** Questions to people, and the total waiting time for them. */
  readonly approvals: number
  readonly approvalWaitMs: number
}

/** The sums over `entries` of the agent at `path`. */
export const totalsOf = (entries: ReadonlyArray<Entry.Entry>, path: AgentPath.AgentPath): AgentTotals => {
  const sums = { costNanoUsd: 0, unpriced: 0, modelCalls: 0, toolCalls: 0, approvals: 0, approvalWaitMs: 0 }
  for (const entry of entries) {
    if (!AgentPath.isWithin(entry.path, path)) continue
    switch (entry.kind) {
      case "model":
        sums.modelCalls += 1
        sums.costNanoUsd = Money.add(sums.costNanoUsd, Money.add(entry.costNanoUsd ?? 0, Entry.feesOf(entry)))
        if (entry.costNanoUsd === undefined) sums.unpriced += 1
        for (const fee of entry.fees ?? []) if (fee.costNanoUsd === undefined) sums.unpriced += fee.calls
        break
      case "tool":
        sums.toolCalls += 1
        sums.costNanoUsd = Money.add(sums.costNanoUsd, entry.costNanoUsd ?? 0)
        break
      case "wait":
        if (entry.reason !== "approval") break
        sums.approvals += 1
        sums.approvalWaitMs += entry.endedAt - entry.startedAt
        break
      case "agent":
        break
    }
  }
  return sums
}
