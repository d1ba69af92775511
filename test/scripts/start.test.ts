import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

const root = join(import.meta.dirname, "..", "..")

describe("npm start -- --json-output", () => {
  it("prints one JSON object per line and nothing else, including npm's own output", async () => {
    const args = ["start", "--", "--json-output", "--approve", "deny", "--store", "memory", "--path", "docs"]
    const { stdout } = await promisify(execFile)("npm", args, {
      cwd: root,
      shell: process.platform === "win32",
      env: { ...process.env, REINS_MODEL: "" },
      maxBuffer: 1 << 26
    })
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).event)
    assert.strictEqual(events.at(-1), "finish")
    assert.isAbove(events.length, 10)
  })
})
