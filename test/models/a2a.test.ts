import { assert, describe, it } from "@effect/vitest"
import { A2aSpecialist } from "@reins/models/a2a"
import { Agent, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Fiber, Layer, Stream } from "effect"
import * as Served from "../server/Served.ts"

/** A coordinator that asks the remote agent what it is asked itself, and says what came back. */
const calling = (served: Served.Served, key = "dev-key") => {
  const remote = A2aSpecialist.make("remote", { url: `${served.url}/a2a`, key, description: "Far away" })
  const Caller = Agent.make("caller", { specialists: [remote.specialist] })
  const model = ScriptedModel.make({
    respond: (request) => {
      const [result] = ScriptedModel.lastResults(request)
      return result === undefined
        ? ScriptedModel.calls([{ id: "r1", name: "remote", args: { prompt: ScriptedModel.lastPrompt(request) } }])
        : ScriptedModel.text(`It said: ${JSON.stringify(result.result)}`)
    }
  })
  return Runtime.layer({ agents: [Caller] }).pipe(Layer.provide([remote.layer, Layer.succeed(Model, model)]))
}

const asked = (prompt: string) =>
  Effect.flatMap(Runtime, (runtime) => Effect.map(runtime.complete(prompt), ({ output }) => output))

describe("a remote agent as a specialist", () => {
  it.live("answers a coordinator, with its text as it comes and its usage", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const { envelopes, runId } = yield* runtime.start("hello out there")
        const log = yield* Stream.runCollect(envelopes)
        const below = log.flatMap(({ agentPath, event }) =>
          agentPath.length > 0 && event.type === "text" ? [event.text] : []
        )
        assert.deepStrictEqual(below, ["hello ", "out ", "there"])
        const [usage] = log.flatMap(({ event }) => (event.type === "data-tool-agent" ? [event.data] : []))
        assert.deepInclude(usage, { agentName: "remote", model: "remote" })
        assert.strictEqual(usage?.usage.completionTokens, 3)
        assert.strictEqual(yield* asked("hello again"), 'It said: "hello again"')
        assert.isDefined(runId)
      }).pipe(Effect.provide(calling(served)))
    })
  )

  it.live.each([
    ["approve", 'It said: "all is done"'],
    ["reject", 'It said: "all is done"']
  ] as const)("asks here what it is asked there, and is told: %s", ([decision, said]) =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const { envelopes, result } = yield* runtime.start("gated")
        const told = yield* Effect.forkChild(Effect.result(result))
        const question = yield* envelopes.pipe(
          Stream.filter(({ event }) => event.type === "approval-required"),
          Stream.runHead
        )
        const event = question._tag === "Some" ? question.value.event : undefined
        const request = event?.type === "approval-required" ? event.data : undefined
        assert.deepInclude(request?.payload, { question: "Allow gated to run?", target: "gated" })
        yield* runtime.respondToApproval(request?.id ?? "", decision)
        const ended = yield* Fiber.join(told)
        assert.strictEqual(ended._tag === "Success" ? ended.success.output : ended.failure.message, said)
      }).pipe(Effect.provide(calling(served)))
      const [thread] = yield* served.runtime.threads.list({ resourceId: "dev" })
      const messages = yield* served.runtime.threads.get(thread?.threadId ?? "")
      assert.strictEqual(JSON.stringify(messages).includes('"denied"'), decision === "reject")
    })
  )

  it.live("is cancelled with the call", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        const { cancel, envelopes, result } = yield* runtime.start("held")
        // Its task is known once it has said something.
        yield* envelopes.pipe(
          Stream.filter(({ event }) => event.type === "text"),
          Stream.runHead
        )
        yield* cancel
        yield* Effect.result(result)
      }).pipe(Effect.provide(calling(served)))
      const [thread] = yield* served.runtime.threads.list({ resourceId: "dev" })
      const log = yield* Stream.runCollect(served.runtime.watch(thread?.runId ?? ""))
      assert.include(JSON.stringify(log), '"finishReason":"cancelled"')
    })
  )

  it.live("that rejects the key, or fails, is a failed call that the coordinator reads", () =>
    Effect.gen(function* () {
      const served = yield* Served.serve()
      assert.include(yield* Effect.provide(asked("hello"), calling(served, "wrong")), "AuthenticationFailed")
      assert.include(yield* Effect.provide(asked("error"), calling(served)), "ModelFailedUnknown")
      assert.include(yield* Effect.provide(asked("client"), calling(served)), "InvalidRequest")
    })
  )
})
