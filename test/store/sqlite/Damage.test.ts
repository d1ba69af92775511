/** A damaged row of a SQLite file concerns what it belongs to, and nothing else. */
import { assert, describe, it } from "@effect/vitest"
import { Deployment } from "@reins/runtime"
import { journalHost } from "@reins/runtime/journal"
import { Sqlite } from "@reins/store/sqlite"
import { Effect, Layer, References } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Damage from "../Damage.ts"

const place = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-damage-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  ),
  (folder): Damage.Place & { readonly filename: string } => {
    const filename = join(folder, "runs.db")
    return {
      filename,
      layer: Sqlite.layer({ filename, gatherMs: 0 }),
      alter: (statement) =>
        Effect.sync(() => {
          const database = new DatabaseSync(filename)
          database.exec(statement)
          database.close()
        })
    }
  }
)

/** A process that executes no runs, and polls every 20 ms. */
const client = (filename: string) =>
  Layer.effect(
    Deployment.Deployment,
    Effect.map(Sqlite.journal({ filename }), (store) => journalHost(store, { carries: false, pollMs: 20 }))
  )

describe("a damaged row of a SQLite file", () => {
  it.live("ends the readers of its run in a process that does not execute it", () =>
    Effect.gen(function* () {
      const { alter, filename, ...where } = yield* place
      yield* Damage.leave({ ...where, alter })
      yield* alter("UPDATE reins_marks SET spent = 'x' WHERE run_id = 'run-hurt'")
      const runtime = yield* Damage.life({ layer: client(filename), alter })
      const read = yield* Damage.lastOf(runtime, "run-hurt")
      assert.deepStrictEqual(read.at(-1)?.type, "error")
    }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.live.each([...Damage.textual, ...Damage.numeric])("stays local: $table $column = $value", (one) =>
    Effect.scoped(Effect.flatMap(place, (where) => Damage.check(where, one)))
  )
})
