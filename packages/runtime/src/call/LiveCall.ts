/**
 * A call while its handler runs: the handler's `ToolRun` service, which writes its progress, files and events to the
 * log. Each attempt has its own channel, which is closed when the attempt ends, even if a fiber of the handler
 * continues. A reported cost counts until the call is settled, since it was spent, also if the process dies.
 */
import { type Budget, CancellationReport, type Event, type Json, Money } from "@reins/protocol"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type { GrantUse } from "../approval/Policy.ts"
import type { Work } from "../engine/Engine.ts"
import type { Cost } from "../engine/Spending.ts"
import * as Announced from "./Announced.ts"
import type * as Call from "./Call.ts"
import type { CallContext, CallEnd } from "./Call.ts"
import { Receipts } from "./Receipt.ts"
import { Suspension } from "./Suspension.ts"
import { digestId } from "../kernel/Digest.ts"
import type * as Invocation from "../tool/Invocation.ts"
import * as PlainJson from "../kernel/PlainJson.ts"
import type * as Names from "../run/Names.ts"
import type { RunMemory } from "../memory/RunMemory.ts"
import * as AgentMemory from "../run/AgentMemory.ts"
import { CallQuestions } from "./CallQuestion.ts"
import { charge } from "../run/Run.ts"
import type * as Ticket from "../engine/Ticket.ts"
import { type FileContent, type FileOptions, FileTooLarge, type Progress, type ToolRunShape } from "../tool/ToolRun.ts"

/** One attempt of a call, for its handler. Expensive members are made when they are read. */
class Attempt implements Invocation.Given {
  readonly index: number
  open = true
  /** How many files it has stored. */
  stored = 0
  /** How many events it has reported, how many costs, and how often it has slept and asked. */
  told = 0
  costs = 0
  sleeps = 0
  asked = 0
  private controller: AbortController | undefined
  private made: ToolRunShape | undefined
  private readonly call: LiveCall

  /** `index`: how often the call was started before. */
  constructor(call: LiveCall, index: number) {
    this.call = call
    this.index = index
  }

  get toolCallId(): string {
    return this.call.callId
  }

  get preliminary(): (value: unknown) => Effect.Effect<void> {
    return (value) => this.call.preliminary(this, value)
  }

  get service(): ToolRunShape {
    return (this.made ??= this.call.make(this))
  }

  get signal(): AbortSignal {
    this.controller ??= new AbortController()
    if (!this.open) this.controller.abort()
    return this.controller.signal
  }

  /** Closes the channel; the handler has ended. */
  end(): void {
    this.open = false
  }

  /** Closes the channel and aborts the handler's signal. */
  cut(): void {
    this.open = false
    this.controller?.abort()
  }
}

export class LiveCall implements Invocation.Live {
  costNanoUsd = 0
  /** Whether it reported more than was held for it, or, without a hold, more than a money limit had left. */
  overrun = false
  /** The part of the cost that is charged already, because it exceeds the hold. */
  charged = 0
  attempt: Attempt
  private settled = false
  private told: number | undefined
  private files = 0
  private readonly context: CallContext
  private readonly work: Work
  /** The money held for it; absent if its tool declares no cost. */
  private readonly heldNanoUsd: number | undefined
  private readonly startedAt: number
  private readonly grant: GrantUse | undefined
  private receipts: Receipts | undefined
  /** What it has asked a person; absent: nothing. */
  questions: CallQuestions | undefined
  private readonly subject: Names.Subject

  private suspension: Suspension | undefined
  private halt: (() => void) | undefined
  private readonly part: Call.Part | undefined

  /**
   * `begun`: how often this call was started before. `grant`: the grant that allows it. `startedAt`: in epoch
   * milliseconds. `part`: where it goes on after a sleep. `subject`: as which it was allowed.
   */
  constructor(
    context: CallContext,
    work: Work,
    held: Budget.Amount,
    begun: number,
    grant: GrantUse | undefined,
    startedAt: number,
    part: Call.Part | undefined,
    subject: Names.Subject
  ) {
    this.context = context
    this.work = work
    this.heldNanoUsd = held.nanoUsd
    this.startedAt = startedAt
    this.grant = grant
    this.part = part
    this.subject = subject
    this.attempt = new Attempt(this, begun)
    // Costs reported under an earlier owner are charged already.
    const lost = begun === 0 ? undefined : work.spending.costOf(context.agent.path, context.call.id)
    if (lost === undefined) return
    this.costNanoUsd = lost.nanoUsd
    this.charged = lost.nanoUsd
    this.overrun = lost.overrun
  }

