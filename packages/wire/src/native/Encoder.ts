/**
 * The native stream: our events as they are (source 002).
 *
 * Carries everything. Reorders nothing. Loses nothing; the root view leaves out what specialists say below the root, but for
 * their approvals. It stays open while a person is asked: the answer comes by another request.
 */
import { Envelope } from "@reins/protocol"
import type { Encoder } from "../Dialect.ts"
import * as Frame from "../Frame.ts"

/** `root`: the events of the root agent, bare. `all`: every event, in its envelope. */
export type View = "root" | "all"

export const open = (view: View): Encoder => ({
  step: (envelope) => {
    if (view === "all") return [{ data: JSON.stringify(envelope), id: `${envelope.seq}` }]
    if (!Envelope.isRootView(envelope)) return Frame.none
    return [{ data: JSON.stringify(envelope.event), id: `${envelope.seq}` }]
  },
  finish: () => Frame.none,
  reopen: () => Frame.none,
  isDetached: false
})
