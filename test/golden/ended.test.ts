/** What an earlier release wrote about runs that have ended, and about threads, is read as it was told then. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Acts from "./Acts.ts"
import * as Golden from "./Golden.ts"
import * as Release from "./Release.ts"

describe.each(Release.names)("the files of %s", (release) => {
  const told = Release.told(release, "sqlite")

  it("hold a valid log of every run, complete where the run has ended", () => {
    for (const runId of [...Golden.runIds.ended, ...Golden.runIds.unfinished]) {
      const text = told.log(runId)
      const log = Release.envelopes(text)
      assert.strictEqual(Golden.lines(log), text, runId)
      Release.isLawful(log, runId)
      assert.strictEqual(Release.isWhole(log), Golden.runIds.ended.includes(runId), runId)
    }
  })

  it.live(
    "return the same logs, transcripts, summaries, threads, grants, files and questions from their database",
    () =>
      Release.dayAfter((world) =>
        Effect.gen(function* () {
          const { runtime } = yield* Release.open(yield* Release.copy(release), world, false)
          for (const runId of [...Golden.runIds.ended, ...Golden.runIds.unfinished]) {
            assert.strictEqual(Golden.lines(yield* Golden.log(runtime, runId)), told.log(runId), runId)
          }
          assert.strictEqual(yield* Golden.state(runtime), told.state)
          // When its runs began and ended is all that is known of a thread of then.
          const times = (yield* runtime.threads.list()).flatMap(({ createdAt, updatedAt }) =>
            createdAt === undefined || updatedAt === undefined ? [] : [[Golden.beganAt, createdAt, updatedAt]]
          )
          assert.isNotEmpty(times)
          for (const each of times)
            assert.deepStrictEqual(
              each.toSorted((one, other) => one - other),
              each
            )
          yield* Release.areListed(runtime, told)
          assert.deepStrictEqual([world.calls, world.requests], [[], []])
        })
      )
  )

  it.live("keep the logs of ended runs, also while all open runs continue", () =>
    Release.reopened(release, ({ runtime, world }) =>
      Effect.gen(function* () {
        yield* Acts.rest("ask-root")(runtime, world)
        for (const runId of Golden.runIds.ended) {
          assert.strictEqual(Golden.lines(yield* Golden.log(runtime, runId)), told.log(runId), runId)
          assert.deepStrictEqual([world.callsOf(runId), world.requestsOf(runId)], [[], []], runId)
        }
      })
    )
  )
})
