import { assert, describe, it } from "@effect/vitest"
import { Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer } from "effect"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { Library } from "./Library.ts"
import { research } from "./Research.ts"
import { Researcher } from "./Researcher.ts"
import { model, respond } from "./Script.ts"

const live = (layer = model) => Runtime.layer({ agents: [Researcher] }).pipe(Layer.provide([Library.layer, layer]))

describe("a specialist called from code", () => {
  it.effect("answers with its tool's findings, in the form of its schema", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const { output } = yield* runtime.complete(Researcher, { topic: "tidal power", most: 1 })
      assert.deepStrictEqual(output, {
        findings: [{ claim: "tidal power turned its turbine twice a day until 2019", source: "Annapolis Royal, 2019" }]
      })
    }).pipe(Effect.provide(live()))
  )

  it.effect("is stopped by its own budget, and the caller handles that reason", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* research("perpetual motion"), ["gave up at its limit: maxSteps 3"])
    }).pipe(Effect.provide(live()))
  )

  it.effect("may correct an invalid answer once; then the caller handles that reason", () => {
    let asked = 0
    const counted = ScriptedModel.layer({ respond, onRequest: () => asked++ })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* research("poetry"), ["researcher did not answer in the form it promised"])
      assert.strictEqual(asked, 2)
    }).pipe(Effect.provide(live(counted)))
  })

  it.effect("is not started with an input that its schema rejects", () => {
    let asked = 0
    const counted = ScriptedModel.layer({ respond, onRequest: () => asked++ })
    return Effect.gen(function* () {
      assert.match((yield* research(""))[0] ?? "", /nothing was started/)
      assert.strictEqual(asked, 0)
    }).pipe(Effect.provide(live(counted)))
  })

  it.effect("reports every other reason as a failure", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(research("tidal power"))
      assert.strictEqual(error._tag, "RunError")
      assert.strictEqual(error.reason._tag, "AnswerIncomplete")
    }).pipe(Effect.provide(live(ScriptedModel.layer({ replies: [ScriptedModel.text("{", { stop: "length" })] }))))
  )
})

describe("the program", () => {
  it("asks four questions and ends", async () => {
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [`${import.meta.dirname}/main.ts`])
    assert.strictEqual(stderr, "")
    assert.include(stdout, '"tidal power"\n- tidal power')
    assert.include(stdout, '""\nnot a question for the researcher')
  })
})
