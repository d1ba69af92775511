import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

describe("hello", () => {
  it("books after the approval, answers, and prints its usage", async () => {
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, "main.ts")])
    assert.strictEqual(stderr, "")
    const [answer, end] = stdout.split("\n")
    assert.strictEqual(answer, "You have a room in Lisbon.")
    assert.match(end ?? "", /^stop \{/)
    assert.match(stdout, /totalTokens: 27/)
  })
})
