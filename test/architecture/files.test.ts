import { assert, describe, it } from "@effect/vitest"
import { posix } from "node:path"
import * as Repository from "./Repository.ts"
import { Source } from "./Source.ts"

const packages = Repository.packages.flatMap((one) => one.sources)
const longerThan = (bar: number, sources: ReadonlyArray<Source>) =>
  sources.filter((source) => source.linesOfCode > bar).map((source) => `${source.path}: ${source.linesOfCode}`)

describe("the size limit", () => {
  it("counts lines that are neither blank nor comment", () => {
    const source = new Source(
      "a.ts",
      "/**\n * One.\n */\n\nexport const a = 1 // two\n// three\n\nexport const b = `\n//\n`\n"
    )
    assert.strictEqual(source.linesOfCode, 4)
  })

  it("is 300 lines of code for packages and examples", () => {
    assert.deepStrictEqual(longerThan(300, [...packages, ...Repository.sources("examples")]), [])
  })

  it("is 400 for tests", { timeout: 60_000 }, () => {
    assert.deepStrictEqual(longerThan(400, Repository.sources("test")), [])
  })
})

describe("a file in a package", () => {
  it("starts with a header", () => {
    const silent = packages.filter((source) => posix.basename(source.path) !== "index.ts" && !source.startsWithComment)
    assert.deepStrictEqual(
      silent.map((source) => source.path),
      []
    )
  })

  it("has a name of one concept", () => {
    const wrong = packages
      .map((source) => source.path)
      .filter((path) => {
        const name = posix.basename(path, ".ts")
        return (
          !/^(index|main|[A-Z][A-Za-z0-9]*)$/.test(name) || /(Utils?|Helpers?|Common|Manager|Impl|Live)$/.test(name)
        )
      })
    assert.deepStrictEqual(wrong, [])
  })
})

describe("an example", () => {
  it("has a main, a test, and a README that shows what the reader will see", () => {
    const folders = new Set(Repository.files.flatMap((file) => /^examples\/([^/]+)\//.exec(file)?.[1] ?? []))
    const missing = [...folders].flatMap((name) => {
      const own = Repository.files.filter((file) => file.startsWith(`examples/${name}/`))
      return [/\/main\.ts$/, /\/README\.md$/, /\.test\.ts$/]
        .filter((pattern) => !own.some((file) => pattern.test(file)))
        .map((pattern) => `${name}: ${pattern}`)
    })
    assert.deepStrictEqual(missing, [])
  })
})
