/** Logs of a later version: with events of unknown types, anywhere they may occur. */
import { Event } from "@reins/protocol"
import type { Envelope } from "@reins/protocol"
import * as Generated from "@reins/protocol/testing"
import { Schema } from "effect"

const decode = Schema.decodeUnknownSync(Event)

/** As received over the wire. */
export const originals = [
  { type: "message-withdrawn", message: { role: "user", text: "stop" }, at: 5 },
  { type: "tool-output-delta", toolInvocationId: "call-1", toolName: "look", text: '{"a"' },
  { type: "data-source", data: { url: "https://example.org/", title: "A page" } },
  { type: "x" },
  { type: "", nested: [null, true, 1.5, { __proto__: null, "a b": [] }] }
]

export const events: ReadonlyArray<Event> = originals.map((original) => decode(original))

/** The log with such events in it, on its own paths, after at most all but the last of its events. */
export const salted = (log: ReadonlyArray<Envelope.Envelope>, seed: number): ReadonlyArray<Envelope.Envelope> => {
  const random = Generated.seeded(seed)
  const out: Array<Envelope.Envelope> = []
  for (const [index, envelope] of log.entries()) {
    const event = events[Math.floor(random() * events.length)]
    if (index > 0 && event !== undefined && random() < 0.3) out.push({ ...envelope, event })
    out.push(envelope)
  }
  return out.map((envelope, index) => ({ ...envelope, seq: index + 1 }))
}
