import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..", "..")

describe("docs/dialects.md", () => {
  it("matches what the codecs do (regenerate it with: node scripts/dialects-table.ts)", () => {
    const said = execFileSync(process.execPath, ["scripts/dialects-table.ts", "--check"], {
      cwd: root,
      encoding: "utf8"
    })
    assert.strictEqual(said, "")
  })

  it("has a row for every event", () => {
    const page = readFileSync(join(root, "docs", "dialects.md"), "utf8")
    const types = readFileSync(join(root, "packages", "protocol", "src", "event", "EventData.ts"), "utf8").matchAll(
      /type: Schema\.Literal\("([\w-]+)"\)/g
    )
    for (const [, type] of types) assert.include(page, `| \`${type}\``)
  })
})
