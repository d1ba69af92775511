import { assert, describe, it } from "@effect/vitest"
import { Decision, Runtime } from "@reins/runtime"
import { Probe } from "@reins/runtime/testing"
import { Effect, Stream } from "effect"
import * as Desk from "../support/Desk.ts"
import { Loans } from "../support/Library.ts"
import * as Story from "../support/Story.ts"

describe("one query, from end to end", () => {
  it.effect("is one valid log, seen from the root, that ends with its cost and latency", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const loans = yield* Loans
      const seen = yield* runtime.query("What about tides?", { threadId: "t", runId: "run" }).pipe(
        Stream.tap((event) =>
          event.type === "approval-required"
            ? runtime.respondToApproval(event.data.id, Decision.approve({ by: "mia" }))
            : Effect.void
        ),
        Stream.runCollect
      )
      const probe = yield* Probe.watch("run")
      yield* probe.end
      Story.isWhole(probe.envelopes)
      assert.deepStrictEqual(seen, probe.rootView)
      assert.deepStrictEqual(
        seen.slice(-3).map(({ type }) => type),
        ["finish", "data-cost-summary", "data-latency-summary"]
      )
      // Both calls were allowed at about the same time, in branches of their own.
      assert.sameMembers([...loans.lent], ["run:l", "run:reader#r/l"])
      assert.strictEqual(
        seen.flatMap((event) => (event.type === "text" ? event.text : [])).join(""),
        "Let me look. Tides come twice a day."
      )
    }).pipe(Effect.scoped, Effect.provide(Desk.layer(Story.model())))
  )
})
