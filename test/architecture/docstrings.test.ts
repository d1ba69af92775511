import { assert, describe, it } from "@effect/vitest"
import { posix } from "node:path"
import * as Repository from "./Repository.ts"

/** Files whose exports a package's entry points show: by name, or whole as a namespace. */
const shown = (one: Repository.Package): ReadonlyArray<string> =>
  one.sources
    .filter((source) => source.path.endsWith("/index.ts"))
    .flatMap((source) =>
      [...Repository.text(source.path).matchAll(/from "(\.[^"]+)"/g)].map(([, target = ""]) =>
        posix.join(posix.dirname(source.path), target)
      )
    )

/** Exported declarations of a file that have no comment before them, nor on another declaration of their name. */
const bare = (file: string): ReadonlyArray<string> => {
  const lines = Repository.text(file).split("\n")
  const told = new Set<string>()
  const all = new Set<string>()
  for (const [index, line] of lines.entries()) {
    const name = /^export (?:declare )?(?:abstract )?(?:const|function|class|interface|type) (\w+)/.exec(line)?.[1]
    if (name === undefined) continue
    all.add(name)
    const before = lines[index - 1]?.trim() ?? ""
    if (before.endsWith("*/")) told.add(name)
  }
  return [...all].filter((name) => !told.has(name)).map((name) => `${file}: ${name}`)
}

/** Packages with names of our own; the others use those of foreign systems. */
const told = new Set(["protocol", "runtime"])

describe("every public export", () => {
  it("has a docstring that says what it is for", () => {
    const untold = [...new Set(Repository.packages.filter((one) => told.has(one.name)).flatMap(shown))]
      .filter(Repository.has)
      .flatMap(bare)
    assert.deepStrictEqual(untold, [])
  })
})
