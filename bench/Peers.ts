/**
 * The packages of the peers: installed when the bench first needs them, at the exact versions in `peers/package.json`.
 * They are not in the workspace and not in its lockfile.
 */
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

const folder = join(import.meta.dirname, "peers")

const versionOf = (file: string): string | undefined =>
  existsSync(file) ? JSON.parse(readFileSync(file, "utf8")).version : undefined

/** Installs what is missing; returns the problem, if there is one. */
export const install = (): string | undefined => {
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const missing = Object.entries(dependencies).some(
    ([name, version]) => versionOf(join(folder, "node_modules", name, "package.json")) !== version
  )
  if (!missing) return undefined
  process.stderr.write("Installing the peers into bench/peers/node_modules (about 100 MB, once).\n")
  const { error, status, stderr } = spawnSync("npm", ["install", "--no-audit", "--no-fund", "--no-package-lock"], {
    cwd: folder,
    encoding: "utf8",
    shell: process.platform === "win32",
    env: { ...process.env, npm_config_loglevel: "error" }
  })
  return status === 0 ? undefined : (error?.message ?? stderr)
}
