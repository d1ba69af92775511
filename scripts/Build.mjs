/**
 * Builds the packages as they are published: types by the compiler, one file per module, with source maps; code by the
 * bundler, one file per entry plus shared chunks, since loading a hundred modules costs more than running them.
 *
 * Dependencies stay external. Entries and their output paths are those of `publishConfig.exports`.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as Child from "./Child.mjs"
import { inside } from "./Workspace.mjs"

const compiler = inside("node_modules", "typescript", "bin", "tsc")
const bundler = inside("scripts", "Bundle.mjs")
const inspectorPage = inside("packages", "inspector", "page", "Build.mjs")

/** Every package: its folder and its manifest. */
export const packages = () =>
  readdirSync(inside("packages"))
    .map((name) => inside("packages", name))
    .filter((folder) => existsSync(join(folder, "package.json")))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) }))

/** Rebuilds all packages into their `dist`. `node` is the pinned Node. Resolves to the exit code. */
export const run = async (node, options) => {
  const folders = packages().map(({ folder }) => folder)
  for (const folder of folders) rmSync(join(folder, "dist"), { recursive: true, force: true })
  const typed = await Child.run(node, [compiler, "-b", ...folders], options)
  if (typed !== 0) return typed
  copyDocumentation()
  const bundled = await Child.run(node, [bundler], options)
  // The page is written into `dist` after the code, which empties nothing there.
  return bundled === 0 ? Child.run(node, [inspectorPage], options) : bundled
}

/** Copies the documentation and the examples' sources into the archive of the runtime, where coding agents look for them. */
const copyDocumentation = () => {
  const runtime = inside("packages", "runtime")
  for (const name of ["docs", "examples"]) {
    rmSync(join(runtime, name), { recursive: true, force: true })
    cpSync(inside(name), join(runtime, name), { recursive: true, filter: (path) => !leftOut.test(path) })
  }
}

/** The reference repeats what the declarations in the archive say. */
const leftOut = /(^|[\\/])(node_modules|dist|docs[\\/]reference|[^\\/]+\.test\.ts)$/
