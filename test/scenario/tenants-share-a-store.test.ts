/**
 * Two tenants on the same thread ids, starts that are aborted, and definitions that change over a restart: in every
 * scenario, no tenant sees another's content, every run ends validly and releases its thread, and calls run exactly as
 * a person approved them. Repeat one seed with `SEED=17 npm test -- tenants-share`.
 */
import { describe, it } from "@effect/vitest"
import { Deployment } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Shared from "./Shared.ts"

const only = process.env["SEED"] === undefined ? undefined : Number(process.env["SEED"])
const seeds = (count: number) => (only === undefined ? Array.from({ length: count }, (_, seed) => seed) : [only])

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-shared-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

describe("tenants that share a store", () => {
  it.live(
    "in memory keep apart, for 60 seeds",
    () =>
      Effect.forEach(
        seeds(60),
        (seed) => Shared.check({ layer: () => Deployment.layerMemory(), restarts: false }, seed),
        { concurrency: 4, discard: true }
      ),
    240_000
  )

  it.live(
    "on a journal keep apart over a restart, for 60 seeds",
    () =>
      Effect.forEach(
        seeds(60),
        (seed) => {
          const journal = MemoryJournal.make()
          const layer = () =>
            Layer.succeed(
              Deployment.Deployment,
              journalHost(journal, { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY })
            )
          return Shared.check({ layer, restarts: true }, seed)
        },
        { concurrency: 4, discard: true }
      ),
    240_000
  )

  it.live(
    "on SQLite keep apart over a restart, for 25 seeds",
    () =>
      Effect.forEach(
        seeds(25),
        (seed) =>
          Effect.scoped(
            Effect.flatMap(folder, (path) => {
              const layer = () =>
                Layer.orDie(Layer.fresh(Sqlite.layer({ filename: join(path, "runs.db"), gatherMs: 0 })))
              return Shared.check({ layer, restarts: true }, seed)
            })
          ),
        { concurrency: 4, discard: true }
      ),
    240_000
  )
})
