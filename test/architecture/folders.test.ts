/**
 * Folders of a package form layers: the table in `ARCHITECTURE.md` lists them from the lowest, and a file imports only
 * from its own folder and from folders listed before it.
 */
import { assert, describe, it } from "@effect/vitest"
import { posix } from "node:path"
import * as Repository from "./Repository.ts"

/** The rows of the table with the columns `package` and `folders, from the ground up`. */
const parse = (markdown: string): ReadonlyMap<string, ReadonlyArray<string>> => {
  const rows = markdown.split("\n").map((line) => line.trim().split("|").slice(1, -1))
  const head = rows.findIndex(([name, folders]) => name?.trim() === "package" && folders?.trim().startsWith("folders"))
  const end = rows.findIndex((row, index) => index > head && row.length === 0)
  const quoted = (cell = "") => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? "")
  return new Map(rows.slice(head + 2, end).map(([name, folders]) => [quoted(name)[0] ?? "", quoted(folders)]))
}

const table = parse(Repository.text("ARCHITECTURE.md"))

/** The folder of a file as the table names it; undefined for the package's `index.ts`. */
const folderOf = (file: string, source: string): string | undefined => {
  const path = posix.relative(source, file)
  return path === "index.ts" ? undefined : path.includes("/") ? posix.dirname(path) : "top"
}

/** Imports of a folder that is not listed before the importing one. */
const upward = (
  folders: ReadonlyArray<string>,
  source: string,
  files: ReadonlyArray<{ readonly path: string; readonly relativeImports: ReadonlyArray<string> }>
) =>
  files.flatMap(({ path, relativeImports }) => {
    const own = folderOf(path, source)
    if (own === undefined) return []
    return relativeImports
      .filter((target) => {
        const other = folderOf(target, source)
        return other === undefined || (other !== own && folders.indexOf(other) >= folders.indexOf(own))
      })
      .map((target) => `${path} -> ${target}`)
  })

describe("the check of folders", () => {
  it("reports an import of a later folder and of the index, and accepts the others", () => {
    const files = [
      { path: "p/src/a/A.ts", relativeImports: ["p/src/a/Other.ts", "p/src/b/B.ts"] },
      { path: "p/src/b/B.ts", relativeImports: ["p/src/a/A.ts", "p/src/index.ts"] },
      { path: "p/src/index.ts", relativeImports: ["p/src/b/B.ts"] }
    ]
    assert.deepStrictEqual(upward(["a", "b"], "p/src", files), [
      "p/src/a/A.ts -> p/src/b/B.ts",
      "p/src/b/B.ts -> p/src/index.ts"
    ])
  })
})

describe.each(Repository.packages)("$name", ({ name, sources }) => {
  const source = `packages/${name}/src`
  const folders = table.get(name) ?? []

  it("lists each of its folders once", () => {
    const there = new Set(sources.flatMap(({ path }) => folderOf(path, source) ?? []))
    assert.deepStrictEqual(folders.toSorted(), [...there].toSorted())
  })

  it("has no folder that imports a later one", () => {
    assert.deepStrictEqual(upward(folders, source, sources), [])
  })
})
