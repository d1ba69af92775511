/** The protocol's own test server as a source of tools: all of them, over both transports, ended after the run. */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { McpTools } from "@reins/models/mcp"
import { Ordering } from "@reins/protocol"
import { Agent, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, type Scope, Stream } from "effect"
import type { McpClient } from "effect/ai"
import type { McpClientError } from "effect/ai/McpClientError"
import { FetchHttpClient } from "effect/http"
import { ChildProcess } from "effect/process"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:net"
import { join } from "node:path"

// It is a program without an entry to resolve.
const program = join(import.meta.dirname, "node_modules/@modelcontextprotocol/server-everything/dist/index.js")

type Server = Layer.Layer<McpClient.McpClient, McpClientError>

/** The run's own process. `running`: whether each started process still runs. */
const stdio = Effect.gen(function* () {
  const spawner = yield* ChildProcessSpawner
  const handles: Array<Effect.Effect<boolean>> = []
  const watched = Layer.succeed(ChildProcessSpawner, {
    ...spawner,
    spawn: (command) =>
      Effect.tap(spawner.spawn(command), (handle) => Effect.sync(() => handles.push(Effect.orDie(handle.isRunning))))
  })
  const server: Server = McpTools.layerStdio(ChildProcess.make(process.execPath, [program, "stdio"])).pipe(
    Layer.provide(watched)
  )
  return { server, running: Effect.suspend(() => Effect.all(handles)) }
}).pipe(Effect.provide(NodeServices.layer))

/** A port that nothing listens on. */
const freePort = Effect.promise(async () => {
  const probe = createServer().listen(0, "127.0.0.1")
  await once(probe, "listening")
  const address = probe.address()
  probe.close()
  await once(probe, "close")
  return typeof address === "object" && address !== null ? address.port : 0
})

/** The server at an address, for as long as the scope. */
const http: Effect.Effect<{ readonly server: Server }, never, Scope.Scope> = Effect.gen(function* () {
  const port = yield* freePort
  yield* Effect.acquireRelease(
    Effect.promise(async () => {
      const child = spawn(process.execPath, [program, "streamableHttp"], {
        env: { ...process.env, PORT: String(port) },
        stdio: ["ignore", "ignore", "pipe"]
      })
      for await (const chunk of child.stderr) if (String(chunk).includes("listening")) break
      child.stderr.resume()
      return child
    }),
    (child) =>
      Effect.promise(async () => {
        child.kill("SIGKILL")
        await once(child, "close")
      })
  )
  return { server: Layer.provide(McpTools.layerHttp(`http://127.0.0.1:${port}/mcp`), FetchHttpClient.layer) }
})

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
          assert.sameMembers(offered, Object.keys(args), "a tool that this test does not know, or the server lost")
          for (const name of offered) assert.isUndefined(results.get(name)?.status, `${name} failed`)
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
