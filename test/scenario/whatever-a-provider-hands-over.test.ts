/**
 * Random responses, arguments, results, schemas, names, ids, files and prompts, drawn from the types of provider
 * packages, through whole runs in memory and on SQLite: each run is valid and ends normally, each call has one result,
 * and every provider package sends the request that follows, as its provider documents it.
 */
import { assert, describe, it } from "@effect/vitest"
import { AiSdkModel } from "@reins/models"
import { Agent, InvalidAgents, Model, type ModelRequest, Runtime } from "@reins/runtime"
import { Probe } from "@reins/runtime/testing"
import { Sqlite } from "@reins/store/sqlite"
import { Cause, Context, Effect, Exit, Layer, References } from "effect"
import { finish, type Part, streaming } from "../models/FakeModel.ts"
import * as Story from "../support/Story.ts"
import * as Drawn from "./Drawn.ts"
import * as Sent from "./Sent.ts"

const last: ReadonlyArray<Part> = [
  { type: "text-start", id: "0" },
  { type: "text-delta", id: "0", delta: "done" },
  finish()
]

/** A runtime of these tools; without those with a refused schema, with a message that names the tool. */
const runtimeOf = Effect.fnUntraced(function* (drawn: ReadonlyArray<Drawn.DrawnTool>, services: Layer.Layer<Model>) {
  let tools = drawn
  for (;;) {
    const desk = Agent.make("desk", { toolkit: Drawn.kitOf(tools), approvalFloor: "never" })
    const exit = yield* Effect.exit(Layer.build(Runtime.layer({ agents: [desk] }).pipe(Layer.provide(services))))
    if (Exit.isSuccess(exit)) return Context.get(exit.value, Runtime)
    const error = Cause.squash(exit.cause)
    const refused = tools.find(({ name }) => String(error).includes(`tool ${JSON.stringify(name)}`))
    if (!(error instanceof InvalidAgents) || refused === undefined) return yield* Effect.die(error)
    tools = tools.filter((tool) => tool !== refused)
  }
})

/** A run over two drawn responses and a last word. */
const run = (material: Drawn.Drawn, deployment: Layer.Layer<never>) =>
  Effect.gen(function* () {
    const draw = new Drawn.Draw(material)
    const tools = Drawn.tools(draw)
    const prompt = Drawn.prompt(draw)
    const model = streaming((options, index) => {
      const parts = index < 2 ? Drawn.response(draw, options) : last
      return new ReadableStream({
        start: (controller) => {
          for (const part of parts) controller.enqueue(part)
          controller.close()
        }
      })
    })
    const requests: Array<ModelRequest> = []
    const port = AiSdkModel.make(model)
    const watched: typeof port = {
      ...port,
      attempt: (request, emit) => {
        requests.push({ ...request, messages: [...request.messages] })
        return port.attempt(request, emit)
      }
    }
    const runtime = yield* runtimeOf(tools, Layer.mergeAll(Layer.succeed(Model, watched), deployment))
    yield* runtime.start(prompt, { runId: "run", threadId: "thread" })
    const probe = yield* Effect.provideService(Probe.watch("run"), Runtime, runtime)
    yield* probe.end
    Story.isWhole(probe.envelopes)
    assert.include(["stop", "other"], probe.of("finish")[0]?.finishReason, JSON.stringify(probe.of("error")))
    const calls = probe.of("tool-invocation")
    const called = calls.filter(({ state }) => state === "call").map(({ toolInvocationId }) => toolInvocationId)
    const answered = calls.filter(({ state }) => state === "result").map(({ toolInvocationId }) => toolInvocationId)
    assert.deepStrictEqual(answered.toSorted(), called.toSorted())
    assert.strictEqual(new Set(called).size, called.length)
    const request = requests.at(-1)
    assert.isDefined(request)
    for (const provider of request === undefined ? [] : Sent.providers) {
      const body = yield* Sent.body(provider, request)
      const problems = Sent.problems(provider, body)
      assert.deepStrictEqual(problems, [], `${problems.join()} in ${JSON.stringify(request)}`)
    }
  }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))

describe("any response of a provider", () => {
  it.live.prop("makes a valid run, and a request that any provider accepts: in memory", Drawn.Material, (material) =>
    run(material, Layer.empty)
  )

  it.live.prop(
    "makes a valid run, and a request that any provider accepts: on SQLite",
    Drawn.Material,
    (material) => run(material, Layer.orDie(Sqlite.layer({ filename: ":memory:" }))),
    { arbitrary: { runs: 30 } }
  )
})
