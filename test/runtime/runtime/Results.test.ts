/** A run whose call sleeps and then answers later, in lists of runs and in a replay. */
import { assert, describe, it } from "@effect/vitest"
import { ToolRun } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, References, Schema } from "effect"
import { Tool } from "effect/ai"
import { TestClock } from "effect/testing"
import * as Lives from "../../support/Lives.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")
const Build = Tool.make("build", { success: Schema.Struct({ passed: Schema.Boolean }), dependencies: [ToolRun] })

describe("a call that sleeps and answers later", () => {
  it.effect("is listed with what it waits for, and replays once it has its result", () =>
    Effect.gen(function* () {
      const { events, journal, process } = Lives.make({
        tool: Build,
        handler: Effect.fnUntraced(function* () {
          const run = yield* ToolRun
          yield* run.sleep("1 hour")
          return yield* (yield* run.later({ receipt: "started" })).end
        }),
        respond: (request) =>
          request.messages.some(({ role }) => role === "tool")
            ? ScriptedModel.text("so far")
            : ScriptedModel.calls([{ id: "c1", name: "build", args: {} }])
      })
      const { end, runtime } = yield* process()
      yield* runtime.start("Build.", { runId: "run" })
      for (const told of ["call_sleeps", "results_awaited"]) {
        yield* TestClock.adjust("1 minute")
        const last = events().at(-1)
        assert.strictEqual(last?.type === "custom" ? last.event_type : last?.type, told)
        const { runs } = yield* runtime.runs.list()
        assert.deepStrictEqual(
          runs.map(({ state, waitsFor }) => [state, waitsFor]),
          [["waiting", [told === "call_sleeps" ? "timer" : "result"]]]
        )
        const open = yield* Effect.flip(runtime.replay(journal.exportRun("run")))
        assert.strictEqual(open.reason, "StillOpen")
        yield* TestClock.adjust("1 hour")
      }
      const ticket = events().flatMap((event) =>
        event.type === "tool-invocation" && event.state === "result" ? [event.later?.ticketId ?? ""] : []
      )[0]
      yield* runtime.results.deliver(ticket ?? "", { value: { passed: true } })
      yield* TestClock.adjust("1 minute")
      const replayed = yield* runtime.replay(journal.exportRun("run"))
      assert.deepInclude(replayed, { _tag: "Identical", events: events().length })
      assert.strictEqual(events().at(-1)?.type, "data-latency-summary")
      yield* end
    }).pipe(quiet)
  )
})
