import { assert, describe, it } from "@effect/vitest"
import { Runtime } from "@reins/runtime"
import { Effect, Stream } from "effect"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { RuntimeLive } from "./Everything.ts"

const main = join(import.meta.dirname, "main.ts")

describe("serve-all", () => {
  it.effect("keeps the file that a tool makes, and says where it is", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const events = yield* Stream.runCollect(runtime.query("scenario files", { threadId: "t" }))
      const told = [...events].find((event) => event.type === "data-file-registered")?.data
      assert.strictEqual(told?.url, `/native/files/${told?.fileId}`)
      const file = yield* runtime.files.get(told?.fileId ?? "")
      assert.strictEqual(new TextDecoder().decode(file?.content), "All about tides.\n")
    }).pipe(Effect.provide(RuntimeLive))
  )

  it("says where each dialect is, asks itself a question, and ends", async () => {
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [main])
    assert.strictEqual(stderr, "")
    const paths = [...stdout.matchAll(/http:\/\/127\.0\.0\.1:\d+(\/\S+)/g)].map(([, path]) => path)
    assert.deepStrictEqual(paths, [
      "/native",
      "/karta",
      "/aap",
      "/aap-v2",
      "/kai",
      "/steerable",
      "/ai-sdk",
      "/openai-chat/v1",
      "/openai-responses/v1",
      "/anthropic",
      "/ag-ui",
      "/docs"
    ])
    assert.match(stdout, /Done: .*all about tides/)
  })

  it("refuses a port that is none", async () => {
    const ended = await promisify(execFile)(process.execPath, [main, "--port", "many"]).catch((error: unknown) => error)
    assert.strictEqual((ended as { readonly code?: unknown }).code, 2)
  })
})
