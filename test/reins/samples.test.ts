/** The samples of `docs/start.md` without Effect, run as they are. */
import { assert, describe, it } from "@effect/vitest"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { vi } from "vitest"

const docs = join(import.meta.dirname, "..", "..", "docs")
const blocks = [...readFileSync(join(docs, "start.md"), "utf8").matchAll(/```ts\n([\s\S]*?)\n```/g)].map(
  ([, block = ""]) => block
)

/** Runs the sample with this text to its end. Gives what it exports, and what it has logged. */
const run = async (text: string) => {
  const block = blocks.find((one) => one.includes(text) && one.includes('from "reins"'))
  // Its packages are those of `test/docs`.
  const folder = mkdtempSync(join(import.meta.dirname, "..", "docs", "run-"))
  const log = vi.spyOn(console, "log").mockImplementation(() => {})
  const write = vi.spyOn(process.stdout, "write").mockImplementation(() => true)
  try {
    const file = join(folder, "sample.ts")
    writeFileSync(
      file,
      (block ?? assert.fail(`no sample has ${text}`)).replace('"runs.db"', `"${join(folder, "runs.db")}"`)
    )
    const exported: { readonly [name: string]: unknown } = await import(file)
    return { exported, said: [...write.mock.calls, ...log.mock.calls].flat().map(String).join("") }
  } finally {
    log.mockRestore()
    write.mockRestore()
    rmSync(folder, { recursive: true, force: true })
  }
}

describe("a sample of the first page", () => {
  it("answers and ends: a query that is streamed", async () => {
    assert.match((await run("find_order")).said, /You said: Order A-1 arrived broken\.[\s\S]*stop/)
  })

  it("answers and ends: one that waits for the answer", async () => {
    assert.include((await run('runtime.complete("Hello")')).said, "You said: Hello")
  })

  it("gives a typed answer: a specialist from code", async () => {
    const { sort } = (await run("export const sort")).exported
    assert.isFunction(sort)
    if (typeof sort === "function") assert.include([undefined, "billing", "shipping"], await sort("Where is it?"))
  })
})
