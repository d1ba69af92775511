/**
 * A started run for its caller. It keeps the run's log, which stays readable for it; its other members are made when
 * they are read.
 */
import type { Envelope, Event, RunError } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type * as Specialist from "../agent/Specialist.ts"
import * as EventLog from "../engine/EventLog.ts"
import type { RunHost } from "../engine/RunHost.ts"
import type * as Erased from "../kernel/Erased.ts"
import * as Completion from "./Completion.ts"
import type { RunHandle, Steered } from "./RuntimeVerbs.ts"
import type { Entered } from "./Steering.ts"

export class StartedRun implements RunHandle<Erased.Any> {
  readonly runId: string
  readonly threadId: string
  readonly envelopes: Stream.Stream<Envelope.Envelope>
  readonly steered: Steered | undefined
  private readonly host: RunHost
  private readonly specialist: Specialist.Any | undefined

  /** `specialist`: the specialist that runs; absent: a query, with text as its answer. */
  constructor(host: RunHost, { runId, steered, threadId }: Entered, specialist?: Specialist.Any) {
    this.host = host
    this.specialist = specialist
    this.steered = steered
    this.runId = runId
    this.threadId = threadId
    this.envelopes = host.watch(runId, { after: 0, bounded: false })
  }

  get events(): Stream.Stream<Event> {
    return EventLog.viewOf(this.envelopes)
  }

  get result(): Effect.Effect<Completion.Completion<Erased.Any>, RunError> {
    const { specialist } = this
    const text = Completion.follow(this, this.envelopes)
    return specialist === undefined
      ? text
      : Effect.flatMap(text, (completion) => Completion.decode(completion, specialist))
  }

  get cancel(): Effect.Effect<boolean> {
    return this.host.cancel(this.runId)
  }
}
