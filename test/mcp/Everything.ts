/** The protocol's own test server, over both transports. */
import { NodeServices } from "@effect/platform-node"
import { McpTools } from "@reins/models/mcp"
import { Effect, Layer, type Scope } from "effect"
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

export type Server = Layer.Layer<McpClient.McpClient, McpClientError>

/** The run's own process. `running`: whether each started process still runs. */
export const stdio = Effect.gen(function* () {
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
export const http: Effect.Effect<{ readonly server: Server }, never, Scope.Scope> = Effect.gen(function* () {
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
