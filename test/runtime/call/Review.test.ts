/** What the model reads of a call that a reviewer changed or remarked on, and what stays in the history. */
import { assert, describe, it } from "@effect/vitest"
import { Decision } from "@reins/runtime"
import type { ModelRequest } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect } from "effect"
import * as OneTool from "../../support/OneTool.ts"

/** A run whose call `work { n: 100 }` is answered so; what the model was sent for its second step. */
const answered = Effect.fnUntraced(function* (
  decision: Decision,
  handler: OneTool.Handler = () => Effect.succeed("ok")
) {
  const requests: Array<ModelRequest> = []
  const respond: ScriptedModel.Responder = (request) => {
    requests.push(request)
    return ScriptedModel.lastResults(request).length > 0
      ? ScriptedModel.text("done")
      : ScriptedModel.calls([{ id: "c1", name: "work", args: { n: 100 } }])
  }
  const { probe, runtime } = yield* OneTool.start({
    tool: OneTool.work.setNeedsApproval(true),
    handler,
    model: ScriptedModel.make({ respond })
  })
  const { data } = yield* probe.next("approval-required")
  yield* runtime.respondToApproval(data.id, decision)
  yield* probe.end
  const [request] = requests.slice(1)
  assert.isDefined(request)
  const [result] = ScriptedModel.lastResults(request)
  assert.isDefined(result)
  const read = (result.content ?? []).map((part) => (part.type === "text" ? part.text : part.type))
  return { runtime, probe, request, result, read }
})

describe("the model", () => {
  it.effect("reads after a revision which arguments ran, that a reviewer changed them, and the feedback", () =>
    Effect.gen(function* () {
      const { probe, read, request, result, runtime } = yield* answered(
        Decision.revise({ n: 20 }, { feedback: "no more than 20" })
      )
      const [note, text] = read
      assert.include(note, 'A reviewer changed the arguments of this call. It ran with: {"n":20}')
      assert.include(note, "no more than 20")
      assert.strictEqual(text, "ok")
      assert.strictEqual(result.result, "ok")
      // Its own call is as it made it, in what it is sent and in the thread.
      for (const messages of [request.messages, yield* runtime.threads.get("thread")]) {
        assert.include(JSON.stringify(messages), '{"n":100}')
      }
      const [, settled] = probe.of("tool-invocation")
      assert.deepInclude(settled, { args: { n: 20 }, result: "ok" })
    }).pipe(Effect.scoped)
  )

  it.effect("reads after an approval with feedback what the reviewer said", () =>
    Effect.gen(function* () {
      const { read } = yield* answered(Decision.approve({ feedback: "next time ask for less" }))
      assert.include(read[0], "A reviewer approved this call.")
      assert.include(read[0], "next time ask for less")
      assert.strictEqual(read[1], "ok")
    }).pipe(Effect.scoped)
  )

  it.effect("reads a failure of the revised call with what was changed", () =>
    Effect.gen(function* () {
      const { read, result } = yield* answered(Decision.revise({ n: 20 }), () => Effect.fail({ why: "closed" }))
      assert.strictEqual(result.status, "failed")
      assert.include(read[0], 'It ran with: {"n":20}')
      assert.include(read[1], "closed")
    }).pipe(Effect.scoped)
  )

  it.effect("reads of a plain approval nothing but the result", () =>
    Effect.gen(function* () {
      const { result } = yield* answered(Decision.approve())
      assert.deepStrictEqual(result, { type: "tool-result", id: "c1", name: "work", result: "ok" })
    }).pipe(Effect.scoped)
  )
})
