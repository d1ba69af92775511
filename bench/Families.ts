/**
 * All families of the bench.
 */
import { contestants } from "./Contestants.ts"
import * as Family from "./Family.ts"
import * as Start from "./Start.ts"
import { stores } from "./stores/Stores.ts"
import { workloads as durable } from "./stores/Workloads.ts"
import { workloads } from "./Workloads.ts"

export const families: ReadonlyArray<Family.Family> = [
  Family.make("floor", contestants, workloads),
  Family.make("memory", stores, durable),
  Family.make("effect", Start.entries, Start.workloads)
]

/** The family that a workload is of. */
export const of = (workload: string): Family.Family => {
  const found = families.find(({ workloads }) => Object.hasOwn(workloads, workload))
  if (found === undefined) throw new Error(`Unknown workload ${workload}`)
  return found
}
