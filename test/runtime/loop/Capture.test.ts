import { assert, describe, it } from "@effect/vitest"
import { Agent, Ids, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Logger } from "effect"
import * as Desk from "../../support/Desk.ts"

const secret = "the plan of the house"

/** Strikes a run with a defect whose words hold a secret, and gives what was logged. */
const logged = (captureContent: boolean) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ cause, message }) => {
    lines.push(`${JSON.stringify(message)} ${JSON.stringify(cause)} ${String(cause)}`)
  })
  // A model port whose very name throws once the runtime is built: no adapter does, so it is a defect of the run and
  // not of a request.
  const model = ScriptedModel.make({ replies: [] })
  let reads = 0
  const broken = {
    ...model,
    get provider(): string {
      if (reads++ > 0) throw new Error(secret)
      return model.provider
    }
  }
  return Effect.gen(function* () {
    const runtime = yield* Runtime
    const { runId } = yield* runtime.start("Go.")
    const probe = yield* Probe.watch(runId)
    yield* probe.end
    assert.strictEqual(probe.of("error")[0]?.error.code, "E_INTERNAL_FAILURE")
    assert.notInclude(JSON.stringify(probe.envelopes), secret)
    return lines.join("\n")
  }).pipe(
    Effect.provide(
      Desk.plain(broken, { agents: [Agent.make("solo", {})], captureContent }).pipe(
        Layer.provideMerge(Layer.mergeAll(Logger.layer([logger]), Ids.layerCounting))
      )
    ),
    Effect.scoped
  )
}

describe("a run that fails with a defect", () => {
  it.effect("is logged, with its cause only when content capture is on", () =>
    Effect.gen(function* () {
      const quiet = yield* logged(false)
      assert.include(quiet, "failed")
      assert.notInclude(quiet, secret)
      assert.include(yield* logged(true), secret)
    })
  )
})
