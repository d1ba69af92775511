/**
 * Tests the packages as published: built, packed, and installed from their archives into an empty project outside of
 * this workspace. There every entry is imported by plain Node and type-checked without `skipLibCheck`, and the README's
 * program runs.
 *
 * Nothing is published: a person does that with `npm publish`.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Build from "./Build.mjs"
import * as Child from "./Child.mjs"
import { inside, pnpm, windows } from "./Workspace.mjs"

const compiler = inside("node_modules", "typescript", "bin", "tsc")
const command = (name) => (windows ? `${name}.cmd` : name)

/** `node` is the pinned Node. Resolves to 0 when all packages work, else to the first failing exit code. */
export const run = async (node, options) => {
  const outside = mkdtempSync(join(tmpdir(), "reins-packed-"))
  try {
    return await steps(node, options, outside)
  } finally {
    rmSync(outside, { recursive: true, force: true })
  }
}

const steps = async (node, options, outside) => {
  const packages = Build.packages()
  const there = { ...options, cwd: outside }
  const each = [
    () => Build.run(node, options),
    ...packages.map(
      ({ folder }) =>
        () =>
          quietly("npx", ["--yes", pnpm, "pack", "--pack-destination", outside], folder)
    ),
    () => {
      writeProject(outside, packages)
      return quietly("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], outside)
    },
    () => Child.run(node, [compiler, "-p", outside], there),
    () => Child.run(node, [join(outside, "out", "entries.js")], there),
    () => Child.run(node, [join(outside, "out", "hello.js")], there)
  ]
  for (const step of each) {
    const code = await step()
    if (code !== 0) return code
  }
  process.stdout.write(
    `${packages.length} packages work as packed: every entry loads and type-checks, and the README's program runs.\n`
  )
  return 0
}

/** Runs an npm program and shows its output only when it failed. */
const quietly = async (name, args, cwd) => {
  const said = []
  const piped = { cwd, shell: windows, stdio: ["ignore", "pipe", "pipe"] }
  const code = await Child.run(command(name), args, piped, (chunk) => said.push(chunk))
  if (code !== 0) process.stderr.write(Buffer.concat(said))
  return code
}

const installed = (name) => JSON.parse(readFileSync(inside("node_modules", name, "package.json"), "utf8")).version

const archiveOf = ({ manifest }) => `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`

const writeProject = (outside, packages) => {
  const versions = new Map(packages.flatMap(({ manifest }) => Object.entries(manifest.peerDependencies ?? {})))
  const dependencies = {
    ...Object.fromEntries(versions),
    "@effect/platform-node": versions.get("effect"),
    "@types/node": installed("@types/node"),
    // The types of `@ai-sdk/provider` import this package without depending on it.
    "@types/json-schema": "7.0.15",
    ...Object.fromEntries(packages.map((one) => [one.manifest.name, `file:./${archiveOf(one)}`]))
  }
  const project = { name: "outside", private: true, type: "module", dependencies }
  writeFileSync(join(outside, "package.json"), JSON.stringify(project))
  const entries = packages.flatMap(entriesOf)
  const loads = entries.map((entry, index) => `import * as entry${index} from ${JSON.stringify(entry)}`)
  const names = entries.map(
    (entry, index) => `if (Object.keys(entry${index}).length === 0) throw new Error("${entry} is empty")`
  )
  writeFileSync(join(outside, "entries.ts"), `${[...loads, ...names].join("\n")}\n`)
  copyFileSync(inside("examples", "hello", "main.ts"), join(outside, "hello.ts"))
  const { compilerOptions } = JSON.parse(readFileSync(inside("tsconfig.base.json"), "utf8"))
  const { composite: _, incremental: __, plugins: ___, ...strict } = compilerOptions
  const checked = { ...strict, types: ["node"], skipLibCheck: false, outDir: "out" }
  writeFileSync(join(outside, "tsconfig.json"), JSON.stringify({ compilerOptions: checked, include: ["*.ts"] }))
}

/** The names that users import: each code entry of `exports`, without patterns. */
const entriesOf = ({ manifest }) =>
  Object.keys(manifest.exports)
    .filter((path) => !path.includes("*") && !path.endsWith(".json"))
    .map((path) => `${manifest.name}${path.slice(1)}`)
