import { assert, describe, it } from "@effect/vitest"
import { McpTools } from "@reins/models/mcp"
import type { Json } from "@reins/protocol"
import { Agent, Model, Runtime } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Layer, Schema } from "effect"

const untyped = Schema.decodeUnknownSync(Schema.Any)
const parameters = { type: "object", properties: { where: { type: "string" } }, required: ["where"] }

/** What the model reads of a call that a server answers with `result`, and how the server was called. */
const answered = (result: object, args: Json = { where: "here" }) =>
  Effect.gen(function* () {
    const called: Array<unknown> = []
    const client = untyped({
      listTools: () => Effect.succeed([{ name: "chart", inputSchema: parameters }]),
      callTool: (options: { readonly arguments: unknown }) =>
        Effect.sync(() => {
          called.push(options.arguments)
          return result
        })
    })
    const model = ScriptedModel.make({
      replies: [ScriptedModel.calls([{ id: "c", name: "chart", args }]), ScriptedModel.text("done")]
    })
    const agent = Agent.make("desk", { toolkit: McpTools.fromClient(client), approvals: { chart: "never" } })
    yield* Effect.flatMap(Runtime, (runtime) => runtime.complete("go")).pipe(
      Effect.provide(Runtime.layer({ agents: [agent] }).pipe(Layer.provide(Layer.succeed(Model, model))))
    )
    const [, request] = model.requests
    const [part] = request === undefined ? [] : ScriptedModel.lastResults(request)
    return { part, called }
  })

const text = (words: string) => ({ type: "text", text: words })
const image = { type: "image", mimeType: "image/png", data: "AQID" }
const reference = (filename: string, mediaType: string) => ({ type: "file", filename, mediaType, sizeBytes: 3 })
const file = { type: "file", mediaType: "image/png", data: "AQID" }

describe("the result of a server's tool", () => {
  it.effect.each<readonly [string, object, Json, ReadonlyArray<object>]>([
    ["text", { content: [text("a"), text("b")] }, "a\nb", [text("a"), text("b")]],
    ["nothing", { content: [] }, "", []],
    ["a text without words", { content: [text("")] }, "", []],
    [
      "structure, and its text",
      { content: [text('{ "a": 1 }')], structuredContent: { a: 1 } },
      { a: 1 },
      [text('{"a":1}')]
    ],
    [
      "structure with a member called content, and another text",
      { content: [text("2 entries")], structuredContent: { content: ["x", "y"] } },
      { content: ["x", "y"] },
      [text('{"content":["x","y"]}'), text("2 entries")]
    ],
    [
      "structure and an image",
      { content: [text('{"a":1}'), image], structuredContent: { a: 1 } },
      { structuredContent: { a: 1 }, content: [text('{"a":1}'), reference("image-1.png", "image/png")] },
      [text('{"a":1}'), file]
    ],
    [
      "audio, and resources of bytes",
      {
        content: [
          { type: "audio", mimeType: "audio/mpeg", data: "AQID" },
          { type: "resource", resource: { uri: "file:///maps/sea.png?v=2", mimeType: "image/png", blob: "AQID" } },
          { type: "resource", resource: { uri: "memo:7", blob: "AQID" } }
        ]
      },
      {
        content: [
          reference("audio-1.mp3", "audio/mpeg"),
          reference("sea.png", "image/png"),
          reference("file-3.bin", "application/octet-stream")
        ]
      },
      [{ ...file, mediaType: "audio/mpeg" }, file, { ...file, mediaType: "application/octet-stream" }]
    ],
    [
      "bytes that are no base64",
      { content: [{ ...image, data: "?" }] },
      { content: [{ ...file, type: "image", data: "?" }] },
      [{ ...file, data: "?" }]
    ],
    [
      "a link and a resource",
      {
        content: [
          { type: "resource_link", uri: "file:///a", name: "A" },
          { type: "resource", resource: { uri: "file:///b", text: "b" } }
        ]
      },
      {
        content: [
          { type: "link", uri: "file:///a", name: "A" },
          { type: "text", text: "b", uri: "file:///b" }
        ]
      },
      [text("A: file:///a"), text("b")]
    ]
  ])("is complete: %s", ([, result, told, shown]) =>
    Effect.gen(function* () {
      const { part } = yield* answered(result)
      // The ids of files are the runtime's.
      const said = JSON.parse(JSON.stringify(part?.result, (name, value) => (name === "fileId" ? undefined : value)))
      assert.deepStrictEqual<unknown>([part?.status, said, part?.content], [undefined, told, shown])
    })
  )

  it.effect.each<readonly [object, string]>([
    [{ content: [text("the disk is full")] }, "the disk is full"],
    [{ content: [] }, "The server reported a failure without a message"],
    [{ content: [text("")], structuredContent: { code: 7 } }, '{"code":7}'],
    [{ content: [text("see"), image] }, "see\n[image/png]"]
  ])("as a failure, %j, has a message", ([result, message]) =>
    Effect.gen(function* () {
      const { part } = yield* answered({ ...result, isError: true })
      assert.strictEqual(part?.status, "failed")
      assert.deepInclude(part?.result, { message })
    })
  )
})

describe("a server's tool", () => {
  it.effect.each<Json>([{}, null, [], "x", '{"where": "id = 7', { where: 7 }])("is not called with %j", (args) =>
    Effect.gen(function* () {
      const { called, part } = yield* answered({ content: [text("gone")] }, args)
      assert.deepStrictEqual(called, [])
      assert.deepInclude(part?.result, { error: "InvalidArguments" })
    })
  )
})
