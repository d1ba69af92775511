/** The protocol's official client calls our specialists. */
import { assert, describe, it } from "@effect/vitest"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

const program = join(import.meta.dirname, "specialists.ts")

const tries = async (client: Client): Promise<void> => {
  const { tools } = await client.listTools()
  assert.deepStrictEqual(
    tools.map(({ name }) => name),
    ["adder"]
  )
  const call = (args: Record<string, unknown>) => client.callTool({ name: "adder", arguments: args })
  const answered = await call({ a: 1, b: 2 })
  assert.notStrictEqual(answered.isError, true)
  assert.include(JSON.stringify(answered), '\\"sum\\":3')
  const failed = await call({ a: 13, b: 0 })
  assert.strictEqual(failed.isError, true)
  assert.include(JSON.stringify(failed.content), "does not fit its output schema")
  const refused = await call({ a: "one" })
  assert.strictEqual(refused.isError, true)
}

describe("our specialists, called by the official client", () => {
  it("answer over stdio", async () => {
    const client = new Client({ name: "test", version: "1.0.0" })
    await client.connect(new StdioClientTransport({ command: process.execPath, args: [program, "stdio"] }))
    try {
      await tries(client)
    } finally {
      await client.close()
    }
  }, 30_000)

  it("answer over streamable HTTP", async () => {
    const child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "inherit"] })
    const client = new Client({ name: "test", version: "1.0.0" })
    try {
      const [line] = (await once(child.stdout, "data")) as [Buffer]
      await client.connect(new StreamableHTTPClientTransport(new URL(line.toString().trim())))
      await tries(client)
    } finally {
      await client.close()
      child.kill()
      await once(child, "close")
    }
  }, 30_000)
})
