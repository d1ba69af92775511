/** The protocol's own test server as a source of tools: all of them, over both transports, ended after the run. */
import { assert, describe, it } from "@effect/vitest"
import { McpTools } from "@reins/models/mcp"
import { Ordering } from "@reins/protocol"
import { Agent, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Stream } from "effect"
import { http, type Server, stdio } from "./Everything.ts"

/** The arguments of each of the server's tools; none needs a network. */
const args: { readonly [tool: string]: { readonly [name: string]: string | number | boolean } } = {
  echo: { message: "hello" },
  "get-annotated-message": { messageType: "error", includeImage: true },
  "get-env": {},
  "get-resource-links": { count: 2 },
  "get-resource-reference": { resourceType: "Text", resourceId: 1 },
  "get-structured-content": { location: "Chicago" },
  "get-sum": { a: 2, b: 3 },
  "get-tiny-image": {},
  "gzip-file-as-resource": { name: "a.gz", data: "data:text/plain;base64,aGVsbG8=", outputType: "resource" },
  "toggle-simulated-logging": {},
  "toggle-subscriber-updates": {},
  "trigger-long-running-operation": { duration: 0.4, steps: 4 }
}

/** A run in which the model calls these tools, all at once. */
const calling = (
  server: Server,
  calls: ReadonlyArray<readonly [string, { readonly [name: string]: string | number | boolean }]>
) =>
  Effect.gen(function* () {
    const model = ScriptedModel.make({
      replies: [
        ScriptedModel.calls(calls.map(([name, given]) => ({ id: name, name, args: given }))),
        ScriptedModel.text("done")
      ]
    })
    const agent = Agent.make("caller", { toolkit: McpTools.toolkit() })
    const log = yield* Effect.gen(function* () {
      const runtime = yield* Runtime
      const run = yield* runtime.start("go")
      return yield* Stream.runCollect(run.envelopes)
    }).pipe(
      Effect.provide(
        Layer.provide(Runtime.layer({ agents: [agent], unattended: "deny" }), [server, Layer.succeed(Model, model)])
      )
    )
    assert.deepStrictEqual(Ordering.check(log), [])
    const request = model.requests[1]
    return {
      offered: (model.requests[0]?.tools ?? []).map(({ name }) => name),
      progress: log.flatMap(({ event }) =>
        event.type === "tool-progress" ? [[event.toolCallId, event.phaseIndex, event.totalPhases]] : []
      ),
      files: log.flatMap(({ event }) => (event.type === "data-file-registered" ? [event.data] : [])),
      results: new Map(
        (request === undefined ? [] : ScriptedModel.lastResults(request)).map((result) => [result.name, result])
      )
    }
  })

for (const [transport, make] of [
  ["stdio", Effect.map(stdio, ({ server }) => ({ server }))],
  ["streamable HTTP", http]
] as const) {
  describe(`the protocol's own server over ${transport}`, () => {
    it.live(
      "has every tool listed and called, with results that the model reads",
      () =>
        Effect.gen(function* () {
          const { server } = yield* make
          const { files, offered, results } = yield* calling(server, Object.entries(args))
          // `elicitation.test.ts` has the one that asks a person.
          const known = [...Object.keys(args), "trigger-elicitation-request"]
          assert.sameMembers(offered, known, "a tool that this test does not know, or the server lost")
          for (const name of Object.keys(args)) assert.isUndefined(results.get(name)?.status, `${name} failed`)
          assert.deepInclude(results.get("echo"), { result: "Echo: hello" })
          assert.include(JSON.stringify(results.get("get-sum")?.result), "5")
          assert.deepInclude(results.get("get-structured-content")?.result, { conditions: "Light rain / drizzle" })
          const image = results.get("get-tiny-image")?.content?.find((part) => part.type === "file")
          assert.deepInclude(image, { mediaType: "image/png" })
          // Clients get files, and no bytes within a result.
          const stored = files.filter(({ mediaType }) => mediaType === "image/png")
          assert.isAbove(stored.length, 0)
          const told = JSON.stringify(results.get("get-tiny-image")?.result)
          assert.isTrue(stored.some(({ fileId, sizeBytes }) => sizeBytes > 0 && told.includes(fileId)))
          assert.notInclude(told, '"data"')
        }).pipe(Effect.scoped),
      30_000
    )

    it.live(
      "reports the progress of a long operation",
      () =>
        Effect.gen(function* () {
          const name = "trigger-long-running-operation"
          const { server } = yield* make
          const { progress } = yield* calling(server, [[name, { duration: 0.4, steps: 4 }]])
          assert.deepStrictEqual(
            progress,
            [1, 2, 3, 4].map((phase) => [name, phase, 4])
          )
        }).pipe(Effect.scoped),
      30_000
    )

    it.live(
      "has its errors read by the model, while other calls continue",
      () =>
        Effect.gen(function* () {
          const { server } = yield* make
          const { results } = yield* calling(server, [
            ["get-sum", { a: "two" }],
            ["echo", { message: "still here" }]
          ])
          assert.strictEqual(results.get("get-sum")?.status, "failed")
          assert.match(JSON.stringify(results.get("get-sum")?.result), /number/)
          assert.deepInclude(results.get("echo"), { result: "Echo: still here" })
        }).pipe(Effect.scoped),
      30_000
    )
  })
}

describe("the process of a server", () => {
  it.live(
    "runs as long as the runtime",
    () =>
      Effect.gen(function* () {
        const { running, server } = yield* stdio
        yield* calling(server, [["echo", { message: "hello" }]])
        assert.deepStrictEqual(yield* running, [false])
      }),
    30_000
  )
})
