/**
 * Requests that are aborted or repeated while the store still creates their run.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deployment } from "@reins/runtime"
import { journalHost, type JournalStore, MemoryJournal } from "@reins/runtime/journal"
import type { ServerOptions } from "@reins/server"
import { Deferred, Effect, Layer, Queue } from "effect"
import * as Served from "./Served.ts"

/** A server over a journal whose `create` waits: `asked` has the id of each requested run, `open` lets all continue. */
const slow = Effect.fnUntraced(function* (options: ServerOptions) {
  const asked = yield* Queue.unbounded<string>()
  const door = yield* Deferred.make<void>()
  const journal = MemoryJournal.make()
  const store: JournalStore = {
    ...journal,
    create: (record, change, opens) =>
      Queue.offer(asked, record.runId).pipe(
        Effect.andThen(Deferred.await(door)),
        Effect.andThen(journal.create(record, change, opens))
      )
  }
  const served = yield* Served.serve(options, Layer.succeed(Deployment.Deployment, journalHost(store)))
  return { served, asked, open: Deferred.succeed(door, undefined), runs: journal.unfinished }
})

describe("a request that is aborted while its run is created", () => {
  it.live("releases its slot once the run has ended, and the server knows the run", () =>
    Effect.gen(function* () {
      const { asked, open, served } = yield* slow({ limits: { concurrentRuns: 2 }, onDisconnect: "cancel" })
      const gone = new AbortController()
      const requests = ["one", "two"].map((prompt) =>
        served
          .fetch("/native/query", { body: { prompt, threadId: prompt }, signal: gone.signal })
          .catch(() => undefined)
      )
      const ids = [yield* Queue.take(asked), yield* Queue.take(asked)]
      gone.abort()
      yield* Effect.promise(() => Promise.all(requests))
      const refused = yield* served.ask("/native/query", { body: { prompt: "too many" } })
      assert.strictEqual(refused.status, 429)
      yield* open
      for (const id of ids) {
        const { frames, status } = yield* served.ask(`/native/runs/${id}/events`)
        assert.strictEqual(status, 200)
        assert.isAbove(frames.length, 0)
      }
      const after = [
        yield* served.ask("/native/query", { body: { prompt: "three" } }),
        yield* served.ask("/native/query", { body: { prompt: "four" } })
      ]
      assert.deepStrictEqual(
        after.map(({ status }) => status),
        [200, 200]
      )
    })
  )
})

describe("a request id that is sent again while its run is created", () => {
  it.live("joins the run that it started, and takes one slot", () =>
    Effect.gen(function* () {
      const { asked, open, served } = yield* slow({ limits: { concurrentRuns: 1 } })
      const body = { prompt: "once", stream: false, requestId: "same" }
      const requests = Promise.all([1, 2, 3].map(() => served.fetch("/native/query", { body })))
      const runId = yield* Queue.take(asked)
      yield* open
      const responses = yield* Effect.promise(() => requests)
      assert.deepStrictEqual(
        responses.map(({ headers, status }) => [status, headers.get("x-run-id")]),
        [1, 2, 3].map(() => [200, runId])
      )
      assert.strictEqual(yield* Queue.size(asked), 0)
    })
  )
})
