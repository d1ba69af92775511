import { assert, describe, it } from "@effect/vitest"
import * as Repository from "./Repository.ts"

const manifests = Repository.files.filter((file) => /(^|\/)package\.json$/.test(file))

const declared = manifests.flatMap((file) => {
  const manifest = Repository.manifest(file)
  return [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies]
    .flatMap((group) => Object.entries(group ?? {}))
    .map(([name, version]) => ({ file, name, version }))
})

/** What users install beside our packages. */
const peers = manifests.flatMap((file) =>
  Object.entries(Repository.manifest(file).peerDependencies ?? {}).map(([name, version]) => ({ file, name, version }))
)

/** Names and versions of the catalog in `pnpm-workspace.yaml`. */
const catalog = [...Repository.text("pnpm-workspace.yaml").matchAll(/^ {2}"?(@?[\w/-]+)"?: (\d\S*)$/gm)].map(
  ([, name = "", version = ""]) => ({ file: "pnpm-workspace.yaml", name, version })
)

const isOurs = (name: string) => name === "reins" || name === "create-reins" || name.startsWith("@reins/")

/** Another version of a package has a name of its own and says which it is. */
const exact = /^(npm:@?[\w/-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/

describe("a dependency", () => {
  it("has one exact version, the same everywhere", () => {
    const versions = [...declared, ...catalog].filter(({ version }) => !["catalog:", "workspace:^"].includes(version))
    assert.deepStrictEqual(
      versions.filter(({ version }) => !exact.test(version)),
      []
    )
    const byName = new Map(catalog.map(({ name, version }) => [name, version]))
    assert.deepStrictEqual(
      versions.filter(({ name, version }) => version !== (byName.get(name) ?? version)),
      []
    )
  })

  it("that users bring has a caret range, which begins at the version that is tested", () => {
    const tested = new Map([...declared, ...catalog].map(({ name, version }) => [name, version]))
    for (const { name, version } of catalog) tested.set(name, version)
    assert.deepStrictEqual(
      peers.filter(({ name, version }) => version !== `^${tested.get(name)}`),
      []
    )
  })

  it("that users bring is in the table of versions, with its range", () => {
    const rows = [...Repository.text("docs/versions.md").matchAll(/^\| `([^`]+)` \| (\S+) \| (\S+) \|/gm)]
    const listed = new Set(rows.map(([, name, range, oldest]) => `${name} ${range} ${oldest}`))
    const brought = peers.filter(({ name }) => !isOurs(name))
    const needed = new Set(brought.map(({ name, version }) => `${name} ${version} ${version.slice(1)}`))
    assert.deepStrictEqual([...listed].sort(), [...needed].sort())
  })

  it("is in the catalog when two places need it, under one line", () => {
    const outside = declared.filter(
      ({ name, version }) => version === "catalog:" && !catalog.some((one) => one.name === name)
    )
    assert.deepStrictEqual(outside, [])
  })

  it("comes from the workspace when it is our own, not from a registry", () => {
    const ours = declared.filter(({ name }) => isOurs(name))
    assert.deepStrictEqual(
      ours.filter(({ version }) => version !== "workspace:^"),
      []
    )
  })

  it("has a reason in the decision on dependencies", () => {
    const reasons = Repository.text("docs/decisions/0001-dependencies.md")
    const names = new Set([...declared, ...peers, ...catalog].map(({ name }) => name).filter((name) => !isOurs(name)))
    assert.deepStrictEqual(
      [...names].filter((name) => !reasons.includes(`\`${name}\``)),
      []
    )
  })
})
