import { assert, describe, it } from "@effect/vitest"
import { Ordering, OrderingDiagram } from "@reins/protocol"
import { readFileSync } from "node:fs"

const written = readFileSync(new URL("../../../docs/ordering.md", import.meta.url), "utf8")

describe("docs/ordering.md", () => {
  it("matches the automaton's tables (regenerate it with: node scripts/ordering-diagram.ts)", () => {
    assert.strictEqual(written, OrderingDiagram.page())
  })

  it("lists every rule and draws the four machines", () => {
    for (const { id, says } of Ordering.rules) assert.include(written, `| \`${id}\` |`, says)
    assert.strictEqual(written.split("```mermaid").length, 5)
  })

  it("draws no arrow without its two ends", () => {
    const arrows = written.split("\n").filter((line) => line.includes(" --> [") || /^ +\S+ --> /.test(line))
    assert.isAbove(arrows.length, 20)
    for (const arrow of arrows) assert.match(arrow, /^ {2}(\w+|\[\*\]) --> (\w+|\[\*\])(: \S.*)?$/)
  })
})
