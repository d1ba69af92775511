/**
 * The part of the journal contract about long logs: a store may pack streamed text, as long as readers see no
 * difference.
 */
import type { Envelope } from "@reins/protocol"
import * as Effect from "effect/Effect"
import type { JournalStore } from "../host/journal/JournalStore.ts"
import {
  envelope,
  failure,
  mark,
  text,
  begin,
  type Clause,
  clause,
  commit,
  open,
  read,
  same,
  status
} from "./JournalSamples.ts"

/**
 * A long answer: text in pieces of many sizes, at repeated and increasing times, with reasoning, a second text and the
 * input of two calls in between, by two agents.
 */
const answer = (count: number): ReadonlyArray<Envelope.Envelope> => [
  envelope(1, { type: "step-start" }),
  ...Array.from({ length: count }, (_, index) => {
    const seq = index + 2
    const words = index % 11 === 0 ? "" : index % 13 === 0 ? "\ud83d" : index % 13 === 1 ? "\ude00" : `${index} `
    const at = 2000 + Math.floor(index / 5) * 3
    if (index % 400 === 399) return envelope(seq, { type: "reasoning", text: words }, { at })
    if (index % 700 > 690) return envelope(seq, { type: "text", text: words }, { at, agentPath: ["helper#1"] })
    if (index % 500 > 480) {
      const toolInvocationId = index % 500 > 490 ? "c1" : "c2"
      return envelope(seq, { type: "tool-input-delta", toolInvocationId, toolName: "look", text: words }, { at })
    }
    if (index % 300 > 280) return envelope(seq, { type: "text", text: words, part: "2" }, { at })
    return { ...text(seq, words), at }
  })
]

/** Reads everything at once, page by page, and from many positions. */
const isReadAs = (store: JournalStore, events: ReadonlyArray<Envelope.Envelope>, what: string) =>
  Effect.gen(function* () {
    yield* same(yield* read(store, 0, Number.MAX_SAFE_INTEGER), events, `${what}, all of it`)
    for (let after = 0; after < events.length; after += 311) {
      yield* same(yield* read(store, after, 20), events.slice(after, after + 20), `${what}, behind ${after}`)
    }
    const pages: Array<Envelope.Envelope> = []
    for (let after = 0; after < events.length; after += 500) pages.push(...(yield* read(store, after, 500)))
    yield* same(pages, events, `${what}, page by page`)
  })

/** Long logs. */
export const long: ReadonlyArray<Clause> = [
  clause("text committed in many pieces is read back unchanged from any position", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      const events = answer(2600)
      const sizes = [1, 7, 2, 300, 40, 1500]
      for (let from = 0, times = 0; from < events.length; times++) {
        const size = sizes[times % sizes.length] ?? 1
        yield* commit(store, epoch, events.slice(from, from + size))
        from += size
      }
      yield* isReadAs(store, events, "the log")
      yield* same((yield* status(store))?.lastSeq, events.length, "the last number")
      yield* same((yield* open(store)).envelopes, events, "the events that an owner reads")
    })
  ),
  clause("packing changes nothing that is read, and nothing of a running run", (store) =>
    Effect.gen(function* () {
      const pack = Effect.suspend(() => (store.pack === undefined ? Effect.void : Effect.orDie(store.pack("run"))))
      const { epoch } = yield* begin(store)
      const events = answer(2600)
      for (let from = 0; from < events.length; from += 9) yield* commit(store, epoch, events.slice(from, from + 9))
      yield* pack
      yield* isReadAs(store, events, "the log of a running run")
      const ended = [...events, ...failure(events.length + 1)]
      yield* commit(store, epoch, ended.slice(events.length))
      for (const what of ["the log after packing", "the log after packing twice"]) {
        yield* pack
        yield* isReadAs(store, ended, what)
      }
      const about = yield* status(store)
      yield* same([about?.state, about?.lastSeq], ["ended", ended.length], "the status")
    })
  ),
  clause("an owner gets the events after its snapshot; a reader gets all", (store) =>
    Effect.gen(function* () {
      const { epoch } = yield* begin(store)
      const events = answer(60)
      const snapshot = (seq: number) => mark("", { seen: seq }, { kind: "snapshot", seq })
      yield* commit(store, epoch, events.slice(0, 20), { marks: [snapshot(20)] })
      yield* commit(store, epoch, events.slice(20, 45), { marks: [snapshot(45)] })
      yield* same((yield* open(store)).envelopes, [], "events behind the last commit")
      const next = yield* open(store)
      yield* commit(store, next.epoch, events.slice(45))
      const last = yield* open(store)
      yield* same([last.envelopes, last.marks], [events.slice(45), [snapshot(45)]], "the events that an owner reads")
      yield* same(yield* read(store, 0), events, "the events that a reader reads")
    })
  )
]
