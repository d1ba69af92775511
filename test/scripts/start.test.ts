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

describe("npm start in a pipe", () => {
  it("asks what is piped in, line by line, and nothing of its own", async () => {
    const program = execFile(
      process.execPath,
      [join(root, "scripts", "task.mjs"), "start", "--store", "memory", "--path", "docs"],
      {
        cwd: root,
        env: { ...process.env, REINS_MODEL: "", NO_COLOR: "1" },
        maxBuffer: 1 << 26
      }
    )
    const shown: Array<string> = []
    program.stdout?.on("data", (piece) => shown.push(String(piece)))
    program.stdin?.end("What is a dialect?\nWhat is a quota?\n")
    const code = await new Promise((resolve) => program.once("close", resolve))
    const asked = shown
      .join("")
      .split("\n")
      .filter((line) => line.startsWith("> "))
    assert.deepStrictEqual(asked, ["> What is a dialect?", "> What is a quota?"])
    assert.strictEqual(code, 0)
  })
})
