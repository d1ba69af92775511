/**
 * Where things are in this workspace, and which versions run it.
 *
 * The version of Node is that of the `node` package in `package.json`; pnpm's is named here, because a pin in
 * `package.json` makes frozen installs fail (docs/decisions/0001-dependencies.md).
 */
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const windows = process.platform === "win32"
export const pnpm = "pnpm@12.21.0"

/** The oldest Node that runs the sources as they are: TypeScript without a build. */
const oldestForSources = 24

/** A path inside the workspace. */
export const inside = (...parts) => join(root, ...parts)

/** Whether everything in the lockfile is installed: pnpm keeps a copy of the lockfile that it installed last. */
export const isInstalled = () => {
  try {
    return readFileSync(inside("pnpm-lock.yaml")).equals(readFileSync(inside("node_modules", ".pnpm", "lock.yaml")))
  } catch {
    return false
  }
}

/** The Node that runs the sources: the pinned one, else the one that runs this if it is new enough, else none. */
export const sourcesNode = () => {
  const pinned = inside("node_modules", "node", "bin", windows ? "node.exe" : "node")
  if (existsSync(pinned)) return pinned
  return Number(process.versions.node.split(".")[0]) >= oldestForSources ? process.execPath : undefined
}
