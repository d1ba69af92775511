import { assert, describe, it } from "@effect/vitest"
import { ToolRun, ToolSettings } from "@reins/runtime"
import { Effect } from "effect"
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
