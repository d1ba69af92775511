import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Decision } from "@reins/protocol"
import { ModelTelemetry, RunTelemetry } from "@reins/models"
import { Agent, Model, Prices, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema, Stream } from "effect"
import { Tool, Toolkit } from "effect/ai"
import { Otlp } from "effect/observability"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const secret = "the plan of the house"

const Pay = Tool.make("pay", {
  parameters: Schema.Struct({ to: Schema.String }),
  success: Schema.String,
  needsApproval: true
})
class Till extends Toolkit.make(Pay) {
  static readonly layer = this.toLayer({ pay: ({ to }) => Effect.succeed(`paid ${to}`) })
}
const Clerk = Agent.make("clerk", { toolkit: Till })

/** A collector on the loopback interface: the received bodies, by path. */
const collector = Effect.acquireRelease(
  Effect.promise(async () => {
    const bodies: Array<{ readonly path: string; readonly text: string }> = []
    const server = createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        bodies.push({ path: request.url ?? "", text: Buffer.concat(chunks).toString() })
        response.writeHead(200, { "content-type": "application/json" }).end("{}")
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as AddressInfo
    return { bodies, server, baseUrl: `http://127.0.0.1:${port}` }
  }),
  ({ server }) => Effect.sync(() => server.close())
)

const Attribute = Schema.Struct({ key: Schema.String, value: Schema.Record(Schema.String, Schema.Json) })
const Traces = Schema.fromJsonString(
  Schema.Struct({
    resourceSpans: Schema.Array(
      Schema.Struct({
        scopeSpans: Schema.Array(
          Schema.Struct({
            spans: Schema.Array(Schema.Struct({ name: Schema.String, attributes: Schema.Array(Attribute) }))
          })
        )
      })
    )
  })
)

describe("the telemetry of a run", () => {
  it.live("reaches a collector by OTLP: spans with cost and approvals, metrics, and no content", () =>
    Effect.gen(function* () {
      const { baseUrl, bodies } = yield* collector
      const model = ScriptedModel.make({
        replies: [ScriptedModel.calls([{ id: "p", name: "pay", args: { to: secret } }]), ScriptedModel.text(secret)]
      })
      const live = Runtime.layer({ agents: [Clerk] }).pipe(
        Layer.provide([
          Till.layer,
          ModelTelemetry.layer(Layer.succeed(Model, model)),
          RunTelemetry.layer,
          Prices.layerTable({ "scripted/scripted-1": { inputPerMillionUsd: 1000, outputPerMillionUsd: 1000 } })
        ]),
        Layer.provideMerge(Otlp.layerJson({ baseUrl, resource: { serviceName: "till" } })),
        Layer.provide(NodeHttpClient.layerUndici)
      )
      // Building and closing the layer flushes what it has.
      yield* Effect.gen(function* () {
        const runtime = yield* Runtime
        yield* Stream.runForEach(runtime.query(secret), (event) =>
          event.type === "approval-required"
            ? runtime.respondToApproval(event.data.id, Decision.approve())
            : Effect.void
        )
      }).pipe(Effect.provide(live))

      const spans = bodies
        .filter(({ path }) => path === "/v1/traces")
        .flatMap(({ text }) => Schema.decodeUnknownSync(Traces)(text).resourceSpans)
        .flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
      assert.includeMembers(
        spans.map(({ name }) => name),
        ["invoke_agent clerk", "chat scripted-1", "execute_tool pay"]
      )
      const root = spans.find(({ name }) => name === "invoke_agent clerk")
      const told = Object.fromEntries((root?.attributes ?? []).map(({ key, value }) => [key, Object.values(value)[0]]))
      assert.isAbove(Number(told["agent.cost.usd"]), 0)
      assert.strictEqual(Number(told["agent.cost.unpriced"]), 0)
      assert.strictEqual(Number(told["agent.model_calls"]), 2)
      assert.strictEqual(Number(told["agent.tool_calls"]), 1)
      assert.strictEqual(Number(told["agent.approval.count"]), 1)
      assert.isAtLeast(Number(told["agent.approval.wait_seconds"]), 0)

      const metrics = bodies.filter(({ path }) => path === "/v1/metrics").map(({ text }) => text)
      assert.include(metrics.join(""), "gen_ai.client.token.usage")
      assert.include(metrics.join(""), "gen_ai.client.operation.duration")
      assert.notInclude(bodies.map(({ text }) => text).join(""), secret)
    })
  )
})
