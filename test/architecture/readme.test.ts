import { assert, describe, it } from "@effect/vitest"
import * as House from "./House.ts"

describe("the README", () => {
  it("shows the example that the tests run", () => {
    const shown = /```ts\n([\s\S]*?)\n```/.exec(House.text("README.md"))?.[1]
    assert.strictEqual(shown, House.text("examples/hello/main.ts").trimEnd())
  })
})
