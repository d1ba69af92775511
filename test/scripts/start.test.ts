import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"

const root = join(import.meta.dirname, "..", "..")

describe("npm start -- --json", () => {
  it("prints envelopes, one JSON object per line, and nothing else, including npm's own output", async () => {
    const { stdout } = await promisify(execFile)("npm", ["start", "--", "--json", "--deny", "--path", "docs"], {
      cwd: root,
      shell: process.platform === "win32",
      maxBuffer: 1 << 26
    })
    const lines = stdout.trimEnd().split("\n")
    const seqs = lines.map((line) => JSON.parse(line).seq)
    assert.deepStrictEqual(
      seqs,
      seqs.map((_, index) => index + 1)
    )
    assert.isAbove(seqs.length, 10)
  })
})
