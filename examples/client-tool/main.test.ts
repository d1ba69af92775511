import { assert, describe, it } from "@effect/vitest"
import { Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { Navigator, respond } from "./Navigator.ts"
import * as Phone from "./Phone.ts"

const live = () => Runtime.layer({ agents: [Navigator] }).pipe(Layer.provide(ScriptedModel.layer({ respond })))

/** A run that has made both of its calls and waits for the client. */
const waiting = Effect.gen(function* () {
  const runtime = yield* Runtime
  const run = yield* runtime.start("Where am I, and what does it look like?")
  const probe = yield* Probe.watch(run.runId)
  yield* probe.next("tool-invocation", 2)
  return { probe, run, runtime }
})

const results = (probe: Probe.Probe) =>
  probe.of("tool-invocation").flatMap((event) => (event.state === "result" ? [event] : []))

describe("a client tool", () => {
  it.effect("is announced to the client, and the run waits for it", () =>
    Effect.gen(function* () {
      const { probe } = yield* waiting
      assert.deepStrictEqual(
        probe.of("tool-invocation").map(({ execution, state, toolName }) => [toolName, state, execution]),
        [
          ["locate", "call", "client"],
          ["photograph", "call", "client"]
        ]
      )
      assert.isFalse(probe.ended)
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("ends with what the phone submits, a result or a failure", () =>
    Effect.gen(function* () {
      const { probe, run } = yield* waiting
      yield* Effect.forEach([...probe.rootView], (event) => Phone.serve(run.runId, event))
      yield* probe.end
      assert.deepStrictEqual(
        results(probe).map(({ result, status }) => [result, status]),
        [
          [{ city: "Lisbon" }, undefined],
          ["there is no light to see the street", "failed"]
        ]
      )
      assert.include((yield* run.result).output, "Lisbon")
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("accepts results in any order, once per call", () =>
    Effect.gen(function* () {
      const { probe, run, runtime } = yield* waiting
      yield* runtime.submitToolResult(run.runId, "what", { result: { file: "street.jpg" } })
      const again = yield* Effect.flip(runtime.submitToolResult(run.runId, "what", { result: { file: "other.jpg" } }))
      assert.strictEqual(again._tag, "CallNotFound")
      assert.isFalse(probe.ended)
      yield* runtime.submitToolResult(run.runId, "where", { result: { city: "Porto" } })
      const { output } = yield* run.result
      assert.include(output, "street.jpg")
      assert.include(output, "Porto")
    }).pipe(Effect.provide(live()), Effect.scoped)
  )

  it.effect("is closed by a cancel when nobody answers", () =>
    Effect.gen(function* () {
      const { probe, run } = yield* waiting
      yield* run.cancel
      yield* probe.end
      assert.deepStrictEqual(
        results(probe).map(({ status }) => status),
        ["cancelled", "cancelled"]
      )
    }).pipe(Effect.provide(live()), Effect.scoped)
  )
})

describe("the program", () => {
  it("locates, fails to photograph, answers and ends", async () => {
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [`${import.meta.dirname}/main.ts`])
    assert.strictEqual(stderr, "")
    assert.include(stdout, 'for the client: locate {}\nfor the client: photograph {"of":"the street"}')
    assert.include(stdout, '= failed "there is no light')
    assert.include(stdout, "\nstop\n")
  })
})
