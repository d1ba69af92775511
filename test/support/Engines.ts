/** Both engines of the runtime, for tests that apply to each. */
import { Deployment } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Layer } from "effect"

/** The name of an engine, and a layer that provides it: a new one on each call. */
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
