import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

const main = join(import.meta.dirname, "main.ts")

describe("serve-all", () => {
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
