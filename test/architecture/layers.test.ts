import { assert, describe, it } from "@effect/vitest"
import * as Repository from "./Repository.ts"
import { layers, parse } from "./Layers.ts"

const scope = "@reins/"
/** Packages that are named without our scope: what is installed and run first. */
const unscoped = new Set(["reins", "create-reins"])
const roomsIn = (names: Iterable<string>) =>
  [...new Set(names)].filter((name) => name.startsWith(scope)).map((name) => name.slice(scope.length))

/** What a package imports at run time: not what only its own development needs. */
const needs = (manifest: Repository.Manifest) => ({ ...manifest.dependencies, ...manifest.peerDependencies })

const references = (file: string): ReadonlyArray<string> => {
  const config: { readonly references?: ReadonlyArray<{ readonly path: string }> } = JSON.parse(Repository.text(file))
  return (config.references ?? []).map((reference) => reference.path)
}

describe("the table of packages", () => {
  it("is in ARCHITECTURE.md and lists every package", () => {
    assert.deepStrictEqual(
      Repository.packages.map((one) => one.name).filter((name) => !layers.has(name)),
      []
    )
  })

  it("lets a package import lower layers only", () => {
    const upward = [...layers].flatMap(([name, layer]) =>
      layer.mayImport
        .filter((other) => (layers.get(other)?.level ?? Infinity) >= layer.level)
        .map((other) => `${name} -> ${other}`)
    )
    assert.deepStrictEqual(upward, [])
  })

  it("is read from a Markdown table", () => {
    const read = parse(
      [
        "| layer | package | may import |",
        "| --- | --- | --- |",
        "| L0 | `protocol` | `effect` core |",
        "| L1 | `@reins/runtime` | `protocol`, `effect/ai` |",
        "| L3 | `cli` | all |"
      ].join("\n")
    )
    assert.deepStrictEqual(
      [...(read ?? [])],
      [
        ["protocol", { level: 0, mayImport: [] }],
        ["runtime", { level: 1, mayImport: ["protocol"] }],
        ["cli", { level: 3, mayImport: ["protocol", "runtime"] }]
      ]
    )
  })
})

describe.each(Repository.packages)("$name", ({ manifest, name, sources }) => {
  it("has the name of its folder", () => {
    assert.strictEqual(manifest.name, unscoped.has(name) ? name : scope + name)
  })

  it("imports only packages below it", () => {
    const wrong = sources.flatMap((source) =>
      roomsIn(source.packageImports)
        .filter((other) => !layers.get(name)?.mayImport.includes(other))
        .map((other) => `${source.path} -> ${other}`)
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("imports no file of another package by path", () => {
    const wrong = sources.flatMap((source) =>
      source.relativeImports
        .filter((path) => !path.startsWith(`packages/${name}/src/`))
        .map((path) => `${source.path} -> ${path}`)
    )
    assert.deepStrictEqual(wrong, [])
  })

  it("declares every package that it imports", () => {
    const declared = needs(manifest)
    const imported = sources.flatMap((source) => source.packageImports.filter((from) => !from.startsWith("node:")))
    assert.deepStrictEqual(
      [...new Set(imported)].filter((from) => !(from in declared)),
      []
    )
  })

  it("declares only packages below it, and references the same in its tsconfig", () => {
    const declared = roomsIn(Object.keys(needs(manifest))).sort()
    assert.deepStrictEqual(
      declared.filter((other) => !layers.get(name)?.mayImport.includes(other)),
      []
    )
    assert.deepStrictEqual(
      references(`packages/${name}/tsconfig.json`).toSorted(),
      declared.map((other) => `../${other}`)
    )
  })

  it("is type-checked with everything else, and referenced by the tests", () => {
    assert.include(references("tsconfig.json"), `packages/${name}`)
    assert.include(references("test/tsconfig.json"), `../packages/${name}`)
    assert.property(needs(Repository.manifest("test/package.json")), manifest.name)
  })
})
