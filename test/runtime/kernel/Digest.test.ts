import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import * as OneTool from "../../support/OneTool.ts"

describe("the id of an approval", () => {
  it.effect("is a digest that is stable across replays and versions", () =>
    Effect.gen(function* () {
      const { probe } = yield* OneTool.start({
        tool: OneTool.work.setNeedsApproval(true),
        handler: () => Effect.succeed({})
      })
      const { data } = yield* probe.next("approval-required")
      const digest = createHash("sha256").update("run\n\nc1").digest("hex")
      assert.strictEqual(data.id, `apr_${digest.slice(0, 32)}`)
    }).pipe(Effect.scoped)
  )
})
