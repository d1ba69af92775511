/** Tests of the agent with a model that follows a script: no key, no network, the same every time. */
import { Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Stream } from "effect"
import assert from "node:assert/strict"
import { test } from "node:test"
import { Desk } from "../src/Desk.ts"
import { Orders } from "../src/Orders.ts"

/** Runs the effect over a runtime whose model gives these replies. */
const over = <A, E>(
  replies: ReadonlyArray<ScriptedModel.Reply>,
  use: (runtime: Runtime["Service"], model: ScriptedModel.ScriptedModel) => Effect.Effect<A, E>
) => {
  const model = ScriptedModel.make({ replies })
  const live = Runtime.layer({ agents: [Desk] }).pipe(Layer.provide([Orders.layer, Layer.succeed(Model, model)]))
  return Effect.runPromise(Effect.flatMap(Runtime, (runtime) => use(runtime, model)).pipe(Effect.provide(live)))
}

test("the model reads what the tool found", () =>
  over(
    [
      ScriptedModel.calls([{ id: "1", name: "find_order", args: { order: "A-1" } }]),
      ScriptedModel.text("It is on its way.")
    ],
    Effect.fnUntraced(function* (runtime, model) {
      const { output } = yield* runtime.complete("Where is order A-1?")
      assert.equal(output, "It is on its way.")
      const second = model.requests[1]
      assert.ok(second)
      assert.deepEqual(ScriptedModel.lastResults(second)[0]?.result, { order: "A-1", state: "shipped", paidUsd: 80 })
    })
  ))

test("a refund of more than 50 dollars waits for a person", () =>
  over(
    [
      ScriptedModel.calls([{ id: "1", name: "refund", args: { order: "A-1", amountUsd: 80 } }]),
      ScriptedModel.text("Done.")
    ],
    Effect.fnUntraced(function* (runtime) {
      const asked: Array<string> = []
      yield* Stream.runForEach(runtime.query("Refund 80 dollars for order A-1"), (event) => {
        if (event.type !== "approval-required") return Effect.void
        asked.push(event.data.target)
        return runtime.approvals.respond(event.data.id, "approve")
      })
      assert.deepEqual(asked, ["refund"])
    })
  ))
