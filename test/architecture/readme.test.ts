import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import * as Repository from "./Repository.ts"

describe("the README", () => {
  it("shows the example that the tests run", () => {
    const shown = /```ts\n([\s\S]*?)\n```/.exec(Repository.text("README.md"))?.[1]
    assert.strictEqual(shown, Repository.text("examples/hello/main.ts").trimEnd())
  })
})

/** What the program on a package's page must say. */
const pages = [
  ["reins", /You said: Order A-1 arrived broken\.[\s\S]*stop, \d+ tokens\nThe same runtime over HTTP: http:/],
  ["protocol", /^1: \S.*\nInvalid budget: maxSteps must be [\s\S]*by: 'mia'/],
  ["runtime", /^step-start\ntool-invocation\n[\s\S]*finish\n/],
  ["models", /You said: Hello \d+\n$/],
  ["store", /^1 messages\n3 messages\n$/],
  ["server", /^200\n$/],
  ["wire", /_tag: 'StartQuery'[\s\S]*'Hello'/]
] as const

describe("the page of a package", () => {
  it.each(pages)("says how to install it, and links to no file: %s", (name) => {
    const page = Repository.text(`packages/${name}/README.md`)
    assert.match(page, /```sh\nnpm install /)
    // Links into the repository lead nowhere in a registry.
    assert.notMatch(page, /\]\(\.{1,2}\//)
  })

  it("shows a program that runs", async () => {
    const folder = join(Repository.root, "test", "reins", `.pages-${process.pid}`)
    mkdirSync(folder)
    try {
      for (const [name] of pages) {
        const shown = /```ts\n([\s\S]*?)\n```/.exec(Repository.text(`packages/${name}/README.md`))?.[1] ?? ""
        writeFileSync(join(folder, `${name}.ts`), shown)
      }
      // In one process, one after the other: most of the time goes into loading.
      const all = pages.map(([name]) => `console.log("== ${name}")\nawait import("./${name}.ts")\n`)
      writeFileSync(join(folder, "all.ts"), all.join(""))
      const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "all.ts")], {
        env: { ...process.env, RUNS: join(folder, "runs.db") }
      })
      const said = new Map(stdout.split(/^== /m).map((text) => [text.slice(0, text.indexOf("\n")), text]))
      for (const [name, says] of pages) assert.match((said.get(name) ?? "").replace(`${name}\n`, ""), says, name)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }, 60_000)
})
