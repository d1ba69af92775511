import { assert, describe, it } from "@effect/vitest"
import { Ids } from "@reins/runtime"
import { Effect } from "effect"

describe("the ids of a runtime", () => {
  it.effect("are twenty letters after their prefix, unique, and uniformly distributed", () =>
    Effect.gen(function* () {
      const ids = yield* Ids.Ids
      const made = Array.from({ length: 20_000 }, () => ids.make("run"))
      assert.strictEqual(new Set(made).size, made.length)
      const counts = new Map<string, number>()
      for (const id of made) {
        assert.match(id, /^run_[0-9a-v]{20}$/)
        for (const letter of id.slice(4)) counts.set(letter, (counts.get(letter) ?? 0) + 1)
      }
      assert.strictEqual(counts.size, 32)
      // 400,000 letters over 32: 12,500 each, and a tenth off is ten standard deviations.
      for (const count of counts.values()) assert.isTrue(Math.abs(count - 12_500) < 1250)
    })
  )
})
