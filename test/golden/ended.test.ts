/** What an earlier release wrote about runs that have ended, and about threads, is read as it was told then. */
import { assert, describe, it } from "@effect/vitest"
import { Sqlite } from "@reins/store/sqlite"
import { Effect } from "effect"
import * as Acts from "./Acts.ts"
import * as Golden from "./Golden.ts"
import * as Release from "./Release.ts"

/** The first field in which a run of then goes another way. */
const today = {
  faults: "result.message",
  "plan-refused": "result.message",
  rich: "data.costUsd",
  failed: "error.message",
  "cancelled-asking": "result.message",
  robot: "data.feedback"
}

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

  it.live("replay the same way, but for what is worded or counted otherwise today", () =>
    Release.dayAfter((world) =>
      Effect.gen(function* () {
        const file = yield* Release.copy(release)
        const { runtime } = yield* Release.open(file, world, false)
        const archive = yield* Sqlite.archive({ filename: file })
        const differing: { [runId: string]: string } = {}
        let undigested = 0
        for (const runId of Golden.runIds.ended) {
          const replayed = yield* runtime.replay(yield* archive.exportRun(runId))
          if (replayed._tag === "Diverged") differing[runId] = replayed.divergence.field
          else undigested += replayed.undigested
        }
        assert.deepStrictEqual(differing, today)
        // Logs of that release have no digests of their requests.
        assert.isAbove(undigested, Golden.runIds.ended.length - Object.keys(today).length)
        assert.deepStrictEqual([world.calls, world.requests], [[], []])
      })
    )
  )
})
