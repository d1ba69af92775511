/** Threads of an earlier release take new queries: with their history, summary, limits and grants. */
import { assert, describe, it } from "@effect/vitest"
import { Message, Transcript } from "@reins/protocol"
import { Budget, type QueryOptions } from "@reins/runtime"
import { Probe } from "@reins/runtime/testing"
import { Effect, Fiber } from "effect"
import * as Acts from "./Acts.ts"
import * as Golden from "./Golden.ts"
import * as Release from "./Release.ts"
import { threads } from "./Scenes.ts"
import { summary } from "./Script.ts"

/** Asks a thread, and waits until the run has ended or waits itself. */
const ask = Effect.fnUntraced(function* (
  { runtime, world }: Release.Opened,
  runId: string,
  script: string,
  options: QueryOptions
) {
  yield* Acts.start(runId, script, options)(runtime, world)
  yield* Acts.rest(runId)(runtime, world)
  const log = yield* Golden.log(runtime, runId)
  Release.isLawful(log, runId)
  const [finish] = Probe.ofType(log, "finish")
  return { log, finish: finish?.finishReason, asked: Probe.ofType(log, "approval-required").length }
})

describe.each(Release.names)("a thread of %s", (release) => {
  it.live("continues with its history", () =>
    Release.reopened(release, (opened) =>
      Effect.gen(function* () {
        for (const threadId of [Acts.threadOf("errands"), Acts.threadOf("odd"), threads.imported, threads.forked]) {
          const before = yield* opened.runtime.threads.get(threadId)
          const { finish } = yield* ask(opened, `more of ${threadId}`, "plain", { threadId })
          assert.strictEqual(finish, "stop")
          const after = yield* opened.runtime.threads.get(threadId)
          assert.deepStrictEqual(after.slice(0, before.length), before)
          assert.strictEqual(after.length, before.length + 2)
          assert.isTrue(Transcript.isPairComplete(after))
          assert.deepStrictEqual(opened.world.sent(`more of ${threadId}`), after.slice(0, -1))
        }
      })
    )
  )

  it.live("continues with its summary in place of the messages that it sums up", () =>
    Release.reopened(release, (opened) =>
      Effect.gen(function* () {
        const threadId = threads.kept
        const before = yield* opened.runtime.threads.get(threadId)
        yield* ask(opened, "more", "keep-more", { threadId, agent: "keeper" })
        assert.deepStrictEqual(opened.world.requestsOf("more"), ["keeper 1"])
        const [first, ...rest] = opened.world.sent("more")
        assert.include(first === undefined ? "" : Message.text(first), summary)
        assert.deepStrictEqual(rest.slice(0, -1), before.slice(7))
      })
    )
  )

  it.live("a run that had compacted its conversation continues with the compacted one", () =>
    Release.reopened(release, ({ runtime, world }) =>
      Effect.gen(function* () {
        yield* Acts.decide("ask-kept", Acts.yes)(runtime, world)
        yield* Acts.rest("ask-kept")(runtime, world)
        const messages = world.sent("ask-kept")
        assert.isTrue(messages.some((message) => message.role === "user" && Message.text(message).includes(summary)))
        assert.isBelow(messages.length, 11)
      })
    )
  )

  it.live("is held to its limit, including what its runs had used", () =>
    Release.reopened(release, (opened) =>
      Effect.gen(function* () {
        const threadId = threads.limited
        assert.strictEqual((yield* ask(opened, "second", "look", { threadId })).finish, "stop")
        const third = yield* ask(opened, "third", "look", { threadId })
        assert.strictEqual(third.finish, "budget")
        assert.deepStrictEqual(
          Probe.ofType(third.log, "budget_exhausted").map(({ data }) => data),
          [{ limit: "thread.maxSteps", max: 5, used: 5 }]
        )
        const refused = yield* Effect.flip(opened.runtime.start("look: go", { threadId }))
        assert.strictEqual(refused.reason._tag, "ThreadExhausted")
        yield* Acts.limit(threadId, Budget.make({ maxSteps: 9 }))(opened.runtime, opened.world)
        assert.strictEqual((yield* ask(opened, "fourth", "look", { threadId })).finish, "stop")
      })
    )
  )

  it.live("keeps its grant, with the remaining use", () =>
    Release.reopened(release, (opened) =>
      Effect.gen(function* () {
        const threadId = threads.grants
        const parked = yield* ask(opened, "granted-more", "pay-twice", { threadId })
        assert.deepStrictEqual([parked.asked, parked.finish], [1, undefined])
        assert.deepStrictEqual(opened.world.callsOf("granted-more"), ["pay 1"])
        yield* Acts.decide("granted-more", Acts.no)(opened.runtime, opened.world)
        yield* Acts.rest("granted-more")(opened.runtime, opened.world)
        assert.deepStrictEqual(opened.world.callsOf("granted-more"), ["pay 1"])
        assert.strictEqual((yield* opened.runtime.status("granted-more"))?.state, "ended")
        const grants = yield* opened.runtime.grants.list()
        assert.isFalse(grants.some((grant) => grant.threadId === threadId))
      })
    )
  )

  it.live("keeps its grant for some arguments only, until it is revoked", () =>
    Release.reopened(release, (opened) =>
      Effect.gen(function* () {
        const { runtime, world } = opened
        const threadId = threads.matched
        yield* ask(opened, "matched", "pay-twice", { threadId })
        assert.deepStrictEqual(world.callsOf("matched"), [])
        yield* Acts.decide("matched", Acts.yes)(runtime, world)
        yield* Acts.rest("matched")(runtime, world)
        assert.deepStrictEqual(world.callsOf("matched"), ["pay 1", "pay 2"])
        assert.strictEqual((yield* runtime.status("matched"))?.state, "ended")
        const [grant] = (yield* runtime.grants.list()).filter((one) => one.threadId === threadId)
        assert.isTrue(yield* runtime.grants.revoke(grant?.id ?? ""))
        yield* ask(opened, "revoked", "pay-twice", { threadId })
        yield* Acts.decide("revoked", Acts.yes)(runtime, world)
        yield* Acts.rest("revoked")(runtime, world)
        assert.deepStrictEqual(world.callsOf("revoked"), ["pay 1"])
      })
    )
  )

  it.live("with an open run rejects a query, and accepts a queued one when that run has ended", () =>
    Release.reopened(release, ({ runtime, world }) =>
      Effect.gen(function* () {
        const threadId = Acts.threadOf("ask-root")
        const refused = yield* Effect.flip(runtime.start("plain: go", { threadId }))
        assert.strictEqual(refused.reason._tag, "ThreadBusy")
        const queued = yield* Effect.forkScoped(
          runtime.complete("plain: go", { runId: "queued", threadId, onBusy: "queue" })
        )
        yield* Acts.rest("ask-root")(runtime, world)
        assert.isUndefined(yield* runtime.status("queued"))
        yield* Acts.decide("ask-root", Acts.yes)(runtime, world)
        assert.include((yield* Fiber.join(queued)).output, "Tides")
        assert.strictEqual((yield* runtime.threads.get(threadId)).length, 6)
      })
    )
  )

  it.live("of another tenant stays another tenant's", () =>
    Release.reopened(release, ({ runtime, world }) =>
      Effect.gen(function* () {
        const answered = Acts.decide("ask-acme", Acts.yes)(runtime, world)
        yield* answered
        yield* Acts.rest("ask-acme")(runtime, world)
        assert.deepStrictEqual(world.callsOf("ask-acme"), [])
        assert.strictEqual((yield* runtime.pendingApprovals({ resourceId: "acme" })).length, 1)
        const refused = yield* Effect.flip(runtime.start("plain: go", { threadId: Acts.threadOf("acme") }))
        assert.strictEqual(refused.reason._tag, "ThreadForbidden")
        const [file] = yield* runtime.files.list(Acts.threadOf("acme"), { resourceId: "acme" })
        assert.strictEqual(file?.filename, "page-4.txt")
        assert.isUndefined(yield* runtime.files.get(file?.fileId ?? "", { resourceId: "default" }))
      })
    )
  )
})
