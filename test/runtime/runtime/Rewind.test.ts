/** A thread that is rewound, asked again and edited: what replaces a message, what is kept, and what is refused. */
import { assert, describe, it } from "@effect/vitest"
import { Budget, Message } from "@reins/protocol"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Fiber } from "effect"
import * as Engines from "../../support/Engines.ts"
import * as Solo from "../../support/Solo.ts"

const words = (messages: ReadonlyArray<Message.Message>) => messages.map((message) => Message.text(message)).join(" ")

/** A model that numbers its answers. */
const counting = () => {
  let count = 0
  return ScriptedModel.make({ respond: () => ScriptedModel.text(`a${++count}`) })
}

describe.each([...Engines.all])("a thread %s", (_, services) => {
  it.effect("answers a message again in place of the first answer, which is kept, listed and returned to", () =>
    Effect.gen(function* () {
      const model = counting()
      const { complete, threads } = yield* Solo.runtime(model, { services: services() })
      const ask = (prompt: string, runId: string, replaces?: string | number) =>
        complete(prompt, { threadId: "t", runId, replaces })
      yield* ask("q1", "r1")
      yield* ask("q2", "r2")
      yield* ask("q2", "r3", "r2")
      assert.strictEqual(words(model.requests[2]?.messages ?? []), "q1 a1 q2")
      assert.strictEqual(words(yield* threads.get("t")), "q1 a1 q2 a3")
      const [branch] = yield* threads.branches("t")
      assert.strictEqual(words(yield* threads.get("t", { branch: branch?.branchId })), "q1 a1 q2 a2")
      assert.deepInclude(branch, { from: 2, version: 4, replacedBy: "r3", runs: [{ runId: "r2", before: 2 }] })
      // An edit, by the index of the message.
      yield* ask("Q1", "r4", 0)
      assert.strictEqual(words(model.requests[3]?.messages ?? []), "Q1")
      const back = yield* threads.returnTo("t", branch?.branchId ?? "")
      assert.strictEqual(words(yield* threads.get("t")), "q1 a1 q2 a2")
      yield* ask("q3", "r5")
      assert.strictEqual(words(model.requests[4]?.messages ?? []), "q1 a1 q2 a2 q3")
      const all = yield* Effect.forEach(yield* threads.branches("t"), ({ branchId }) =>
        Effect.map(threads.get("t", { branch: branchId }), words)
      )
      assert.deepStrictEqual(all.toSorted(), ["Q1 a4", "q1 a1 q2 a3"])
      const { threadId } = yield* threads.fork("t", { branch: back.branchId })
      assert.strictEqual(words(yield* threads.get(threadId)), "Q1 a4")
      const unknown = yield* Effect.flip(threads.get("t", { branch: "none" }))
      assert.strictEqual(unknown.message, 'Thread "t" has no branch "none". List its branches again')
      assert.strictEqual((yield* Effect.flip(threads.fork("t", { branch: "none" })))._tag, "BranchNotFound")
      assert.strictEqual((yield* Effect.flip(threads.returnTo("t", "none")))._tag, "BranchNotFound")
    }).pipe(Effect.scoped)
  )

  it.effect("is changed by a query that replaces, also where its store is measured", () =>
    Effect.gen(function* () {
      const { complete, threads } = yield* Solo.runtime(counting(), {
        services: services(),
        runtime: { metrics: true }
      })
      yield* complete("q1", { threadId: "t", runId: "r1" })
      yield* complete("q1", { threadId: "t", runId: "r2", replaces: "r1" })
      assert.strictEqual(words(yield* threads.get("t")), "q1 a2")
      assert.lengthOf(yield* threads.branches("t"), 1)
    }).pipe(Effect.scoped)
  )

  it.effect("continues a branch when the query's run starts, up to a message, and not when it is refused", () =>
    Effect.gen(function* () {
      const model = counting()
      const { complete, preview, threads } = yield* Solo.runtime(model, { services: services() })
      yield* complete("q1", { threadId: "t", runId: "r1" })
      yield* complete("q2", { threadId: "t", runId: "r2" })
      yield* complete("q3", { threadId: "t", runId: "r3" })
      const { branchId = "" } = yield* threads.rewind("t", { to: "r2" })
      const standing = Effect.all([Effect.map(threads.get("t"), words), threads.branches("t")])
      const before = yield* standing
      const refusal = (options: Parameters<typeof complete>[1]) =>
        Effect.map(Effect.flip(complete("again", options)), (error) =>
          error._tag === "QueryRejected" ? `${error.reason._tag}: ${error.message}` : error._tag
        )
      const options = { threadId: "t", branch: branchId, replaces: 4 }
      assert.match(yield* refusal({ ...options, branch: "none" }), /^PlaceNotFound: .*no branch "none" with message 4/)
      assert.match(yield* refusal({ threadId: "t", branch: "none" }), /^PlaceNotFound: .*no branch "none"\./)
      assert.match(yield* refusal({ ...options, replaces: 7 }), /^PlaceNotFound: .*with message 7/)
      assert.match(yield* refusal({ threadId: "t", branch: branchId, replaces: "r3" }), /^InvalidInput: .*index/)
      assert.match(yield* refusal({ threadId: "t", branch: branchId, history: [] }), /^InvalidInput: .*not both/)
      assert.match(yield* refusal({ branch: branchId }), /^InvalidInput: .*threadId/)
      assert.match(yield* refusal({ ...options, model: "none" }), /^UnknownModel/)
      assert.strictEqual((yield* preview("again", options)).messages, 5)
      assert.strictEqual((yield* preview("again", { threadId: "t", branch: branchId })).messages, 7)
      const unseen = yield* Effect.flip(preview("again", { threadId: "t", branch: "none" }))
      assert.strictEqual(unseen.reason._tag, "PlaceNotFound")
      assert.deepStrictEqual(yield* standing, before)
      yield* complete("q4", { ...options, runId: "r4" })
      assert.strictEqual(words(model.requests.at(-1)?.messages ?? []), "q1 a1 q2 a2 q4")
      const [left] = yield* threads.branches("t")
      assert.deepInclude(left, { from: 4, version: 6, replacedBy: "r4" })
      yield* complete("q5", { threadId: "t", branch: left?.branchId })
      assert.strictEqual(words(model.requests.at(-1)?.messages ?? []), "q1 a1 q2 a2 q3 a3 q5")
    }).pipe(Effect.scoped)
  )

  it.effect("refuses a place that it does not have, before anything is spent or changed", () =>
    Effect.gen(function* () {
      const model = counting()
      const { complete, preview, threads } = yield* Solo.runtime(model, { services: services() })
      yield* complete("q1", { threadId: "t", runId: "r1" })
      const refusal = (options: Parameters<typeof complete>[1]) =>
        Effect.map(Effect.flip(complete("again", options)), (error) =>
          error._tag === "QueryRejected" ? `${error.reason._tag}: ${error.message}` : error._tag
        )
      assert.match(yield* refusal({ threadId: "t", replaces: "gone" }), /^PlaceNotFound: .*no message of run "gone"/)
      assert.match(yield* refusal({ threadId: "t", replaces: 3 }), /^PlaceNotFound: .*no message 3/)
      assert.match(yield* refusal({ replaces: 0 }), /^InvalidInput: .*threadId/)
      assert.match(yield* refusal({ threadId: "t", replaces: 0, history: [] }), /^InvalidInput: .*not both/)
      const unseen = yield* Effect.flip(preview("again", { threadId: "t", replaces: "gone" }))
      assert.strictEqual(unseen.reason._tag, "PlaceNotFound")
      assert.strictEqual((yield* preview("again", { threadId: "t", replaces: "r1" })).messages, 1)
      for (const to of ["gone", 3]) {
        assert.strictEqual((yield* Effect.flip(threads.rewind("t", { to })))._tag, "PlaceNotFound")
      }
      const foreign = { to: 0, resourceId: "other" }
      assert.strictEqual((yield* Effect.flip(threads.rewind("t", foreign)))._tag, "ThreadNotFound")
      assert.strictEqual((yield* Effect.flip(threads.branches("t", foreign)))._tag, "ThreadNotFound")
      assert.strictEqual((yield* Effect.flip(threads.rewind("none", { to: 0 })))._tag, "ThreadNotFound")
      assert.deepStrictEqual([model.requests.length, words(yield* threads.get("t"))], [1, "q1 a1"])
      assert.deepStrictEqual(yield* threads.branches("t"), [])
    }).pipe(Effect.scoped)
  )

  it.effect("is not rewound under a run; a query that replaces waits for it, and never steers it", () =>
    Effect.gen(function* () {
      const hold = yield* ScriptedModel.hold
      const model = ScriptedModel.make({
        replies: [{ ...ScriptedModel.text("slow"), hold }, ScriptedModel.text("again")]
      })
      const runtime = yield* Solo.runtime(model, { services: services() })
      const handle = yield* runtime.start("q1", { threadId: "t", runId: "r1" })
      const busy = yield* Effect.flip(runtime.threads.rewind("t", { to: 0 }))
      assert.strictEqual(busy._tag, "ThreadBusy")
      const refused = yield* Effect.flip(runtime.complete("q1", { threadId: "t", replaces: 0 }))
      assert.strictEqual(refused._tag === "QueryRejected" ? refused.reason._tag : "", "ThreadBusy")
      const waits = yield* Effect.forkChild(
        runtime.start("q1", { threadId: "t", runId: "r2", replaces: "r1", onBusy: "steer" }),
        { startImmediately: true }
      )
      yield* hold.release
      yield* handle.result
      const second = yield* Fiber.join(waits)
      assert.strictEqual(second.steered, undefined)
      assert.strictEqual((yield* second.result).output, "again")
      assert.strictEqual(words(yield* runtime.threads.get("t")), "q1 again")
      assert.strictEqual((yield* runtime.threads.branches("t"))[0]?.replacedBy, "r2")
    }).pipe(Effect.scoped)
  )

  it.effect("counts what it has spent also after a rewind", () =>
    Effect.gen(function* () {
      const { complete, threads } = yield* Solo.runtime(counting(), { services: services() })
      yield* threads.limit("t", Budget.make({ maxSteps: 2 }))
      yield* complete("q1", { threadId: "t" })
      yield* complete("q1", { threadId: "t", replaces: 0 })
      yield* threads.rewind("t", { to: 0 })
      const error = yield* Effect.flip(complete("q1", { threadId: "t", replaces: 0 }))
      assert.strictEqual(error._tag === "QueryRejected" ? error.reason._tag : "", "ThreadExhausted")
      assert.strictEqual((yield* threads.info("t"))?.spent?.steps, 2)
    }).pipe(Effect.scoped)
  )

  it.effect("is answered again also where its store is measured", () =>
    Effect.gen(function* () {
      const { complete, threads } = yield* Solo.runtime(counting(), {
        services: services(),
        runtime: { metrics: true }
      })
      yield* complete("q1", { threadId: "t" })
      yield* complete("Q1", { threadId: "t", replaces: 0 })
      assert.strictEqual(words(yield* threads.get("t")), "Q1 a2")
    }).pipe(Effect.scoped)
  )
})
