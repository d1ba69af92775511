/**
 * The native stream: our events unchanged (source 002).
 *
 * Carries everything. Reorders nothing. Loses nothing, except that the root view leaves out what specialists say below
 * the root other than their approvals. It stays open while the run waits for a person: the answer comes by another
 * request.
 */
import { Envelope, Event } from "@reins/protocol"
import type { Encoder } from "../Dialect.ts"
import * as Frame from "../Frame.ts"

/**
 * `root`: the events of the root agent, without envelopes. `progress`: besides them what specialists tell of their
 * work. `all`: every event, in its envelope.
 */
export type View = "root" | "progress" | "all"

export const open = (view: View): Encoder => ({
  step: (envelope) => {
    if (view === "all") return [{ data: JSON.stringify(Envelope.toJson(envelope)), id: `${envelope.seq}` }]
    const isSeen = view === "root" ? Envelope.isRootView(envelope) : Envelope.isProgressView(envelope)
    if (!isSeen) return Frame.none
    return [{ data: JSON.stringify(Event.toJson(envelope.event)), id: `${envelope.seq}` }]
  },
  finish: () => Frame.none,
  reopen: () => Frame.none,
  isDetached: false
})
