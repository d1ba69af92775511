import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { open, tools } from "./Desk.ts"

describe("a desk that remembers", () => {
  it("is the program of its page: remembers across threads, searches 60 tools, and forgets", async () => {
    const main = join(import.meta.dirname, "main.ts")
    const { stderr, stdout } = await promisify(execFile)(process.execPath, [main])
    assert.strictEqual(stderr, "")
    const lines = stdout.trimEnd().split("\n")
    const answers = lines.filter((line) => line.startsWith("Your invoice"))
    assert.deepStrictEqual(answers, [
      "Your invoice is printed. You prefer large print.",
      "Your invoice is printed. You prefer nothing that I know of.",
      "Your invoice is printed. You prefer nothing that I know of."
    ])
    assert.includeMembers(lines, [
      "  remember",
      "  search_tools",
      "  print_invoice",
      "  deleted: 2 threads",
      "  deleted: 1 memories"
    ])
  })

  it("erases one customer's memories and threads, and no other's", async () => {
    assert.strictEqual(Object.keys(tools).length, 60)
    await using desk = open()
    for (const principal of ["ann", "bob"]) {
      await desk.complete("I prefer large print.", { principal, threadId: `of ${principal}` })
    }
    const { deleted } = await desk.erase({ principal: "ann" })
    assert.deepInclude(deleted, { threads: 1, runs: 1, memories: 1 })
    const { memories } = await desk.memory.list()
    assert.deepStrictEqual(
      memories.map(({ principal }) => principal),
      ["bob"]
    )
    const threads = await desk.threads.list()
    assert.deepStrictEqual(
      threads.map(({ threadId }) => threadId),
      ["of bob"]
    )
  })
})
