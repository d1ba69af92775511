/** Runs that an earlier release left open go on from where they were, and nothing that was done is done again. */
import { assert, describe, it } from "@effect/vitest"
import type { Envelope } from "@reins/protocol"
import { Probe } from "@reins/runtime/testing"
import { Effect } from "effect"
import * as Acts from "./Acts.ts"
import * as Case from "./Case.ts"
import { cases } from "./Cases.ts"
import * as Golden from "./Golden.ts"
import * as Release from "./Release.ts"

it("every open run of the golden databases is continued by some test", () => {
  assert.deepStrictEqual([...new Set(cases.map(({ runId }) => runId))].toSorted(), Golden.runIds.unfinished.toSorted())
})

/** What a run cost: in all, and by what it was for. */
const billOf = (log: ReadonlyArray<Envelope.Envelope>) =>
  Probe.ofType(log, "data-cost-summary").map(({ data }) => [
    data.costNanoUsd,
    ...data.root.rows.map(({ calls, costNanoUsd, kind, name }) => [kind, name, calls, costNanoUsd])
  ])

describe.each(Release.names)("a run that %s left open continues", (release) => {
  const told = Release.told(release, "sqlite")

  for (const one of cases) {
    it.live(`${one.runId}, ${one.when}`, () =>
      Release.reopened(release, (opened) =>
        Effect.gen(function* () {
          Case.holds(one, yield* Case.outcome(told, opened, one.runId, one.acts))
          assert.deepStrictEqual(yield* opened.runtime.pendingApprovals({ runId: one.runId }), [])
        })
      )
    )
  }

  it.live("costs as much as one that was never interrupted, and reports how long no process executed it", () =>
    Release.reopened(release, (opened) =>
      Effect.gen(function* () {
        yield* Case.outcome(told, opened, "ask-steps", [Acts.decide("ask-steps", Acts.yes)])
        const log = yield* Golden.log(opened.runtime, "ask-steps")
        const twin = Release.envelopes(told.log("steps"))
        assert.deepStrictEqual(billOf(log), billOf(twin))
        assert.deepStrictEqual(
          Probe.ofType(log, "finish").map(({ usage }) => usage),
          Probe.ofType(twin, "finish").map(({ usage }) => usage)
        )
        yield* Case.outcome(told, opened, "cut-in-silence", [])
        const cut = yield* Golden.log(opened.runtime, "cut-in-silence")
        const [latency] = Probe.ofType(cut, "data-latency-summary")
        const [cost] = Probe.ofType(cut, "data-cost-summary")
        assert.isAbove(latency?.data.downMs ?? 0, 80_000_000)
        assert.isBelow(latency?.data.machineMs ?? Infinity, 10_000)
        // What the request used that was lost is not known.
        assert.isTrue(cost?.data.estimated)
      })
    )
  )
})
