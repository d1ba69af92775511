import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

describe("a runtime mounted in another app", () => {
  it("answers through Hono, a route handler of Next, Express and Node's own server", async () => {
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, "main.ts")])
    assert.strictEqual(stderr, "")
    assert.deepStrictEqual(
      stdout.trimEnd().split("\n"),
      ["hono", "next", "express", "node"].map((name) => `${name}: 200 Order A-1 is on its way.`)
    )
  })
})
