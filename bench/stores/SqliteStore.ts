/**
 * A SQLite file in the folder for temporary files.
 */
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Store } from "./Store.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-bench-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

export const store = (synchronous: "FULL" | "NORMAL"): Store => ({
  place: Effect.map(folder, (path) => {
    const options = { filename: join(path, "runs.db"), synchronous }
    return {
      deployment: (over) => Layer.fresh(Layer.orDie(Sqlite.layer({ ...options, ...over }))),
      journal: Effect.orDie(Sqlite.journal(options))
    }
  })
})
