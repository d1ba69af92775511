/** What a program is told that adds web hooks and has nothing that sends them. */
import { assert, describe, it } from "@effect/vitest"
import { Agent, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Logger } from "effect"
import * as Desk from "../../support/Desk.ts"

const url = "https://receiver.example/told"

/** The log lines of a program with a runtime. */
const logged = (program: (runtime: Runtime["Service"]) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
    const model = ScriptedModel.make({ replies: [] })
    yield* Effect.flatMap(Runtime, program).pipe(
      Effect.provide(
        Desk.plain(model, { agents: [Agent.make("solo", {})] }).pipe(Layer.provideMerge(Logger.layer([logger])))
      )
    )
    return lines.filter((line) => line.includes("web hook"))
  })

describe("a web hook that is added", () => {
  it.effect("is one warning in a process that sends none, with what sends them", () =>
    Effect.gen(function* () {
      const lines = yield* logged(({ webhooks }) => Effect.andThen(webhooks.add({ url }), webhooks.add({ url })))
      assert.lengthOf(lines, 1)
      assert.match(lines[0] ?? "", /^Warn .*createServer\(runtime, \{ webhooks: \{\} \}\)/)
    })
  )

  it.effect("is no warning where something looks for notices to send", () =>
    Effect.gen(function* () {
      const lease = { owner: "one", now: 0, until: 1000, known: [], protocols: false, limit: 1 }
      const lines = yield* logged(({ webhooks }) => Effect.andThen(webhooks.outbox.lease(lease), webhooks.add({ url })))
      assert.deepStrictEqual(lines, [])
    })
  )
})
