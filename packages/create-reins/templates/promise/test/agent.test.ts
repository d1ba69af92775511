/** Tests of the agent with a model that follows a script: no key, no network, the same every time. */
import { ScriptedModel } from "@reins/runtime/testing"
import assert from "node:assert/strict"
import { test } from "node:test"
import { createRuntime } from "reins"
import { desk } from "../src/agent.ts"
import { tools } from "../src/tools.ts"

const scripted = (...replies: ReadonlyArray<ScriptedModel.Reply>) => {
  const model = ScriptedModel.make({ replies })
  return { model, runtime: createRuntime({ model, tools, agents: [desk] }) }
}

test("the model reads what the tool found", async (context) => {
  const { model, runtime } = scripted(
    ScriptedModel.calls([{ id: "1", name: "find_order", args: { order: "A-1" } }]),
    ScriptedModel.text("It is on its way.")
  )
  context.after(() => runtime[Symbol.asyncDispose]())
  const { output } = await runtime.complete("Where is order A-1?")
  assert.equal(output, "It is on its way.")
  const second = model.requests[1]
  assert.ok(second)
  assert.deepEqual(ScriptedModel.lastResults(second)[0]?.result, { order: "A-1", state: "shipped", paidUsd: 80 })
})

test("a refund of more than 50 dollars waits for a person", async (context) => {
  const { runtime } = scripted(
    ScriptedModel.calls([{ id: "1", name: "refund", args: { order: "A-1", amountUsd: 80 } }]),
    ScriptedModel.text("Done.")
  )
  context.after(() => runtime[Symbol.asyncDispose]())
  const asked: Array<string> = []
  for await (const event of runtime.query("Refund 80 dollars for order A-1")) {
    if (event.type !== "approval-required") continue
    asked.push(event.data.target)
    await runtime.approvals.respond(event.data.id, "approve")
  }
  assert.deepEqual(asked, ["refund"])
})
