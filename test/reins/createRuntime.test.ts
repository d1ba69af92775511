import { assert, describe, it } from "@effect/vitest"
import { ScriptedModel } from "@reins/runtime/testing"
import { Clock, ConfigProvider, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { once } from "node:events"
import * as Http from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createRuntime, createServer, Decision } from "reins"
import { z } from "zod"

const folder = () => {
  const path = mkdtempSync(join(tmpdir(), "reins-named-"))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const agents = [{ name: "desk" }]
const Tree = z.object({
  name: z.string(),
  get below() {
    return z.array(Tree)
  }
})
const thrown = (call: () => unknown) => {
  try {
    call()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return undefined
}
const said = (promise: Promise<unknown>) => promise.then(() => "", String)

describe("a runtime of named services", () => {
  it("accepts a model by its name", async () => {
    await using runtime = createRuntime({ model: "scripted", agents })
    assert.include((await runtime.complete("hello")).output, "You said: hello")
  })

  it.each<[string, z.ZodType]>([
    ["fields", z.object({ team: z.enum(["billing", "shipping"]), urgent: z.boolean(), note: z.string().nullable() })],
    ["lists and sizes", z.object({ rows: z.array(z.object({ n: z.int().min(3) })).min(2), name: z.string().min(9) })],
    ["a union", z.union([z.object({ kind: z.literal("a"), n: z.number().gt(2).max(5) }), z.string()])],
    ["a schema that contains itself", Tree],
    ["an intersection", z.intersection(z.object({ a: z.string() }), z.object({ b: z.tuple([z.int(), z.boolean()]) }))]
  ])("has a scripted model that gives a typed answer: %s", async (_name, output) => {
    await using runtime = createRuntime({ model: "scripted", agents })
    assert.isDefined((await runtime.complete("Go", { output })).output)
  })

  it("asks OpenAI what a cut answer has used, with the environment's key, where it reconciles", async () => {
    const clock = await Effect.runPromise(TestClock.make().pipe(Effect.scoped))
    const second = Promise.withResolvers<void>()
    const gets: Array<string> = []
    const server = Http.createServer(({ headers, method, url }, response) => {
      if (method === "GET") {
        gets.push(`${url} ${headers.authorization}`)
        const usage = { input_tokens: 90, output_tokens: 8, total_tokens: 98 }
        response.writeHead(200, { "content-type": "application/json" })
        response.end(JSON.stringify({ status: "completed", usage }))
        // Runs are asked for one after the other: the first is booked.
        if (gets.length === 2) second.resolve()
        return
      }
      response.writeHead(200, { "content-type": "text/event-stream" })
      const send = (type: string, more: object) => response.write(`data: ${JSON.stringify({ type, ...more })}\n\n`)
      send("response.created", { response: { id: "resp_cut", created_at: 1, model: "gpt-5.2" } })
      const item = { type: "message", id: "msg_1", status: "in_progress", role: "assistant", content: [] }
      send("response.output_item.added", { output_index: 0, item })
      send("response.output_text.delta", { item_id: "msg_1", output_index: 0, delta: "Well, " })
    })
    await once(server.listen(0, "127.0.0.1"), "listening")
    const address = server.address()
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/v1`
    const set = ConfigProvider.fromUnknown({ OPENAI_API_KEY: "sk-set", OPENAI_BASE_URL: url })
    {
      await using runtime = createRuntime({
        model: `openai-responses:gpt-5.2@${url}`,
        agents,
        reconcile: true,
        services: Layer.merge(Layer.succeed(Clock.Clock, clock), Layer.succeed(ConfigProvider.ConfigProvider, set))
      })
      for (const runId of ["r1", "r2"]) {
        const run = await runtime.start("go", { runId })
        for await (const event of run.events()) if (event.type === "text") await runtime.cancel(runId)
      }
      await Effect.runPromise(clock.adjust("1 minute"))
      await second.promise
      assert.deepStrictEqual(gets, Array(2).fill("/v1/responses/resp_cut Bearer sk-set"))
      const { sum } = await runtime.costs.by()
      assert.isAtLeast(sum.corrections ?? 0, 1)
    }
    server.closeAllConnections()
    server.close()
  })

  it("throws at once when a model's name is invalid, its provider unknown or its key missing", () => {
    const make = (model: string) => () => createRuntime({ model, agents })
    assert.throws(make("gpt"), 'Invalid model name "gpt". Use provider:model')
    assert.throws(make("nobody:x"), 'Unknown provider "nobody"')
    const key = process.env["GROQ_API_KEY"]
    delete process.env["GROQ_API_KEY"]
    assert.throws(make("groq:x"), "Missing API key for provider groq. Set GROQ_API_KEY")
    if (key !== undefined) process.env["GROQ_API_KEY"] = key
  })

  it("throws at once when an option is none that it takes, and names the option, its value and the cure", () => {
    const of = (changed: object) => () => createRuntime({ model: "scripted", agents, ...changed } as never)
    assert.throws(of({ agents: undefined }), /Invalid option agents: undefined\. Give at least one agent/)
    assert.throws(of({ model: undefined }), /Invalid option model: undefined\. Give a model, or the name of one/)
    assert.throws(of({ mcp: { name: "files" } }), /^Invalid option mcp\. Give a list of servers/)
    assert.throws(of({ telemetry: "localhost" }), /^Invalid option telemetry\. Give an object/)
    assert.throws(
      of({ telemetry: { otlp: "http://host", service: "desk" } }),
      /^Unknown option in telemetry\. Available options: otlp, serviceName$/
    )
    assert.throws(
      of({ store: { sqlite: "a.db", postgres: "postgres://host/db" } }),
      /^Invalid option store\. Use "memory"/
    )
    assert.throws(
      of({ store: { sqlite: undefined, postgres: 5 } }),
      /^Invalid option store\.postgres\. Give the address of a database/
    )
    assert.throws(
      of({ mcp: [{ name: "files", command: undefined, url: 5 }] }),
      /^Invalid option mcp\[0\]\.url\. Give the address/
    )
    assert.throws(of({ apiKey: "sk-pasted" }), /^Unknown option apiKey\. Available options: (?!.*sk-pasted).*\bstore\b/)
    const server = { name: "files", command: "node" }
    const ofCommand = "name, prefix, only, command, args, env, cwd"
    for (const [wrong, words] of [
      [{ enviroment: { TOKEN: "sk-pasted" } }, `Unknown option in mcp[0]. Available options: ${ofCommand}`],
      [{ headers: { authorization: "sk-pasted" } }, `Unknown option in mcp[0]. Available options: ${ofCommand}`],
      [{ env: ["TOKEN=sk-pasted"] }, "Invalid option mcp[0].env. Give an object of texts by variable"],
      [{ env: { sk_pasted: 5 } }, "Invalid option mcp[0].env. Give a string"],
      [{ args: "--token sk-pasted" }, "Invalid option mcp[0].args. Give a list of arguments"],
      [{ cwd: 5 }, "Invalid option mcp[0].cwd. Give a string"],
      [{ only: [""] }, "Invalid option mcp[0].only[0]. Name a tool"]
    ] as const)
      assert.strictEqual(thrown(of({ mcp: [{ ...server, ...wrong }] })), words)
    const remote = { name: "files", url: "https://host", header: { authorization: "sk-pasted" } }
    assert.strictEqual(
      thrown(of({ mcp: [remote] })),
      "Unknown option in mcp[0]. Available options: name, prefix, only, url, headers"
    )
    assert.throws(of({ store: { sqlite: 5 } }), /^Invalid option store\.sqlite\. Give the path of a file/)
    assert.throws(of({ prices: 5 }), /^Invalid option prices: 5\. Give the path of a file of prices/)
    assert.throws(of({ reconcile: "yes" }), /^Invalid option reconcile: "yes"\. Use true or false/)
    assert.throws(of({ store: "postgres://user:secret@host/db" }), /^Invalid option store\. Use "memory"/)
    assert.throws(() => createRuntime(undefined as never), /Invalid option of createRuntime: undefined/)
  })

  it("stores its runs in a SQLite file, from which another runtime continues", async () => {
    using place = folder()
    const options = {
      model: ScriptedModel.make({
        respond: (request) =>
          ScriptedModel.lastResults(request).length === 0
            ? ScriptedModel.calls([{ id: "1", name: "pay", args: {} }])
            : ScriptedModel.text("paid")
      }),
      tools: { pay: { parameters: { type: "object", properties: {} }, needsApproval: true, execute: () => "ok" } },
      agents: [{ name: "desk", tools: ["pay"] }],
      store: { sqlite: join(place.path, "runs.db") }
    } as const
    {
      await using first = createRuntime(options)
      const run = await first.start("pay", { runId: "r", threadId: "t" })
      for await (const event of run.events()) if (event.type === "approval-required") break
    }
    await using second = createRuntime(options)
    const [open] = await second.pendingApprovals({ threadId: "t" })
    await second.respondToApproval(open?.request.id ?? "", Decision.approve())
    const events = []
    for await (const { event } of second.watch("r")) events.push(event)
    assert.deepInclude(
      events.find((event) => event.type === "tool-invocation" && event.state === "result"),
      { result: "ok" }
    )
  })

  it("gives agents the tools of MCP servers, and names two clashing sources", async () => {
    const server = (name: string, prefix?: string) =>
      ({
        name,
        command: process.execPath,
        args: [join(import.meta.dirname, "..", "models", "mcp", "server.mjs")],
        ...(prefix === undefined ? {} : { prefix })
      }) as const
    const model = ScriptedModel.make({
      replies: [
        ScriptedModel.calls([{ id: "1", name: "files_wipe", args: { words: "all" } }]),
        ScriptedModel.text("done")
      ]
    })
    const desk = { name: "desk", mcp: ["files"], approvals: { files_wipe: "never" } } as const
    await using runtime = createRuntime({ model, mcp: [server("files", "files_")], agents: [desk] })
    assert.strictEqual((await runtime.complete("go")).output, "done")
    const [, request] = model.requests
    assert.deepInclude(request === undefined ? [] : ScriptedModel.lastResults(request)[0], { result: "wipe: all" })

    const both = [{ name: "desk", mcp: ["files", "notes"] }]
    await using clashing = createRuntime({ model, mcp: [server("files"), server("notes")], agents: both })
    assert.include(await said(clashing.ready()), `one of MCP server "files" and one of MCP server "notes"`)
    assert.throws(() => createRuntime({ model, mcp: [server("files")], agents }), 'No agent uses MCP server "files"')
  })

  it("rejects at ready and at listen when its price file is invalid", async () => {
    using place = folder()
    const prices = join(place.path, "prices.json")
    writeFileSync(prices, "{")
    await using runtime = createRuntime({ model: "scripted", agents, prices })
    assert.include(await said(runtime.ready()), `Invalid price file ${prices}`)
    assert.include(await said(createServer(runtime, { access: "open" }).listen()), `Invalid price file ${prices}`)
  })

  it("sends traces to a collector, without content", async () => {
    const bodies: Array<string> = []
    const paths: Array<string> = []
    const collector = Http.createServer((request, response) => {
      let body = ""
      request.on("data", (chunk) => (body += chunk))
      request.on("end", () => {
        paths.push(request.url ?? "")
        bodies.push(body)
        response.end("{}")
      })
    }).listen(0, "127.0.0.1")
    await once(collector, "listening")
    const address = collector.address()
    const otlp = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
    {
      await using runtime = createRuntime({ model: "scripted", agents, telemetry: { otlp, serviceName: "shop" } })
      await runtime.complete("a secret prompt")
    }
    const traces = bodies.filter((_, index) => paths[index] === "/v1/traces").join("\n")
    assert.include(traces, "invoke_agent desk")
    assert.include(traces, '"shop"')
    assert.notInclude(bodies.join("\n"), "a secret prompt")
    collector.close()
    collector.closeAllConnections()
  })
})
