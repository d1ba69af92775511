/** Rewinds between runs, on stores whose process is killed at any event: see `Rewound.ts`. */
import { assert, describe, it } from "@effect/vitest"
import { MemoryJournal } from "@reins/runtime/journal"
import { Sqlite } from "@reins/store/sqlite"
import { Effect } from "effect"
import * as Rewound from "./Rewound.ts"

const seeds = [0, 100, 200, 300, 400, 500, 600, 700]

describe("a thread that is asked, rewound, edited, returned to and forked", () => {
  it.effect("is lawful, loses no message and no cost, and is the same where its process is killed at any event", () =>
    Effect.gen(function* () {
      const drawn = yield* Rewound.check(
        Effect.sync(() => MemoryJournal.make()),
        seeds
      )
      assert.sameMembers([...drawn], ["asked", "replaced", "forked", "fork asked", "rewound", "returned"])
    })
  )

  it.live("is the same on SQLite", () => Rewound.check(Sqlite.journal({ filename: ":memory:" }), seeds.slice(0, 4)))
})
