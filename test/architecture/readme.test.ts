import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import * as House from "./House.ts"

describe("the README", () => {
  it("shows the example that the tests run", () => {
    const shown = /```ts\n([\s\S]*?)\n```/.exec(House.text("README.md"))?.[1]
    assert.strictEqual(shown, House.text("examples/hello/main.ts").trimEnd())
  })
})

describe("the page of the package reins", () => {
  it("shows a program that runs", async () => {
    const shown = /```ts\n([\s\S]*?)\n```/.exec(House.text("packages/reins/README.md"))?.[1] ?? ""
    const file = join(House.root, "test", "reins", `.readme-${process.pid}.ts`)
    writeFileSync(file, shown)
    try {
      const { stdout } = await promisify(execFile)(process.execPath, [file])
      assert.match(
        stdout,
        /You said: Order A-1 arrived broken\.[\s\S]*stop, \d+ tokens\nThe same runtime over HTTP: http:/
      )
    } finally {
      rmSync(file)
    }
  })
})
