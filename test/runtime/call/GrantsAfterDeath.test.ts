/**
 * The use that a call takes of a grant, where its process dies after the grant was settled and before the call's result
 * is committed: it is charged once, and nothing of it is lost. And what a call that is refused waits for.
 */
import { assert, describe, it } from "@effect/vitest"
import { Budget, type Grant } from "@reins/protocol"
import { Decision, ToolRun, ToolSettings } from "@reins/runtime"
import type { JournalStore } from "@reins/runtime/journal"
import { ScriptedModel } from "@reins/runtime/testing"
import { Deferred, Effect, References, Schema } from "effect"
import { Tool } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Lives from "../../support/Lives.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")

const Pay = Tool.make("pay", { success: Schema.String, dependencies: [ToolRun], needsApproval: true }).annotate(
  ToolSettings.MaxCostUsd,
  () => 0.5
)

/** A run with a call that gives a grant, and one that uses it. `seen`: the journal as its first process sees it. */
const used = Effect.fnUntraced(function* (
  budget: Budget.Budget,
  seen: (journal: JournalStore) => JournalStore,
  marks: (names: ReadonlyArray<string>) => void = () => {}
) {
  let runs = 0
  const { isWhole, journal, process, results } = Lives.make({
    tool: Pay,
    agent: { budget },
    handler: Effect.fnUntraced(function* () {
      yield* (yield* ToolRun).reportCost(0.25)
      return `paid ${++runs}`
    }),
    respond: (request) => {
      const made = request.messages.filter(({ role }) => role === "tool").length
      return made === 2
        ? ScriptedModel.text("Done.")
        : ScriptedModel.calls([{ id: `c${made + 1}`, name: "pay", args: {} }])
    }
  })
  const first = yield* process((store) => {
    const { grants } = seen(store)
    if (grants === undefined) return store
    const settle: typeof grants.settle = (key, id, nanoUsd, now) =>
      Effect.suspend(() => {
        marks(journal.marks("run").map(({ name }) => name))
        return grants.settle(key, id, nanoUsd, now)
      })
    return { ...store, grants: { ...bound(grants), settle } }
  })
  yield* first.runtime.start("Pay.", { runId: "run" })
  yield* TestClock.adjust("1 second")
  const [asked] = yield* first.runtime.pendingApprovals()
  const grant = { scope: "thread", maxCostUsd: 1, uses: 3 } as const
  yield* first.runtime.respondToApproval(asked?.request.id ?? "", Decision.approve(grant))
  yield* TestClock.adjust("1 second")
  yield* first.end
  const second = yield* process()
  yield* TestClock.adjust("1 second")
  isWhole()
  const [left] = yield* second.runtime.grants.list()
  const { acts } = yield* second.runtime.approvals.history({})
  yield* second.end
  return {
    left: left === undefined ? undefined : leftOf(left),
    acts: acts.map(({ kind }) => kind),
    results: results(),
    runs
  }
})

const leftOf = ({ nanoUsdHeld, nanoUsdLeft, usesLeft }: Grant.Grant) => ({ nanoUsdHeld, nanoUsdLeft, usesLeft })

const bound = (grants: NonNullable<JournalStore["grants"]>): NonNullable<JournalStore["grants"]> => ({
  add: (grant) => grants.add(grant),
  claim: (key, claim, now) => grants.claim(key, claim, now),
  stands: (id, now) => grants.stands(id, now),
  settle: (key, id, nanoUsd, now) => grants.settle(key, id, nanoUsd, now),
  release: (runId, now) => grants.release(runId, now),
  list: (resourceId) => grants.list(resourceId),
  revoke: (id, how) => grants.revoke(id, how)
})

/** A process that settles a grant, and dies then. */
const dying = (store: JournalStore): JournalStore => {
  const { grants } = store
  if (grants === undefined) return store
  const settle: typeof grants.settle = (...given) => Effect.andThen(grants.settle(...given), Effect.never)
  return { ...store, grants: { ...bound(grants), settle } }
}

describe("a call that was allowed by a grant, whose process died when it had settled the grant,", () => {
  it.effect.each([
    ["and that had ended", {}, 250_000_000],
    ["and that was refused by a limit", Budget.make({ maxToolCalls: 1 }), 0]
  ] as const)("has used it once, and holds nothing: %s", ([, budget, nanoUsd]) =>
    Effect.gen(function* () {
      const once = yield* used(budget, (store) => store)
      const twice = yield* used(budget, dying)
      assert.deepStrictEqual(twice, once)
      assert.deepStrictEqual(once.left, { nanoUsdHeld: 0, nanoUsdLeft: 1_000_000_000 - nanoUsd, usesLeft: 2 })
    }).pipe(quiet)
  )
})

describe("a call that is refused", () => {
  it.effect("settles its grant when the verdict that allowed it is stored", () =>
    Effect.gen(function* () {
      const stored: Array<ReadonlyArray<string>> = []
      yield* used(
        Budget.make({ maxToolCalls: 1 }),
        (store) => store,
        (names) => void stored.push(names)
      )
      assert.deepStrictEqual(
        stored.map((names) => names.filter((name) => name.includes("c2") && name.includes("gate"))),
        [["gate/c2"]]
      )
    }).pipe(quiet)
  )

  it.effect("waits for no commit where no grant allowed it and it has no ticket: it is committed with its step", () =>
    Effect.gen(function* () {
      const { process } = Lives.make({
        tool: Tool.make("look", { success: Schema.String }),
        handler: () => Effect.succeed("seen"),
        agent: { budget: Budget.make({ maxToolCalls: 1 }) },
        respond: (request) => {
          const made = request.messages.filter(({ role }) => role === "tool").length
          return ScriptedModel.calls([{ id: `c${made + 1}`, name: "look", args: {} }])
        }
      })
      let held: ReadonlyArray<string> = []
      const mayCommit = yield* Deferred.make<void>()
      const { end, runtime } = yield* process((store) => ({
        ...store,
        commit: (batch) => {
          const names = batch.marks.map(({ kind, name }) => `${kind} ${name}`)
          if (!names.includes("result model/2")) return store.commit(batch)
          held = names
          return Effect.andThen(Deferred.await(mayCommit), store.commit(batch))
        }
      }))
      yield* runtime.start("Look.", { runId: "run" })
      yield* TestClock.adjust("1 second")
      assert.include(held, "result tool/c2")
      yield* Deferred.succeed(mayCommit, undefined)
      yield* end
    }).pipe(quiet)
  )
})
