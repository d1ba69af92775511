/** What an MCP server asks a person while a call runs: the protocol's own test server, over both transports. */
import { assert, describe, it } from "@effect/vitest"
import { McpTools } from "@reins/models/mcp"
import { Ordering } from "@reins/protocol"
import { Agent, Decision, Model, Runtime } from "@reins/runtime"
import { Probe, ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, type Scope } from "effect"
import { http, type Server, stdio } from "./Everything.ts"

const tool = "trigger-elicitation-request"

/** A run in which the model calls these tools, at once; `act` answers what is asked. */
const calling = <A, E>(
  server: Server,
  names: ReadonlyArray<string>,
  act: (runtime: Runtime["Service"], probe: Probe.Probe) => Effect.Effect<A, E>
) =>
  Effect.gen(function* () {
    const model = ScriptedModel.make({
      replies: [
        ScriptedModel.calls(names.map((name, index) => ({ id: `c${index + 1}`, name, args: {} }))),
        ScriptedModel.text("done")
      ]
    })
    const agent = Agent.make("caller", { toolkit: McpTools.toolkit({ only: [tool] }) })
    return yield* Effect.gen(function* () {
      const runtime = yield* Runtime
      const { runId } = yield* runtime.start("go")
      const probe = yield* Probe.watch(runId)
      yield* act(runtime, probe)
      yield* probe.end
      assert.deepStrictEqual(Ordering.check(probe.envelopes), [])
      const request = model.requests[1]
      return { probe, read: JSON.stringify(request === undefined ? [] : ScriptedModel.lastResults(request)) }
    }).pipe(Effect.provide(Layer.provide(Runtime.layer({ agents: [agent] }), [server, Layer.succeed(Model, model)])))
  })

const transports: ReadonlyArray<readonly [string, Effect.Effect<{ readonly server: Server }, never, Scope.Scope>]> = [
  ["standard output", stdio],
  ["HTTP", http]
]

describe.each(transports)("a question of an MCP server, over %s", (name, transport) => {
  it.live(
    "is asked by its call, answered by its schema, declined, and withdrawn with the run",
    () =>
      Effect.gen(function* () {
        const { server } = yield* transport
        const accepted = yield* calling(server, [tool], (runtime, probe) =>
          Effect.gen(function* () {
            const { data } = yield* probe.next("approval-required")
            assert.deepInclude(data, { kind: "question", target: tool, toolInvocationId: "c1" })
            assert.deepInclude(data.payload, { question: "Please provide inputs for the following fields:" })
            const answer = (value: { readonly [field: string]: string | number }) =>
              runtime.respondToApproval(data.id, Decision.answer(value))
            for (const wrong of [{ check: "yes" }, { name: "Mia", integer: 1000 }, { name: "Mia", other: 1 }]) {
              const { reason } = yield* Effect.flip(answer(wrong as never))
              assert.strictEqual(reason._tag, "InvalidArguments")
            }
            yield* answer({ name: "Mia", integer: 7, titledSingleSelectEnum: "hero-2" })
          })
        )
        assert.include(accepted.read, "- Name: Mia")
        assert.include(accepted.read, "- Favorite Integer: 7")
        const declined = yield* calling(server, [tool], (runtime, probe) =>
          Effect.flatMap(probe.next("approval-required"), ({ data }) =>
            runtime.respondToApproval(data.id, Decision.reject())
          )
        )
        assert.include(declined.read, "User declined")
        const cancelled = yield* calling(server, [tool], (runtime, probe) =>
          Effect.flatMap(probe.next("approval-required"), ({ data }) =>
            runtime.cancel(probe.envelopes[0]?.runId ?? data.id)
          )
        )
        assert.strictEqual(cancelled.probe.of("finish")[0]?.finishReason, "cancelled")
      }).pipe(Effect.scoped),
    60_000
  )

  it.live(
    name === "HTTP"
      ? "is asked by the call that it came with, where several run"
      : "is refused where several calls run, since nothing says which one asks",
    () =>
      Effect.gen(function* () {
        const { server } = yield* transport
        const { probe, read } = yield* calling(server, [tool, tool], (runtime, probe) =>
          name !== "HTTP"
            ? Effect.void
            : Effect.forEach([1, 2], (count) =>
                Effect.gen(function* () {
                  const { data } = yield* probe.next("approval-required", count)
                  yield* runtime.respondToApproval(data.id, Decision.answer({ name: data.toolInvocationId ?? "" }))
                })
              )
        )
        const asked = new Set(probe.of("approval-required").map(({ data }) => data.toolInvocationId))
        assert.strictEqual(asked.size, name === "HTTP" ? 2 : 0)
        for (const each of name === "HTTP" ? ["- Name: c1", "- Name: c2"] : ["nothing says which one asks"]) {
          assert.include(read, each)
        }
      }).pipe(Effect.scoped),
    60_000
  )
})
