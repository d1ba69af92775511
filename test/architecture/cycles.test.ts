import { assert, describe, it } from "@effect/vitest"
import * as Repository from "./Repository.ts"

/** A path from `start` back to itself along `edges`, or undefined. */
const cycleThrough = (start: string, edges: ReadonlyMap<string, ReadonlyArray<string>>) => {
  const seen = new Set<string>()
  const walk = (path: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
    for (const next of edges.get(path.at(-1) ?? "") ?? []) {
      if (next === start) return [...path, next]
      if (seen.has(next)) continue
      seen.add(next)
      const found = walk([...path, next])
      if (found !== undefined) return found
    }
    return undefined
  }
  return walk([start])
}

describe("a search for import cycles", () => {
  it("finds a cycle of any length", () => {
    const edges = new Map([
      ["a", ["b", "d"]],
      ["b", ["c"]],
      ["c", ["a"]]
    ])
    assert.deepStrictEqual(cycleThrough("a", edges), ["a", "b", "c", "a"])
    assert.isUndefined(cycleThrough("d", edges))
  })
})

describe.each(Repository.packages)("$name", ({ sources }) => {
  it("has no file that imports itself indirectly, types included", () => {
    const edges = new Map(sources.map((source) => [source.path, source.relativeImports]))
    const cycles = sources.flatMap((source) => cycleThrough(source.path, edges)?.join(" -> ") ?? [])
    assert.deepStrictEqual(cycles, [])
  })
})
