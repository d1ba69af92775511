import { assert, describe, it } from "@effect/vitest"
import type { Message } from "@reins/protocol"
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

  it.effect("makes the calls that a prompt spells out, and shows what the model was given", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      yield* runtime.complete('call lookup {"query":"winds"}', { threadId: "s" })
      yield* runtime.complete("calls lookup flaky", { threadId: "s" })
      const { output } = yield* runtime.complete("now show", { threadId: "s" })
      const { instructions, messages, tools } = JSON.parse(output)
      assert.strictEqual(instructions, "You help.")
      const calls = (messages as ReadonlyArray<Message.Message>).flatMap(({ content }) =>
        content.flatMap((part) => (part.type === "tool-call" ? [[part.name, part.args]] : []))
      )
      assert.deepStrictEqual(calls, [
        ["lookup", { query: "winds" }],
        ["lookup", { query: "tides" }],
        ["flaky", { reason: "the shelf is empty" }]
      ])
      assert.include(
        tools.map(({ name }: { readonly name: string }) => name),
        "lookup"
      )
    }).pipe(Effect.provide(RuntimeLive))
  )

  it.live("goes through pages until it is steered, and then says what it was told", () =>
    Effect.gen(function* () {
      const runtime = yield* Runtime
      const { result, runId } = yield* runtime.start("scenario steer")
      yield* runtime.steer(runId, "turn round")
      assert.include((yield* result).output, "turn round")
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
      "/aap-v1",
      "/kai",
      "/steerable",
      "/ai-sdk",
      "/openai-chat/v1",
      "/openai-responses/v1",
      "/anthropic",
      "/ag-ui",
      "/a2a",
      "/docs"
    ])
    assert.match(stdout, /Done: .*all about tides/)
  })

  it("refuses an invalid port", async () => {
    const ended = await promisify(execFile)(process.execPath, [main, "--port", "many"]).catch((error: unknown) => error)
    assert.strictEqual((ended as { readonly code?: unknown }).code, 2)
  })
})
