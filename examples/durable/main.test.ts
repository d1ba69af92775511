import { assert, describe, it } from "@effect/vitest"
import { execFile, spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"

const main = join(import.meta.dirname, "main.ts")

/** Starts the example and kills it as soon as it asks; resolves to its output. */
const killedAtItsQuestion = (file: string): Promise<string> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [main, "wait", file], { stdio: ["ignore", "pipe", "inherit"] })
    let said = ""
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes("May I?")) child.kill("SIGKILL")
    })
    child.on("close", () => resolve(said))
  })

const started = async (...args: ReadonlyArray<string>): Promise<string> =>
  (await promisify(execFile)(process.execPath, [main, ...args])).stdout

describe("a durable run", () => {
  it("continues where it was killed, and repeats nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "reins-example-"))
    try {
      const file = join(folder, "runs.db")
      const first = await killedAtItsQuestion(file)
      assert.include(first, "the shop is asked for order A-7")
      const second = await started("approve", file)
      assert.notInclude(second, "the shop is asked")
      assert.include(second, "$40 are paid back for order A-7")
      assert.include(second, "You have your 40 dollars back.")
      const third = await started("approve", file)
      assert.notInclude(third, "paid back for")
      assert.include(third, "The run has ended: stop.")
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }, 30_000)
})
