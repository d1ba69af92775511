/** Costs of random runs, over dead processes, archives and erasure: see `Booked.ts`. Repeat one seed with `SEED=17`. */
import { assert, describe, it } from "@effect/vitest"
import { Sqlite } from "@reins/store/sqlite"
import { Effect } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Booked from "./Booked.ts"

const only = process.env["SEED"] === undefined ? undefined : Number(process.env["SEED"])
const seeds = only === undefined ? Array.from({ length: 40 }, (_, seed) => seed) : [only]

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "reins-costs-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const place = (filename: string) =>
  Effect.all({ store: Sqlite.journal({ filename }), archive: Sqlite.archive({ filename }) })

describe("the cost ledger of SQLite", () => {
  it.live(
    "has of each run what its summary said, over deaths, erasure and archives, for 40 seeds",
    () =>
      Effect.gen(function* () {
        const met = new Set<string>()
        for (const seed of seeds) {
          const found = yield* Effect.scoped(
            Effect.gen(function* () {
              const path = yield* folder
              const [own, other] = [yield* place(join(path, "a.db")), yield* place(join(path, "b.db"))]
              return yield* Booked.check(own, other, seed)
            })
          )
          for (const [what, isSo] of Object.entries(found)) if (isSo) met.add(what)
        }
        if (only === undefined) assert.deepStrictEqual([...met].toSorted(), ["cancelled", "died", "failed", "taken"])
      }),
    240_000
  )
})
