/**
 * Packs streamed text, and the streamed input of calls, into few rows. A model's text arrives in hundreds of small events; adjacent ones are stored as
 * one row, a pack: their concatenated texts, and how to split them. Unpacking returns exactly what was packed: numbers,
 * times, texts. So packing loses nothing, and a reader's position may be inside a pack.
 *
 * Pure. `SqlCommit` packs what it commits, and `SqlPacking` packs ended runs.
 */
import type { AgentPath, Envelope, Event } from "@reins/protocol"

/** The most events in a pack: a reader of one of them has to fetch all. */
export const most = 1000

type Delta = Extract<Event, { readonly type: "text" | "reasoning" | "tool-input-delta" }>

/** How to split a pack: for each time in it, in epoch milliseconds, the lengths of the texts of that time. */
export type Cuts = ReadonlyArray<ReadonlyArray<number>>

/** A row of a log: one event, or a pack of several. `seq` and `at` are those of its last event. */
export interface Packed {
  readonly first: number
  readonly seq: number
  readonly at: number
  readonly agentPath: AgentPath.AgentPath
  readonly event: Event
  readonly cuts: Cuts | undefined
}

/** An event of a log without the names of its run and thread. */
export type Piece = Pick<Envelope.Envelope, "agentPath" | "at" | "event" | "seq">

const isDelta = (event: Event): event is Delta =>
  event.type === "text" || event.type === "reasoning" || event.type === "tool-input-delta"

/** Whether two increments are of one text: of one part, or of one call's input. */
const goesOn = (one: Delta, other: Event): boolean =>
  one.type === "tool-input-delta"
    ? other.type === one.type && other.toolInvocationId === one.toolInvocationId && other.execution === one.execution
    : other.type === one.type && other.part === one.part

const isSamePath = (one: AgentPath.AgentPath, other: AgentPath.AgentPath): boolean =>
  one === other || (one.length === other.length && one.every((segment, index) => segment === other[index]))

/** Packs envelopes, which must be in order, into as few rows as possible. */
export const pack = (envelopes: ReadonlyArray<Piece>): ReadonlyArray<Packed> => {
  const rows: Array<Packed> = []
  for (let from = 0; from < envelopes.length;) {
    const piece = envelopes[from]
    if (piece === undefined) break
    const upTo = isDelta(piece.event) ? endOf(envelopes, from, piece, piece.event) : from + 1
    rows.push(upTo === from + 1 ? alone(piece) : joined(envelopes.slice(from, upTo)))
    from = upTo
  }
  return rows
}

/** The end of the pack that begins at `from`. */
const endOf = (envelopes: ReadonlyArray<Piece>, from: number, first: Piece, delta: Delta): number => {
  let upTo = from + 1
  for (; upTo < envelopes.length && upTo - from < most; upTo++) {
    const next = envelopes[upTo]
    if (next === undefined || !goesOn(delta, next.event) || next.seq !== first.seq + upTo - from) break
    if (!isSamePath(next.agentPath, first.agentPath)) break
  }
  return upTo
}

const alone = ({ agentPath, at, event, seq }: Piece): Packed => ({
  first: seq,
  seq,
  at,
  agentPath,
  event,
  cuts: undefined
})

const joined = (pieces: ReadonlyArray<Piece>): Packed => {
  const cuts: Array<Array<number>> = []
  let text = ""
  let delta: Delta = { type: "text", text }
  for (const { at, event } of pieces) {
    if (!isDelta(event)) continue
    delta = event
    text += event.text
    const last = cuts.at(-1)
    if (last?.[0] === at) last.push(event.text.length)
    else cuts.push([at, event.text.length])
  }
  const [first, last] = [pieces[0], pieces.at(-1)]
  return {
    first: first?.seq ?? 0,
    seq: last?.seq ?? 0,
    at: last?.at ?? 0,
    agentPath: first?.agentPath ?? [],
    event: { ...delta, text },
    cuts
  }
}

/** The events of a row, in order; `undefined` when the row's split is invalid. */
export const unpack = (row: Omit<Packed, "first">): ReadonlyArray<Piece> | undefined => {
  const { agentPath, at, cuts, event, seq } = row
  if (cuts === undefined) return [{ agentPath, at, event, seq }]
  if (!isDelta(event)) return undefined
  const { text } = event
  const pieces: Array<{ readonly at: number; readonly event: Event }> = []
  let from = 0
  for (const [time, ...lengths] of cuts) {
    if (time === undefined) return undefined
    for (const length of lengths) {
      pieces.push({ at: time, event: { ...event, text: text.slice(from, from + length) } })
      from += length
    }
  }
  if (from !== text.length) return undefined
  const first = seq - pieces.length + 1
  return pieces.map((piece, index) => ({ agentPath, seq: first + index, ...piece }))
}
