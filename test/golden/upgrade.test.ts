/**
 * The files of the second release that there are golden files of: its database opens, tells what that release told, and its
 * open runs go on. A few of them stand for all: `open.test.ts` continues every one of the first release.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Case from "./Case.ts"
import { cases } from "./Cases.ts"
import * as Golden from "./Golden.ts"
import * as Release from "./Release.ts"

describe.each(Release.later)("a database of %s", (release) => {
  const told = Release.told(release, "sqlite")
  const all = [...Golden.runIds.ended, ...Golden.runIds.unfinished]

  it("has valid logs, complete where the run has ended", () => {
    for (const runId of all) {
      const text = told.log(runId)
      const log = Release.envelopes(text)
      assert.strictEqual(Golden.lines(log), text, runId)
      Release.isLawful(log, runId)
      assert.strictEqual(Release.isWhole(log), Golden.runIds.ended.includes(runId), runId)
    }
  })

  it.live("tells the same of its runs and threads as that release did", () =>
    Release.dayAfter((world) =>
      Effect.gen(function* () {
        const { runtime } = yield* Release.open(yield* Release.copy(release), world, false)
        for (const runId of all) {
          assert.strictEqual(Golden.lines(yield* Golden.log(runtime, runId)), told.log(runId), runId)
        }
        assert.strictEqual(yield* Golden.state(runtime), told.state)
        yield* Release.areListed(runtime, told)
        assert.deepStrictEqual([world.calls, world.requests], [[], []])
      })
    )
  )

  it.live("has open runs that go on where they were, and do nothing twice", () =>
    Release.reopened(release, (opened) =>
      Effect.forEach(Release.continued, (runId) =>
        Effect.gen(function* () {
          const one = cases.find((each) => each.runId === runId)
          if (one === undefined) return yield* Effect.die(new Error(`no case continues ${runId}`))
          Case.holds(one, yield* Case.outcome(told, opened, runId, one.acts))
        })
      )
    )
  )
})
