import { assert, describe, it } from "@effect/vitest"
import { Budget, ToolSettings } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Clock, type Duration, Effect } from "effect"
import { work } from "../../support/OneTool.ts"
import * as OneTool from "../../support/OneTool.ts"

/** The clock of the test, with a count of the sleepers on it. */
const counted = Clock.clockWith((clock) => {
  const sleepers = { now: 0, most: 0 }
  const sleep = (duration: Duration.Duration) =>
    Effect.suspend(() => {
      sleepers.most = Math.max(sleepers.most, ++sleepers.now)
      return Effect.ensuring(
        clock.sleep(duration),
        Effect.sync(() => {
          sleepers.now--
        })
      )
    })
  const counting: Clock.Clock = Object.assign(Object.create(clock), { sleep })
  return Effect.succeed({ counting, sleepers })
})

const calls = ["c1", "c2", "c3"].map((id) => ({ id, name: "work", args: {} }))

/** The reply, part by part, so that the step has time to set its deadline. */
const slowly = (reply: ScriptedModel.Reply): ScriptedModel.Reply => ({
  parts: reply.parts.flatMap((parts) => parts.map((part) => [part]))
})

describe("the deadlines of a run", () => {
  it.effect("share one timer, and leave none behind", () =>
    Effect.gen(function* () {
      const { counting, sleepers } = yield* counted
      yield* OneTool.finished({
        handler: () => Effect.as(Effect.yieldNow, {}),
        tool: work.annotate(ToolSettings.Timeout, "1 second"),
        model: ScriptedModel.make({ replies: [slowly(ScriptedModel.calls(calls)), ScriptedModel.text("done")] }),
        agent: { budget: Budget.make({ maxDuration: "10 minutes" }) }
      }).pipe(Effect.scoped, Effect.provideService(Clock.Clock, counting))
      assert.deepStrictEqual(sleepers, { now: 0, most: 2 })
    })
  )
})