  /** The last reported phase; -1 before the first. */
  private get phase(): number {
    return (this.told ??= this.work.order.phaseOf(this.context.agent.path, this.callId))
  }

  private set phase(phase: number) {
    this.told = phase
  }

  get callId(): string {
    return this.context.call.id
  }

  /** Starts a new attempt; the one before emits nothing more. */
  restart(): void {
    this.attempt.end()
    this.attempt = new Attempt(this, this.attempt.index + 1)
  }

  /** The handler was begun and is not done; `halt` stops it. */
  begun(halt: () => void): void {
    this.suspension?.begun(halt)
    this.halt = halt
  }

  /** The sleep that has stopped the handler. */
  get sleep(): Call.Sleep | undefined {
    return this.suspension?.sleepOf(this.attempt, this.startedAt)
  }

  /** Its ticket, once it has one. */
  get ticket(): Ticket.Later | undefined {
    return this.suspension?.ticket
  }

  /** Its end, when the handler ended with its receipt. */
  get receipt(): CallEnd | undefined {
    return this.suspension?.receipt
  }

  private get suspended(): Suspension {
    return (this.suspension ??= new Suspension(this.context, this.work, this.part, this.halt))
  }

  /** The ticket is closed. */
  dropTicket(): void {
    if (this.suspension !== undefined) this.suspension.ticket = undefined
  }

  /** The call has ended. */
  end(): void {
    this.settled = true
    this.attempt.end()
  }

  /** The attempt should end. */
  cut(): void {
    this.attempt.cut()
  }

  /** A preliminary result of `effect/ai`: becomes progress with the result as its milestone. */
  preliminary(attempt: Attempt, value: unknown): Effect.Effect<void> {
    return this.say(attempt, () => {
      const milestone = PlainJson.copy(value)
      const phaseIndex = Math.max(0, this.phase)
      return this.progress(attempt, { label: this.context.call.name, phaseIndex, totalPhases: phaseIndex, milestone })
    })
  }

  private get idempotencyKey(): string {
    return CancellationReport.idempotencyKey(this.work.runId, this.context.agent.path, this.callId)
  }

  /** The `ToolRun` of an attempt. */
  make(attempt: Attempt): ToolRunShape {
    const { runId, threadId } = this.work
    let memory: RunMemory | undefined
    const remembering = () => (memory ??= AgentMemory.ofCall(this.context, this.work, this.idempotencyKey))
    return {
      runId,
      threadId,
      callId: this.callId,
      idempotencyKey: this.idempotencyKey,
      attempt: attempt.index,
      get signal() {
        return attempt.signal
      },
      get memory() {
        return remembering()
      },
      progress: (progress) => this.say(attempt, () => this.progress(attempt, progress)),
      registerFile: (file) => this.registerFile(attempt, file),
      storeFile: (file) => this.storeFile(attempt, file),
      emit: (eventType, data) => this.say(attempt, () => this.push(Announced.custom(eventType, data))),
      flowUi: (dsl) => this.say(attempt, () => this.push(Announced.flowUi(dsl))),
      hint: (text) => this.say(attempt, () => this.push(Announced.hint(text))),
      reportCost: (usd) =>
        Effect.suspend(() => {
          const amount = Money.parseUsd("reportCost", usd)
          if (Result.isFailure(amount)) return Effect.die(amount.failure)
          if (this.settled || ++attempt.costs <= (this.part?.costs ?? 0)) return Effect.void
          this.spend(amount.success)
          return this.work.report(this.cost)
        }),
      sleep: (duration) => Effect.suspend(() => this.suspended.fallAsleep(attempt, duration)),
      ask: (question) =>
        Effect.suspend(() =>
          (this.questions ??= new CallQuestions(this.context, this.work, this.subject)).ask(attempt, question)
        ),
      later: (options) => Effect.suspend(() => this.suspended.openTicket(attempt, options)),
      once: <A, E, R>(name: string, effect: Effect.Effect<A, E, R>, schema?: Schema.Codec<A, Json>) =>
        (this.receipts ??= new Receipts(this.context, this.work)).once(name, effect, schema)
    }
  }

