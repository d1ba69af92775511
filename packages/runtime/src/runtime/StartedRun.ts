/**
 * A started run for its caller. It keeps the run's log, which stays readable for it; its other members are made when
 * they are read.
 */
import type { Envelope, Event, Json, RunError } from "@reins/protocol"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import * as EventLog from "../engine/EventLog.ts"
import type { RunHost } from "../engine/RunHost.ts"
import type * as Erased from "../kernel/Erased.ts"
import * as Completion from "./Completion.ts"
import * as Output from "./Output.ts"
import type { RunHandle, Steered } from "./RuntimeVerbs.ts"
import type { Entered } from "./Steering.ts"

export class StartedRun implements RunHandle<Erased.Any> {
  readonly runId: string
  readonly threadId: string
  readonly envelopes: Stream.Stream<Envelope.Envelope>
  readonly steered: Steered | undefined
  private readonly host: RunHost
  private readonly typed: Completion.Typed | undefined

  /** `typed`: what decodes its answer; absent: the answer is text. */
  constructor(host: RunHost, { runId, steered, threadId }: Entered, typed?: Completion.Typed) {
    this.host = host
    this.typed = typed
    this.steered = steered
    this.runId = runId
    this.threadId = threadId
    this.envelopes = host.watch(runId, { after: 0, bounded: false })
  }

  get events(): Stream.Stream<Event> {
    return EventLog.viewOf(this.envelopes)
  }

  get result(): Effect.Effect<Completion.Completion<Erased.Any>, RunError> {
    return Completion.follow(this, this.envelopes, this.typed)
  }

  get partialOutput(): Stream.Stream<Json> {
    return Output.partials(this.events)
  }

  get cancel(): Effect.Effect<boolean> {
    return this.host.cancel(this.runId)
  }
}
