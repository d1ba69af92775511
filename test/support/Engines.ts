/** Both engines of the runtime, for tests that hold whatever carries the run. */
import { Deployment } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Layer } from "effect"

/** Where a run is carried, and the layer that says so: a new one on each call. */
export const all: ReadonlyArray<readonly [where: string, services: () => Layer.Layer<never>]> = [
  ["in memory", () => Deployment.layerMemory()],
  [
    "on a journal",
    () =>
      Layer.succeed(
        Deployment.Deployment,
        journalHost(MemoryJournal.make(), { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
      )
  ]
]
