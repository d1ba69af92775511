import { assert, describe, it } from "@effect/vitest"
import { FileOutput, ToolRun, ToolSettings } from "@reins/runtime"
import { ScriptedModel } from "@reins/runtime/testing"
import { Effect, Schema } from "effect"
import * as OneTool from "../../support/OneTool.ts"

const store = (content: string | Uint8Array) =>
  Effect.gen(function* () {
    const run = yield* ToolRun
    return yield* run.storeFile({ filename: "notes.txt", mediaType: "text/plain", content })
  })

describe("a file that a tool stores", () => {
  it.effect("is announced once its bytes are stored, with its address, and is read by its tenant only", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* OneTool.start({
        handler: () => store("grün"),
        runtime: { fileUrl: (fileId) => `/files/${fileId}` }
      })
      yield* probe.end
      const [event] = probe.of("data-file-registered")
      const fileId = event?.data.fileId ?? ""
      assert.match(fileId, /^file_[0-9a-f]{32}$/)
      assert.deepStrictEqual(event?.data, {
        fileId,
        filename: "notes.txt",
        mediaType: "text/plain",
        sizeBytes: 5,
        url: `/files/${fileId}`
      })
      const file = yield* runtime.files.get(fileId, { resourceId: "default" })
      assert.strictEqual(new TextDecoder().decode(file?.content), "grün")
      assert.isUndefined(yield* runtime.files.get(fileId, { resourceId: "other" }))
      assert.lengthOf(yield* runtime.files.list("thread"), 1)
      assert.lengthOf(yield* runtime.files.list("thread", { resourceId: "other" }), 0)
    })
  )

  it.effect("that is too large is a typed failure, and nothing is stored", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* OneTool.start({
        handler: () =>
          Effect.catchTag(store(new Uint8Array(11)), "FileTooLarge", (error) => Effect.succeed(error.message)),
        runtime: { maxFileBytes: 10 }
      })
      yield* probe.end
      const [, result] = probe.of("tool-invocation")
      assert.strictEqual(
        result?.state === "result" ? result.result : undefined,
        'File "notes.txt" has 11 bytes. The limit is 10'
      )
      assert.lengthOf(probe.of("data-file-registered"), 0)
      assert.lengthOf(yield* runtime.files.list("thread"), 0)
    })
  )

  it.effect("is a copy, whatever happens to the handler's buffer", () =>
    Effect.gen(function* () {
      const buffer = new TextEncoder().encode("before")
      const { probe, runtime } = yield* OneTool.start({
        handler: () => Effect.tap(store(buffer), () => Effect.sync(() => buffer.fill(0)))
      })
      yield* probe.end
      const [file] = yield* runtime.files.list("thread")
      const stored = yield* runtime.files.get(file?.fileId ?? "")
      assert.strictEqual(new TextDecoder().decode(stored?.content), "before")
    })
  )

  it.effect("is one file when its call is retried", () =>
    Effect.gen(function* () {
      const { probe, runtime } = yield* OneTool.start({
        tool: OneTool.work.annotate(ToolSettings.Retries, 2),
        handler: () =>
          Effect.gen(function* () {
            const { attempt } = yield* ToolRun
            yield* store(`attempt ${attempt}`)
            return attempt < 2 ? yield* Effect.fail("again") : "done"
          })
      })
      yield* probe.end
      const [file, ...more] = yield* runtime.files.list("thread")
      assert.lengthOf(more, 0)
      const stored = yield* runtime.files.get(file?.fileId ?? "")
      assert.strictEqual(new TextDecoder().decode(stored?.content), "attempt 2")
    })
  )
})

const untyped = Schema.decodeUnknownSync(Schema.Any)

const bytes = new Uint8Array([1, 2, 3])
const picture = () => new FileOutput({ mediaType: "image/png", content: bytes })

/** A call that returns `value`: its result in the log, the part that the model reads, and what its thread keeps. */
const returning = Effect.fnUntraced(function* (value: unknown, more: Partial<OneTool.Options> = {}) {
  const model = OneTool.caller()
  const { probe, runtime } = yield* OneTool.start({ handler: () => Effect.succeed(value), model, ...more })
  yield* probe.end
  const [, event] = probe.of("tool-invocation")
  const [part] = ScriptedModel.lastResults(untyped(model.requests[1]))
  const files = yield* runtime.files.list("thread")
  return { probe, runtime, part, files, result: untyped(event?.state === "result" ? event.result : undefined) }
})

