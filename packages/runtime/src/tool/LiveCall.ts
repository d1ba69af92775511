/**
 * A call while its handler runs: the `ToolRun` service that the handler sees, and the door through which its news reach the
 * log. After the call has ended the door is shut, whatever a stray fiber still says.
 */
import { type Event, type Message, Money } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { Place, Run } from "../run/Run.ts"
import * as ToolOutcome from "./ToolOutcome.ts"
import type { FileOptions, Progress, ToolRunShape } from "./ToolRun.ts"

export class LiveCall {
  costNanoUsd = 0
  readonly service: ToolRunShape
  private open = true
  private phase: number
  private begun: number
  private files = 0
  private controller: AbortController | undefined
  private readonly run: Run
  private readonly place: Place
  private readonly call: Message.CallPart

  /** `begun`: how often earlier lives of the run began this call. */
  constructor(run: Run, place: Place, call: Message.CallPart, begun: number) {
    this.run = run
    this.place = place
    this.call = call
    this.begun = begun - 1
    this.phase = run.engine.phase(place.path, call.id)
    this.service = this.make()
  }

  /** A new attempt begins. */
  restart(): void {
    this.begun++
    this.controller = undefined
  }

  /** The call is over. */
  end(): void {
    this.open = false
  }

  /** The call should end. */
  readonly cut = (): void => {
    this.open = false
    this.controller?.abort()
  }

  /** News in `effect/ai`'s own form: a preliminary result is progress whose milestone it is. */
  readonly preliminary = (value: unknown): Effect.Effect<void> =>
    Effect.sync(() => {
      const milestone = ToolOutcome.toJson(value)
      this.progress({
        label: this.call.name,
        phaseIndex: Math.max(0, this.phase),
        totalPhases: Math.max(0, this.phase),
        milestone
      })
    })

  private make(): ToolRunShape {
    const live = this
    const { engine } = this.run
    return {
      runId: engine.runId,
      threadId: engine.threadId,
      callId: this.call.id,
      get idempotencyKey() {
        return `${engine.runId}:${live.place.prefix}${live.call.id}`
      },
      get attempt() {
        return live.begun
      },
      get signal() {
        live.controller ??= new AbortController()
        if (!live.open) live.controller.abort()
        return live.controller.signal
      },
      progress: (progress) => this.say(() => this.progress(progress)),
      registerFile: (file) => this.registerFile(file),
      emit: (eventType, data) => this.say(() => this.push({ type: "custom", event_type: eventType, data })),
      hint: (text) => this.say(() => this.push({ type: "custom", event_type: "hint", data: { text } })),
      reportCost: (usd) =>
        Effect.sync(() => {
          if (this.open) this.costNanoUsd += Money.fromUsd(usd) ?? 0
        })
    }
  }

  /** Runs `news` unless the call is over, and waits where the reader is behind. */
  private say(news: () => boolean): Effect.Effect<void> {
    return Effect.suspend(() => (this.open && news() ? Effect.promise(this.run.engine.room) : Effect.void))
  }

  private push(event: Event): boolean {
    return this.run.engine.push(this.place.path, [event])
  }

  private progress({ label, milestone, phaseIndex, totalPhases }: Progress): boolean {
    if (!this.open) return false
    const phase = count(phaseIndex)
    // A call that was begun again in another life says nothing that was said before.
    if (this.begun > 0 && phase < this.phase) return false
    this.phase = Math.max(this.phase, phase)
    const json = milestone === undefined ? undefined : ToolOutcome.toJson(milestone)
    return this.push({
      type: "tool-progress",
      toolName: this.call.name,
      toolCallId: this.call.id,
      label: String(label),
      phaseIndex: this.phase,
      totalPhases: Math.max(count(totalPhases), this.phase),
      ...(json === undefined ? {} : { milestone: json })
    })
  }

  private registerFile(file: FileOptions): Effect.Effect<string> {
    return Effect.suspend(() => {
      const fileId = file.fileId ?? `file_${this.service.idempotencyKey}_${++this.files}`
      const news = this.say(() =>
        this.push({
          type: "data-file-registered",
          data: {
            fileId,
            filename: file.filename,
            mediaType: file.mediaType,
            sizeBytes: count(file.sizeBytes),
            ...(file.url === undefined ? {} : { url: file.url })
          }
        })
      )
      return Effect.as(news, fileId)
    })
  }
}

const count = (value: number): number => (Number.isFinite(value) && value > 0 ? Math.floor(value) : 0)
