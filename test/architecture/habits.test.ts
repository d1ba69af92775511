import { assert, describe, it } from "@effect/vitest"
import * as Repository from "./Repository.ts"
import type { Node, Source } from "./Source.ts"

const packages = Repository.packages.flatMap((one) => one.sources)

const nameOf = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "name" in value ? value.name : undefined

/** Whether the file itself declares `name`. */
const declares = (source: Source, name: string) =>
  source.nodes.some(
    (node) =>
      (node.type.startsWith("Import") && nameOf(node["local"]) === name) ||
      (isDeclaration(node) && nameOf(node["id"]) === name)
  )

const isDeclaration = (node: Node) => /Declaration$|Declarator$/.test(node.type)

const usesType = (source: Source, name: string) =>
  source.nodes.some((node) => node.type === "TSTypeReference" && nameOf(node["typeName"]) === name)

describe("a package", () => {
  it("does not use the browser's global Event", () => {
    const wrong = packages.filter((source) => usesType(source, "Event") && !declares(source, "Event"))
    assert.deepStrictEqual(
      wrong.map((source) => source.path),
      []
    )
  })

  it("does not use try/catch: failures are values", () => {
    // Bundlers leave out a package that is not installed only where its import stands in a `try`.
    const except = ["packages/models/src/Provider.ts", "packages/store/src/postgres/PgDriver.ts"]
    const wrong = packages.filter(
      (source) => !except.includes(source.path) && source.nodes.some((node) => node.type === "TryStatement")
    )
    assert.deepStrictEqual(
      wrong.map((source) => source.path),
      []
    )
  })
})

describe("a lint rule", () => {
  it("is disabled only for one line and with a reason", () => {
    const wrong = Repository.files
      .filter((file) => /\.(ts|mjs)$/.test(file))
      .flatMap((file) =>
        Repository.text(file)
          .split("\n")
          .filter((line) => /^\s*(\/\/|\/\*) *(oxlint|eslint)-disable/.test(line))
          .filter((line) => !/-disable-(next-)?line .+ -- \S/.test(line))
          .map((line) => `${file}: ${line.trim()}`)
      )
    assert.deepStrictEqual(wrong, [])
  })
})
