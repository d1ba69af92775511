import { assert, describe, it } from "@effect/vitest"
import { Decision } from "@reins/protocol"
import { Agent, Deployment, Model, Runtime } from "@reins/runtime"
import { journalHost, MemoryJournal } from "@reins/runtime/journal"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Context, Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Tool, Toolkit } from "effect/ai"
import * as Story from "../../support/Story.ts"

const Pay = Tool.make("pay", { parameters: Schema.Struct({}), success: Schema.String, needsApproval: true })
const Kit = Toolkit.make(Pay)
const desk = Agent.make("desk", { toolkit: Kit })

const layer = (deployment: Layer.Layer<never>) =>
  Runtime.layer({ agents: [desk], approvalExpiresIn: "10 minutes", approvalWarnBefore: "2 minutes" }).pipe(
    Layer.provide([
      Kit.toLayer({ pay: () => Effect.succeed("paid") }),
      Layer.succeed(
        Model,
        ScriptedModel.make({
          respond: (request) =>
            ScriptedModel.lastResults(request).length > 0
              ? ScriptedModel.text("done")
              : ScriptedModel.calls([{ id: "c", name: "pay", args: {} }])
        })
      ),
      deployment
    ])
  )

/** In memory, and on a journal that unloads runs that have waited for a minute. */
const deployments = [
  ["in memory", () => Layer.empty],
  [
    "on a journal",
    () =>
      Layer.succeed(
        Deployment.Deployment,
        journalHost(MemoryJournal.make(), { gatherMs: 0, pollMs: Number.POSITIVE_INFINITY, hibernateMs: 60_000 })
      )
  ]
] as const

const asked = Effect.fnUntraced(function* (deployment: Layer.Layer<never>) {
  const runtime = Context.get(yield* Layer.build(layer(deployment)), Runtime)
  yield* runtime.start("go", { runId: "run" })
  const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
  const { data } = yield* probe.next("approval-required")
  return { runtime, probe, request: data }
})

describe.each(deployments)("a question that expires, %s", (_, deployment) => {
  it.effect("is announced once before it does", () =>
    Effect.gen(function* () {
      const { probe, request } = yield* asked(deployment())
      yield* TestClock.adjust("7 minutes")
      assert.lengthOf(probe.of("custom"), 0)
      yield* TestClock.adjust("2 minutes")
      const [warning] = probe.of("custom")
      assert.deepStrictEqual(
        [warning?.event_type, warning?.data],
        ["approval_expiring", { id: request.id, expiresAt: request.expiresAt ?? 0 }]
      )
      yield* TestClock.adjust("2 minutes")
      yield* probe.end
      Story.isWhole(probe.envelopes)
      assert.lengthOf(probe.of("custom"), 1)
      assert.strictEqual(probe.of("approval-decision")[0]?.data.outcome.outcome, "expired")
    })
  )

  it.effect("is not announced when it was answered in time", () =>
    Effect.gen(function* () {
      const { probe, request, runtime } = yield* asked(deployment())
      yield* TestClock.adjust("5 minutes")
      yield* runtime.respondToApproval(request.id, Decision.approve())
      yield* probe.end
      yield* TestClock.adjust("10 minutes")
      Story.isWhole(probe.envelopes)
      assert.lengthOf(probe.of("custom"), 0)
    })
  )
})
