/** Faults between a provider and us, as data: how each is caused, and what it may do to a run. */
import type { Delivery } from "./Delivery.ts"

/**
 * One fault. `at` is a fraction of the response's bytes, from 0 to 1.
 *
 * @since 0.1.0
 * @category models
 */
export type Fault =
  /** Pieces that end anywhere, even inside characters. */
  | { readonly _tag: "Pieces"; readonly seed: number }
  /** The connection breaks at this point of the response. */
  | { readonly _tag: "Cut"; readonly at: number }
  /** The provider refuses once with 429, then responds. */
  | { readonly _tag: "Busy" }
  /** Nothing arrives after this point of the response, for longer than the timeout. */
  | { readonly _tag: "Stall"; readonly at: number }
  /** The run is cancelled when this point of the response has arrived. */
  | { readonly _tag: "Cancel"; readonly at: number }

/**
 * Every fault that a recording is played under.
 *
 * @since 0.1.0
 * @category constants
 */
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

/**
 * The fault's name in a report.
 *
 * @since 0.1.0
 * @category operations
 */
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

/**
 * How the response is delivered under a fault.
 *
 * @since 0.1.0
 * @category operations
 */
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
