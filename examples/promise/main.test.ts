import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"

const main = join(import.meta.dirname, "main.ts")

describe("promise", () => {
  it("looks up the order, asks, refunds the approved amount, and answers", async () => {
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [main])
    assert.strictEqual(stderr, "")
    const lines = stdout.trimEnd().split("\n")
    assert.includeMembers(lines, [
      "… reading A-1",
      "? refund { order: 'A-1', amountUsd: 80 }",
      "= { order: 'A-1', paidUsd: 80 }",
      "= 60 dollars back for A-1"
    ])
    assert.deepStrictEqual(lines.slice(-2), ["After 3 messages: 60 dollars are on their way.", "stop, 130 tokens"])
  })

  it("imports nothing of Effect", () => {
    assert.notMatch(readFileSync(main, "utf8"), /from "(effect|@effect)/)
  })
})