describe("a file within a tool's result", () => {
  it.effect.each([
    ["a plain toolkit", {}],
    ["a bound toolkit", { bound: true }],
    [
      "a tool with a schema",
      {
        tool: untyped(
          OneTool.work.setSuccess(Schema.Struct({ title: Schema.String, both: Schema.Array(FileOutput.schema) }))
        )
      }
    ]
  ] as const)("is stored before the result refers to it, and the model reads the file itself: %s", ([, more]) =>
    Effect.gen(function* () {
      const note = new FileOutput({ mediaType: "text/plain", filename: "note.txt", content: "grün" })
      const { files, part, probe, result, runtime } = yield* returning({ title: "Two", both: [picture(), note] }, more)
      const [one, two] = probe.of("data-file-registered").map(({ data }) => data)
      assert.deepStrictEqual(
        [one, two].map((data) => [data?.filename, data?.mediaType, data?.sizeBytes]),
        [
          ["image-1.png", "image/png", 3],
          ["note.txt", "text/plain", 5]
        ]
      )
      const told = { title: "Two", both: [one, two].map((data) => ({ type: "file", ...data })) }
      assert.deepStrictEqual(result, told)
      assert.deepStrictEqual(part?.result, told)
      assert.deepStrictEqual(part?.content, [
        { type: "text", text: JSON.stringify(result) },
        { type: "file", mediaType: "image/png", data: "AQID", filename: "image-1.png" },
        { type: "file", mediaType: "text/plain", data: "Z3LDvG4=", filename: "note.txt" }
      ])
      assert.isBelow(probe.types.lastIndexOf("data-file-registered"), probe.types.lastIndexOf("tool-invocation"))
      assert.lengthOf(files, 2)
      assert.deepStrictEqual((yield* runtime.files.get(one?.fileId ?? ""))?.content, bytes)
    })
  )

  it.effect("that stands in two places is stored once, alone or in an instance of a class", () =>
    Effect.gen(function* () {
      const file = picture()
      const told = { toJSON: () => ({ first: file, second: [file] }) }
      const { files, result } = yield* returning(told)
      assert.lengthOf(files, 1)
      const reference = {
        type: "file",
        fileId: files[0]?.fileId ?? "",
        filename: "image-1.png",
        mediaType: "image/png",
        sizeBytes: 3
      }
      assert.deepStrictEqual(result, { first: reference, second: [reference] })
      const alone = yield* returning(picture())
      assert.deepStrictEqual(alone.result, { ...reference, fileId: alone.files[0]?.fileId })
    })
  )

  it.effect("that is too large is named in the result and not read by the model, and nothing is stored", () =>
    Effect.gen(function* () {
      const { files, part, result } = yield* returning(picture(), { runtime: { maxFileBytes: 2 } })
      const message = 'File "image-1.png" has 3 bytes. The limit is 2'
      const about = { filename: "image-1.png", mediaType: "image/png", sizeBytes: 3 }
      assert.deepStrictEqual(result, { type: "file", ...about, error: "FileTooLarge", message })
      assert.deepStrictEqual(part?.content, [{ type: "text", text: JSON.stringify(result) }])
      assert.lengthOf(files, 0)
    })
  )

  it.effect("of which the tool says itself what a model reads is stored the same way", () =>
    Effect.gen(function* () {
      const tool = Object.assign(OneTool.work.annotate(ToolSettings.Retries, 0), {
        toModelOutput: () => [{ type: "text", text: "A picture." }]
      })
      const { files, part } = yield* returning(picture(), { tool: untyped(tool) })
      assert.deepStrictEqual(part?.content, [{ type: "text", text: "A picture." }])
      assert.lengthOf(files, 1)
    })
  )

  it("is base64 in JSON where no runtime stores it, and the schema reads that again", () => {
    const json = JSON.stringify(picture())
    assert.strictEqual(json, '{"type":"file","mediaType":"image/png","data":"AQID"}')
    const codec = Schema.toCodecJson(FileOutput.schema)
    const read = Schema.decodeUnknownSync(codec)(JSON.parse(json))
    assert.deepStrictEqual([read.mediaType, read.content], ["image/png", bytes])
    assert.deepStrictEqual(Schema.encodeSync(codec)(read), JSON.parse(json))
  })
})