  /** What it has cost so far. */
  private get cost(): Cost {
    const { attempt, context, costNanoUsd, grant, overrun, startedAt } = this
    return {
      path: context.agent.path,
      callId: this.callId,
      toolName: context.tool.name,
      nanoUsd: costNanoUsd,
      overrun,
      ...(grant === undefined ? {} : { grantId: grant.id }),
      startedAt,
      attempts: attempt.index + 1
    }
  }

  /** Costs above the hold are charged at once, so that no other call starts on spent money. */
  private spend(nanoUsd: number): void {
    this.costNanoUsd = Money.add(this.costNanoUsd, nanoUsd)
    const beyond = this.costNanoUsd - (this.heldNanoUsd ?? 0) - this.charged
    if (beyond <= 0) return
    const { path } = this.context.agent
    const { tree } = this.work
    this.overrun ||= this.heldNanoUsd === undefined ? beyond > tree.moneyLeft(path) : tree.isPriced(path)
    this.charged += beyond
    charge(this.work, path, { nanoUsd: beyond })
  }

  /** Runs `news` unless the attempt has ended, and waits while the reader is behind. */
  private say(attempt: Attempt, news: () => boolean): Effect.Effect<void> {
    return Effect.suspend(() =>
      attempt.open && ++attempt.told > (this.part?.told ?? 0) && news()
        ? Effect.promise(() => this.work.room())
        : Effect.void
    )
  }

  private push(event: Event): boolean {
    return this.work.push(this.context.agent.path, [event])
  }

  private progress(attempt: Attempt, { label, milestone, phaseIndex, totalPhases }: Progress): boolean {
    const phase = Announced.count(phaseIndex)
    // A repeated call does not emit an event twice.
    if (attempt.index > 0 && phase < this.phase) return false
    this.phase = Math.max(this.phase, phase)
    const json = milestone === undefined ? undefined : PlainJson.copy(milestone)
    return this.push({
      type: "tool-progress",
      toolName: this.context.call.name,
      toolCallId: this.callId,
      label: String(label),
      phaseIndex: this.phase,
      totalPhases: Math.max(Announced.count(totalPhases), this.phase),
      ...(json === undefined ? {} : { milestone: json })
    })
  }

  private registerFile(attempt: Attempt, file: FileOptions): Effect.Effect<string> {
    return Effect.suspend(() => {
      const fileId = file.fileId ?? `file_${this.idempotencyKey}_${++this.files}`
      const event = Announced.file({ ...file, fileId })
      const news = this.say(attempt, () => this.push(event))
      return Effect.as(news, fileId)
    })
  }

  /**
   * Stores the bytes before the event, so that a reader of the event finds the file. A repeated call gets the same id.
   */
  private storeFile(
    attempt: Attempt,
    { content, filename, mediaType }: FileContent
  ): Effect.Effect<string, FileTooLarge> {
    return Effect.suspend(() => {
      const bytes = Announced.bytesOf({ filename, mediaType, content })
      const { files, settings } = this.context.run
      const sizeBytes = bytes.length
      if (sizeBytes > settings.maxFileBytes) {
        return Effect.fail(new FileTooLarge({ filename, sizeBytes, maxBytes: settings.maxFileBytes }))
      }
      const fileId = digestId("file", `${this.idempotencyKey}\n${++attempt.stored}`)
      if (!attempt.open) return Effect.succeed(fileId)
      const { resourceId, runId, threadId } = this.work
      const at = this.work.now()
      const kept = files.put({
        fileId,
        runId,
        threadId,
        resourceId,
        filename,
        mediaType,
        sizeBytes,
        at,
        content: bytes
      })
      const url = settings.fileUrl?.(fileId)
      const told = this.registerFile(attempt, { fileId, filename, mediaType, sizeBytes, url })
      return Effect.andThen(kept, told)
    })
  }
}
