/**
 * What the loop has at hand while it carries one run: the engine, the runtime's settings, and each agent's place.
 */
import { AgentPath, type Budget, type Entry, type Message } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Engine, Readings } from "../engine/Engine.ts"
import type { FileStore } from "../thread/FileStore.ts"
import type { GrantStore } from "../approval/GrantStore.ts"
import type { Summary } from "../thread/ThreadStore.ts"
import type { ModelPort } from "../model/Model.ts"
import type { PriceBook } from "../model/Prices.ts"
import * as TokenEstimator from "../model/TokenEstimator.ts"
import type { Tracing } from "./Tracing.ts"
import type { PatienceLimits } from "../kernel/Patience.ts"
import type { Alarm } from "../kernel/Alarm.ts"
import type { AgentEnd } from "./AgentEnd.ts"
import type { Callable, Member } from "../agent/AgentRegistry.ts"

/** How a runtime behaves, with every default filled in. Durations in milliseconds. */
export interface Settings {
  readonly prices: PriceBook
  readonly estimator: TokenEstimator.Estimator
  readonly tracing: Tracing | undefined
  /** How often a model request is sent again while nothing of its answer was shown. */
  readonly modelRetries: number
  /** What becomes of a request that fails after something of its answer was shown. */
  readonly midStream: "error" | "retract"
  /** The wait before the first of them; doubled each time, or what the provider asks for. */
  readonly modelRetryBaseMs: number
  /** How long one request may take; absent: as long as it likes. */
  readonly patience: PatienceLimits | undefined
  /** How long a cancelled model or tool may take to end before it is left behind. */
  readonly cancelGraceMs: number
  /** How long a gate's predicate may take before the answer is: ask. */
  readonly predicateMs: number
  /** How long a question waits for its answer; absent: for ever. */
  readonly approvalExpiryMs: number | undefined
  /** How long before a question expires its watchers are told so; 0: they are not. */
  readonly approvalWarnMs: number
  /** What an open question is answered when nobody is there to ask. */
  readonly unattended: "wait" | "deny" | "approve"
  /** How deep specialists may be nested, whatever the budgets say. */
  readonly maxDepth: number
  /** How many characters of a tool's result a model is sent. */
  readonly maxResultCharacters: number
  /** How large a file may be that a tool hands over, in bytes. */
  readonly maxFileBytes: number
  /** Where a stored file can be read; absent: its event says no address. */
  readonly fileUrl: ((fileId: string) => string) | undefined
  /** Whether arguments, results and causes may appear in log lines. */
  readonly captureContent: boolean
}

export interface Run {
  readonly engine: Engine
  readonly settings: Settings
  readonly grants: GrantStore
  readonly files: FileStore
  /** Where its steps and calls set their deadlines. */
  readonly alarm: Alarm
  /** Limits whose `budget_exhausted` has gone out in this life of the run, by node and limit. */
  exhausted: ReadonlyArray<string>
  /** Carries an agent to its end; here, so that a specialist's call need not know the loop that calls it. */
  readonly carry: (run: Run, place: Place) => Effect.Effect<AgentEnd>
}

/** How many calls of one step run at once unless the agent says otherwise. */
const usualParallel = 16

/** One agent at work in a run. `messages`, what its model is sent, grows; it is never copied, and only compaction shortens it. */
export class Place {
  readonly messages: Array<Message.Message>
  /** What this run adds to the conversation: its prompt, and what was said since. */
  readonly said: Array<Message.Message>
  /** Every call id used so far, so that one that comes again gets another. */
  readonly callIds = new Set<string>()
  readonly prefix: string
  readonly path: AgentPath.AgentPath
  readonly member: Member
  /** The budget of the agent's node, as it was written. */
  readonly budget: Budget.Budget
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
  private counted = 0
  private tokens = 0

  constructor(options: {
    readonly path: AgentPath.AgentPath
    readonly member: Member
    readonly history: ReadonlyArray<Message.Message>
    readonly prompt: Message.Message
    /** Absent: the agent's own. */
    readonly budget?: Budget.Budget
    /** What an earlier run has kept. */
    readonly summary?: Summary | undefined
  }) {
    this.path = options.path
    this.member = options.member
    this.model = options.member.model
    this.budget = options.budget ?? options.member.budget
    this.prefix = AgentPath.key(options.path)
    this.messages = [...options.history, options.prompt]
    this.length = this.messages.length
    this.summary = options.summary
    this.said = [options.prompt]
  }

  /** Adds to the conversation. */
  say(message: Message.Message): void {
    this.length++
    this.messages.push(message)
    this.said.push(message)
  }

  /** Where this run's prompt stands in what the model is sent. */
  get promptIndex(): number {
    const [prompt] = this.said
    return prompt === undefined ? -1 : this.messages.indexOf(prompt)
  }

  /**
   * Leaves the first `dropped` messages out of what the model is sent, but for the prompt; a summary by `strategy` stands in their
   * place.
   */
  shorten(dropped: number, text: string | undefined, strategy: string): void {
    const [prompt] = this.said
    const isCut = prompt !== undefined && this.promptIndex < dropped
    const before: ReadonlyArray<Message.Message> =
      text === undefined
        ? []
        : [{ role: "user", content: [{ type: "text", text: `The conversation so far, in short:\n${text}` }] }]
    // A prompt that stayed when more than it was left out is counted among what was.
    this.covered = Math.max(this.covered, this.length - this.messages.length + dropped)
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

  /** Runs a call in one of the step's slots. A call that waits for a person holds none. */
  inSlot<A>(call: Effect.Effect<A>): Effect.Effect<A> {
    return this.slots === undefined ? call : this.slots.withPermits(1)(call)
  }

  /** Runs a call of `tool` when fewer of its calls than it allows are running for this agent. */
  limited<A>(tool: Callable, work: Effect.Effect<A>): Effect.Effect<A> {
    const call = this.inSlot(work)
    if (tool.concurrency === undefined) return call
    this.turnstiles ??= new Map()
    const turnstile = this.turnstiles.get(tool.name) ?? Semaphore.makeUnsafe(Math.max(1, Math.floor(tool.concurrency)))
    this.turnstiles.set(tool.name, turnstile)
    return turnstile.withPermits(1)(call)
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

/** The price of an agent's model, now. */
export const priceOf = (run: Run, readings: Pick<Readings, "now">, place: Place): Entry.Price | undefined =>
  run.settings.prices.find(place.model.provider, place.model.model, readings.now())
