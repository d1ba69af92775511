/**
 * One agent at work in a run: what its model is sent, what it has said, which calls it makes at once.
 */
import { AgentPath, type Budget, Message } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Callable, Member } from "../agent/AgentRegistry.ts"
import * as Trimmed from "../kernel/Trimmed.ts"
import type { ModelPort } from "../model/Model.ts"
import * as TokenEstimator from "../model/TokenEstimator.ts"
import type { Summary } from "../thread/ThreadStore.ts"
import * as CallRow from "../agent/CallRow.ts"

/** How many calls of one step run at once unless the agent says otherwise. */
const usualParallel = 16

/** One agent at work in a run. `messages`, what its model is sent, grows; only compaction shortens it. */
export class AgentState {
  messages: Array<Message.Message>
  /** What this run adds to the conversation: its prompt, and what was said since. The same array while that is all there is. */
  said: Array<Message.Message>
  /** Every call id used so far, so that one that comes again gets another. */
  readonly callIds = new Set<string>()
  /** Calls that the provider runs itself and has not answered yet, by id; absent where there are none. */
  awaited: Map<string, Message.CallPart> | undefined
  /** How many messages of a user it has received while it runs. */
  received = 0
  /** The model that gave its last answer, as its provider names it; absent before the first. */
  answeredBy: string | undefined
  /** What models warned of and was told, by model and message; absent where nothing was. */
  warned: Set<string> | undefined
  readonly prefix: string
  readonly path: AgentPath.AgentPath
  readonly member: Member
  /** The budget of the agent's node, as it was written. */
  readonly budget: Budget.Budget
  /** How often in a row the agent may make the same calls. */
  readonly repeatedCallLimit: number
  /** The calls of its last step that made some, and how often in a row it has made them; absent before, and where that does not count. */
  row: CallRow.CallRow | undefined
  /** The model in use: the agent's own at the start of each step, then perhaps a fallback. */
  model: ModelPort
  /** Of the thread's beginning: an earlier run's, or the one that stands in what the model is sent now. */
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

  constructor(options: {
    readonly path: AgentPath.AgentPath
    readonly member: Member
    readonly history: ReadonlyArray<Message.Message>
    /** Absent: it goes on from where its history ends. */
    readonly prompt: Message.Message | undefined
    /** Absent: the agent's own. */
    readonly budget?: Budget.Budget
    /** What an earlier run has kept. */
    readonly summary?: Summary | undefined
    readonly repeatedCallLimit: number
  }) {
    // Models are told it.
    this.path = Object.freeze(options.path)
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

  /** Adds to the conversation. `kept`: what of it the thread keeps, where that is another message, or nothing. */
  say(message: Message.Message, kept: Message.Message | "nothing" = message): void {
    // A model is sent it, and whoever asks for the thread: nobody may write to what was said.
    Message.frozen(message)
    if (message.role === "user") this.row = undefined
    if (kept !== message && this.said === this.messages) this.said = this.messages.slice()
    this.messages.push(message)
    if (kept === "nothing") return
    this.length++
    if (kept !== message) Message.frozen(kept)
    if (this.said !== this.messages) this.said.push(kept)
  }

  /** Adds what the model said. */
  hear(content: ReadonlyArray<Message.AssistantPart>): void {
    let byProvider = false
    for (const part of content) {
      if (part.type === "tool-call") this.callIds.add(part.id)
      byProvider ||= part.type === "tool-result" || (part.type === "tool-call" && part.execution === "provider")
    }
    if (!byProvider) return this.say({ role: "assistant", content })
    const kept = this.answered(content)
    this.say({ role: "assistant", content }, kept.length === 0 ? "nothing" : { role: "assistant", content: kept })
  }

  /** What the thread keeps of an answer: a call that the provider runs itself once its result is there, together with it. */
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

  /** Counts that a step makes `calls`. */
  count(calls: ReadonlyArray<Message.CallPart>): void {
    const { tools } = this.member
    this.row = calls.some(({ name }) => tools.get(name)?.mayRepeat === true) ? undefined : CallRow.next(this.row, calls)
  }

  /** Whether `calls` were made as often in a row as they may be. */
  repeats(calls: ReadonlyArray<Message.CallPart>): boolean {
    return this.row !== undefined && this.row.times >= this.repeatedCallLimit && CallRow.isSame(this.row.calls, calls)
  }

  /** Frees what arrays that have grown keep for more: the agent waits for a person, perhaps for days. */
  trim(): void {
    const isOne = this.said === this.messages
    this.messages = Trimmed.copy(this.messages)
    this.said = isOne ? this.messages : Trimmed.copy(this.said)
  }

  /** Where this run's prompt stands in what the model is sent. */
  get promptIndex(): number {
    return this.prompt === undefined ? -1 : this.messages.indexOf(this.prompt)
  }

  /**
   * Leaves the first `dropped` messages out of what the model is sent, but for the prompt; a summary by `strategy` stands in their
   * place.
   */
  shorten(dropped: number, text: string | undefined, strategy: string): void {
    const { prompt } = this
    const isCut = prompt !== undefined && this.promptIndex < dropped
    const before: ReadonlyArray<Message.Message> =
      text === undefined
        ? []
        : [{ role: "user", content: [{ type: "text", text: `The conversation so far, in short:\n${text}` }] }]
    // A prompt that stayed when more than it was left out is counted among what was.
    this.covered = Math.max(this.covered, this.length - this.messages.length + dropped)
    if (this.said === this.messages) this.said = this.messages.slice()
    this.messages.splice(0, dropped, ...before, ...(isCut ? [prompt] : []))
    this.summary = text === undefined ? undefined : { strategy, covers: this.covered, text }
    this.counted = 0
    this.tokens = 0
  }

  /** Puts the summary of an earlier run in the place of what it sums up. False where there is none of this strategy. */
  resume(strategy: string): boolean {
    const kept = this.covered === 0 ? this.summary : undefined
    if (kept?.strategy !== strategy || kept.covers >= this.length) return false
    this.shorten(kept.covers, kept.text, strategy)
    return true
  }

  /** Makes as many slots as the agent allows calls to run at once, where the calls of a step are more. */
  beginStep(calls: number): void {
    const most = Math.floor(this.member.definition.maxParallelCalls ?? usualParallel)
    this.slots = calls > most || Number.isNaN(most) ? Semaphore.makeUnsafe(Math.max(1, most || 1)) : undefined
  }

  /**
   * Runs a call in one of the step's slots; where there are enough for all, it is begun when this is called. A call that waits
   * for a person holds none.
   */
  inSlot<A>(call: () => Effect.Effect<A>): Effect.Effect<A> {
    return this.slots === undefined ? call() : this.slots.withPermits(1)(Effect.suspend(call))
  }

  /** Runs a call of `tool` when fewer of its calls than it allows are running for this agent. */
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
        estimator.text(this.member.definition.instructions ?? "") + estimator.text(JSON.stringify(this.member.offered))
    }
    for (; this.counted < this.messages.length; this.counted++) {
      const message = this.messages[this.counted]
      if (message !== undefined) this.tokens += TokenEstimator.message(estimator, message)
    }
    return this.tokens
  }
}
