/**
 * Paths in this workspace, and the versions that run it.
 *
 * The version of Node is that of the `node` package in `package.json`; pnpm's is here, because a pin in `package.json`
 * makes frozen installs fail (docs/decisions/0001-dependencies.md).
 */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
export const windows = process.platform === "win32"
export const pnpm = "pnpm@12.21.0"

/** The oldest Node that runs the sources directly: TypeScript without a build. */
const oldestForSources = 24

/** A path inside the workspace. */
export const inside = (...parts) => join(root, ...parts)

const lockfile = inside("pnpm-lock.yaml")
/** pnpm's own copy of the lockfile that it installed last. */
const installed = inside("node_modules", ".pnpm", "lock.yaml")
/**
 * Records which lockfile was installed, and what pnpm's copy was then: the two differ when a package is not available.
 */
const mark = inside("node_modules", ".cache", "installed")

const fingerprint = () => {
  const hash = createHash("sha256").update(readFileSync(lockfile)).update("\0").update(readFileSync(installed))
  return hash.digest("hex")
}

/** Whether everything in the lockfile is installed. */
export const isInstalled = () => {
  try {
    return readFileSync(lockfile).equals(readFileSync(installed)) || readFileSync(mark, "utf8") === fingerprint()
  } catch {
    return false
  }
}

/** Records that the current lockfile is installed. */
export const markInstalled = () => {
  mkdirSync(dirname(mark), { recursive: true })
  writeFileSync(mark, fingerprint())
}

/** The Node that runs the sources: the pinned one, else the current one if it is new enough, else none. */
export const sourcesNode = () => {
  const pinned = inside("node_modules", "node", "bin", windows ? "node.exe" : "node")
  if (existsSync(pinned)) return pinned
  return Number(process.versions.node.split(".")[0]) >= oldestForSources ? process.execPath : undefined
}
