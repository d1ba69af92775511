/**
 * Who is measured. A contestant is loaded only in the process that measures it.
 */
import type { Contestant } from "./Contestant.ts"

export interface Entry {
  readonly title: string
  /** Needs the packages in `peers/`, which are not part of the workspace. */
  readonly peer: boolean
  /** Workloads that it takes part in; absent: all. */
  readonly only?: ReadonlyArray<string>
  readonly load: () => Promise<Contestant>
}

export const contestants: { readonly [name: string]: Entry } = {
  floor: {
    title: "floor",
    peer: false,
    load: async () => (await import("./contestants/Floor.ts")).contestant
  },
  reins: {
    title: "Reins, for await",
    peer: false,
    load: async () => (await import("./contestants/Reins.ts")).forAwait
  },
  arrays: {
    title: "Reins, arrays",
    peer: false,
    load: async () => (await import("./contestants/Reins.ts")).arrays
  }
}
