import { assert, describe, it } from "@effect/vitest"
import { Agent, Hook, Ids, Runtime } from "@reins/runtime"
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

/** What is logged when a hook fails. */
const failedHook = Effect.fnUntraced(function* (captureContent: boolean) {
  const lines: Array<string> = []
  const logger = Logger.make(({ cause, message }) => void lines.push(`${JSON.stringify(message)} ${String(cause)}`))
  const hook = Hook.make("guard", { beforeStep: () => Effect.die(new Error(secret)) })
  const agents = [Agent.make("solo", { hooks: [hook] })]
  yield* Effect.flatMap(Runtime, (runtime) => Effect.flip(runtime.complete("Go."))).pipe(
    Effect.provide(
      Desk.plain(ScriptedModel.make({ replies: [] }), { agents, captureContent }).pipe(
        Layer.provideMerge(Logger.layer([logger]))
      )
    )
  )
  return lines.join("\n")
})

describe("a hook that fails", () => {
  it.effect("is logged with its cause, or with how to see it", () =>
    Effect.gen(function* () {
      const quiet = yield* failedHook(false)
      assert.match(quiet, /Hook \\"guard\\" \(beforeStep\) failed; .*To log the cause, set captureContent: true/)
      assert.notInclude(quiet, secret)
      const told = yield* failedHook(true)
      assert.include(told, secret)
      assert.notInclude(told, "To log the cause")
    })
  )
})

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
