/**
 * Tests the packages as published: built, packed, and installed from their archives into empty projects outside of this
 * workspace, in each way that users install, load and bundle them. Each row of the matrix is one such way; a row that
 * fails does not stop the others.
 *
 * Nothing is published: a person does that with `npm publish`.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import * as Build from "./Build.mjs"
import * as Child from "./Child.mjs"
import * as NextApp from "./NextApp.mjs"
import * as Stranger from "./Stranger.mjs"
import { inside, pnpm, windows } from "./Workspace.mjs"

/** The oldest Node that the packages support, tested beside the pinned one. `engines.node` of each package agrees. */
const oldestNode = "22.23.3"

/** Entries that run where there is no Node: in workers and browsers. */
const portable = /^@reins\/(protocol|wire|runtime|server)(\/|$)/
const notPortable = new Set(["@reins/server/node", "@reins/runtime/testing", "@reins/protocol/testing"])

const command = (name) => (windows ? `${name}.cmd` : name)
const tool = (name) => inside("node_modules", ".bin", command(name))

/** `node` is the pinned Node. `--only=WORDS,WORDS` checks the rows with some of these words. Resolves to 0 when every row passes, else to 1. */
export const run = async (node, options, args = []) => {
  const only = (args.find((arg) => arg.startsWith("--only="))?.slice("--only=".length) ?? "").split(",")
  const outside = mkdtempSync(join(tmpdir(), "reins-packed-"))
  try {
    const built = await Build.run(node, options)
    return built === 0 ? await matrix(node, outside, only) : built
  } finally {
    rmSync(outside, { recursive: true, force: true })
  }
}

const matrix = async (node, outside, only) => {
  const packages = Build.packages()
  const entries = packages.flatMap(entriesOf)
  const inWorkers = entries.filter((entry) => portable.test(entry) && !notPortable.has(entry))
  const archives = packages.map((one) => join(outside, archiveOf(one)))
  const full = project(outside, "full", { ...required(packages), ...optional(packages) }, packages)
  const bare = project(outside, "bare", required(packages), packages)
  const strict = project(outside, "pnpm", required(packages), packages)
  const next = project(outside, "next", { ...required(packages), ...NextApp.dependencies }, packages)
  const byName = Object.fromEntries(packages.map((one) => [one.manifest.name, join(outside, archiveOf(one))]))
  const npm = ["install", "--no-audit", "--no-fund", "--loglevel=error"]
  const older = join(full, "node_modules", "node22", "bin", windows ? "node.exe" : "node")
  writeLoads(full, entries)
  writeLoads(bare, entries)
  writeLoads(strict, entries)
  writeSources(full, entries)
  const reins = [join("node_modules", "@reins", "cli", "bin", "reins.mjs")]
  const demo = ["ask", "What is here?", "--model", "demo", "--approve", "deny"]
  const esbuild = (entry, file, ...more) =>
    quietly(tool("esbuild"), [entry, "--bundle", `--outfile=${file}`, "--log-level=error", ...more], bare)
  writeFileSync(join(bare, "worker.mjs"), loading(inWorkers))

  const rows = [
    ["archives", () => inTurn(packages, (one) => npx([pnpm, "pack", "--pack-destination", outside], one.folder))],
    ["publint", () => inTurn(archives, (file) => quietly(tool("publint"), [file, "--strict"], outside))],
    [
      "are the types wrong",
      () => inTurn(archives, (file) => quietly(tool("attw"), [file, "--profile=esm-only"], outside))
    ],
    ["npm, with every optional peer", () => quietly(command("npm"), npm, full)],
    ["npm, without optional peers", () => quietly(command("npm"), npm, bare)],
    ["declaration maps lead to sources", () => held(mapped(packages, bare))],
    ["pnpm, without optional peers", () => npx([pnpm, "install", "--no-frozen-lockfile"], strict)],
    [
      "types, without skipLibCheck",
      () => quietly(node, [inside("node_modules", "typescript", "bin", "tsc"), "-p", full], full)
    ],
    ...[
      ["24", node],
      [oldestNode, older]
    ].flatMap(([version, program]) => [
      [`import, Node ${version}`, () => quietly(program, ["load.mjs"], full)],
      [`require, Node ${version}`, () => quietly(program, ["load.cjs"], full)],
      [`import without optional peers, Node ${version}`, () => quietly(program, ["load.mjs"], bare)],
      [`the README's program, Node ${version}`, () => quietly(program, [join("out", "hello.js")], full)],
      [`the command reins, Node ${version}`, () => quietly(program, [...reins, ...demo], bare)]
    ]),
    ["import, pnpm", () => quietly(node, ["load.mjs"], strict)],
    [
      "esbuild",
      () =>
        steps(
          () => esbuild("load.mjs", "esbuild.cjs", "--platform=node"),
          () => quietly(node, ["esbuild.cjs"], bare)
        )
    ],
    [
      "rolldown",
      () =>
        steps(
          () => quietly(tool("rolldown"), ["load.mjs", "--dir=rolldown", "--format=esm", "--platform=node"], bare),
          () => quietly(node, [join("rolldown", "load.js")], bare)
        )
    ],
    [
      "a worker's bundle, without Node's modules",
      () => esbuild("worker.mjs", "worker.out.mjs", "--format=esm", "--platform=browser", "--conditions=worker,browser")
    ],
    [
      "a route handler of Next",
      () =>
        steps(
          () => quietly(command("npm"), npm, next),
          () => held(NextApp.check(node, next))
        )
    ],
    ["a stranger's path, without Effect", () => held(Stranger.walk(node, outside, "promise", byName))],
    ["a stranger's path, with Effect", () => held(Stranger.walk(node, outside, "effect", byName))]
  ]
  const chosen = rows.filter(([name]) => name === "archives" || only.some((words) => name.includes(words)))
  let failed = 0
  for (const [name, check] of chosen) {
    const code = await check()
    process.stdout.write(`${code === 0 ? "ok    " : "FAILED"} ${name}\n`)
    if (code !== 0) failed++
  }
  process.stdout.write(
    `${packages.length} packages as packed: ${chosen.length - failed} of ${chosen.length} rows hold.\n`
  )
  return failed === 0 ? 0 : 1
}

