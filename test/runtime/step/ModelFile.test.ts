import { assert, describe, it } from "@effect/vitest"
import type { ModelPart } from "@reins/runtime"
import type { ScriptedModel } from "@reins/runtime/testing"
import { Effect } from "effect"
import * as Solo from "../../support/Solo.ts"
import * as Story from "../../support/Story.ts"

const finish: ModelPart = { type: "finish", reason: "stop" }
const file = (mediaType: string, data: string): ModelPart => ({ type: "file", mediaType, data })
const reply = (...parts: ReadonlyArray<ModelPart>): ScriptedModel.Reply => ({ parts: [parts] })
const bytes = (text: string) => new TextEncoder().encode(text)

const run = Effect.fnUntraced(function* (parts: ReadonlyArray<ModelPart>, options: Solo.Options = {}) {
  const { probe, runtime } = yield* Solo.finished([reply(...parts, finish)], options)
  Story.isWhole(probe.envelopes)
  return { probe, runtime, files: probe.of("data-file-registered").map(({ data }) => data) }
})

describe("a file that a model made", () => {
  it.effect("is stored with the thread, told of, and kept in the conversation", () =>
    Effect.gen(function* () {
      const { files, probe, runtime } = yield* run(
        [
          { type: "text", text: "Here." },
          file("image/jpeg", "aGk="),
          file("audio/wav", "data:audio/wav;base64,aG8="),
          file("application/x-very-special", "aGE=")
        ],
        { runtime: { fileUrl: (id) => `https://acme.test/${id}` } }
      )
      assert.deepStrictEqual(probe.types.slice(0, 6), [
        "step-start",
        "text",
        "data-file-registered",
        "data-file-registered",
        "data-file-registered",
        "finish"
      ])
      assert.deepStrictEqual(
        files.map(({ filename, mediaType, sizeBytes }) => [filename, mediaType, sizeBytes]),
        [
          ["image-1-1.jpg", "image/jpeg", 2],
          ["audio-1-2.wav", "audio/wav", 2],
          ["file-1-3.bin", "application/x-very-special", 2]
        ]
      )
      assert.strictEqual(files[0]?.url, `https://acme.test/${files[0]?.fileId}`)
      const stored = yield* runtime.files.get(files[1]?.fileId ?? "")
      assert.deepStrictEqual([stored?.content, stored?.threadId, stored?.runId], [bytes("ho"), "thread", "run"])
      assert.include(JSON.stringify(yield* runtime.threads.get("thread")), "aGk=")
    }).pipe(Effect.scoped)
  )

  it.effect("has the provider's address where it is there, and is not stored above the limit", () =>
    Effect.gen(function* () {
      const { files, probe } = yield* run(
        [file("image/png", "https://acme.test/cat.png"), file("image/png", "aGVsbG8=")],
        { runtime: { maxFileBytes: 4 } }
      )
      assert.deepStrictEqual(
        files.map(({ sizeBytes, url }) => [sizeBytes, url]),
        [[0, "https://acme.test/cat.png"]]
      )
      const [warning] = probe.of("custom")
      assert.strictEqual(warning?.event_type, "model_warning")
      assert.include(JSON.stringify(warning?.data), "maxFileBytes is 4")
    }).pipe(Effect.scoped)
  )

  it.effect("of its reasoning is not told of", () =>
    Effect.gen(function* () {
      const { files } = yield* run([{ type: "file", mediaType: "image/png", data: "aGk=", purpose: "reasoning" }])
      assert.deepStrictEqual(files, [])
    }).pipe(Effect.scoped)
  )
})
