/**
 * Streamed text in few rows. A model's text comes in hundreds of small events; those that stand side by side are kept as one row,
 * a pack: their texts joined, and how to cut them apart again. What comes out is what went in, to the letter: numbers, times, texts.
 * So packing is no loss and needs no leave; a reader's place may be anywhere in a pack.
 *
 * Pure; which rows a database holds is the business of `SqlCommit`, which packs what it commits, and `SqlPacking`, which packs what
 * has ended.
 */
import type { AgentPath, Envelope, Event } from "@reins/protocol"

/** Most events in a pack: a reader who wants one of them has to fetch all. */
export const most = 1000

type Delta = Extract<Event, { readonly type: "text" | "reasoning" }>

/** How to cut a pack: for each time in it, in epoch milliseconds, the lengths of the texts of that time. */
export type Cuts = ReadonlyArray<ReadonlyArray<number>>

/** A row of a log: one event, or a pack of several. `seq` and `at` are those of its last. */
export interface Packed {
  readonly first: number
  readonly seq: number
  readonly at: number
  readonly agentPath: AgentPath.AgentPath
  readonly event: Event
  readonly cuts: Cuts | undefined
}

type Piece = Pick<Envelope.Envelope, "agentPath" | "at" | "event" | "seq">

const isDelta = (event: Event): event is Delta => event.type === "text" || event.type === "reasoning"

const isSamePath = (one: AgentPath.AgentPath, other: AgentPath.AgentPath): boolean =>
  one === other || (one.length === other.length && one.every((segment, index) => segment === other[index]))

/** Rows for envelopes in order, as few as may be. */
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

/** Where a pack that begins at `from` ends. */
const endOf = (envelopes: ReadonlyArray<Piece>, from: number, first: Piece, { type }: Delta): number => {
  let upTo = from + 1
  for (; upTo < envelopes.length && upTo - from < most; upTo++) {
    const next = envelopes[upTo]
    if (next === undefined || next.event.type !== type || next.seq !== first.seq + upTo - from) break
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
  let type: Delta["type"] = "text"
  for (const { at, event } of pieces) {
    if (!isDelta(event)) continue
    type = event.type
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
    event: { type, text },
    cuts
  }
}

/** The events of a row, in order; nothing where the row does not say how to cut it. */
export const unpack = (row: Omit<Packed, "first">): ReadonlyArray<Piece> | undefined => {
  const { agentPath, at, cuts, event, seq } = row
  if (cuts === undefined) return [{ agentPath, at, event, seq }]
  if (!isDelta(event)) return undefined
  const { text, type } = event
  const pieces: Array<{ readonly at: number; readonly event: Event }> = []
  let from = 0
  for (const [time, ...lengths] of cuts) {
    if (time === undefined) return undefined
    for (const length of lengths) {
      pieces.push({ at: time, event: { type, text: text.slice(from, from + length) } })
      from += length
    }
  }
  if (from !== text.length) return undefined
  const first = seq - pieces.length + 1
  return pieces.map((piece, index) => ({ agentPath, seq: first + index, ...piece }))
}