/** Each declaration as installed has a map to a source that is installed, too, so that "go to definition" shows code. */
const mapped = async (packages, folder) => {
  for (const { manifest } of packages) {
    const dist = join(folder, "node_modules", manifest.name, "dist")
    for (const file of readdirSync(dist, { recursive: true })) {
      if (!file.endsWith(".d.ts")) continue
      const map = join(dist, `${file}.map`)
      const { sources } = JSON.parse(readFileSync(map, "utf8"))
      const missing = sources.find((source) => !existsSync(join(dirname(map), source)))
      if (missing !== undefined) throw new Error(`${manifest.name}: ${file} names ${missing}, which is not installed`)
    }
  }
}

/** Resolves to 0 when the check holds; shows why it does not, else. */
const held = (check) =>
  check.then(
    () => 0,
    (error) => {
      process.stderr.write(`${error.message}\n`)
      return 1
    }
  )

/** Runs the steps until one fails; resolves to the last exit code. */
const steps = async (...each) => {
  for (const step of each) {
    const code = await step()
    if (code !== 0) return code
  }
  return 0
}

const inTurn = (items, step) => steps(...items.map((item) => () => step(item)))

/** Runs a program and shows its output only when it failed. */
const quietly = async (program, args, cwd) => {
  const said = []
  const piped = { cwd, shell: windows, stdio: ["ignore", "pipe", "pipe"] }
  const code = await Child.run(program, args, piped, (chunk) => said.push(chunk))
  if (code !== 0) process.stderr.write(Buffer.concat(said))
  return code
}

const npx = (args, cwd) => quietly(command("npx"), ["--yes", ...args], cwd)

const installed = (name) => JSON.parse(readFileSync(inside("node_modules", name, "package.json"), "utf8")).version

const archiveOf = ({ manifest }) => `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`

const peers = (packages, isOptional) =>
  Object.fromEntries(
    packages.flatMap(({ manifest }) =>
      Object.entries(manifest.peerDependencies ?? {}).filter(
        ([name]) => (manifest.peerDependenciesMeta?.[name]?.optional ?? false) === isOptional
      )
    )
  )

const required = (packages) => peers(packages, false)

/** Optional peers, and what type checks and the oldest Node need besides. */
const optional = (packages) => ({
  ...peers(packages, true),
  "@effect/platform-node": required(packages).effect,
  "@types/node": installed("@types/node"),
  // The types of `@ai-sdk/provider` import this package without depending on it.
  "@types/json-schema": "7.0.15",
  node22: `npm:node@${oldestNode}`
})

/** An empty project that depends on the archives and on `dependencies`. */
const project = (outside, name, dependencies, packages) => {
  const folder = join(outside, name)
  mkdirSync(folder)
  const archives = Object.fromEntries(
    packages.map((one) => [one.manifest.name, `file:${join(outside, archiveOf(one))}`])
  )
  const manifest = {
    name,
    private: true,
    type: "module",
    dependencies: { ...dependencies, ...archives },
    // Packages depend on each other by version; here each is its archive.
    overrides: archives
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest))
  // pnpm reads its settings from here; the archives' own dependencies run no scripts.
  writeFileSync(join(folder, "pnpm-workspace.yaml"), JSON.stringify({ overrides: archives }))
  return folder
}

const loading = (entries) =>
  entries
    .map((entry, index) => `import * as entry${index} from ${JSON.stringify(entry)}`)
    .concat(
      entries.map(
        (entry, index) => `if (Object.keys(entry${index}).length === 0) throw new Error("${entry} exports nothing")`
      )
    )
    .join("\n")

const writeLoads = (folder, entries) => {
  writeFileSync(join(folder, "load.mjs"), loading(entries))
  writeFileSync(
    join(folder, "load.cjs"),
    entries
      .map((entry) => `if (Object.keys(require("${entry}")).length === 0) throw new Error("${entry} exports nothing")`)
      .join("\n")
  )
}

const writeSources = (folder, entries) => {
  writeFileSync(join(folder, "entries.ts"), loading(entries))
  copyFileSync(inside("examples", "hello", "main.ts"), join(folder, "hello.ts"))
  const { compilerOptions } = JSON.parse(readFileSync(inside("tsconfig.base.json"), "utf8"))
  const { composite: _, incremental: __, plugins: ___, ...strict } = compilerOptions
  const checked = { ...strict, types: ["node"], skipLibCheck: false, outDir: "out" }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: checked, include: ["*.ts"] }))
}

/** The names that users import: each code entry of `exports`, without patterns. */
const entriesOf = ({ manifest }) =>
  Object.keys(manifest.exports)
    .filter((path) => !path.includes("*") && !path.endsWith(".json"))
    .map((path) => `${manifest.name}${path.slice(1)}`)
