/**
 * The workloads of stores. The measuring code is loaded only in the process that measures.
 */
import type { Workload } from "../Family.ts"
import type { Store } from "./Store.ts"

const D1: Workload<Store> = {
  title: "steps with one tool call each, whose result is 2 KB",
  figures: {
    step: { title: "one run of 200 steps, time per step", unit: "ms" },
    single: { title: "steps a second", unit: "/s" },
    many: { title: "steps a second, 32 runs at once", unit: "/s" }
  },
  measure: async (store, quick) => (await import("./Steps.ts")).measure(store, quick)
}

const D2: Workload<Store> = {
  title: "events appended a second, by how many a commit takes",
  figures: {
    by1: { title: "1", unit: "/s" },
    by10: { title: "10", unit: "/s" },
    by50: { title: "50", unit: "/s" },
    by200: { title: "200", unit: "/s" },
    many: { title: "32 runs, 10", unit: "/s" },
    bare1: { title: "bare, 1", unit: "/s" },
    bare10: { title: "bare, 10", unit: "/s" },
    bareMany: { title: "bare, 32 runs, 10", unit: "/s" }
  },
  measure: async (store, quick) => (await import("./Appends.ts")).measure(store, quick)
}

const D3: Workload<Store> = {
  title: "a run resumed by another owner: until the work in flight is repeated, by the length of its log",
  figures: {
    first: { title: "100 events, the first owner of a process", unit: "ms" },
    at100: { title: "100 events, 33 steps", unit: "ms" },
    at1000: { title: "1,000 events, 333 steps", unit: "ms" },
    at10000: { title: "10,000 events, 3,333 steps", unit: "ms" },
    text: { title: "10,000 events, 33 steps of text", unit: "ms" }
  },
  measure: async (store, quick) => (await import("./Resuming.ts")).measure(store, quick)
}

const D4: Workload<Store> = {
  title: "2,000 runs that wait for an approval",
  figures: {
    memory: { title: "memory a run", unit: "B" },
    park: { title: "time to start a run and unload it", unit: "µs" },
    resume: { title: "time to answer a run and end it", unit: "µs" }
  },
  measure: async (store, quick) => (await import("./Waiting.ts")).measure(store, quick)
}

export const workloads: { readonly [name: string]: Workload<Store> } = { D1, D2, D3, D4 }
