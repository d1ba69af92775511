/**
 * What goes wrong between a provider and us, as data: how it is brought about, and what may come of a run under it.
 */
import type { Delivery } from "./Delivery.ts"

/** One fault. Parts of an answer count its bytes, from 0 to 1. */
export type Fault =
  /** Pieces that end anywhere, inside characters too. */
  | { readonly _tag: "Pieces"; readonly seed: number }
  /** The connection breaks after this part of the answer. */
  | { readonly _tag: "Cut"; readonly at: number }
  /** The provider is too busy once, and then answers. */
  | { readonly _tag: "Busy" }
  /** Nothing comes any more after this part of the answer, for longer than we wait. */
  | { readonly _tag: "Stall"; readonly at: number }
  /** The run is cancelled when this part of the answer is there. */
  | { readonly _tag: "Cancel"; readonly at: number }

/** Every fault that a recording is played under. */
export const all: ReadonlyArray<Fault> = [
  { _tag: "Pieces", seed: 1 },
  { _tag: "Pieces", seed: 2 },
  ...[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9].map((at): Fault => ({ _tag: "Cut", at })),
  { _tag: "Busy" },
  { _tag: "Stall", at: 0 },
  { _tag: "Stall", at: 0.5 },
  { _tag: "Cancel", at: 0 },
  { _tag: "Cancel", at: 0.5 }
]

/** What it is called in a report. */
export const nameOf = (fault: Fault): string => {
  switch (fault._tag) {
    case "Pieces":
      return `pieces of seed ${fault.seed}`
    case "Cut":
    case "Stall":
    case "Cancel":
      return `${fault._tag.toLowerCase()} at ${Math.round(fault.at * 100)} %`
    case "Busy":
      return "429, then the answer"
  }
}

/** How the answer is delivered under a fault. */
export const deliveryOf = (fault: Fault): Delivery => {
  switch (fault._tag) {
    case "Pieces":
      return { seed: fault.seed, maxPiece: 997 }
    case "Cut":
      return { seed: 1, maxPiece: 8192, cutAt: fault.at }
    case "Stall":
    case "Cancel":
      return { seed: 1, maxPiece: 8192, stallAt: fault.at }
    case "Busy":
      return {}
  }
}
